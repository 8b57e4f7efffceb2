package slack

import (
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// ThreadMessage returns a message for the thread under the request's message. A reminder
// mentions the approvers; all others mention the requester. For an unknown purpose, it
// returns the request's state in one line.
func ThreadMessage(purpose string, r access.Request) Message {
	m := newMessage(purpose, r)
	b := new(richText)
	if purpose == PurposeRemind {
		m.Text = "⏰ A request for access is still waiting for approval"
		if len(r.Approvers) > 0 {
			b.people(r.Approvers).text(" ")
		}
		b.text("Could one of you please have a look? This has been waiting since ").time(r.CreatedAt).text(".")
		if !r.ExpiresAt.IsZero() {
			b.text(" It expires ").time(r.ExpiresAt).text(".")
		}
	} else {
		m.Text = fallbackText(stateOf(r), r)
		b.text("Hi ").person(r.Requester).text(", ")
		writeUpdate(b, purpose, r)
	}
	m.Blocks = []slackgo.Block{b.block("message")}
	return m
}

// DirectMessage returns the same message as a direct message, for requesters outside the
// channel. Without a thread around it, it also names the target and the duration. It has
// the requester's buttons: Withdraw while the request is open, End now while the access
// exists. Purpose "announce" confirms the request.
func DirectMessage(purpose string, r access.Request) Message {
	s := stateOf(r)
	m := newMessage(purpose, r)
	m.Text = titles[s]
	b := new(richText).text("Hi ").person(r.Requester).text(", ")
	if purpose == PurposeAnnounce && s == statePending {
		b.text("your request has gone to the approvers. You will hear from us here.")
	} else {
		writeUpdate(b, purpose, r)
	}
	writeTarget(b, r.Target)
	b.label("Duration").text(access.FormatDuration(time.Duration(r.Duration) * time.Second))
	m.Blocks = []slackgo.Block{header(titles[s]), b.block("message")}
	switch s {
	case statePending:
		m.Blocks = append(m.Blocks, buttons(button(ActionWithdraw, "Withdraw", slackgo.StyleDefault, r.ID)))
	case stateActive:
		m.Blocks = append(m.Blocks, buttons(button(ActionEnd, "End now", slackgo.StyleDanger, r.ID)))
	}
	return m
}

// writeUpdate writes the requester's update, in a sentence or two.
func writeUpdate(b *richText, purpose string, r access.Request) {
	s := stateOf(r)
	switch {
	case s == stateInterrupted:
		b.text("your request is closed. ")
		writeDecision(b, s, r)
	case purpose == PurposeGranted && s == stateActive:
		b.text("your access is ready. It ends by itself ").time(r.End).text(".")
	case purpose == PurposeGranted && (s == stateEnding || s == stateStuck):
		b.text("your access was ready, and is being removed.")
	case purpose == PurposeGranted && (s == stateEnded || s == stateKept || s == stateForeign):
		b.text("your access was ready, and has ended since. ")
		writeEnd(b, s, r)
	case purpose == PurposeRevoked && (s == stateKept || s == stateForeign):
		b.text("your request has ended. ")
		writeEnd(b, s, r)
	case purpose == PurposeRevoked && s == stateEnded:
		b.text("your access has ended. ")
		writeEnd(b, s, r)
	case purpose == PurposeFailed, s == stateFailed:
		b.text("sorry, the access could not be given. ")
		writeFailure(b, r)
	case purpose == PurposeOutcome && r.Outcome != nil:
		b.text("your request is closed. ")
		writeDecision(b, s, r)
	default:
		b.text(titles[s] + ".")
	}
}
