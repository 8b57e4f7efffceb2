package ingress

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
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

// mustConfirm reports whether the person has to confirm the approval in the dialog. d is
// the decision of the policy in force. The Home tab shows less of a request than its
// message does: it cuts the reason, and lacks the policy's warnings. So an approval there
// always needs the dialog, which shows all of it.
func (p *press) mustConfirm(d access.Decision) bool {
	return !p.confirmed && (p.ConfirmApprovals || d.Confirm || p.in.OnHome())
}

// askToConfirm opens the dialog that confirms an approval. last reports whether this
// approval would be enough.
func (p *press) askToConfirm(ctx context.Context, d access.Decision, last bool) reply {
	return p.openDialog(ctx, slack.ConfirmationView(slack.Confirmation{Request: p.request, Warnings: d.Warnings, Approvals: p.standing, Last: last}))
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
	text := p.carryOut(ctx, p.handle(work))
	if in.View.IsFromHome() {
		p.refreshHome(ctx, "")
	}
	if text != "" {
		return jsonResponse(slack.UpdateViewResponse(slack.NoticeView(noticeTitle, text)))
	}
	return emptyResponse(http.StatusOK) // closes the dialog, and no other form
}
