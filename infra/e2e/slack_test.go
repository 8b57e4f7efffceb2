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
	"sso-elevator/slack/simulator"
)

// form is a form that a person has open.
type form struct {
	stack  *stack
	person string
	viewID string
	took   time.Duration // for the app, to answer what opened it
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

// lockForms keeps a person's forms for one test: a request that was taken closes
// all that the person has open.
func (s *stack) lockForms(person string) (unlock func()) {
	lock, _ := s.forms.LoadOrStore(person, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	return lock.(*sync.Mutex).Unlock
}

// openBy opens a form as a shortcut or a slash command does. Where Slack says that
// it had trouble connecting, the person tries again.
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

// choose types into a select that loads from the app and takes the option whose
// text contains what was typed. Where the app says that something did not answer
// in time, the person does as told and types again.
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

// offered is what a select offers for what was typed.
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

// submit submits the form. Where the app says that something did not answer in
// time, the person does as told and submits it again, as with press.
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

// untilAnswered lets a person do something until the app answers it: again where
// the app tells them that something did not answer in time, and where it could not
// tell them even that. Then it answers 500, and Slack shows a warning. No answer
// within Slack's 3 s is not what the app promises: the test sees that.
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

// doAgain notes that a person does something again, because the app said that
// something did not answer in time. The app says the same of every error that it
// has no words for. Only waiting is a reason to do something again: an answer that
// came at once is an error of the app, which a second try would hide.
func (s *stack) doAgain(t *testing.T, took time.Duration, what string) {
	t.Helper()
	if took < waitsAtLeast {
		t.Errorf("%s: after %s the app says that something did not answer in time", what, took)
	}
	s.again.Add(1)
	t.Logf("%s: after %s the app says that something did not answer in time; once more", what, took)
}

// waitsAtLeast is less than the app waits for an answer before it says that there
// was none: a second for a request that was late already, 2.1 s otherwise.
const waitsAtLeast = 900 * time.Millisecond

// What the app says where something took too long, and what a form says before
// anything is known.
const (
	loading    = "Loading the form"
	notInTime  = "Something went wrong. Please try again"
	notStarted = "was saved but could not be started"
	stillSent  = "still sending that request"
)

// patience is how often somebody does again what they are told to do again. On
// the stacks of the fault matrix and of the load dozens do so at once, with one
// moto behind them.
func (s *stack) patience() int {
	if s == loaded || slices.Contains(faulty[:], s) {
		return 12
	}
	return 3
}

// wish is what somebody asks for. Seconds is one of the durations that
// testdata/elevator.yaml offers.
type wish struct {
	person, account, permissionSet string
	seconds                        int
}

// ask fills in the form and submits it; before that it sets the faults, for the
// request that comes of the form. The reason is the test's name, so that the
// test finds its own message.
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

// askBecause is ask with a reason of the test's own; before is called with the
// request's id before the form is submitted. Where the person has an undecided
// request for the same, they ask again until that one is decided.
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

// tryToAsk fills in one form and submits it. It returns what the person is told
// where they have an undecided request for the same.
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

// already is what the form has become where the person has an undecided request
// for the same; "" otherwise.
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
	AnswerTo  string          `json:"answer_to"` // the message whose button was pressed
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

// has says whether the message has a button.
func (p post) has(action string) bool {
	return strings.Contains(strings.ReplaceAll(string(p.Blocks), " ", ""), `"action_id":"`+action+`"`)
}

// press presses a button of a message; stale also presses one that is gone by
// now, as a slow client would. Where the app says that something did not answer
// in time, the person does as told and presses again: the app gives up before
// Slack does, after 2.6 s, and moto, one process for all the tests at once, takes
// longer than that for a row of the table now and then.
func (s *stack) press(t *testing.T, person string, p post, action string, stale bool) (res simulator.Result) {
	t.Helper()
	return s.untilAnswered(t, person+" presses "+action, func() (res simulator.Result, told bool) {
		before := s.toldToPressAgain(t, person, p.TS)
		err := s.post("/sim/press", map[string]any{"person": person, "channel": p.Channel, "ts": p.TS, "action_id": action, "stale": stale}, &res)
		if err != nil {
			t.Fatalf("press %s: %v", action, err)
		}
		stale = true // a press that was not answered may have had its effect: then the button is gone by now
		return res, s.toldToPressAgain(t, person, p.TS) > before
	})
}

// toldToPressAgain counts how often a person was told so, who had pressed a button
// of that message; "" is any. Other tests let the same person press other buttons.
func (s *stack) toldToPressAgain(t *testing.T, person, message string) (n int) {
	t.Helper()
	for _, p := range s.posts(t, person) {
		if p.Ephemeral == person && (message == "" || p.AnswerTo == message) && strings.Contains(p.Text+string(p.Blocks), notInTime) {
			n++
		}
	}
	return n
}
