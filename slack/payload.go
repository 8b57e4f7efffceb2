package slack

import (
	"encoding/json"
	"mime"
	"net/url"
	"strings"

	"sso-elevator/functions/access"
)

// Kind is the kind of a request from Slack.
type Kind string

const (
	KindShortcut   Kind = "shortcut"         // someone used a global shortcut
	KindCommand    Kind = "command"          // someone typed a slash command
	KindAction     Kind = "block_actions"    // someone pressed a button or changed a select
	KindSuggestion Kind = "block_suggestion" // a select needs options
	KindSubmission Kind = "view_submission"  // someone submitted a form
	KindClosed     Kind = "view_closed"      // someone closed a form
	KindSSLCheck   Kind = "ssl_check"        // Slack checks that the app answers

	KindVerification Kind = "url_verification" // Slack checks the address for events
	KindHomeOpened   Kind = "app_home_opened"  // someone opened the app's Home tab
	KindOtherEvent   Kind = "event_callback"   // any other event
)

// Interaction is one request from Slack, with the parts that this system needs. Fields
// that a kind lacks are empty.
type Interaction struct {
	Kind         Kind
	TeamDomain   string // first part of the workspace's address; empty if Slack doesn't name it
	TeamID       string // workspace; empty if the app is installed for a whole enterprise
	EnterpriseID string
	AppID        string
	UserID       string
	UserTeamID   string // the user's own workspace, if Slack names it
	TriggerID    string // opens one view, within three seconds
	ResponseURL  string
	CallbackID   string // id of the shortcut or the view
	Command      string // with its slash
	Action       *Action
	Query        string // text typed into a select, or after a slash command
	View         *View
	Channel      string // channel of the message or of the slash command
	MessageTS    string
	Challenge    string // of a verification; the answer repeats it
}

// OnHome reports whether someone used an element of the Home tab.
func (in *Interaction) OnHome() bool {
	return in.Kind == KindAction && in.View != nil && in.View.IsHome
}

// Action is the element that someone used. SelectedOption is the value of the chosen
// option of a select. Value is the value of a button.
type Action struct {
	ID, BlockID, Value, SelectedOption string
}

// View is the form or the Home tab at the time of the interaction.
type View struct {
	ID, Hash, CallbackID, PrivateMetadata string
	State                                 FormState
	IsHome                                bool // the Home tab
}

// FormState holds the filled-in inputs by block id, then by action id.
type FormState map[string]map[string]FieldValue

// FieldValue is one filled-in input. Value is the text of a text input.
// SelectedOption is the value of a select. SelectedUser is the id chosen in a select of
// people.
type FieldValue struct {
	Value          string
	SelectedOption string
	SelectedUser   string
}

// Limits of the parser. Slack documents those of values, metadata and ids. The limit of
// the body allows a message with the longest reason, escaped twice.
const (
	MaxBody     = 512 << 10 // bytes; Slack sends no larger body
	maxFields   = 64        // form fields of a slash command; Slack sends about a dozen
	maxID       = 255       // block_id, action_id, callback_id
	maxValue    = 2000      // a button's value
	maxMetadata = 3000      // private_metadata
	maxText     = 4000      // a text input holds 3000; a select's value 150
	maxURL      = 3000
	maxDomain   = 63  // of a label in DNS
	maxBlocks   = 100 // per view
	// MaxQuery is how many characters of the text typed into a select are used. No
	// name of an account or permission set is longer.
	MaxQuery = 150
)

// Parse reads a request's body: an interactivity payload (form field `payload`), a
// slash command, Slack's ssl_check, or JSON of the Events API. The caller must check the
// signature first.
//
// Parse returns CodeInvalid for anything else. The error never quotes the body.
func Parse(contentType string, body []byte) (Interaction, error) {
	if len(body) > MaxBody {
		return Interaction{}, access.Errorf(access.CodeInvalid, "parse Slack request: more than %d bytes", MaxBody)
	}
	switch media, _, err := mime.ParseMediaType(contentType); {
	case err == nil && media == "application/json":
		return parseEvent(body)
	case err != nil || media != "application/x-www-form-urlencoded":
		return Interaction{}, invalidRequest("the content type is neither that of a form nor of JSON")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return Interaction{}, invalidRequest("the body is not a form")
	}
	if len(form) > maxFields {
		return Interaction{}, invalidRequest("too many form fields")
	}
	for name, values := range form {
		if len(values) != 1 {
			return Interaction{}, invalidRequest("a form field appears twice")
		}
		// The signature doesn't cover the content type, and an event quotes what people
		// typed. So no event may be read as a form.
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return Interaction{}, invalidRequest("the name of a form field is unusual")
		}
	}
	switch {
	case form.Has("payload"):
		return parsePayload([]byte(form.Get("payload")))
	case form.Get("ssl_check") == "1":
		return Interaction{Kind: KindSSLCheck}, nil
	case form.Has("command"):
		return parseCommand(form)
	default:
		return Interaction{}, invalidRequest("the form has neither a payload nor a command")
	}
}

func invalidRequest(why string) error {
	return access.Errorf(access.CodeInvalid, "parse Slack request: %s", why)
}

func parseCommand(form url.Values) (Interaction, error) {
	in := Interaction{
		Kind:         KindCommand,
		TeamID:       form.Get("team_id"),
		TeamDomain:   teamDomain(form.Get("team_domain")),
		EnterpriseID: form.Get("enterprise_id"),
		AppID:        form.Get("api_app_id"),
		UserID:       form.Get("user_id"),
		TriggerID:    form.Get("trigger_id"),
		ResponseURL:  form.Get("response_url"),
		Command:      form.Get("command"),
		Query:        head(clean(unescape(form.Get("text"))), MaxQuery),
		Channel:      form.Get("channel_id"),
	}
	return in, in.check()
}

// unescape returns a text as the person typed it. Slack escapes three characters in
// messages and in the text of slash commands.
func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// payload is the JSON of an interaction, with the parts that this system needs.
type payload struct {
	Type string `json:"type"`
	Team struct {
		ID     string `json:"id"`
		Domain string `json:"domain"`
	} `json:"team"`
	Enterprise identity `json:"enterprise"`
	User       struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	AppID       string `json:"api_app_id"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
	CallbackID  string `json:"callback_id"`

	Channel   identity `json:"channel"`
	Container struct {
		Channel   string `json:"channel_id"`
		MessageTS string `json:"message_ts"`
	} `json:"container"`
	Message struct {
		TS string `json:"ts"`
	} `json:"message"`

	Actions []payloadAction `json:"actions"`

	// Fields of a suggestion, which has no list of actions.
	ActionID string `json:"action_id"`
	BlockID  string `json:"block_id"`
	Value    string `json:"value"`

	View *payloadView `json:"view"`
}

type identity struct {
	ID string `json:"id"`
}

type payloadAction struct {
	ActionID       string         `json:"action_id"`
	BlockID        string         `json:"block_id"`
	Value          string         `json:"value"`
	SelectedOption *payloadOption `json:"selected_option"`
}

type payloadOption struct {
	Value string `json:"value"`
}

func (o *payloadOption) value() string {
	if o == nil {
		return ""
	}
	return o.Value
}

type payloadView struct {
	Type            string `json:"type"`
	ID              string `json:"id"`
	Hash            string `json:"hash"`
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	State           struct {
		Values map[string]map[string]struct {
			Value          string         `json:"value"`
			SelectedOption *payloadOption `json:"selected_option"`
			SelectedUser   string         `json:"selected_user"`
		} `json:"values"`
	} `json:"state"`
}

func parsePayload(raw []byte) (Interaction, error) {
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		// Drop the error of encoding/json: it quotes the input.
		return Interaction{}, invalidRequest("the payload is not valid JSON, or has an unexpected shape")
	}
	in := Interaction{
		Kind:         Kind(p.Type),
		TeamID:       p.Team.ID,
		TeamDomain:   teamDomain(p.Team.Domain),
		EnterpriseID: p.Enterprise.ID,
		AppID:        p.AppID,
		UserID:       p.User.ID,
		UserTeamID:   p.User.TeamID,
		TriggerID:    p.TriggerID,
		ResponseURL:  p.ResponseURL,
		CallbackID:   p.CallbackID,
		Channel:      firstNonEmpty(p.Channel.ID, p.Container.Channel),
		MessageTS:    firstNonEmpty(p.Message.TS, p.Container.MessageTS),
	}
	if p.View != nil {
		in.View = p.View.view()
		in.CallbackID = in.View.CallbackID
	}
	switch in.Kind {
	case KindShortcut:
	case KindAction:
		if len(p.Actions) == 0 {
			return Interaction{}, invalidRequest("the action has no element")
		}
		a := p.Actions[0]
		in.Action = &Action{ID: a.ActionID, BlockID: a.BlockID, Value: a.Value, SelectedOption: a.SelectedOption.value()}
		if in.OnHome() {
			in.Action.ID = unnumbered(in.Action.ID)
		}
	case KindSuggestion:
		in.Action = &Action{ID: p.ActionID, BlockID: p.BlockID}
		in.Query = head(clean(p.Value), MaxQuery)
	case KindSubmission, KindClosed:
		if in.View == nil || in.View.IsHome {
			return Interaction{}, invalidRequest("the interaction has no form")
		}
	default:
		return Interaction{}, invalidRequest("the kind of payload is unknown")
	}
	return in, in.check()
}

func (p *payloadView) view() *View {
	v := &View{ID: p.ID, Hash: p.Hash, CallbackID: p.CallbackID, PrivateMetadata: p.PrivateMetadata, State: FormState{}, IsHome: p.Type == "home"}
	for block, actions := range p.State.Values {
		v.State[block] = map[string]FieldValue{}
		for action, f := range actions {
			v.State[block][action] = FieldValue{Value: f.Value, SelectedOption: f.SelectedOption.value(), SelectedUser: f.SelectedUser}
		}
	}
	return v
}

// teamDomain returns the domain of a workspace, or "" if it can't be part of a host name.
// Only links are made of it, so a strange one is no reason to turn the request away.
func teamDomain(domain string) string {
	if tooLong(domain, maxDomain) || strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	return domain
}

// check returns CodeInvalid for values that Slack never sends. User, app and workspace
// must be set, ids must look like Slack's, and no value may exceed Slack's limits.
func (in *Interaction) check() error {
	switch {
	case in.UserID == "" && in.Kind != KindOtherEvent || in.AppID == "" || in.TeamID == "" && in.EnterpriseID == "":
		return invalidRequest("user, app or workspace is missing")
	case in.TriggerID == "" && (in.Kind == KindShortcut || in.Kind == KindCommand):
		return invalidRequest("the trigger is missing")
	case in.CallbackID == "" && in.Kind == KindShortcut:
		return invalidRequest("the shortcut's callback is missing")
	case in.Action != nil && in.Action.ID == "":
		return invalidRequest("the action's id is missing")
	case in.View != nil && in.View.ID == "":
		return invalidRequest("the view's id is missing")
	}
	for _, id := range []string{in.UserID, in.AppID, in.TeamID, in.EnterpriseID, in.UserTeamID, in.Channel} {
		if id != "" && !isSlackID(id) {
			return invalidRequest("an id doesn't have Slack's form")
		}
	}
	for _, f := range []struct {
		text string
		max  int
	}{
		{in.TriggerID, maxID}, {in.CallbackID, maxID}, {in.Command, maxID}, {in.MessageTS, maxID}, {in.ResponseURL, maxURL},
	} {
		if tooLong(f.text, f.max) {
			return invalidRequest("a field is too long")
		}
	}
	if a := in.Action; a != nil {
		if tooLong(a.ID, maxID) || tooLong(a.BlockID, maxID) || tooLong(a.Value, maxValue) || tooLong(a.SelectedOption, maxID) {
			return invalidRequest("an action's field is too long")
		}
	}
	if v := in.View; v != nil {
		if tooLong(v.ID, maxID) || tooLong(v.Hash, maxID) || tooLong(v.CallbackID, maxID) || tooLong(v.PrivateMetadata, maxMetadata) {
			return invalidRequest("a view's field is too long")
		}
		if len(v.State) > maxBlocks {
			return invalidRequest("the view has too many blocks")
		}
		for _, actions := range v.State {
			for _, f := range actions {
				if tooLong(f.Value, maxText) || tooLong(f.SelectedOption, maxID) || tooLong(f.SelectedUser, maxID) {
					return invalidRequest("an input is too long")
				}
			}
		}
	}
	return nil
}

// isSlackID reports whether s looks like one of Slack's ids: capital letters and digits.
func isSlackID(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// isSlackGroupID reports whether s can be the id of a Slack user group.
func isSlackGroupID(s string) bool { return isSlackID(s) && s[0] == 'S' }

func firstNonEmpty(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
