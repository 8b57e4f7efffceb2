package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

const botToken = "xoxb-1-very-secret"

// call is one call that the fake Slack received. args has the arguments, whether they
// came as a form or as JSON.
type call struct {
	method string
	token  string
	args   map[string]any
}

// fakeSlack answers calls to the Web API from a list per method. It repeats the last
// answer.
type fakeSlack struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []call
	answers map[string][]answer
}

type answer struct {
	status     int // 0 means 200
	retryAfter string
	body       string
	delay      time.Duration
}

func ok(body string) answer      { return answer{body: body} }
func refused(code string) answer { return answer{body: fmt.Sprintf(`{"ok":false,"error":%q}`, code)} }

func newFakeSlack(t *testing.T, answers map[string][]answer) *fakeSlack {
	t.Helper()
	s := &fakeSlack{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *fakeSlack) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := call{method: strings.TrimPrefix(r.URL.Path, "/api/"), args: map[string]any{}}
	c.token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		_ = json.Unmarshal(body, &c.args)
	} else {
		form, _ := url.ParseQuery(string(body))
		if r.Method == http.MethodGet {
			form = r.URL.Query()
		}
		for k := range form {
			c.args[k] = form.Get(k)
		}
		if c.token == "" {
			c.token = form.Get("token")
		}
	}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	a := answer{body: `{"ok":false,"error":"unknown_method"}`}
	if list := s.answers[c.method]; len(list) > 0 {
		a = list[0]
		if len(list) > 1 {
			s.answers[c.method] = list[1:]
		}
	}
	s.mu.Unlock()

	select {
	case <-time.After(a.delay):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = io.WriteString(w, a.body)
}

func (s *fakeSlack) client() *Client {
	c := NewClient(func(context.Context) (string, error) { return botToken, nil }, s.URL+"/api", s.Client())
	c.timeout = time.Minute // this machine may pause
	return c
}

// one returns the only call to a method.
func (s *fakeSlack) one(t *testing.T, method string) call {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []call
	for _, c := range s.calls {
		if c.method == method {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d calls of %s, want 1", len(found), method)
	}
	if found[0].token != botToken {
		t.Errorf("%s: token %q", method, found[0].token)
	}
	return found[0]
}

func (s *fakeSlack) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func TestOpenAndUpdateView(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{
		"views.open":   {ok(`{"ok":true,"view":{"id":"V0VIEW","hash":"1.abc"}}`)},
		"views.update": {ok(`{"ok":true,"view":{"id":"V0VIEW","hash":"2.def"}}`), refused("hash_conflict")},
	})
	ctx := context.Background()
	id, hash, err := s.client().OpenView(ctx, "111.222.abc", LoadingView(access.KindAccount))
	if err != nil || id != "V0VIEW" || hash != "1.abc" {
		t.Fatalf("got %q, %q, %v", id, hash, err)
	}
	opened := s.one(t, "views.open")
	if opened.args["trigger_id"] != "111.222.abc" || object(opened.args["view"])["callback_id"] != "request_for_access" {
		t.Errorf("views.open got %v", opened.args)
	}

	form := FormView(Form{Kind: access.KindAccount, Durations: hours(1)})
	if err := s.client().UpdateView(ctx, id, hash, form); err != nil {
		t.Fatal(err)
	}
	updated := s.one(t, "views.update")
	if updated.args["view_id"] != "V0VIEW" || updated.args["hash"] != "1.abc" {
		t.Errorf("views.update got %v", updated.args)
	}
	if err := s.client().UpdateView(ctx, id, hash, form); access.CodeOf(err) != access.CodeLost {
		t.Errorf("a changed view: %v, want Lost", err)
	}
}

func TestPostAndUpdate(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{
		"chat.postMessage": {ok(`{"ok":true,"channel":"C0CHANNEL","ts":"1772444000.000100"}`)},
		"chat.update":      {ok(`{"ok":true,"channel":"C0CHANNEL","ts":"1772444000.000100"}`)},
	})
	m := RequestMessage(pending())
	ts, err := s.client().Post(context.Background(), "C0CHANNEL", "1772443000.000100", m)
	if err != nil || ts != "1772444000.000100" {
		t.Fatalf("got %q, %v", ts, err)
	}
	if err := s.client().Update(context.Background(), "C0CHANNEL", ts, m); err != nil {
		t.Fatal(err)
	}
	wantBlocks, _ := json.Marshal(m.Blocks)
	for method, want := range map[string]map[string]string{
		"chat.postMessage": {"thread_ts": "1772443000.000100", "unfurl_links": "false"},
		"chat.update":      {"ts": "1772444000.000100"},
	} {
		got := s.one(t, method).args
		want["channel"] = "C0CHANNEL"
		want["text"] = m.Text
		want["blocks"] = string(wantBlocks)
		want["metadata"] = `{"event_type":"sso_elevator","event_payload":{"purpose":"announce","request_id":"abcdefghijklmnop"}}`
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %s is %v, want %s", method, k, got[k], v)
			}
		}
		if got["link_names"] != nil || got["parse"] != nil && got["parse"] != "none" {
			t.Errorf("%s: Slack would look for names in the text: %v", method, got)
		}
	}
}

func TestEphemeralAndRespondShowTextAsItIs(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{
		"chat.postEphemeral": {ok(`{"ok":true,"message_ts":"1.2"}`)},
		"respond":            {ok("ok")},
	})
	const text = "<!channel> & *friends*"
	if err := s.client().Ephemeral(context.Background(), "C0CHANNEL", "U0ALICE", "1.1", text); err != nil {
		t.Fatal(err)
	}
	if err := s.client().Respond(context.Background(), s.URL+"/api/respond", text); err != nil {
		t.Fatal(err)
	}
	const escaped = "&lt;!channel&gt; &amp; *friends*"
	e := s.one(t, "chat.postEphemeral").args
	if e["user"] != "U0ALICE" || e["thread_ts"] != "1.1" || e["text"] != escaped {
		t.Errorf("chat.postEphemeral got %v", e)
	}
	if want := `[{"type":"section","text":{"type":"plain_text","text":"\u003c!channel\u003e \u0026 *friends*","emoji":false}}]`; e["blocks"] != want {
		t.Errorf("blocks %v, want %s", e["blocks"], want)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.calls[1]
	if r.token != "" {
		t.Error("the token went to a response URL")
	}
	if r.args["response_type"] != "ephemeral" || r.args["replace_original"] != false || r.args["text"] != escaped {
		t.Errorf("the response URL got %v", r.args)
	}
	if got := object(object(list(r.args["blocks"])[0])["text"])["text"]; got != text {
		t.Errorf("text %v, want %s", got, text)
	}
}

func TestRespondOnlyToSlack(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{"respond": {answer{status: 404, body: "expired_url"}, answer{status: 500}}})
	tests := []struct {
		name string
		url  string
		want access.Code
	}{
		{"somewhere else", "https://evil.example/hooks.slack.com", access.CodeInvalid},
		{"almost Slack", "https://hooks.slack.com.evil.example/x", access.CodeInvalid},
		{"not encrypted", "http://hooks.slack.com/actions/x", access.CodeInvalid},
		{"another port", "https://hooks.slack.com:8443/x", access.CodeInvalid},
		{"with a user", "https://hooks.slack.com@evil.example/x", access.CodeInvalid},
		{"with Slack as the user's host", "https://evil@hooks.slack.com/x", access.CodeInvalid},
		{"metadata service", "http://169.254.169.254/latest/meta-data", access.CodeInvalid},
		{"nothing", "", access.CodeInvalid},
		{"not an address", "https://hooks.slack.com/%zz", access.CodeInvalid},
		{"expired", s.URL + "/api/respond", access.CodeLost},
		{"down", s.URL + "/api/respond", access.CodeUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.client().Respond(context.Background(), tt.url, "x")
			if access.CodeOf(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if got := s.count(); got != 2 {
		t.Errorf("%d calls reached the server, want those of its own address", got)
	}
	if !s.client().isResponseURL("https://hooks.slack.com/actions/T0TEAM/1/x") {
		t.Error("Slack's own response URL is refused")
	}
}

func TestUsers(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{
		"users.info": {ok(`{"ok":true,"user":{"id":"U0ALICE","team_id":"T0TEAM","name":"alice","real_name":"Alice A.","is_restricted":true,"is_email_confirmed":true,
			"profile":{"email":"Alice@Example.com","display_name":" Alice\n"},"enterprise_user":{"enterprise_id":"E0ORG","teams":["T0TEAM","T0OTHER"]}}}`),
			refused("user_not_found")},
		"users.lookupByEmail": {ok(`{"ok":true,"user":{"id":"U0BOB","team_id":"T0TEAM","deleted":true,"is_bot":true,"is_stranger":true,"profile":{"real_name":"Bob B."}}}`),
			refused("users_not_found"), refused("missing_scope")},
	})
	ctx := context.Background()

	u, err := s.client().User(ctx, "U0ALICE")
	want := User{ID: "U0ALICE", TeamID: "T0TEAM", Email: "Alice@Example.com", EmailConfirmed: true, Name: "Alice", EnterpriseID: "E0ORG", Teams: []string{"T0TEAM", "T0OTHER"}, Guest: true}
	if err != nil || fmt.Sprint(u) != fmt.Sprint(want) {
		t.Errorf("got %+v, %v, want %+v", u, err, want)
	}
	if got := s.one(t, "users.info").args["user"]; got != "U0ALICE" {
		t.Errorf("users.info asked for %v", got)
	}
	if _, err := s.client().User(ctx, "U0NOBODY"); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("nobody: %v, want NotFound", err)
	}

	u, found, err := s.client().UserByEmail(ctx, "bob@example.com")
	want = User{ID: "U0BOB", TeamID: "T0TEAM", Name: "Bob B.", Deleted: true, Bot: true, Stranger: true}
	if err != nil || !found || fmt.Sprint(u) != fmt.Sprint(want) {
		t.Errorf("got %+v, %v, %v, want %+v", u, found, err, want)
	}
	if got := s.one(t, "users.lookupByEmail").args["email"]; got != "bob@example.com" {
		t.Errorf("users.lookupByEmail asked for %v", got)
	}
	if u, found, err := s.client().UserByEmail(ctx, "dan@example.com"); err != nil || found || u.ID != "" {
		t.Errorf("nobody: got %+v, %v, %v", u, found, err)
	}
	if _, found, err := s.client().UserByEmail(ctx, "dan@example.com"); access.CodeOf(err) != access.CodeMisconfigure || found {
		t.Errorf("no scope: got %v, %v", found, err)
	}
}

func TestFullMember(t *testing.T) {
	member := User{ID: "U0ALICE", TeamID: "T0TEAM", EnterpriseID: "E0ORG", Teams: []string{"T0TEAM", "T0OTHER"}}
	tests := []struct {
		name   string
		change func(u *User)
		team   string
		want   bool
	}{
		{"member", func(*User) {}, "T0TEAM", true},
		{"member through the enterprise", func(*User) {}, "E0ORG", true},
		{"member of another workspace of the enterprise", func(*User) {}, "T0OTHER", true},
		{"of another workspace", func(*User) {}, "T0ELSE", false},
		{"no workspace configured", func(u *User) { u.EnterpriseID = "" }, "", false},
		{"deactivated", func(u *User) { u.Deleted = true }, "T0TEAM", false},
		{"bot", func(u *User) { u.Bot = true }, "T0TEAM", false},
		{"guest", func(u *User) { u.Guest = true }, "T0TEAM", false},
		{"stranger", func(u *User) { u.Stranger = true }, "T0TEAM", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := member
			tt.change(&u)
			if got := u.IsFullMember(tt.team); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMembersAmongReadsAllPages(t *testing.T) {
	pages := []answer{
		ok(`{"ok":true,"members":["U1","U2"],"response_metadata":{"next_cursor":"two"}}`),
		ok(`{"ok":true,"members":["U3"],"response_metadata":{"next_cursor":"three"}}`),
		ok(`{"ok":true,"members":["U4"],"response_metadata":{"next_cursor":""}}`),
	}
	tests := []struct {
		users string
		want  string
		calls int
	}{{"U2", "U2", 1}, {"U4", "U4", 3}, {"U5", "", 3}, {"U3 U1", "U1 U3", 2}, {"U5 U3 U2", "U2 U3", 3}}
	for _, tt := range tests {
		t.Run(tt.users, func(t *testing.T) {
			s := newFakeSlack(t, map[string][]answer{"conversations.members": slices.Clone(pages)})
			found, err := s.client().MembersAmong(context.Background(), "C0CHANNEL", strings.Fields(tt.users))
			if got := strings.Join(slices.Sorted(maps.Keys(found)), " "); err != nil || got != tt.want || s.count() != tt.calls {
				t.Errorf("got %v, %v after %d calls, want %v after %d", got, err, s.count(), tt.want, tt.calls)
			}
			for i, cursor := range []any{nil, "two", "three"}[:tt.calls] {
				if s.calls[i].args["cursor"] != cursor || s.calls[i].args["channel"] != "C0CHANNEL" {
					t.Errorf("call %d: %v", i, s.calls[i].args)
				}
			}
		})
	}
	s := newFakeSlack(t, map[string][]answer{"conversations.members": {pages[0], refused("channel_not_found")}})
	if _, err := s.client().MembersAmong(context.Background(), "C0CHANNEL", []string{"U5"}); access.CodeOf(err) != access.CodeMisconfigure {
		t.Errorf("a page that can't be read: %v, want Misconfigured", err)
	}
}

func TestFindPost(t *testing.T) {
	first := `{"ok":true,"messages":[{"ts":"9.1","text":"chat"},
		{"ts":"9.2","metadata":{"event_type":"sso_elevator","event_payload":{"request_id":"abcdefghijklmnop","purpose":"remind"}}},
		{"ts":"9.3","metadata":{"event_type":"other","event_payload":{"request_id":"abcdefghijklmnop","purpose":"announce"}}}],
		"has_more":true,"response_metadata":{"next_cursor":"two"}}`
	second := `{"ok":true,"messages":[{"ts":"8.1","metadata":{"event_type":"sso_elevator","event_payload":{"request_id":"abcdefghijklmnop","purpose":"announce"}}}],"response_metadata":{"next_cursor":""}}`
	tests := []struct {
		name    string
		thread  string
		request string
		method  string
		want    string
	}{
		{"in the channel", "", "abcdefghijklmnop", "conversations.history", "8.1"},
		{"in a thread", "7.1", "abcdefghijklmnop", "conversations.replies", "8.1"},
		{"of another request", "", "qrstuvwxyz234567", "conversations.history", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newFakeSlack(t, map[string][]answer{tt.method: {ok(first), ok(second)}})
			since := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
			ts, found, err := s.client().FindPost(context.Background(), "C0CHANNEL", tt.thread, Message{RequestID: tt.request, Purpose: "announce", Since: since})
			if err != nil || ts != tt.want || found != (tt.want != "") {
				t.Fatalf("got %q, %v, %v, want %q", ts, found, err, tt.want)
			}
			for _, c := range s.calls {
				if c.args["include_all_metadata"] != "1" || c.args["channel"] != "C0CHANNEL" || c.args["oldest"] != "1772441700" {
					t.Errorf("%s got %v", c.method, c.args)
				}
				if tt.thread != "" && c.args["ts"] != tt.thread {
					t.Errorf("%s got %v", c.method, c.args)
				}
			}
		})
	}
}

// A post may be older than all the messages that FindPost reads. Then nobody knows whether it is
// there, so it must not be sent again.
func TestFindPostInABusyChannel(t *testing.T) {
	page := func(i int) answer {
		return ok(fmt.Sprintf(`{"ok":true,"messages":[{"ts":"9.%d","text":"chat"}],"has_more":true,"response_metadata":{"next_cursor":"page%d"}}`, i, i))
	}
	var busy []answer
	for i := range maxHistoryPages {
		busy = append(busy, page(i))
	}
	for name, tt := range map[string]struct {
		since time.Time
		want  access.Code
	}{
		"a request":                      {time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), access.CodeUnavailable},
		"a request whose row is rebuilt": {time.Time{}, ""},
	} {
		s := newFakeSlack(t, map[string][]answer{"conversations.history": slices.Clone(busy)})
		_, found, err := s.client().FindPost(context.Background(), "C0CHANNEL", "", Message{RequestID: "abcdefghijklmnop", Purpose: "announce", Since: tt.since})
		if found || access.CodeOf(err) != tt.want || len(s.calls) != maxHistoryPages {
			t.Errorf("%s: found %t, %v, %d calls", name, found, err, len(s.calls))
		}
	}
}

func TestOpenDM(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{"conversations.open": {ok(`{"ok":true,"channel":{"id":"D0ALICE"}}`), ok(`{"ok":true}`)}})
	channel, err := s.client().OpenDM(context.Background(), "U0ALICE")
	if err != nil || channel != "D0ALICE" {
		t.Errorf("got %q, %v", channel, err)
	}
	if got := s.one(t, "conversations.open").args["users"]; got != "U0ALICE" {
		t.Errorf("users %v", got)
	}
	if _, err := s.client().OpenDM(context.Background(), "U0ALICE"); access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("an answer without a channel: %v", err)
	}
}

func TestErrorsAreCoded(t *testing.T) {
	tests := []struct {
		name   string
		answer answer
		want   access.Code
		says   string
	}{
		{"rate limit without a time", answer{status: 429}, access.CodeThrottled, "Slack's rate limit is reached"},
		{"rate limit in the body", refused("ratelimited"), access.CodeThrottled, "ratelimited"},
		{"down", answer{status: 503, body: "<html>"}, access.CodeUnavailable, "status 503"},
		{"internal_error", refused("internal_error"), access.CodeUnavailable, "internal_error"},
		{"not JSON", ok("<html>" + botToken), access.CodeUnavailable, "can't read Slack's answer"},
		{"forbidden", answer{status: 403}, access.CodeInternal, "status 403"},
		{"invalid_auth", refused("invalid_auth"), access.CodeMisconfigure, "bot token"},
		{"token_revoked", refused("token_revoked"), access.CodeMisconfigure, "bot token"},
		{"channel_not_found", refused("channel_not_found"), access.CodeMisconfigure, "channel id in the settings"},
		{"messages_tab_disabled", refused("messages_tab_disabled"), access.CodeMisconfigure, "Messages Tab (App Home"},
		{"not_in_channel", refused("not_in_channel"), access.CodeMisconfigure, "invite the app"},
		{"restricted_action_thread_only_channel", refused("restricted_action_thread_only_channel"), access.CodeMisconfigure, "settings"},
		{"missing_scope", ok(`{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"users:read"}`), access.CodeMisconfigure, "chat:write"},
		{"expired_trigger_id", refused("expired_trigger_id"), access.CodeLost, ""},
		{"message_not_found", refused("message_not_found"), access.CodeNotFound, ""},
		{"invalid_blocks", ok(`{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] must be less than 3001 characters, is 'my private reason' [json-pointer:/blocks/0/text]"]}}`),
			access.CodeInternal, "[json-pointer:/blocks/0/text]"},
		{"something new", refused("brand_new_error"), access.CodeInternal, "brand_new_error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newFakeSlack(t, map[string][]answer{"chat.postMessage": {tt.answer}})
			_, err := s.client().Post(context.Background(), "C0CHANNEL", "", RequestMessage(pending()))
			if got := access.CodeOf(err); got != tt.want || err == nil {
				t.Fatalf("got %q (%v), want %q", got, err, tt.want)
			}
			if !strings.HasPrefix(err.Error(), "post a message: ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q, want %q in it", err, tt.says)
			}
			if strings.Contains(err.Error(), botToken) || strings.Contains(err.Error(), "private reason") {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	s := newFakeSlack(t, nil)
	s.Close()
	_, err := s.client().User(context.Background(), "U0ALICE")
	if access.CodeOf(err) != access.CodeUnavailable || strings.Contains(err.Error(), botToken) {
		t.Errorf("got %v, want Unavailable", err)
	}
}

func TestSlowAnswer(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration // of one call
		context time.Duration
	}{
		{"one call takes too long", 50 * time.Millisecond, time.Minute},
		{"the context ends", callTimeout, 50 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newFakeSlack(t, map[string][]answer{"users.info": {{body: `{"ok":true}`, delay: 3 * time.Second}}})
			ctx, cancel := context.WithTimeout(context.Background(), tt.context)
			defer cancel()
			c := s.client()
			if usual := NewClient(nil, s.URL, s.Client()).timeout; usual != 4*time.Second {
				t.Errorf("a call may take %s, want 4s", usual)
			}
			c.timeout = tt.timeout
			if _, err := c.User(ctx, "U0ALICE"); access.CodeOf(err) != access.CodeUnavailable {
				t.Errorf("got %v, want Unavailable", err)
			}
		})
	}
}

func TestTokenThatCannotBeRead(t *testing.T) {
	s := newFakeSlack(t, nil)
	c := NewClient(func(context.Context) (string, error) {
		return "", access.Errorf(access.CodeMisconfigure, "parameter /x does not exist")
	}, s.URL, s.Client())
	if _, err := c.User(context.Background(), "U0ALICE"); access.CodeOf(err) != access.CodeMisconfigure {
		t.Errorf("got %v, want the code of the token's error", err)
	}
	if s.count() != 0 {
		t.Error("Slack was called without a token")
	}
}

// If Slack refuses a call and the stored bot token has changed, the client uses the
// new token at once.
func TestChangedTokenIsTakenUp(t *testing.T) {
	tests := []struct {
		name, refusal, next string
		fresh               bool
		wantTokens          []string
		wantCode            access.Code
	}{
		{"revoked, another one is there", "token_revoked", "xoxb-2", true, []string{"xoxb-1", "xoxb-2"}, ""},
		{"the app was removed and installed again", "account_inactive", "xoxb-2", true, []string{"xoxb-1", "xoxb-2"}, ""},
		{"revoked, the same one is there", "token_revoked", "xoxb-1", true, []string{"xoxb-1"}, access.CodeMisconfigure},
		{"read again just now", "token_revoked", "xoxb-2", false, []string{"xoxb-1"}, access.CodeMisconfigure},
		{"refused for something else", "not_in_channel", "xoxb-2", true, []string{"xoxb-1"}, access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := newFakeSlack(t, map[string][]answer{"conversations.open": {refused(test.refusal), ok(`{"ok":true,"channel":{"id":"D1"}}`)}})
			current := "xoxb-1"
			c := NewClient(func(context.Context) (string, error) { return current, nil }, fake.URL+"/api/", nil)
			c.Refresh = func() bool {
				if test.fresh {
					current = test.next
				}
				return test.fresh
			}
			if _, err := c.OpenDM(t.Context(), "U1"); access.CodeOf(err) != test.wantCode {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
			var tokens []string
			for _, call := range fake.calls {
				tokens = append(tokens, call.token)
			}
			if !slices.Equal(tokens, test.wantTokens) {
				t.Errorf("called with %q, want %q", tokens, test.wantTokens)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	limited := func(seconds string) answer { return answer{status: 429, retryAfter: seconds} }
	done := ok(`{"ok":true,"user":{"id":"U0ALICE"}}`)
	tests := []struct {
		name     string
		answers  []answer
		deadline time.Duration // 0 for none
		want     access.Code
		waits    []time.Duration
	}{
		{"waits and calls again", []answer{limited("2"), limited("1"), done}, time.Minute, "", []time.Duration{2 * time.Second, time.Second}},
		{"no deadline", []answer{limited("30"), done}, 0, "", []time.Duration{30 * time.Second}},
		{"longer than the deadline", []answer{limited("61"), done}, time.Minute, access.CodeThrottled, nil},
		{"too long without a deadline", []answer{limited("31"), done}, 0, access.CodeThrottled, nil},
		{"again and again", []answer{limited("1")}, time.Minute, access.CodeThrottled, []time.Duration{time.Second, time.Second, time.Second}},
		{"then down", []answer{limited("1"), {status: 500}}, time.Minute, access.CodeUnavailable, []time.Duration{time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newFakeSlack(t, map[string][]answer{"users.info": tt.answers})
			ctx := context.Background()
			if tt.deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.deadline)
				defer cancel()
			}
			c := s.client()
			var waits []time.Duration
			c.sleep = func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			}
			_, err := c.User(ctx, "U0ALICE")
			if access.CodeOf(err) != tt.want {
				t.Errorf("got %v, want code %q", err, tt.want)
			}
			if !slices.Equal(waits, tt.waits) {
				t.Errorf("waits %v, want %v", waits, tt.waits)
			}
			if got := s.count(); got != len(tt.waits)+1 {
				t.Errorf("%d calls, want %d", got, len(tt.waits)+1)
			}
		})
	}
}

// TestRetryAfterOutlivesTheCall checks that the next call still respects a Retry-After
// that is too long to wait for.
func TestRetryAfterOutlivesTheCall(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{
		"users.info":          {{status: 429, retryAfter: "61"}, ok(`{"ok":true,"user":{"id":"U0ALICE"}}`)},
		"users.lookupByEmail": {ok(`{"ok":true,"user":{"id":"U0ALICE"}}`)},
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := s.client()
	var failed []access.Code
	c.OnError = func(err error) { failed = append(failed, access.CodeOf(err)) }
	for range 2 {
		if _, err := c.User(ctx, "U0ALICE"); access.CodeOf(err) != access.CodeThrottled {
			t.Errorf("got %v, want Throttled", err)
		}
	}
	if got := s.count(); got != 1 {
		t.Errorf("%d calls within the time that Slack asked to wait, want 1", got)
	}
	if want := []access.Code{access.CodeThrottled, access.CodeThrottled}; !slices.Equal(failed, want) {
		t.Errorf("heard of %q, want %q", failed, want)
	}
	if _, _, err := c.UserByEmail(ctx, "alice@example.com"); err != nil {
		t.Errorf("another kind of call: %v", err)
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := sleep(context.Background(), time.Millisecond); err != nil {
		t.Errorf("got %v", err)
	}
}
