package slack

import (
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Confirmation is the content of the dialog in which an approver confirms an approval. It
// comes from the request's row and the policy in force, never from a message.
type Confirmation struct {
	Request access.Request
	// Warnings are those of the policy in force.
	Warnings []string
	// Approvals are those that the request has, counted under the policy in force.
	Approvals access.Tally
	// Last reports whether the access starts after this approval.
	Last bool
}

// ConfirmationView returns the dialog. Its private_metadata is the request's id, and
// nothing else.
func ConfirmationView(c Confirmation) slackgo.ModalViewRequest {
	var blocks []slackgo.Block
	r := c.Request
	if r.Requester.SecondaryDomain {
		blocks = append(blocks, secondaryDomainWarning(r.Requester)...)
	}
	if len(c.Warnings) > 0 {
		b := new(richText)
		for _, w := range c.Warnings {
			b.newLine().strong("⚠️ " + cut(clean(w), maxMessage))
		}
		blocks = append(blocks, b.block("warnings"))
	}
	b := new(richText).label("Requester").person(r.Requester)
	if email := cut(clean(r.Requester.Email), maxName); email != "" && isSlackID(r.Requester.SlackID) {
		b.text(" (" + email + ")")
	}
	writeTarget(b, r.Target)
	b.label("Duration").text(access.FormatDuration(time.Duration(r.Duration) * time.Second))
	if ticket := cut(clean(r.Ticket), access.MaxTicketLength); ticket != "" {
		b.label("Ticket").text(ticket)
	}
	writeSessions(b, statePending, r)
	writeBackground(b, r)
	if len(c.Approvals.Requirements) > 0 {
		writeRequirements(b, r, c.Approvals)
	}
	if !r.ExpiresAt.IsZero() {
		b.label("Request expires").time(r.ExpiresAt)
	}
	b.label("Reason").quote(r.Reason)
	effect := "If you press Approve, the access starts at once."
	if !c.Last {
		effect = "If you press Approve, the request still needs other approvals before the access starts."
	}
	blocks = append(blocks, b.block("request"), slackgo.NewSectionBlock(plainText(effect), nil, nil))

	v := modal("Approve this request?", blocks...)
	v.CallbackID = CallbackConfirmation
	v.Submit = plainText("Approve")
	v.Close = plainText("Cancel")
	v.PrivateMetadata = r.ID
	return v
}
