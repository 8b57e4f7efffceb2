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
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/infra/local/faults"
	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

// form is a form that a person has open.
type form struct {
	stack  *stack
	person string
	viewID string
	unlock func()
}

// viewState is an open view.
type viewState struct {
	ID       string          `json:"id"`
	Hash     string          `json:"hash"` // differs after each update
	Callback string          `json:"callback_id"`
	Metadata string          `json:"private_metadata"`
	Blocks   json.RawMessage `json:"blocks"`
	Raw      json.RawMessage `json:"-"`
}

// says reports whether one of these texts is in the view.
func (v viewState) says(texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(string(v.Raw), text) })
}

// open opens the form for access to an account, as the shortcut does.
func (s *stack) open(t *testing.T, person string) *form {
	t.Helper()
	return s.openBy(t, "/sim/shortcut", map[string]string{"person": person, "callback_id": "request_for_access"})
}

// lockForms keeps a person's forms for one test, until it calls unlock or ends. Tests
// that share a person also share the person's requests: see askBecause.
func (s *stack) lockForms(t *testing.T, person string) (unlock func()) {
	lock, _ := s.forms.LoadOrStore(person, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	unlock = sync.OnceFunc(lock.(*sync.Mutex).Unlock)
	t.Cleanup(unlock)
	return unlock
}

// openBy opens a form as a shortcut or a slash command does. If the form doesn't load in
// time, or if Slack says that it had trouble connecting, the person tries again.
func (s *stack) openBy(t *testing.T, path string, by map[string]string) *form {
	t.Helper()
	person := by["person"]
	f := &form{stack: s, person: person, unlock: s.lockForms(t, person)}
	res := s.untilAnswered(t, person+" opens a form", func() (res simulator.Result, told bool) {
		before := s.toldToPressAgain(t, person, "")
		if err := s.post(path, by, &res); err != nil {
			t.Fatal(err)
		}
		if f.viewID = res.Opened; f.viewID == "" { // a command is answered with a text then
			return res, s.toldToPressAgain(t, person, "") > before
		}
		return res, f.view(t).says(notInTime, loading)
	})
	if !res.OK || f.viewID == "" {
		t.Fatalf("%v: %+v", by, res)
	}
	return f
}

// views returns the views that a person has open, the top one last. Other tests may have
// opened some of them.
func (s *stack) views(person string) (views []viewState, err error) {
	var open struct {
		Views []json.RawMessage `json:"views"`
	}
	if err := s.get("/sim/views?person="+person, &open); err != nil {
		return nil, err
	}
	for _, raw := range open.Views {
		v := viewState{Raw: raw}
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// view returns a person's view with that id; ok is false if it isn't open.
func (s *stack) view(t *testing.T, person, id string) (v viewState, ok bool) {
	t.Helper()
	views, err := s.views(person)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(views, func(v viewState) bool { return v.ID == id })
	if i < 0 {
		return viewState{}, false
	}
	return views[i], true
}

// view returns the form as the person sees it.
func (f *form) view(t *testing.T) viewState {
	t.Helper()
	v, ok := f.stack.view(t, f.person, f.viewID)
	if !ok {
		t.Fatalf("the form %s of %s is not open", f.viewID, f.person)
	}
	return v
}

// choose enters text in a select that loads from the app, and takes the option with the
// text. If the app says that something did not answer in time, or has no time to update
// the form, the person types again.
func (f *form) choose(t *testing.T, action, typed string) {
	t.Helper()
	for _, o := range f.offered(t, action, typed) {
		if !strings.Contains(o.Text, typed) {
			continue
		}
		res := f.stack.untilAnswered(t, f.person+" chooses "+typed, func() (res simulator.Result, told bool) {
			before := f.view(t).Hash
			if err := f.stack.post("/sim/press", map[string]string{"person": f.person, "view_id": f.viewID, "action_id": action, "option": o.Value}, &res); err != nil {
				t.Fatalf("choose %q in %s: %v", typed, action, err)
			}
			v := f.view(t)
			return res, res.OK && (v.Hash == before || v.says(notInTime, loading))
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
	return f.send(t, map[string]any{"person": f.person, "view_id": f.viewID, "values": values})
}

// submitUnchecked does the same with values that no Slack client would send.
func (f *form) submitUnchecked(t *testing.T, values map[string]string) (res simulator.Result) {
	t.Helper()
	return f.send(t, map[string]any{"person": f.person, "view_id": f.viewID, "values": values, "unchecked": true})
}

func (f *form) send(t *testing.T, submission map[string]any) (res simulator.Result) {
	t.Helper()
	return f.stack.untilAnswered(t, f.person+" submits the form", func() (res simulator.Result, told bool) {
		if err := f.stack.post("/sim/submit", submission, &res); err != nil {
			t.Fatal(err)
		}
		return res, saysAgain(fmt.Sprint(res.FieldErrors))
	})
}

// untilAnswered repeats what a person does until the app answers it: if the app says that
// something did not answer in time, if it could not even say that, and if Slack stopped
// waiting. If the app can't say that, it answers 500. Then, and after a timeout, Slack shows
// that it had trouble connecting, and asks to try again. That the app answers within
// Slack's 3 s is a guarantee for Lambda's processors: the tests of package ingress and
// TestLoad check it. Here, processes may start on a processor that all tests share.
func (s *stack) untilAnswered(t *testing.T, what string, do func() (res simulator.Result, told bool)) (res simulator.Result) {
	t.Helper()
	for range patience {
		var told bool
		if res, told = do(); !told && res.Status != http.StatusInternalServerError && res.Error != "timeout" {
			break
		}
		s.doAgain(t, time.Duration(res.Millis)*time.Millisecond, what)
	}
	return res
}

// answered does the same for a test that calls the app itself. A status of 500 is never
// the answer.
func (s *stack) answered(t *testing.T, what string, call func() (status int, answer string)) (status int, answer string) {
	t.Helper()
	for range patience {
		began := time.Now()
		status, answer = call()
		took := time.Since(began)
		if status != http.StatusInternalServerError && took <= slackWaits && !saysAgain(answer) {
			break
		}
		s.doAgain(t, took, what)
	}
	return status, answer
}

// sendSigned signs a form's body and sends it to the app until the app answers it.
func (s *stack) sendSigned(t *testing.T, what, body string) (status int, answer string) {
	t.Helper()
	return s.answered(t, what, func() (int, string) {
		timestamp, signature := sign(signingSecret, time.Now(), body)
		return s.send(t, body, timestamp, signature)
	})
}

// doAgain notes that a person repeats something because the app said that something
// did not answer in time, and waits until no process remembers the error. The app says
// the same for every error without its own text. Only a wait is a reason to repeat: an
// answer that came at once is an error of the app, which a second try would hide. Such an
// answer is accepted only from a process that may remember the error of a wait.
func (s *stack) doAgain(t *testing.T, took time.Duration, what string) {
	t.Helper()
	at := time.Now()
	if took >= waitsAtLeast {
		s.waits.add(at)
	}
	s.again.Add(1)
	t.Logf("%s: after %s the app says that something did not answer in time; once more", what, took)
	time.Sleep(remembers)
	// Another goroutine may record its wait shortly after this answer.
	if took < waitsAtLeast && !s.waits.between(at.Add(-remembers), at.Add(time.Second)) {
		t.Errorf("%s: after %s the app says that something did not answer in time", what, took)
	}
}

// times are points in time.
type times struct {
	mu  sync.Mutex
	all []time.Time
}

func (s *times) add(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, at)
}

// between reports whether one of them is in an interval.
func (s *times) between(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.all, func(at time.Time) bool { return at.After(from) && at.Before(to) })
}

const (
	// waitsAtLeast is less than the app waits for an answer before it reports that
	// there was none: a second for a request that was late already, 2.1 s otherwise.
	waitsAtLeast = 900 * time.Millisecond
	// remembers is how long a process answers with the error of its last read.
	remembers = max(catalog.CheckMissingEvery, secrets.RetryAfter)
)

// These are the app's texts when something took too long, and the form's text before
// anything is known.
const (
	loading    = "Loading the form"
	notOpened  = "didn't open. Please press"
	notInTime  = "Something went wrong. Please try again"
	notStarted = "was saved but could not be started"
	stillSent  = "still processing that request"

	// endsUnfinished is what a person reads if End now had no time to end the other
	// requests for the same access.
	endsUnfinished = "Your press is recorded, but other requests keep this access. Please press End now again."
)

// saysAgain reports whether the app's answer to a form asks the person to repeat it.
func saysAgain(answer string) bool {
	return slices.ContainsFunc([]string{notInTime, notStarted, stillSent}, func(text string) bool { return strings.Contains(answer, text) })
}

// patience is how often people repeat what they are told to repeat. Dozens may do so at
// once, with one moto behind them.
const patience = 12

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
	if s == loaded || slices.Contains(faulty[:], s) {
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
	if already := f.already(t); already != "" {
		return nil, already
	}
	return &request{stack: s, wish: w, reason: reason, id: id}, ""
}

// already returns the form's text if the person has an undecided request for the
// same target, "" otherwise.
func (f *form) already(t *testing.T) string {
	t.Helper()
	if v, ok := f.stack.view(t, f.person, f.viewID); ok && v.says("You already requested this at") {
		return string(v.Raw)
	}
	return ""
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
		if d, ok := s.opened(t, person, res, p.Metadata.EventPayload["request_id"], action); ok {
			res = d.submitOnce(t, nil)
		}
		return res, wasLate(res)
	})
}

// dialog is an open dialog that a press opened.
type dialog struct {
	stack          *stack
	person, viewID string
	raw            json.RawMessage
	// reopen presses the button again. If no dialog opens, the result's Detail is what
	// the person is told instead.
	reopen func(*testing.T) (dialog, simulator.Result)
}

// confirms reports whether the view is the dialog of a button of the request.
func (v viewState) confirms(request, action string) bool {
	opens, ok := slack.ActionOf(v.Callback)
	return ok && opens == action && v.Metadata == request
}

// dialog returns the dialog that a press of the button opened last. ok is false if there
// is none about this request.
func (s *stack) dialog(t *testing.T, person, request, action string) (d dialog, ok bool) {
	t.Helper()
	open, err := s.views(person)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range slices.Backward(open) {
		if v.confirms(request, action) {
			return dialog{stack: s, person: person, viewID: v.ID, raw: v.Raw}, true
		}
	}
	return dialog{}, false
}

// opened returns the dialog that this press of the button opened.
func (s *stack) opened(t *testing.T, person string, res simulator.Result, request, action string) (d dialog, ok bool) {
	t.Helper()
	v, ok := s.view(t, person, res.Opened)
	if !res.OK || !ok || !v.confirms(request, action) {
		return dialog{}, false
	}
	return dialog{stack: s, person: person, viewID: v.ID, raw: v.Raw}, true
}

// submit submits the dialog. If the app says that something did not answer in time, the
// person presses the button again and submits the new dialog. If no dialog opens then, the
// request was decided meanwhile: perhaps by this person, whose first submission counted.
func (d dialog) submit(t *testing.T, values map[string]string) (res simulator.Result) {
	t.Helper()
	first := true
	return d.stack.untilAnswered(t, d.person+" submits the dialog", func() (res simulator.Result, told bool) {
		if !first {
			again, res := d.reopen(t)
			if again.viewID == "" {
				if strings.HasPrefix(res.Detail, emails[d.person]+" already ") {
					res.Detail = ""
				}
				return res, false
			}
			d = again
		}
		first = false
		res = d.submitOnce(t, values)
		return res, wasLate(res)
	})
}

// wasLate reports whether a dialog says that something did not answer in time: in a notice,
// or below a field.
func wasLate(res simulator.Result) bool {
	return strings.Contains(res.Detail, notInTime) || strings.Contains(fmt.Sprint(res.FieldErrors), notInTime)
}

// submitOnce submits the dialog. If it then shows a notice, the result's Detail is its
// text, and the person closes it. They also close a dialog that must be submitted again.
func (d dialog) submitOnce(t *testing.T, values map[string]string) (res simulator.Result) {
	t.Helper()
	if err := d.stack.post("/sim/submit", map[string]any{"person": d.person, "view_id": d.viewID, "values": values}, &res); err != nil {
		t.Fatalf("%s submits the dialog: %v", d.person, err)
	}
	if res.Action != "update" && !wasLate(res) {
		return res
	}
	if v, ok := d.stack.view(t, d.person, d.viewID); ok && res.Action == "update" {
		res.Detail = strings.Join(textsOf(t, v.Blocks), " ")
	}
	if err := d.stack.post("/sim/close", map[string]any{"person": d.person, "view_id": d.viewID}, nil); err != nil {
		t.Fatal(err)
	}
	return res
}

// toldToPressAgain counts how often a person who pressed a button of that message was told
// to press again. Without a message it counts what was told otherwise: after a slash
// command, or after a press without a response URL. Other tests have the same person press
// other buttons.
func (s *stack) toldToPressAgain(t *testing.T, person, message string) (n int) {
	t.Helper()
	for _, p := range s.posts(t, person) {
		if p.Ephemeral != person || p.AnswerTo != message {
			continue
		}
		said := p.Text + string(p.Blocks)
		if slices.ContainsFunc([]string{notInTime, notOpened, endsUnfinished}, func(text string) bool { return strings.Contains(said, text) }) {
			n++
		}
	}
	return n
}
