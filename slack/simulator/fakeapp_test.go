package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
)

const (
	secret = "8f742231b10e8888abcd99yyyzzz85a5"
	token  = "xoxb-1-test"
	kanal  = "C0ACCESS"
)

var people = []Person{
	{SlackID: "U0ADA", Name: "Ada Byron", Email: "Ada@example.com", Title: "Engineer", InChannel: true},
	{SlackID: "U0BOB", Name: "Bob Kahn", Email: "bob@example.com", Title: "Lead", InChannel: true},
	{SlackID: "U0CY", Name: "Cy Twombly", Email: "cy@example.com", InChannel: false},
	{SlackID: "U0GUEST", Name: "Gus Test", Email: "gus@example.com", InChannel: true, Guest: true},
	{SlackID: "U0GONE", Name: "Gone Girl", Email: "gone@example.com", InChannel: true, Deleted: true},
}

// received is a request that the fake app received.
type received struct {
	header http.Header
	body   string
	form   url.Values
}

// payload parses the request with slack-go, not with the code that made it.
func (r received) payload(t *testing.T) slackgo.InteractionCallback {
	t.Helper()
	var ic slackgo.InteractionCallback
	if err := json.Unmarshal([]byte(r.form.Get("payload")), &ic); err != nil {
		t.Fatalf("parse payload: %v\n%s", err, r.form.Get("payload"))
	}
	return ic
}

// world is a workspace, and an app that behaves as the test says.
type world struct {
	*Server
	t     *testing.T
	base  string
	slack *slackgo.Client

	mu    sync.Mutex
	now   time.Time // zero for the real clock
	got   []received
	reply func(received) string
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t}
	app := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v, err := slackgo.NewSecretsVerifier(r.Header, secret)
		if err == nil {
			v.Write(body)
			err = v.Ensure()
		}
		if err != nil && time.Until(w.clock()).Abs() < time.Minute {
			http.Error(rw, "signature", http.StatusUnauthorized)
			return
		}
		form, _ := url.ParseQuery(string(body))
		got := received{r.Header, string(body), form}
		w.mu.Lock()
		w.got = append(w.got, got)
		reply := w.reply
		w.mu.Unlock()
		if reply != nil {
			io.WriteString(rw, reply(got))
		}
	}))
	t.Cleanup(app.Close)
	cfg := Config{TeamID: "T0TEAM", AppID: "A0APP", BotToken: token, SigningSecret: secret, ChannelID: kanal,
		People: people, RequestURL: app.URL, Now: w.clock}
	if change != nil {
		change(&cfg)
	}
	w.Server = New(cfg)
	w.answerWithin = stepLimit // a pause of this machine is not one of the app
	mux := http.NewServeMux()
	mux.Handle("/api/", w.API())
	mux.Handle("/", w.Page())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	w.base = srv.URL
	w.slack = slackgo.New(token, slackgo.OptionAPIURL(srv.URL+"/api/"))
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.IsZero() {
		return time.Now()
	}
	return w.now
}

// pass moves the workspace's clock, which stands still after the first call.
func (w *world) pass(d time.Duration) {
	now := w.clock().Add(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// app sets what the app does with the next requests.
func (w *world) app(reply func(received) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reply = reply
}

func (w *world) last() received {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) == 0 {
		w.t.Fatal("the app was sent nothing")
	}
	return w.got[len(w.got)-1]
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

// do posts to /sim/… and returns the result.
func (w *world) do(path string, body map[string]any) Result {
	w.t.Helper()
	res, status := w.try(path, body)
	if status != http.StatusOK {
		w.t.Fatalf("POST /sim/%s: status %d: %s", path, status, res.Detail)
	}
	return res
}

func (w *world) try(path string, body map[string]any) (Result, int) {
	w.t.Helper()
	b, _ := json.Marshal(body)
	r, err := http.Post(w.base+"/sim/"+path, "application/json", bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	var res Result
	if err := json.NewDecoder(r.Body).Decode(&res); err != nil {
		w.t.Fatalf("POST /sim/%s: %v", path, err)
	}
	return res, r.StatusCode
}

func (w *world) get(path string, v any) {
	w.t.Helper()
	r, err := http.Get(w.base + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		w.t.Fatalf("GET %s: %v", path, err)
	}
}

// sees returns the texts that a person sees, in order.
func (w *world) sees(person string) []string {
	w.t.Helper()
	var a struct{ Messages []shownMessage }
	w.get("/sim/messages?person="+person, &a)
	out := []string{}
	for _, m := range a.Messages {
		out = append(out, m.Text)
	}
	return out
}

// call makes a raw Web API call with a JSON body.
func (w *world) call(method string, args map[string]any) map[string]any {
	w.t.Helper()
	b, _ := json.Marshal(args)
	req, _ := http.NewRequest(http.MethodPost, w.base+"/api/"+method, bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+token)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	a := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	return a
}

func plain(s string) *slackgo.TextBlockObject {
	return slackgo.NewTextBlockObject("plain_text", s, true, false)
}

// form returns a modal like the app's: an account select that loads its options from
// the app and reports the choice, a fixed duration, and a reason. suffix is part of
// the account's block id.
func form(suffix string) slackgo.ModalViewRequest {
	account := slackgo.NewOptionsSelectBlockElement("external_select", plain("Type a name"), "account")
	account.MinQueryLength = new(0)
	duration := slackgo.NewOptionsSelectBlockElement("static_select", nil, "duration",
		slackgo.NewOptionBlockObject("60", plain("1 minute"), nil), slackgo.NewOptionBlockObject("3600", plain("1 hour"), nil))
	duration.InitialOption = slackgo.NewOptionBlockObject("60", plain("1 minute"), nil)
	reason := slackgo.NewPlainTextInputBlockElement(plain("What for?"), "reason").WithMultiline(true).WithMaxLength(100)
	return slackgo.ModalViewRequest{
		Type: "modal", Title: plain("Request access"), Submit: plain("Ask"), Close: plain("Never mind"),
		CallbackID: "request_for_access", PrivateMetadata: `{"kind":"account"}`, NotifyOnClose: true,
		Blocks: slackgo.Blocks{BlockSet: []slackgo.Block{
			slackgo.NewInputBlock("account"+suffix, plain("Account"), nil, account).WithDispatchAction(true),
			slackgo.NewInputBlock("duration", plain("Duration"), nil, duration),
			slackgo.NewInputBlock("reason", plain("Reason"), plain("Shown to the approvers"), reason),
		}},
	}
}

// openForm presses the shortcut for a person and opens form.
func (w *world) openForm(person string) *slackgo.ViewResponse {
	w.t.Helper()
	var view *slackgo.ViewResponse
	w.app(func(r received) string {
		v, err := w.slack.OpenViewContext(context.Background(), r.payload(w.t).TriggerID, form(""))
		if err != nil {
			w.t.Errorf("views.open: %v", err)
		}
		view = v
		return ""
	})
	if res := w.do("shortcut", map[string]any{"person": person, "callback_id": "request_for_access"}); !res.OK {
		w.t.Fatalf("shortcut: %+v", res)
	}
	w.app(nil)
	return view
}

func options(names ...string) string {
	var list []map[string]any
	for _, n := range names {
		list = append(list, map[string]any{"text": map[string]any{"type": "plain_text", "text": n}, "value": "id-" + n})
	}
	b, _ := json.Marshal(map[string]any{"options": list})
	return string(b)
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}
