package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/slack"
)

// id is what the value of a button of ours looks like: the id of a request, or
// of a run, which is the name of an execution.
var id = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkID says NotFound of a value that no button of ours has. No table is asked
// about it, which has limits of its own for keys, and no log repeats it.
func checkID(value string) error {
	if !id.MatchString(value) {
		return access.Errorf(access.CodeNotFound, "the button's value is no id")
	}
	return nil
}

// press follows a button in a message. Its value is the id of the request, or of
// the run; what it may do is found out here, from the table and the policy in
// force.
func (h *Handler) press(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	log = log.With("action", in.Action.ID)
	about := "request"
	var text string
	var err error
	switch in.Action.ID {
	case slack.ActionApprove, slack.ActionDeny, slack.ActionWithdraw, slack.ActionEnd:
		if err = checkID(in.Action.Value); err != nil {
			break
		}
		log = log.With("request_id", in.Action.Value)
		work, cancel := working(ctx)
		defer cancel()
		var r access.Request
		if r, err = h.Table.Get(work, in.Action.Value); err != nil {
			break
		}
		log = log.With("execution", r.ExecutionARN)
		switch in.Action.ID {
		case slack.ActionApprove:
			text, err = h.decide(ctx, work, log, in, r, access.OutcomeApproved)
		case slack.ActionDeny:
			text, err = h.decide(ctx, work, log, in, r, access.OutcomeDenied)
		case slack.ActionWithdraw:
			text, err = h.withdraw(ctx, work, log, in, r)
		default:
			text, err = h.end(ctx, work, log, in, r)
		}
	case slack.ActionDriftRemove, slack.ActionDriftLeave:
		about = "run"
		if err = checkID(in.Action.Value); err != nil {
			break
		}
		log = log.With("run", in.Action.Value)
		text, err = h.answerRun(ctx, log, in, in.Action.ID == slack.ActionDriftRemove)
	default:
		log.Warn("an unknown action in a message")
		text = "This app does not know this button."
	}
	if access.CodeOf(err) == access.CodeNotFound {
		log.Warn("a button of a " + about + " that is not there")
		text, err = "This "+about+" is too old: nothing is known about it any more.", nil
	}
	if err != nil {
		log.Error("a button had no effect", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		// Whether a write that was not answered took place is not known: a second
		// press tells, and changes nothing that the first one did.
		text, _ = forPeople(err)
	}
	if text != "" && !h.tell(ctx, log, in, text) {
		// Then Slack shows by itself, beside the button, that something went wrong.
		return empty(http.StatusInternalServerError)
	}
	return empty(http.StatusOK)
}

// decide approves or denies, if the person may. The text, where there is one,
// says why nothing came of it. work is what may be spent on finding out.
func (h *Handler) decide(ctx, work context.Context, log *slog.Logger, in slack.Interaction, r access.Request, kind access.OutcomeKind) (string, error) {
	if !r.Open() {
		return h.already(ctx, log, r), nil
	}
	if !r.ExpiresAt.IsZero() && !h.Now().Before(r.ExpiresAt) {
		// The execution, should it be late, has yet to enter it.
		log.Info("a request past its expiry")
		return expiredText, nil
	}
	var gone error
	var wait sync.WaitGroup
	if kind == access.OutcomeApproved { // denying is safe, whoever is gone
		wait.Go(func() { gone = h.People.Remains(work, r.Requester) })
	}
	approver, err := h.mayApprove(work, log, in.UserID, r)
	wait.Wait()
	if err != nil {
		return "", err
	}
	if approver.refused != "" {
		h.refused(work, log, in, r, approver)
		return "You can not approve this request, nor discard it." + approver.why(), nil
	}
	if gone != nil {
		text, known := forPeople(gone)
		if !known {
			return "", gone
		}
		log.Info("approving is refused: the requester is gone", "code", access.CodeOf(gone))
		approver.refused, approver.text = access.RefusalRequesterGone, text
		h.refused(work, log, in, r, approver)
		return text + " So this request can't be approved. You can discard it.", nil
	}
	d := approver.policy.Decide(r.Requester.Email, r.Target)
	r, won, err := h.Table.Decide(work, r.ID, access.Outcome{
		Kind: kind, By: approver.Person, At: h.Now().UTC(),
		Reason: string(d.Reason), PolicyDigest: approver.digest, Statements: d.Statements,
	})
	if err != nil {
		return "", err
	}
	if !won {
		return h.already(ctx, log, r), nil
	}
	log.Info("decided", "outcome", kind)
	h.resume(ctx, log, r.ApprovalToken, tasktoken.ApprovalOutput(kind))
	h.free(ctx, log, r)
	return "", nil
}

// withdraw takes a request back, if it is the requester who wants it.
func (h *Handler) withdraw(ctx, work context.Context, log *slog.Logger, in slack.Interaction, r access.Request) (string, error) {
	if in.UserID != r.Requester.SlackID {
		log.Info("withdrawing is refused: not the requester")
		h.refused(work, log, in, r, presser{refused: access.RefusalNotRequester})
		return "Only the requester can withdraw a request.", nil
	}
	if !r.Open() {
		return h.already(ctx, log, r), nil
	}
	r, won, err := h.Table.Decide(work, r.ID, access.Outcome{Kind: access.OutcomeWithdrawn, By: r.Requester, At: h.Now().UTC()})
	if err != nil {
		return "", err
	}
	if !won {
		return h.already(ctx, log, r), nil
	}
	log.Info("decided", "outcome", access.OutcomeWithdrawn)
	h.resume(ctx, log, r.ApprovalToken, tasktoken.ApprovalOutput(access.OutcomeWithdrawn))
	h.free(ctx, log, r)
	return "", nil
}

// end ends access before its time, if the requester wants it or somebody who
// could approve it.
func (h *Handler) end(ctx, work context.Context, log *slog.Logger, in slack.Interaction, r access.Request) (string, error) {
	if text := notActive(r); text != "" {
		return h.endingAlready(ctx, log, r, text), nil
	}
	by := r.Requester
	if in.UserID != r.Requester.SlackID {
		approver, err := h.mayApprove(work, log, in.UserID, r)
		if err != nil {
			return "", err
		}
		if approver.refused != "" {
			h.refused(work, log, in, r, approver)
			return "You can not end this access: only the requester can, and those who could approve it." + approver.why(), nil
		}
		by = approver.Person
	}
	r, won, err := h.Table.RequestEnd(work, r.ID, access.EndRequest{By: by, At: h.Now().UTC()})
	if err != nil {
		return "", err
	}
	if !won {
		return h.endingAlready(ctx, log, r, notActive(r)), nil
	}
	log.Info("ended early")
	return h.endingAlready(ctx, log, r, ""), nil
}

// endingAlready lets the execution know that somebody wants the access to end,
// unless the removal has begun: nobody else will, before the end. It returns
// text, or, where the execution could not be told, what to do about it: that is
// also where the wait has stored no token, and may have none.
func (h *Handler) endingAlready(ctx context.Context, log *slog.Logger, r access.Request, text string) string {
	if r.EndRequest == nil || !r.RevokingAt.IsZero() || !r.RevokedAt.IsZero() {
		return text
	}
	if r.EndToken != "" && h.resume(ctx, log, r.EndToken, tasktoken.EndOutput) {
		return text
	}
	return "This has been noted, but the removal could not be started. Please press the button again; the access ends by itself at " +
		r.End.UTC().Format("15:04 UTC on 2 January") + "."
}

// presser is who pressed a button, and what the policy in force says of them.
type presser struct {
	access.Person
	policy  access.Policy
	digest  string
	refused access.Refusal // empty: they may
	text    string         // why, for them; may be empty
}

// why is the text after another sentence.
func (p presser) why() string {
	if p.text == "" {
		return ""
	}
	return " " + p.text
}

// mayApprove finds out who pressed, and whether the policy in force lets them
// approve r.
func (h *Handler) mayApprove(ctx context.Context, log *slog.Logger, slackID string, r access.Request) (presser, error) {
	person, err := h.People.Approver(ctx, slackID)
	if err != nil {
		text, theirs := forPeople(err)
		if !theirs {
			return presser{}, err
		}
		log.Info("somebody who can approve nothing", "code", access.CodeOf(err))
		return presser{refused: access.RefusalNotEligible, text: text}, nil
	}
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return presser{}, err
	}
	p := presser{Person: person, policy: policy, digest: digest}
	if !people.Permits(&policy, r, person) {
		log.Info("somebody whom the policy does not let approve this", "policy_digest", digest)
		p.refused = access.RefusalNotApprover
	}
	return p, nil
}

// refused records a refused press in the request's row, from where audit takes
// it: once for each person and reason, a bounded number for each request, and
// none once the request is closed. If it can't be recorded, the log has it.
func (h *Handler) refused(ctx context.Context, log *slog.Logger, in slack.Interaction, r access.Request, p presser) {
	p.SlackID = in.UserID
	if _, err := h.Table.AppendEvent(ctx, r, access.Event{
		Kind: access.EventPressRefused, At: h.Now().UTC(), By: p.Person, Action: in.Action.ID,
		Reason: string(p.refused), Message: p.text, PolicyDigest: p.digest,
	}); err != nil {
		log.Error("a refused press could not be recorded", "reason", p.refused, "error", access.ErrorMessage(err))
	}
}

// already tells the outcome of a request to somebody who came too late. If the
// execution was not told of it, it is now.
func (h *Handler) already(ctx context.Context, log *slog.Logger, r access.Request) string {
	if r.Rebuilt != nil {
		return "This request has ended. Somebody deleted this app's record of it."
	}
	if r.Outcome == nil {
		return "This request was interrupted before it was decided. The requester can submit it again."
	}
	if r.ApprovalToken != "" && r.ClosedAt.IsZero() && r.GrantedAt.IsZero() && r.RevokingAt.IsZero() {
		h.resume(ctx, log, r.ApprovalToken, tasktoken.ApprovalOutput(r.Outcome.Kind))
	}
	return alreadyText(*r.Outcome)
}

const expiredText = "This request has expired."

func alreadyText(o access.Outcome) string {
	who := o.By.Email
	if who == "" {
		who = o.By.Name
	}
	switch o.Kind {
	case access.OutcomeAutomatic:
		return "This request has been approved by the policy already."
	case access.OutcomeApproved:
		return "This request has been approved by " + who + " already."
	case access.OutcomeDenied:
		return "This request has been discarded by " + who + " already."
	case access.OutcomeWithdrawn:
		return "This request has been withdrawn by the requester."
	case access.OutcomeExpired:
		return expiredText
	default:
		return "This request has been refused."
	}
}

// notActive says why there is no access to end; "" where there is.
func notActive(r access.Request) string {
	switch {
	case !r.RevokedAt.IsZero():
		return "This access has ended already."
	case r.EndRequest != nil, !r.RevokingAt.IsZero():
		return "This access is being removed already."
	case r.GrantedAt.IsZero():
		return "This access is not there yet."
	default:
		return ""
	}
}

// resume lets the execution go on. Where that fails it is not lost: the row has
// what was decided, and the execution looks there when its wait is over. No
// token means that the wait has not begun; it will find the row.
func (h *Handler) resume(ctx context.Context, log *slog.Logger, token, output string) (ok bool) {
	if token == "" {
		return true
	}
	err := h.Tokens.Resume(ctx, token, output)
	if err != nil {
		log.Error("the execution could not be resumed; it will look by itself", "error", access.ErrorMessage(err))
	}
	return err == nil
}
