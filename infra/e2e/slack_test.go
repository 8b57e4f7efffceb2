package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

// form is a form that a person has open.
type form struct {
	stack  *stack
	person string
	viewID string
	took   time.Duration // lets the app respond to what opened it
	unlock func()
}

type viewState struct {
	ID    string          `json:"id"`
	Title json.RawMessage `json:"title"`
	Raw   json.RawMessage `json:"-"`
}

// open opens the form for access to an account, as the shortcut does.
func (s *stack) open(t *testing.T, person string) *form {
	t.Helper()
	for n := range s.patience() {
		time.Sleep(time.Duration(n) * time.Second)
		f := s.openBy(t, "/sim/shortcut", map[string]string{"person": person, "callback_id": "request_for_access"})
		v, err := s.topView(person)
		stuck := err == nil && (strings.Contains(string(v.Raw), notInTime) || strings.Contains(string(v.Raw), loading))
		if n == s.patience()-1 || !stuck {
			return f
		}
		s.doAgain(t, f.took, person+" opens the form")
		f.unlock()
	}
	panic("nobody has no patience at all")
}

// lockForms keeps a person's forms for one test: an accepted request closes all
// forms that the person has open.
func (s *stack) lockForms(person string) (unlock func()) {
	lock, _ := s.forms.LoadOrStore(person, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	return lock.(*sync.Mutex).Unlock
}

// openBy opens a form as a shortcut or a slash command does. If Slack says that it
// had trouble connecting, the person tries again.
func (s *stack) openBy(t *testing.T, path string, by map[string]string) *form {
	t.Helper()
	person := by["person"]
	f := &form{stack: s, person: person, unlock: s.lockForms(person)}
	res := s.untilAnswered(t, person+" opens a form", func() (res simulator.Result, told bool) {
		if err := s.post(path, by, &res); err != nil {
			f.unlock()
			t.Fatal(err)
		}
		return res, false
	})
	if !res.OK {
		f.unlock()
		t.Fatalf("%v: %+v", by, res)
	}
	v, err := s.topView(person)
	if err != nil {
		f.unlock()
		t.Fatal(err)
	}
	f.viewID, f.took = v.ID, time.Duration(res.Millis)*time.Millisecond
	return f
}

func (s *stack) topView(person string) (viewState, error) {
	var views struct {
		Views []json.RawMessage `json:"views"`
	}
	if err := s.get("/sim/views?person="+person, &views); err != nil {
		return viewState{}, err
	}
	if len(views.Views) == 0 {
		return viewState{}, fmt.Errorf("%s has no form open", person)
	}
	raw := views.Views[len(views.Views)-1]
	var v viewState
	err := json.Unmarshal(raw, &v)
	v.Raw = raw
	return v, err
}

// choose enters text in a select that loads from the app, and takes the option with the
// text. If the app says that something did not answer in time, the person types
// again.
func (f *form) choose(t *testing.T, action, typed string) {
	t.Helper()
	for _, o := range f.offered(t, action, typed) {
		if !strings.Contains(o.Text, typed) {
			continue
		}
		res := f.stack.untilAnswered(t, f.person+" chooses "+typed, func() (res simulator.Result, told bool) {
			if err := f.stack.post("/sim/press", map[string]string{"person": f.person, "view_id": f.viewID, "action_id": action, "option": o.Value}, &res); err != nil {
				t.Fatalf("choose %q in %s: %v", typed, action, err)
			}
			return res, false
		})
		if !res.OK {
			t.Fatalf("choose %q in %s: %+v", typed, action, res)
		}
		return
	}
	t.Fatalf("%s offers nothing for %q", action, typed)
}

// offered returns what a select offers for a typed text.
func (f *form) offered(t *testing.T, action, typed string) []simulator.Option {
	t.Helper()
	res := f.stack.untilAnswered(t, f.person+" types into "+action, func() (res simulator.Result, told bool) {
		err := f.stack.post("/sim/suggest", map[string]string{"person": f.person, "view_id": f.viewID, "action_id": action, "query": typed}, &res)
		if err != nil {
			t.Fatalf("type %q into %s: %v", typed, action, err)
		}
		return res, len(res.Options) == 1 && strings.Contains(res.Options[0].Text, notInTime)
	})
	if !res.OK {
		t.Fatalf("type %q into %s: %+v", typed, action, res)
	}
	return res.Options
}

// submit submits the form. If the app says that something did not answer in time,
// the person submits it again, as with press.
func (f *form) submit(t *testing.T, values map[string]string) (res simulator.Result) {
	t.Helper()
	return f.stack.untilAnswered(t, f.person+" submits the form", func() (res simulator.Result, told bool) {
		if err := f.stack.post("/sim/submit", map[string]any{"person": f.person, "view_id": f.viewID, "values": values}, &res); err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprint(res.FieldErrors)
		return res, strings.Contains(said, notInTime) || strings.Contains(said, notStarted) || strings.Contains(said, stillSent)
	})
}

// untilAnswered repeats what a person does until the app answers it: if the app
// says that something did not answer in time, and if it could not even say that. In
// the second case it answers 500, and Slack shows a warning. A missing answer
// within Slack's 3 s breaks a guarantee, and the test sees it.
func (s *stack) untilAnswered(t *testing.T, what string, do func() (res simulator.Result, told bool)) (res simulator.Result) {
	t.Helper()
	for n := range s.patience() {
		time.Sleep(time.Duration(n) * time.Second)
		var told bool
		if res, told = do(); !told && res.Status != http.StatusInternalServerError {
			break
		}
		s.doAgain(t, time.Duration(res.Millis)*time.Millisecond, what)
	}
	return res
}

// doAgain notes that a person repeats something because the app said that something
// did not answer in time. The app says the same for every error without its own
// text. Only a wait is a reason to repeat: an answer that came at once is an error
// of the app, which a second try would hide.
func (s *stack) doAgain(t *testing.T, took time.Duration, what string) {
	t.Helper()
	if took < waitsAtLeast {
		t.Errorf("%s: after %s the app says that something did not answer in time", what, took)
	}
	s.again.Add(1)
	t.Logf("%s: after %s the app says that something did not answer in time; once more", what, took)
}

// waitsAtLeast is less than the app waits for an answer before it reports that
// there was none: a second for a request that was late already, 2.1 s otherwise.
const waitsAtLeast = 900 * time.Millisecond

// These are the app's texts when something took too long, and the form's text before
// anything is known.
const (
	loading    = "Loading the form"
	notOpened  = "didn't open. Please press"
	notInTime  = "Something went wrong. Please try again"
	notStarted = "was saved but could not be started"
	stillSent  = "still processing that request"
)

// patience is how often people repeat what they are told to repeat. On the stacks
// of the fault matrix and of the load, dozens do so at once, with one moto behind
// them.
func (s *stack) patience() int {
	if s == loaded || slices.Contains(faulty[:], s) {
		return 12
	}
	return 3
}

// wish is what someone requests. Seconds is one of the durations that
// testdata/elevator.yaml offers.
type wish struct {
	person, account, permissionSet string
	seconds                        int
}

// ask sets the faults for the request that the form will create, then fills in the
// form and submits it. The reason is the test's name, so that the test finds its
// own message.
func (s *stack) ask(t *testing.T, w wish, rules ...faults.Rule) *request {
	t.Helper()
	reason := fmt.Sprintf("%s, %d", t.Name(), time.Now().UnixNano())
	return s.askBecause(t, w, reason, func(id string) {
		for _, rule := range rules {
			rule.RequestID = id
			s.fault(t, rule)
		}
	})
}

// askBecause is ask with a given reason. It calls before with the request's id
// before it submits the form. If the person has an undecided request for the same
// target, they ask again once it is decided.
func (s *stack) askBecause(t *testing.T, w wish, reason string, before func(id string)) *request {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Second) {
		r, already := s.tryToAsk(t, w, reason, before)
		if already == "" {
			return r
		}
		if time.Since(began) > s.decides() {
			t.Fatalf("%s is told, again and again: %s", w.person, already)
		}
	}
}

// decides is how long a request of another test may be undecided.
func (s *stack) decides() time.Duration {
	if s.patience() > 3 {
		return settleLimit
	}
	return 3 * soon
}

// tryToAsk fills in one form and submits it. It returns what the person is told if
// they have an undecided request for the same target.
func (s *stack) tryToAsk(t *testing.T, w wish, reason string, before func(id string)) (r *request, already string) {
	t.Helper()
	f := s.open(t, w.person)
	defer f.unlock()
	f.choose(t, "account", w.account)
	f.choose(t, "permission_set", w.permissionSet)
	id := access.RequestID(team, f.viewID)
	before(id)
	res := f.submit(t, map[string]string{"duration": fmt.Sprint(w.seconds), "reason": reason})
	if !res.OK {
		t.Fatalf("submit: %+v", res)
	}
	if already := f.already(); already != "" {
		return nil, already
	}
	return &request{stack: s, wish: w, reason: reason, id: id}, ""
}

// already returns the form's text if the person has an undecided request for the
// same target, "" otherwise.
func (f *form) already() string {
	v, err := f.stack.topView(f.person)
	if err != nil || v.ID != f.viewID || !strings.Contains(string(v.Raw), "You already requested this at") {
		return ""
	}
	return string(v.Raw)
}

// post is one message as the workspace keeps it.
type post struct {
	Channel   string          `json:"channel"`
	TS        string          `json:"ts"`
	ThreadTS  string          `json:"thread_ts"`
	Text      string          `json:"text"`
	Blocks    json.RawMessage `json:"blocks"`
	Ephemeral string          `json:"ephemeral_to"`
	AnswerTo  string          `json:"answer_to"` // the message with the pressed button
	Metadata  struct {
		EventType    string            `json:"event_type"`
		EventPayload map[string]string `json:"event_payload"`
	} `json:"metadata"`
}

func (s *stack) posts(t *testing.T, person string) []post {
	t.Helper()
	var out struct {
		Messages []post `json:"messages"`
	}
	if err := s.get("/sim/messages?metadata=1&person="+url.QueryEscape(person), &out); err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

// postsAbout are the messages whose metadata name a request.
func (s *stack) postsAbout(t *testing.T, id string) []post {
	t.Helper()
	var out struct {
		Messages []post `json:"messages"`
	}
	if err := s.get("/sim/messages?metadata=1&about="+url.QueryEscape(id), &out); err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

// has reports whether the message has a button.
func (p post) has(action string) bool {
	return strings.Contains(strings.ReplaceAll(string(p.Blocks), " ", ""), `"action_id":"`+action+`"`)
}

// press presses a button of a message. If a dialog opens, the person submits it. What the
// dialog then says is the result's Detail. With stale it also presses a button that is
// gone, as a slow client would. If the app says that something didn't respond in time,
// the person presses again. The app gives up after 2.6 s, before Slack does. moto, one
// process for all tests, sometimes needs longer for a row of the table.
func (s *stack) press(t *testing.T, person string, p post, action string, stale bool) (res simulator.Result) {
	t.Helper()
	return s.untilAnswered(t, person+" presses "+action, func() (res simulator.Result, told bool) {
		before := s.toldToPressAgain(t, person, p.TS)
		err := s.post("/sim/press", map[string]any{"person": person, "channel": p.Channel, "ts": p.TS, "action_id": action, "stale": stale}, &res)
		if err != nil {
			t.Fatalf("press %s: %v", action, err)
		}
		stale = true // a press without a response may have had its effect, so the button may be gone
		if s.toldToPressAgain(t, person, p.TS) > before {
			return res, true
		}
		if d, ok := s.dialog(t, person, p.Metadata.EventPayload["request_id"], action); ok && res.OK {
			res = d.submit(t, nil)
		}
		return res, strings.Contains(res.Detail, notInTime)
	})
}

// dialog is an open dialog that a press opened.
type dialog struct {
	stack          *stack
	person, viewID string
	raw            json.RawMessage
}

// dialog returns the dialog that a press of the button opened last. ok is false if there
// is none about this request.
func (s *stack) dialog(t *testing.T, person, request, action string) (d dialog, ok bool) {
	t.Helper()
	var open struct {
		Views []json.RawMessage `json:"views"`
	}
	if err := s.get("/sim/views?person="+person, &open); err != nil {
		t.Fatal(err)
	}
	for _, raw := range slices.Backward(open.Views) {
		var v struct {
			ID       string `json:"id"`
			Callback string `json:"callback_id"`
			Metadata string `json:"private_metadata"`
		}
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		if opens, ok := slack.ActionOf(v.Callback); ok && opens == action && v.Metadata == request {
			return dialog{stack: s, person: person, viewID: v.ID, raw: raw}, true
		}
	}
	return dialog{}, false
}

// submit submits the dialog, once. If it then shows a notice, the result's Detail is its
// text, and the person closes it.
func (d dialog) submit(t *testing.T, values map[string]string) (res simulator.Result) {
	t.Helper()
	if err := d.stack.post("/sim/submit", map[string]any{"person": d.person, "view_id": d.viewID, "values": values}, &res); err != nil {
		t.Fatalf("%s submits the dialog: %v", d.person, err)
	}
	if res.Action != "update" {
		return res
	}
	var open struct {
		Views []struct {
			ID     string          `json:"id"`
			Blocks json.RawMessage `json:"blocks"`
		} `json:"views"`
	}
	if err := d.stack.get("/sim/views?person="+d.person, &open); err != nil {
		t.Fatal(err)
	}
	for _, v := range open.Views {
		if v.ID == d.viewID {
			res.Detail = strings.Join(textsOf(t, v.Blocks), " ")
		}
	}
	if err := d.stack.post("/sim/close", map[string]any{"person": d.person, "view_id": d.viewID}, nil); err != nil {
		t.Fatal(err)
	}
	return res
}

// toldToPressAgain counts how often a person who pressed a button of that message (""
// for any) was told to press again. Other tests have the same person press other
// buttons.
func (s *stack) toldToPressAgain(t *testing.T, person, message string) (n int) {
	t.Helper()
	for _, p := range s.posts(t, person) {
		if p.Ephemeral == person && (message == "" || p.AnswerTo == message) && (strings.Contains(p.Text+string(p.Blocks), notInTime) || strings.Contains(p.Text+string(p.Blocks), notOpened)) {
			n++
		}
	}
	return n
}
