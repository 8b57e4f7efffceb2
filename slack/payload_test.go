package slack

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"sso-elevator/functions/access"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func payloadBody(payload string) string { return url.Values{"payload": {payload}}.Encode() }

// These are payloads as Slack sends them, without the parts that nobody reads.
const (
	shortcutPayload = `{"type":"shortcut","token":"legacy","action_ts":"1772444000.1","team":{"id":"T0TEAM","domain":"example"},
		"user":{"id":"U0ALICE","username":"alice","team_id":"T0TEAM"},"is_enterprise_install":false,"enterprise":null,
		"callback_id":"request_for_access","trigger_id":"111.222.abc","api_app_id":"A0APP"}`
	buttonPayload = `{"type":"block_actions","user":{"id":"U0BOB","username":"bob","team_id":"T0TEAM"},"api_app_id":"A0APP",
		"container":{"type":"message","message_ts":"1772444000.000100","channel_id":"C0CHANNEL","is_ephemeral":false},
		"trigger_id":"111.222.abc","team":{"id":"T0TEAM"},"enterprise":{"id":"E0ORG","name":"Example"},
		"channel":{"id":"C0CHANNEL","name":"access"},"message":{"ts":"1772444000.000100","text":"x","blocks":[{"type":"header"}]},
		"state":{"values":{}},"response_url":"https://hooks.slack.com/actions/T0TEAM/1/x",
		"actions":[{"action_id":"approve","block_id":"actions","text":{"type":"plain_text","text":"Approve"},"value":"abcdefghijklmnop","type":"button"}]}`
	selectPayload = `{"type":"block_actions","user":{"id":"U0ALICE","team_id":"T0TEAM"},"api_app_id":"A0APP","trigger_id":"111.222.abc",
		"team":{"id":"T0TEAM"},"container":{"type":"view","view_id":"V0VIEW"},
		"view":{"id":"V0VIEW","team_id":"T0TEAM","type":"modal","private_metadata":"{\"kind\":\"account\"}","callback_id":"request_for_access",
			"hash":"1772444000.abc","state":{"values":{"account":{"account":{"type":"external_select","selected_option":{"text":{"type":"plain_text","text":"Sandbox"},"value":"111122223333"}}},
			"reason":{"reason":{"type":"plain_text_input","value":null}}}}},
		"actions":[{"type":"external_select","action_id":"account","block_id":"account","selected_option":{"text":{"type":"plain_text","text":"Sandbox"},"value":"111122223333"}}]}`
	suggestionPayload = `{"type":"block_suggestion","user":{"id":"U0ALICE","team_id":"T0TEAM"},"container":{"type":"view","view_id":"V0VIEW"},
		"api_app_id":"A0APP","action_id":"permission_set","block_id":"permission_set-111122223333","value":" Read\tOn ","team":{"id":"T0TEAM"},
		"view":{"id":"V0VIEW","private_metadata":"{}","callback_id":"request_for_access","hash":"1.abc","state":{"values":{}}}}`
	submissionPayload = `{"type":"view_submission","team":{"id":"T0TEAM","domain":"example-2"},"user":{"id":"U0ALICE","team_id":"T0TEAM"},"api_app_id":"A0APP","trigger_id":"111.222.abc",
		"view":{"id":"V0VIEW","hash":"1.abc","callback_id":"request_for_group_membership","private_metadata":"","state":{"values":{"reason":{"reason":{"type":"plain_text_input","value":"on call"}}}}},
		"response_urls":[]}`
	closedPayload = `{"type":"view_closed","team":null,"enterprise":{"id":"E0ORG"},"is_enterprise_install":true,"user":{"id":"W0ALICE"},"api_app_id":"A0APP",
		"view":{"id":"V0VIEW","callback_id":"request_for_access"},"is_cleared":false}`
	homePressPayload = `{"type":"block_actions","user":{"id":"U0BOB","team_id":"T0TEAM"},"api_app_id":"A0APP","trigger_id":"111.222.abc",
		"team":{"id":"T0TEAM","domain":"example"},"enterprise":null,"is_enterprise_install":false,"container":{"type":"view","view_id":"V0HOME"},
		"view":{"id":"V0HOME","team_id":"T0TEAM","type":"home","blocks":[],"private_metadata":"","callback_id":"","hash":"1.abc","root_view_id":"V0HOME","state":{"values":{}}},
		"actions":[{"action_id":"withdraw#3","block_id":"pending-actions","text":{"type":"plain_text","text":"Withdraw 3"},"value":"abcdefghijklmnop","type":"button"}]}`
	homeOpened = `{"token":"legacy","team_id":"T0TEAM","enterprise_id":"E0ORG","api_app_id":"A0APP","type":"event_callback","event_id":"Ev1","event_time":1772444000,
		"event":{"type":"app_home_opened","user":"U0BOB","channel":"D0BOB","tab":"home","event_ts":"1772444000.1","view":{"id":"V0HOME","type":"home","blocks":[{"type":"rich_text"}]}},
		"authorizations":[{"enterprise_id":null,"team_id":"T0TEAM","user_id":"U0BOT","is_bot":true,"is_enterprise_install":false}]}`
	verification = `{"token":"legacy","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}`

	commandBody = "token=legacy&team_id=T0TEAM&team_domain=example&channel_id=C0CHANNEL&channel_name=access&user_id=U0ALICE&user_name=alice" +
		"&command=%2Faccess&text=&api_app_id=A0APP&is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&trigger_id=111.222.abc"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		body string
		want Interaction
	}{
		{"shortcut", payloadBody(shortcutPayload), Interaction{
			Kind: KindShortcut, TeamDomain: "example", TeamID: "T0TEAM", AppID: "A0APP", UserID: "U0ALICE", UserTeamID: "T0TEAM",
			TriggerID: "111.222.abc", CallbackID: "request_for_access",
		}},
		{"slash command", commandBody, Interaction{
			Kind: KindCommand, TeamDomain: "example", TeamID: "T0TEAM", AppID: "A0APP", UserID: "U0ALICE", TriggerID: "111.222.abc",
			Command: "/access", Channel: "C0CHANNEL", ResponseURL: "https://hooks.slack.com/commands/1",
		}},
		{"button", payloadBody(buttonPayload), Interaction{
			Kind: KindAction, TeamID: "T0TEAM", EnterpriseID: "E0ORG", AppID: "A0APP", UserID: "U0BOB", UserTeamID: "T0TEAM",
			TriggerID: "111.222.abc", ResponseURL: "https://hooks.slack.com/actions/T0TEAM/1/x",
			Action:  &Action{ID: "approve", BlockID: "actions", Value: "abcdefghijklmnop"},
			Channel: "C0CHANNEL", MessageTS: "1772444000.000100",
		}},
		{"select", payloadBody(selectPayload), Interaction{
			Kind: KindAction, TeamID: "T0TEAM", AppID: "A0APP", UserID: "U0ALICE", UserTeamID: "T0TEAM",
			TriggerID: "111.222.abc", CallbackID: "request_for_access",
			Action: &Action{ID: "account", BlockID: "account", SelectedOption: "111122223333"},
			View: &View{ID: "V0VIEW", Hash: "1772444000.abc", CallbackID: "request_for_access", PrivateMetadata: `{"kind":"account"}`, State: FormState{
				"account": {"account": {SelectedOption: "111122223333"}},
				"reason":  {"reason": {}},
			}},
		}},
		{"suggestion", payloadBody(suggestionPayload), Interaction{
			Kind: KindSuggestion, TeamID: "T0TEAM", AppID: "A0APP", UserID: "U0ALICE", UserTeamID: "T0TEAM",
			CallbackID: "request_for_access", Query: "Read On",
			Action: &Action{ID: "permission_set", BlockID: "permission_set-111122223333"},
			View:   &View{ID: "V0VIEW", Hash: "1.abc", CallbackID: "request_for_access", PrivateMetadata: "{}", State: FormState{}},
		}},
		{"submission", payloadBody(submissionPayload), Interaction{
			Kind: KindSubmission, TeamDomain: "example-2", TeamID: "T0TEAM", AppID: "A0APP", UserID: "U0ALICE", UserTeamID: "T0TEAM",
			TriggerID: "111.222.abc", CallbackID: "request_for_group_membership",
			View: &View{ID: "V0VIEW", Hash: "1.abc", CallbackID: "request_for_group_membership", State: FormState{
				"reason": {"reason": {Value: "on call"}},
			}},
		}},
		{"closed, in an enterprise", payloadBody(closedPayload), Interaction{
			Kind: KindClosed, EnterpriseID: "E0ORG", AppID: "A0APP", UserID: "W0ALICE", CallbackID: "request_for_access",
			View: &View{ID: "V0VIEW", CallbackID: "request_for_access", State: FormState{}},
		}},
		{"ssl check", "ssl_check=1&token=legacy", Interaction{Kind: KindSSLCheck}},
		{"button in the Home tab", payloadBody(homePressPayload), Interaction{
			Kind: KindAction, TeamDomain: "example", TeamID: "T0TEAM", AppID: "A0APP", UserID: "U0BOB", UserTeamID: "T0TEAM", TriggerID: "111.222.abc",
			Action: &Action{ID: "withdraw", BlockID: "pending-actions", Value: "abcdefghijklmnop"},
			View:   &View{ID: "V0HOME", Hash: "1.abc", State: FormState{}, IsHome: true},
		}},
		{"a message's button with a number", payloadBody(strings.Replace(buttonPayload, `"approve"`, `"approve#2"`, 1)), Interaction{
			Kind: KindAction, TeamID: "T0TEAM", EnterpriseID: "E0ORG", AppID: "A0APP", UserID: "U0BOB", UserTeamID: "T0TEAM",
			TriggerID: "111.222.abc", ResponseURL: "https://hooks.slack.com/actions/T0TEAM/1/x",
			Action:  &Action{ID: "approve#2", BlockID: "actions", Value: "abcdefghijklmnop"},
			Channel: "C0CHANNEL", MessageTS: "1772444000.000100",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(formType+"; charset=utf-8", []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestParseEvents(t *testing.T) {
	other := Interaction{Kind: KindOtherEvent, TeamID: "T0TEAM", EnterpriseID: "E0ORG", AppID: "A0APP"}
	tests := []struct {
		name string
		body string
		want Interaction
	}{
		{"Home tab opened", homeOpened, Interaction{Kind: KindHomeOpened, TeamID: "T0TEAM", EnterpriseID: "E0ORG", AppID: "A0APP", UserID: "U0BOB"}},
		{"Messages tab opened", strings.Replace(homeOpened, `"tab":"home"`, `"tab":"messages"`, 1), other},
		{"no tab", strings.Replace(homeOpened, `"tab":"home",`, ``, 1), other},
		{"another event", strings.Replace(homeOpened, "app_home_opened", "message", 1), other},
		{"verification", verification, Interaction{Kind: KindVerification, Challenge: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(jsonType, []byte(tt.body))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
			// The signature doesn't cover the content type.
			if got, err := Parse(formType, []byte(tt.body)); access.CodeOf(err) != access.CodeInvalid {
				t.Errorf("as a form, it is read as %+v, %v", got, err)
			}
		})
	}
	if got, want := string(ChallengeResponse("a/b+c=")), `{"challenge":"a/b+c="}`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
}

// Links are made of the workspace's domain. One that can't be part of a host name is
// dropped.
func TestTeamDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"example": "example", "my-team-2": "my-team-2", strings.Repeat("a", 63): strings.Repeat("a", 63),
		"evil.com/": "", "evil.com#": "", "a/b": "", "Example": "", "ex ample": "", "ex\u00e4mple": "", strings.Repeat("a", 64): "", "": "",
	} {
		body := payloadBody(strings.Replace(submissionPayload, "example-2", domain, 1))
		in, err := Parse(formType, []byte(body))
		if err != nil || in.TeamDomain != want {
			t.Errorf("%q: got %q, %v; want %q", domain, in.TeamDomain, err, want)
		}
		command := strings.Replace(commandBody, "team_domain=example&", "team_domain="+url.QueryEscape(domain)+"&", 1)
		if in, err := Parse(formType, []byte(command)); err != nil || in.TeamDomain != want {
			t.Errorf("%q in a command: got %q, %v; want %q", domain, in.TeamDomain, err, want)
		}
	}
}

// altered is a payload with one field, by its path, set to value; nil removes it.
func altered(t *testing.T, payload string, value any, path ...string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(payload), &m); err != nil {
		t.Fatal(err)
	}
	at := m
	for _, p := range path[:len(path)-1] {
		at = at[p].(map[string]any)
	}
	at[path[len(path)-1]] = value
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return payloadBody(string(b))
}

func TestParseRefuses(t *testing.T) {
	const mark = "s3cr3t"
	long := strings.Repeat("x", 5000)
	blocks := map[string]any{}
	for i := range 101 {
		blocks[strings.Repeat("b", i+1)] = map[string]any{}
	}
	tests := []struct{ name, contentType, body string }{
		{"empty", formType, ""},
		{"JSON as a form", formType, `{"type":"url_verification","challenge":"` + mark + `"}`},
		{"a form as JSON", jsonType, payloadBody(shortcutPayload)},
		{"an interaction as JSON", jsonType, shortcutPayload},
		{"an event that quotes a form", formType, strings.Replace(homeOpened, "rich_text", "&"+payloadBody(buttonPayload)+"&x=", 1)},
		{"no JSON", jsonType, mark},
		{"JSON null", jsonType, "null"},
		{"JSON with something behind", jsonType, verification + mark},
		{"event of another form", jsonType, `{"type":"event_callback","event":"` + mark + `"}`},
		{"unknown kind of event", jsonType, `{"type":"app_rate_limited","team_id":"T0TEAM","api_app_id":"A0APP","x":"` + mark + `"}`},
		{"event of an interaction", formType, altered(t, shortcutPayload, "event_callback", "type")},
		{"interaction that opens the Home tab", formType, altered(t, shortcutPayload, "app_home_opened", "type")},
		{"interaction that verifies", formType, altered(t, shortcutPayload, "url_verification", "type")},
		{"no challenge", jsonType, `{"type":"url_verification"}`},
		{"challenge with markup", jsonType, `{"type":"url_verification","challenge":"<script>` + mark + `"}`},
		{"long challenge", jsonType, `{"type":"url_verification","challenge":"` + long + `"}`},
		{"event without a user", jsonType, strings.Replace(homeOpened, "U0BOB", "", 1)},
		{"event of a user that is none", jsonType, strings.Replace(homeOpened, "U0BOB", "U0> <!channel", 1)},
		{"event without an app", jsonType, strings.Replace(homeOpened, "A0APP", "", 1)},
		{"event without a team", jsonType, strings.Replace(strings.Replace(homeOpened, "T0TEAM", "", 1), "E0ORG", "", 1)},
		{"submission of the Home tab", formType, altered(t, submissionPayload, "home", "view", "type")},
		{"no content type", "", payloadBody(shortcutPayload)},
		{"not a form", formType, "payload=%zz" + mark},
		{"something else", formType, "a=" + mark},
		{"twice", formType, payloadBody(shortcutPayload) + "&" + payloadBody(shortcutPayload)},
		{"too many fields", formType, payloadBody(shortcutPayload) + "&" + manyFields(64)},
		{"too large", formType, payloadBody(strings.Repeat(" ", 512<<10) + shortcutPayload)},
		{"payload not JSON", formType, payloadBody(mark)},
		{"payload with something behind", formType, payloadBody(shortcutPayload + mark)},
		{"payload null", formType, payloadBody("null")},
		{"payload of another form", formType, payloadBody(`{"type":"shortcut","team":"` + mark + `"}`)},
		{"too deep", formType, payloadBody(strings.Repeat("[", 20000))},
		{"unknown kind", formType, altered(t, shortcutPayload, "message_action", "type")},
		{"kind of a command", formType, altered(t, shortcutPayload, "command", "type")},
		{"kind of an ssl check", formType, altered(t, shortcutPayload, "ssl_check", "type")},
		{"no user", formType, altered(t, shortcutPayload, "", "user", "id")},
		{"no app", formType, altered(t, shortcutPayload, nil, "api_app_id")},
		{"no team", formType, altered(t, shortcutPayload, nil, "team")},
		{"no trigger", formType, altered(t, shortcutPayload, nil, "trigger_id")},
		{"no callback", formType, altered(t, shortcutPayload, nil, "callback_id")},
		{"user id is not one", formType, altered(t, shortcutPayload, "U0> <!channel", "user", "id")},
		{"channel id is not one", formType, altered(t, buttonPayload, "C0/../x", "channel", "id")},
		{"long callback", formType, altered(t, shortcutPayload, long, "callback_id")},
		{"no actions", formType, altered(t, buttonPayload, []any{}, "actions")},
		{"action without id", formType, altered(t, buttonPayload, []any{map[string]any{"value": "x"}}, "actions")},
		{"long value", formType, altered(t, buttonPayload, []any{map[string]any{"action_id": "approve", "value": long}}, "actions")},
		{"long response URL", formType, altered(t, buttonPayload, long, "response_url")},
		{"submission without view", formType, altered(t, submissionPayload, nil, "view")},
		{"view without id", formType, altered(t, submissionPayload, "", "view", "id")},
		{"long metadata", formType, altered(t, submissionPayload, long, "view", "private_metadata")},
		{"long input", formType, altered(t, submissionPayload, map[string]any{"reason": map[string]any{"reason": map[string]any{"value": long}}}, "view", "state", "values")},
		{"too many blocks", formType, altered(t, submissionPayload, blocks, "view", "state", "values")},
		{"command without user", formType, strings.Replace(commandBody, "user_id=U0ALICE", "", 1)},
		{"command without trigger", formType, strings.Replace(commandBody, "trigger_id=111.222.abc", "", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.contentType, []byte(tt.body))
			if access.CodeOf(err) != access.CodeInvalid {
				t.Fatalf("error %v, want Invalid", err)
			}
			if strings.Contains(err.Error(), mark) || len(err.Error()) > 200 {
				t.Errorf("the error repeats the body: %v", err)
			}
		})
	}
}

func manyFields(n int) string {
	form := url.Values{}
	for i := range n {
		form.Set(strings.Repeat("f", i+1), "x")
	}
	return form.Encode()
}

func TestLongQueryIsCut(t *testing.T) {
	in, err := Parse(formType, []byte(altered(t, suggestionPayload, strings.Repeat("é", 5000), "value")))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("é", 150); in.Query != want {
		t.Errorf("query of %d bytes, want %d", len(in.Query), len(want))
	}
}

func TestKindOf(t *testing.T) {
	tests := []struct {
		name string
		want access.Kind
	}{
		{"request_for_access", access.KindAccount},
		{"/access", access.KindAccount},
		{"request_for_group_membership", access.KindGroup},
		{"/group-access", access.KindGroup},
		{"something", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, ok := KindOf(tt.name)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("KindOf(%q) = %q, %v", tt.name, got, ok)
		}
	}
}

// A parsed request is within Slack's limits, its ids are valid, and it is one form
// with one value per field. A refusal is Invalid, and its text contains nothing from
// the body.
func FuzzParse(f *testing.F) {
	for _, p := range []string{shortcutPayload, buttonPayload, homePressPayload, selectPayload, suggestionPayload, submissionPayload, closedPayload, "{}", "null", "[",
		`{"type":"block_actions","team":{"id":"T1"},"TEAM":{"ID":"T2"},"user":{"id":"U1"},"api_app_id":"A1","actions":[{"action_id":"approve","value":"r"}]}`,
		`{"type":"view_submission","team":{"id":"T1"},"user":{"id":"U1"},"api_app_id":"A1","view":{"id":"V1","state":{"values":{"a":null,"b":{"c":null}}}}}`,
	} {
		f.Add(formType, []byte(payloadBody(p)))
	}
	f.Add(formType, []byte(commandBody))
	f.Add(formType, []byte("ssl_check=1"))
	f.Add(formType, []byte("payload=%7B%7D&payload=%7B%7D"))
	for _, event := range []string{"{}", homeOpened, verification, strings.Replace(homeOpened, "home_opened", "uninstalled", 1), `{"type":"url_verification","challenge":"<&>"}`} {
		f.Add("application/json", []byte(event))
		f.Add(formType, []byte(event))
	}
	f.Add("", []byte("%zz"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		in, err := Parse(contentType, body)
		if err != nil {
			if access.CodeOf(err) != access.CodeInvalid || len(err.Error()) > 100 || !reflect.DeepEqual(in, Interaction{}) && in.check() == nil {
				t.Errorf("%v of code %q", err, access.CodeOf(err))
			}
			return
		}
		switch in.Kind {
		case KindSSLCheck:
			return
		case KindVerification:
			if !reflect.DeepEqual(in, Interaction{Kind: KindVerification, Challenge: in.Challenge}) || len(in.Challenge) > 255 || strings.ContainsAny(in.Challenge, "<>&\"'\\ ") {
				t.Errorf("the verification is %+v", in)
			}
		case KindHomeOpened, KindOtherEvent:
			if in.Kind == KindHomeOpened != isSlackID(in.UserID) || !isSlackID(in.AppID) || !isSlackID(in.TeamID) && !isSlackID(in.EnterpriseID) || in.Action != nil || in.View != nil {
				t.Errorf("the event is %+v", in)
			}
		}
		if in.Kind == KindVerification || in.Kind == KindHomeOpened || in.Kind == KindOtherEvent {
			if again, err := Parse(formType, body); err == nil {
				t.Errorf("an event is read as a form, too: %+v", again)
			}
			return
		}
		if again, err := Parse("application/json", body); err == nil {
			t.Errorf("a form is read as an event, too: %+v", again)
		}
		if !isSlackID(in.UserID) || !isSlackID(in.AppID) || !isSlackID(in.TeamID) && !isSlackID(in.EnterpriseID) {
			t.Errorf("user %q, app %q, team %q, enterprise %q", in.UserID, in.AppID, in.TeamID, in.EnterpriseID)
		}
		if utf8.RuneCountInString(in.Query) > 150 || in.Query != clean(in.Query) {
			t.Errorf("the query is %q", in.Query)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil || len(form["payload"]) > 1 || len(form["command"]) > 1 {
			t.Errorf("%q is read: %v", body, err)
		}
		if in.Kind == KindCommand != (len(form["payload"]) == 0) {
			t.Errorf("%q is a %s", body, in.Kind)
		}
		if in.Action != nil && utf8.RuneCountInString(in.Action.Value) > 2000 || in.View != nil && (utf8.RuneCountInString(in.View.PrivateMetadata) > 3000 || len(in.View.State) > 100) {
			t.Errorf("larger than Slack's: %+v", in)
		}
		if in.View != nil {
			checkSubmission(t, in.View)
		}
		if again, err := Parse("APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8", body); err != nil || !reflect.DeepEqual(in, again) {
			t.Errorf("read again as %+v, %v; want %+v", again, err, in)
		}
	})
}
