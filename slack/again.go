package slack

import (
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// offersRepeat reports whether the request's final message offers to request the same
// access again. It doesn't after a refusal or a denial, where a repeat would hardly change
// the answer, and not while the requester still has the access in another way. Without
// the requester's Slack user, nobody could use the button.
func offersRepeat(s state, r access.Request) bool {
	if r.Requester.SlackID == "" {
		return false
	}
	switch s {
	case stateEnded, stateWithdrawn, stateExpired, stateInterrupted:
		return true
	case stateFailed:
		return r.Failure == nil || r.Failure.Code != access.CodeForeign
	default:
		return false
	}
}

// askAgain returns the button that opens the form with the values of the request.
func askAgain(r access.Request) slackgo.BlockElement {
	return button(ActionAskAgain, "Ask again", slackgo.StyleDefault, r.ID)
}
