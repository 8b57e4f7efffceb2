package ingress

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// openHome shows a person their Home tab, which they have just opened. Slack repeats an
// event that it got no answer to. A repeat only shows the tab again. It always answers
// with success: a person can open the tab again, and a repeat can't do more than that.
func (h *Handler) openHome(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	h.showHome(ctx, log, in.UserID, "", true)
	return emptyResponse(http.StatusOK)
}

// pressOnHome handles a button in the Home tab: like one in a message, except for the
// buttons that open a form.
func (h *Handler) pressOnHome(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	if _, ok := slack.KindOf(in.Action.ID); ok {
		return h.open(ctx, log, in, in.Action.ID, nil)
	}
	if open, ok := blockDialogs[in.Action.ID]; ok {
		return open(h, ctx, log, in)
	}
	return h.press(ctx, log, in)
}

// homeTime is how much of the time for lookups is left to those of the Home tab, after a press
// that is shown there.
const homeTime = 500 * time.Millisecond

// isAtHome reports whether the Home tab is shown again after the press: someone pressed a button
// in it, or submitted a dialog that such a button opened.
func (p *press) isAtHome() bool { return p.in.OnHome() || p.confirmed && p.in.View.IsFromHome() }

// beforeHome returns the context for updates of posts before the Home tab is shown again. It
// ends homeTime before the time for lookups does. If less than twice as much is left of
// that, the updates get half of it.
func beforeHome(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := workContext(ctx)
	defer cancel()
	end, _ := work.Deadline()
	return context.WithDeadline(ctx, end.Add(-min(homeTime, time.Until(end)/2)))
}

// answerOnHome ends a press in the Home tab. The tab has no place for a message that only
// one person sees, so text appears in a dialog. If the dialog doesn't open, text appears
// in the tab itself. It reports whether the person sees text, which may be empty.
func (p *press) answerOnHome(ctx context.Context, r reply, text string) bool {
	switch {
	case text == "" && (r.dialog || r.opened != nil):
		return true // nothing has changed
	case text == "" || p.openNotice(ctx, text):
		p.refreshHome(ctx, "")
		return true
	default:
		return p.refreshHome(ctx, text)
	}
}

func (p *press) openNotice(ctx context.Context, text string) bool {
	_, _, err := p.Slack.OpenView(ctx, p.in.TriggerID, slack.NoticeView(noticeTitle, text))
	if err != nil {
		p.log.Warn("reply could not be shown in a dialog", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return err == nil
}

// noticeTitle is the title of a dialog that answers a press.
const noticeTitle = "Access request"

// refreshHome shows the Home tab after a press in it, with a notice. Without a notice, it
// leaves the tab as it is if a list can't be read in the time that is left. A press of an
// outdated button is harmless.
func (p *press) refreshHome(ctx context.Context, notice string) bool {
	return p.showHome(ctx, p.log, p.in.UserID, notice, notice != "")
}

// showHome reads what the person's Home tab shows, and shows it. It reports whether it
// could. If incomplete is false, it shows nothing unless every list could be read.
func (h *Handler) showHome(ctx context.Context, log *slog.Logger, slackID, notice string, incomplete bool) bool {
	work, cancel := workContext(ctx)
	defer cancel()
	who, err := h.People.Requester(work, slackID)
	if err != nil {
		text, personal := explain(err)
		if personal {
			log.Info("person can't request access", "code", access.CodeOf(err))
		} else {
			log.Error("person could not be looked up", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			if !incomplete {
				return false
			}
			text = cmp.Or(notice, text)
		}
		return h.publish(ctx, log, slackID, slack.HomeNoticeView(text))
	}
	home := h.home(work, log, who)
	if !incomplete && (home.Access.Failed || home.Pending.Failed || home.Waiting.Failed || home.Responder != nil && home.Responder.Failed) {
		log.Warn("the Home tab is not shown again, because it could not be read")
		return false
	}
	home.Notice = notice
	return h.publish(ctx, log, slackID, slack.HomeView(home))
}

func (h *Handler) publish(ctx context.Context, log *slog.Logger, slackID string, view slackgo.HomeTabViewRequest) bool {
	err := h.Slack.PublishView(ctx, slackID, view)
	if err != nil {
		log.Error("the Home tab could not be shown", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return err == nil
}

// home reads the lists of a person's Home tab at the same time.
func (h *Handler) home(ctx context.Context, log *slog.Logger, who access.Person) slack.Home {
	home := slack.Home{User: who.SlackID}
	var m mine
	var open []access.Request
	var mineErr error
	var wait sync.WaitGroup
	wait.Go(func() { home.Kinds = h.kinds(ctx) })
	wait.Go(func() { m, mineErr = h.mine(ctx, who.PrincipalID, searchedRequests) })
	wait.Go(func() {
		var more bool
		var err error
		open, more, err = h.latestOpen(ctx)
		home.Waiting = h.waitingFor(ctx, log, who, open, more, err)
	})
	wait.Go(func() { home.Responder = h.blocksFor(ctx, log, who) })
	wait.Wait()
	if mineErr != nil {
		log.Error("the person's requests could not be read", "code", access.CodeOf(mineErr), "error", access.ErrorMessage(mineErr))
		home.Access.Failed, home.Pending.Failed = true, true
		return home
	}
	m.add(who, open)
	home.Access, home.Pending = slack.HomeSection{Requests: m.withoutExtended(), More: m.Older}, slack.HomeSection{Requests: m.Pending, More: m.Older}
	return home
}

// kinds returns what the policy has statements about: accounts, if that is unknown.
func (h *Handler) kinds(ctx context.Context) []access.Kind {
	policy, _, err := h.Policy.Load(ctx)
	switch {
	case err != nil, len(policy.Groups) == 0:
		return []access.Kind{access.KindAccount}
	case len(policy.Accounts) == 0:
		return []access.Kind{access.KindGroup}
	default:
		return []access.Kind{access.KindAccount, access.KindGroup}
	}
}
