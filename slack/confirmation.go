package slack

import (
	"fmt"
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
	// ChainOver reports whether the access that the request would extend has ended.
	// Otherwise, the request's Chain is that access as it is now.
	ChainOver bool
	// HeldUntil is when the same access ends, if ChainOver is set and the requester still has
	// it through another request. The approved request would run beside that one.
	HeldUntil time.Time
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
	b := new(richText)
	writeRequest(b, r)
	writeSessions(b, statePending, r)
	if c.HeldUntil.IsZero() {
		writeExtension(b, r, c.ChainOver)
	} else {
		writeHeldUntil(b, c.HeldUntil)
	}
	writeBackground(b, r)
	if len(c.Approvals.Requirements) > 0 {
		writeRequirements(b, r, c.Approvals)
	}
	if !r.ExpiresAt.IsZero() {
		b.label("Request expires").time(r.ExpiresAt)
	}
	b.label("Reason").quoteLinked(r.Reason)
	effect := "If you press Approve, the access starts at once."
	switch {
	case !c.Last:
		effect = "If you press Approve, the request still needs other approvals before the access starts."
	case !c.HeldUntil.IsZero():
		effect = "If you press Approve, this request's time starts at once, beside the other request."
	case r.Chain != nil && !c.ChainOver:
		effect = "If you press Approve, the access is extended at once."
	}
	blocks = append(blocks, b.block("request"), slackgo.NewSectionBlock(plainText(effect), nil, nil))

	return dialog(CallbackConfirmation, "Approve this request?", "Approve", r, blocks)
}

// DenialView returns the dialog in which an approver denies a request, and says why.
// required reports whether they must say why.
func DenialView(r access.Request, required bool) slackgo.ModalViewRequest {
	b := new(richText)
	writeRequest(b, r)
	b.label("Reason").quoteLinked(r.Reason)
	input := slackgo.NewPlainTextInputBlockElement(plainText("Why are you denying this request?"), ActionDenialReason)
	input.Multiline = true
	input.MaxLength = access.MaxDenialReasonLength
	hint := plainText("The requester and everyone in the channel can read this, and the audit log keeps it.")
	return dialog(CallbackDenial, "Deny this request?", "Deny", r, []slackgo.Block{
		b.block("request"), slackgo.NewInputBlock(BlockDenialReason, plainText("Reason for denying"), hint, input).WithOptional(!required),
	})
}

// DenialReason reads the reason from the submitted dialog: trimmed, at most
// access.MaxDenialReasonLength characters, "" if there is none. mistakes are texts for the
// user by block id. With them, the caller must ignore the reason.
func (v *View) DenialReason(required bool) (reason string, mistakes map[string]string) {
	reason = cleanLines(v.State[BlockDenialReason][ActionDenialReason].Value)
	switch {
	case tooLong(reason, access.MaxDenialReasonLength):
		return "", map[string]string{BlockDenialReason: fmt.Sprintf("Use at most %d characters.", access.MaxDenialReasonLength)}
	case isVisible(reason):
		return reason, nil
	case required:
		return "", map[string]string{BlockDenialReason: "Enter why you are denying this request."}
	}
	return "", nil
}

// EndView returns the dialog in which an approver confirms that they end the access of
// someone else. It doesn't say when that access ends: requests that extend this one may last
// longer.
func EndView(r access.Request) slackgo.ModalViewRequest {
	b := new(richText)
	writeRequest(b, r)
	b.label("Reason").quoteLinked(r.Reason)
	effect := slackgo.NewSectionBlock(plainText("This is someone else's access. If you press End now, this app removes it at once. All other approved requests by this person for the same access end, too."), nil, nil)
	return dialog(CallbackEnd, "End this access?", "End now", r, []slackgo.Block{b.block("request"), effect})
}

// writeRequest says who requests what. Unlike the message in the channel, it has the
// requester's email.
func writeRequest(b *richText, r access.Request) {
	b.label("Requester").person(r.Requester)
	if email := cut(clean(r.Requester.Email), maxName); email != "" && isSlackID(r.Requester.SlackID) {
		b.text(" (" + email + ")")
	}
	writeTarget(b, r.Target)
	b.label("Duration").text(access.FormatDuration(time.Duration(r.Duration) * time.Second))
	writeTicket(b, r)
}

// dialog returns a dialog about a request, with a button that does what the pressed button
// says.
func dialog(callback, title, submit string, r access.Request, blocks []slackgo.Block) slackgo.ModalViewRequest {
	v := modal(title, blocks...)
	v.CallbackID = callback
	v.Submit = plainText(submit)
	v.Close = plainText("Cancel")
	v.PrivateMetadata = r.ID
	return v
}
