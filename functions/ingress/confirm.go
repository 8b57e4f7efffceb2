package ingress

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

const (
	notOpenedText = "Nothing is approved yet, because the dialog to confirm your approval could not be opened. Please press Approve again."
	confirmAgain  = "To do so, close this and press Approve in the message."
)

// mustConfirm reports whether the person has to confirm the approval in the dialog. d is
// the decision of the policy in force.
func (p *press) mustConfirm(d access.Decision) bool {
	return !p.confirmed && (p.ConfirmApprovals || d.Confirm)
}

// askToConfirm opens the dialog, which shows the request's row. The message, whose button
// was pressed, may be forged or out of date. last reports whether this approval would be
// enough.
func (p *press) askToConfirm(ctx context.Context, d access.Decision, last bool) reply {
	view := slack.ConfirmationView(slack.Confirmation{Request: p.request, Warnings: d.Warnings, Approvals: p.standing, Last: last})
	if _, _, err := p.Slack.OpenView(ctx, p.in.TriggerID, view); err != nil {
		p.log.Error("dialog could not be opened", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return reply{text: notOpenedText}
	}
	p.log.Info("approval waits for the dialog")
	return reply{}
}

// confirm handles the submission of the dialog. It decides anew, as a press of Approve
// does: the request may have been decided, and the policy or the people changed, since
// the dialog opened. The person who submits it counts, whoever opened it.
func (h *Handler) confirm(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	p := &press{
		Handler: h, in: in, log: log.With("action", slack.ActionApprove, "confirmed", true),
		action: slack.ActionApprove, subjectID: in.View.PrivateMetadata, confirmed: true,
	}
	work, cancel := workContext(ctx)
	defer cancel()
	if text := p.carryOut(ctx, p.handle(work)); text != "" {
		return jsonResponse(slack.UpdateViewResponse(slack.NoticeView("Access request", text)))
	}
	return emptyResponse(http.StatusOK) // closes the dialog, and no other form
}
