package slack

import (
	"encoding/json"
	"strings"
)

// event is a request of the Events API, with the parts that this system needs:
// https://docs.slack.dev/apis/events-api. The manifest subscribes to one event,
// app_home_opened.
type event struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`

	TeamID       string `json:"team_id"`
	EnterpriseID string `json:"enterprise_id"`
	AppID        string `json:"api_app_id"`
	Event        struct {
		Type string `json:"type"`
		User string `json:"user"`
		Tab  string `json:"tab"`
	} `json:"event"`
}

// Values of an event's fields.
const (
	typeVerification  = "url_verification"
	typeEvent         = "event_callback"
	typeAppHomeOpened = "app_home_opened"
	tabHome           = "home"
)

// parseEvent reads a request of the Events API. A verification of the request URL names
// no user, app or workspace.
func parseEvent(raw []byte) (Interaction, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return Interaction{}, invalidRequest("the event is not valid JSON, or has an unexpected shape")
	}
	switch e.Type {
	case typeVerification:
		if !isChallenge(e.Challenge) {
			return Interaction{}, invalidRequest("the verification has no usable challenge")
		}
		return Interaction{Kind: KindVerification, Challenge: e.Challenge}, nil
	case typeEvent:
	default:
		return Interaction{}, invalidRequest("the kind of event is unknown")
	}
	in := Interaction{Kind: KindOtherEvent, TeamID: e.TeamID, EnterpriseID: e.EnterpriseID, AppID: e.AppID}
	if e.Event.Type == typeAppHomeOpened && e.Event.Tab == tabHome {
		in.Kind, in.UserID = KindHomeOpened, e.Event.User
	}
	return in, in.check()
}

// isChallenge reports whether s can be the challenge of a verification. The app's answer
// repeats it.
func isChallenge(s string) bool {
	return s != "" && !tooLong(s, maxID) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=+/") == ""
}

// ChallengeResponse answers a verification of the request URL.
func ChallengeResponse(challenge string) []byte {
	return encode(struct {
		Challenge string `json:"challenge"`
	}{challenge})
}
