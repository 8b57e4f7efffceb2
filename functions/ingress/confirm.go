package ingress

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/chains"
	"sso-elevator/slack"
)

// DenyReason is whether approvers say why they deny a request.
type DenyReason string

const (
	DenyReasonOptional DenyReason = "optional"
	DenyReasonRequired DenyReason = "required"
	DenyReasonOff      DenyReason = "off" // a press denies at once
)

// asks reports whether a press of Deny opens the dialog.
func (d DenyReason) asks() bool { return d == DenyReasonOptional || d == DenyReasonRequired }

// dialogTexts are texts about the dialog of each button that opens one.
var dialogTexts = map[string]struct{ button, notOpened string }{
	slack.ActionApprove: {"Approve", "You haven't approved this yet, because the dialog didn't open. Please press Approve again."},
	slack.ActionDeny:    {"Deny", "You haven't denied this yet, because the dialog didn't open. Please press Deny again."},
	slack.ActionEnd:     {"End now", "The access hasn't ended, because the dialog didn't open. Please press End now again."},
}

// confirmAgain says how to repeat the submission of a dialog.
func (p *press) confirmAgain() string {
	where := "in the message"
	if p.in.View.IsFromHome() {
		where = "in the Home tab"
	}
	return "Close this dialog, then press " + dialogTexts[p.action].button + " " + where + "."
}

// opensDialog reports whether the press opens a dialog whatever the policy says, if the
// person may press the button. Then it decides nothing: the submission of the dialog does.
// The row must be known for End now.
//
// The Home tab shows less of a request than its message does: it cuts the reason, and lacks
// the policy's warnings. So an approval there always needs the dialog, which shows all of it.
func (p *press) opensDialog() bool {
	if p.confirmed {
		return false
	}
	switch p.action {
	case slack.ActionApprove:
		return p.ConfirmApprovals || p.in.OnHome()
	case slack.ActionDeny:
		return p.DenyReason.asks()
	case slack.ActionEnd:
		return !p.byRequester()
	default:
		return false
	}
}

// mustConfirm reports whether the person has to confirm the approval in the dialog. d is
// the decision of the policy in force.
func (p *press) mustConfirm(d access.Decision) bool {
	return p.opensDialog() || !p.confirmed && d.Confirm
}

// chainSource waits for what a request would extend.
type chainSource func() (extended, error)

// extended is the chain that a request would extend; nil if there is none. Then heldUntil is
// how long the person has the access through other requests; zero if they don't have it.
type extended struct {
	chain     *access.Chain
	heldUntil time.Time
}

// chainReadTime limits the read of what a request would extend. The dialog opens without it.
const chainReadTime = 500 * time.Millisecond

// startChainRead starts to read what the request would extend, if it is an extension. Only
// the dialog needs that.
func (p *press) startChainRead() {
	if p.extends == nil && p.request.Chain != nil {
		r := p.request
		p.extends = parallel.Start(p.reads, func(ctx context.Context) (e extended, err error) {
			ctx, cancel := context.WithTimeout(ctx, chainReadTime)
			defer cancel()
			e.chain, e.heldUntil, err = chains.ReadFor(ctx, p.Table, r, p.Now)
			return e, err
		})
	}
}

// askToConfirm opens the dialog that confirms an approval. last reports whether this
// approval would be enough. For an extension, the dialog shows what it would extend now, which
// is at most what the row says: grant extends no more than that. If the current state can't
// be read, the dialog shows what the row says, which may be out of date.
func (p *press) askToConfirm(ctx context.Context, d access.Decision, last bool) reply {
	c := slack.Confirmation{Request: p.request, Warnings: d.Warnings, Approvals: p.standing, Last: last}
	if was := p.request.Chain; was != nil {
		p.startChainRead()
		switch now, err := p.extends(); {
		case err != nil:
			p.log.Warn("the access to extend could not be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			c.ChainOver = !p.Now().Before(was.End)
		case now.chain == nil:
			c.ChainOver, c.HeldUntil = true, now.heldUntil
		default:
			c.Request.Chain = now.chain
			if d := c.Request.EvaluatedDecision; d != nil && !now.chain.Since.Equal(was.Since) {
				// It was the earlier chain that was too long.
				other := *d
				other.ChainTooLong, c.Request.EvaluatedDecision = false, &other
			}
		}
	}
	return p.openDialog(ctx, slack.ConfirmationView(c))
}

// openDialog opens a dialog, which shows the request's row. The message, whose button was
// pressed, may be forged or out of date.
func (p *press) openDialog(ctx context.Context, view slackgo.ModalViewRequest) reply {
	if p.in.OnHome() {
		view = slack.FromHome(view)
	}
	if _, _, err := p.Slack.OpenView(ctx, p.in.TriggerID, view); err != nil {
		p.log.Error("dialog could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return reply{text: dialogTexts[p.action].notOpened}
	}
	p.log.Info("press waits for the dialog")
	return reply{dialog: true}
}

// confirm handles the submission of the dialog that action opened. It checks everything
// again, like a press of that button: since the dialog opened, the request may have been
// decided, or the policy or the people may have changed. It acts for the person who submits
// the dialog, even if someone else opened it.
func (h *Handler) confirm(ctx context.Context, log *slog.Logger, in slack.Interaction, action string) events.APIGatewayV2HTTPResponse {
	p := &press{
		id:      rand.Text(),
		Handler: h, in: in, log: log.With("action", action, "confirmed", true),
		action: action, subjectID: in.View.PrivateMetadata, confirmed: true,
	}
	if action == slack.ActionDeny {
		var mistakes map[string]string
		if p.denialReason, mistakes = in.View.DenialReason(h.DenyReason == DenyReasonRequired); mistakes != nil {
			return jsonResponse(slack.FieldErrorsResponse(mistakes))
		}
	}
	work, cancel := workContext(ctx)
	defer cancel()
	r := p.handle(work)
	text := p.carryOut(ctx, r)
	if r.failed && action == slack.ActionDeny {
		// The dialog stays open, with the reason that they wrote.
		return jsonResponse(slack.FieldErrorsResponse(map[string]string{slack.BlockDenialReason: text}))
	}
	if in.View.IsFromHome() {
		p.refreshHome(ctx, "")
	}
	if text != "" {
		return jsonResponse(slack.UpdateViewResponse(slack.NoticeView(noticeTitle, text)))
	}
	return emptyResponse(http.StatusOK) // closes the dialog, and no other form
}
