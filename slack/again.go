package slack

import (
	"fmt"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// offersRepeat reports whether the request's final message offers to request the same
// access again. It doesn't after a refusal or a denial, where a repeat would hardly change
// the answer, and not if the requester keeps the access in another way. Without
// the requester's Slack user, nobody could use the button.
func offersRepeat(s state, r access.Request) bool {
	if r.Requester.SlackID == "" {
		return false
	}
	switch s {
	case stateEnded, stateWithOthers, stateWithdrawn, stateExpired, stateInterrupted:
		return true
	case stateFailed:
		return r.Failure == nil || r.Failure.Code != access.CodeForeign
	default:
		return false
	}
}

// OffersAskAgain reports whether the request's message has the button Ask again.
func OffersAskAgain(r access.Request) bool { return offersRepeat(stateOf(r), r) }

// askForMoreTime is on the button for a repeat while the access is active: the new request
// extends it.
const askForMoreTime = "Ask for more time"

// askAgain returns the button that opens the form with the values of the request.
func askAgain(r access.Request) slackgo.BlockElement {
	return button(ActionAskAgain, "Ask again", slackgo.StyleDefault, r.ID)
}

// moreTimeMessage returns the direct message that offers more time while the access is
// active. Then it says what became of the access, without the button.
func moreTimeMessage(r access.Request) Message {
	s := stateOf(r)
	m := newMessage(PurposeMoreTime, r)
	b := new(richText).text("Hi ").person(r.Requester).text(", ")
	over := r.Posts[access.PostMoreTime].Over
	switch {
	case s == stateActive && !over:
		m.Text = fmt.Sprintf("⏰ Your access ends <!date^%d^%s|%s>: ", r.End.Unix(), dateFormat, fallbackTime(r.End)) + subject(r.Target, inText)
		b.text("your access ends ").time(r.End).text(": " + targetName(r.Target) + ".")
		m.Blocks = []slackgo.Block{b.block("message"), buttons(button(ActionMoreTime, askForMoreTime, slackgo.StylePrimary, r.ID))}
		return m
	case s == stateEnding, s == stateStuck:
		b.text("your access is being removed: ")
	case s == stateActive, s == stateKept && r.EndRequest == nil:
		b.text("another request gives you more time: ")
	default:
		b.text("this request has ended: ")
	}
	m.Text = fallbackText(s, r)
	m.Blocks = []slackgo.Block{b.text(targetName(r.Target) + ".").block("message")}
	return m
}
