package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

// submit submits a request for access in Slack. The rules inject faults into that
// request.
func (t *trial) submit(ctx context.Context, a grant, duration string, rules ...faults.Rule) error {
	t.say("Waiting until %s from an earlier run has ended.", a)
	if err := t.awaitGone(ctx, a); err != nil {
		return err
	}
	defer t.lockForm(a.person.slackID)()
	done, err := t.useSlack(ctx)
	if err != nil {
		return err
	}
	defer done()
	t.say("%s requests %s in %s.", a.person.name, a.permissionSet, a.account)
	viewID, err := t.openForm(ctx, a.person)
	if err != nil {
		return err
	}
	for _, choice := range []struct{ action, text string }{{slack.ActionAccount, a.account}, {slack.ActionPermissionSet, a.permissionSet}} {
		if err := t.choose(ctx, a.person, viewID, choice.action, choice.text); err != nil {
			return fmt.Errorf("choose %s: %w", choice.text, err)
		}
	}
	length, err := time.ParseDuration(strings.NewReplacer(" minutes", "m", " minute", "m").Replace(duration))
	if err != nil {
		return err
	}
	id := access.RequestID(t.config.Team, viewID)
	t.mu.Lock()
	t.x.RequestID = id
	t.mu.Unlock()
	for _, rule := range rules {
		rule.RequestID = id
		if err := t.addFault(ctx, rule); err != nil {
			return err
		}
	}
	return t.drive(ctx, "submit", map[string]any{"person": a.person.slackID, "view_id": viewID, "values": map[string]string{
		slack.ActionDuration: fmt.Sprint(int(length.Seconds())), slack.ActionReason: "Try to break it: " + t.x.Title,
	}})
}

// openForm opens the form for access to an account, and waits until it has loaded.
func (t *trial) openForm(ctx context.Context, who person) (viewID string, err error) {
	err = untilAnswered(ctx, func() error {
		result, err := t.driveOnce(ctx, "shortcut", map[string]any{"person": who.slackID, "callback_id": slack.CallbackAccount})
		if err != nil {
			return err
		}
		viewID = result.Opened
		form, err := t.view(ctx, who, viewID)
		if err == nil && (form.ID == "" || form.asksAgain()) {
			err = fmt.Errorf("the form did not open for %s: %w", who.name, errNotInTime)
		}
		return err
	})
	return viewID, err
}

// choose takes the option of a select that begins with a text, and waits until the app has
// updated the form.
func (t *trial) choose(ctx context.Context, who person, viewID, action, text string) error {
	return untilAnswered(ctx, func() error {
		offered, err := t.driveOnce(ctx, "suggest", map[string]any{"person": who.slackID, "view_id": viewID, "action_id": action, "query": text})
		if err != nil {
			return err
		}
		value := ""
		for _, o := range offered.Options {
			if strings.HasPrefix(o.Text, text) {
				value = o.Value
			}
		}
		if value == "" { // perhaps the only option says that the list could not be loaded
			return fmt.Errorf("the form does not offer it: %w", errNotInTime)
		}
		before, err := t.view(ctx, who, viewID)
		if err != nil {
			return err
		}
		if _, err := t.driveOnce(ctx, "press", map[string]any{"person": who.slackID, "view_id": viewID, "action_id": action, "option": value}); err != nil {
			return err
		}
		after, err := t.view(ctx, who, viewID)
		if err == nil && (after.Hash == before.Hash || after.asksAgain()) {
			err = fmt.Errorf("the form did not change: %w", errNotInTime)
		}
		return err
	})
}

// slackShares is more than the trials that can run at once.
const slackShares = 1000

// useSlack waits while a trial has taken Slack down, or is about to, and keeps it up until
// done.
func (t *trial) useSlack(ctx context.Context) (done func(), err error) {
	if !t.slackUp.TryAcquire(1) {
		t.say("Waiting for the experiment with the Slack outage.")
		if err := t.slackUp.Acquire(ctx, 1); err != nil {
			return nil, err
		}
	}
	return func() { t.slackUp.Release(1) }, nil
}

// lockForm waits until no other experiment fills in a form of that person: a new form
// replaces the one that is open.
func (e *Experiments) lockForm(slackID string) (unlock func()) {
	lock, _ := e.forms.LoadOrStore(slackID, new(sync.Mutex))
	m := lock.(*sync.Mutex)
	m.Lock()
	return m.Unlock
}

// activate requests access that needs no approval, and waits until it exists.
func (t *trial) activate(ctx context.Context, a grant, duration string) error {
	if err := t.submit(ctx, a, duration); err != nil {
		return err
	}
	return t.await(ctx, a.String()+" does not appear", func(ctx context.Context) (bool, error) {
		_, err := t.endOf(ctx, t.x.RequestID)
		return err == nil, err
	})
}

// message is a message of the app.
type message struct {
	Channel  string          `json:"channel"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks"`
	Only     string          `json:"ephemeral_to"` // who alone sees it
	AnswerTo string          `json:"answer_to"`    // the message with the pressed button
}

func (m message) hasButton(action string) bool {
	return strings.Contains(string(m.Blocks), `"action_id":"`+action+`"`)
}

// findMessage finds the message of the trial's request that has a button.
func (t *trial) findMessage(ctx context.Context, action string) (message, bool, error) {
	var found struct {
		Messages []message `json:"messages"`
	}
	err := get(ctx, t.config.Slack+"/sim/messages?about="+url.QueryEscape(t.x.RequestID), &found)
	for _, m := range found.Messages {
		if m.ThreadTS == "" && strings.HasPrefix(m.Channel, "C") && m.hasButton(action) {
			return m, true, nil
		}
	}
	return message{}, false, err
}

// press presses a button of a message, even if the message no longer has the button. If a
// dialog opens, the person submits it, and closes it if it stays open.
func (t *trial) press(ctx context.Context, m message, by person, action string) error {
	if err := t.drive(ctx, "press", map[string]any{"person": by.slackID, "channel": m.Channel, "ts": m.TS, "action_id": action, "stale": true}); err != nil {
		return err
	}
	views, err := t.views(ctx, by)
	if err != nil {
		return err
	}
	for _, v := range views {
		if opens, ok := slack.ActionOf(v.Callback); ok && opens == action && v.Metadata == t.x.RequestID {
			if _, submitted := t.dialogs.LoadOrStore(v.ID, true); submitted {
				continue // another press of the same person opened it
			}
			if err := t.drive(ctx, "submit", map[string]any{"person": by.slackID, "view_id": v.ID}); err != nil {
				return err
			}
			// If the dialog said something, such as who decided before, it is still open.
			_ = t.drive(ctx, "close", map[string]any{"person": by.slackID, "view_id": v.ID})
			return nil
		}
	}
	return nil
}

// timesAsked returns how often a person was asked to press a button of the message again.
func (t *trial) timesAsked(ctx context.Context, m message, by person) (n int, err error) {
	var seen struct {
		Messages []message `json:"messages"`
	}
	err = get(ctx, t.config.Slack+"/sim/messages?person="+by.slackID, &seen)
	for _, answer := range seen.Messages {
		if answer.Only == by.slackID && answer.AnswerTo == m.TS && strings.Contains(answer.Text+string(answer.Blocks), asksAgain) {
			n++
		}
	}
	return n, err
}

// view is a form or a dialog.
type view struct {
	ID       string          `json:"id"`
	Hash     string          `json:"hash"` // differs after each update
	Callback string          `json:"callback_id"`
	Metadata string          `json:"private_metadata"`
	Blocks   json.RawMessage `json:"blocks"`
}

// asksAgain reports whether the view says that something did not answer in time, or has
// not loaded.
func (v view) asksAgain() bool {
	return strings.Contains(string(v.Blocks), asksAgain) || strings.Contains(string(v.Blocks), "Loading the form")
}

// view returns a view that the person has open; its ID is "" if there is none.
func (t *trial) view(ctx context.Context, of person, id string) (view, error) {
	open, err := t.views(ctx, of)
	for _, v := range open {
		if v.ID == id {
			return v, err
		}
	}
	return view{}, err
}

// views returns what the person has open, the latest last.
func (t *trial) views(ctx context.Context, of person) ([]view, error) {
	var open struct {
		Views []view `json:"views"`
	}
	err := get(ctx, t.config.Slack+"/sim/views?person="+of.slackID, &open)
	return open.Views, err
}

// setSlackDown waits until no experiment needs Slack, and makes every call to Slack fail
// until the trial ends.
func (t *trial) setSlackDown(ctx context.Context) error {
	if err := t.slackUp.Acquire(ctx, slackShares); err != nil {
		return err
	}
	err := t.addFault(ctx, faults.Rule{Kind: faults.Unavailable, Target: "slack ", Count: -1})
	t.undo = append(t.undo, func() { t.slackUp.Release(slackShares) }) // after the fault is removed
	return err
}

// addFault sets a fault until the trial ends.
func (t *trial) addFault(ctx context.Context, rule faults.Rule) error {
	if len(t.undo) == 0 {
		t.undo = append(t.undo, t.removeFaults)
	}
	rule.Label = t.x.ID
	return post(ctx, t.config.Faults, rule, nil)
}

func (t *trial) removeFaults() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = call(ctx, http.MethodDelete, t.config.Faults+"?label="+t.x.ID, nil, nil)
}

// hits returns how often the trial's faults took effect.
func (t *trial) hits(ctx context.Context) (int, error) {
	var rules []faults.Rule
	if err := get(ctx, t.config.Faults+"?label="+t.x.ID, &rules); err != nil {
		return 0, err
	}
	n := 0
	for _, r := range rules {
		n += r.Hits
	}
	return n, nil
}

// asksAgain is in the app's text when something did not answer in time.
const asksAgain = "Please try again"

// maxTries is how often a person does the same thing, repeatAfter the time between. The app
// may repeat an error for 5 s.
const (
	maxTries    = 8
	repeatAfter = 3 * time.Second
)

// errNotInTime says that a person should repeat what they did.
var errNotInTime = errors.New("the app did not answer in time")

// untilAnswered repeats what a person does while it returns errNotInTime.
func untilAnswered(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if !errors.Is(err, errNotInTime) || n == maxTries {
			return err
		}
		select {
		case <-time.After(repeatAfter):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drive does something in Slack, and repeats it if the app, or Slack itself, asks for that.
func (t *trial) drive(ctx context.Context, what string, body map[string]any) error {
	return untilAnswered(ctx, func() error {
		_, err := t.driveOnce(ctx, what, body)
		return err
	})
}

// driveOnce does something in Slack. If the app did not answer in time, the error is
// errNotInTime.
func (t *trial) driveOnce(ctx context.Context, what string, body map[string]any) (result simulator.Result, err error) {
	if err := post(ctx, t.config.Slack+"/sim/"+what, body, &result); err != nil || result.OK {
		return result, err
	}
	err = fmt.Errorf("in Slack, %s: %s", what, fmt.Sprint(result.Error, " ", result.Detail, " ", result.FieldErrors))
	if result.Error == "timeout" || result.Status >= http.StatusInternalServerError || strings.Contains(err.Error(), asksAgain) {
		err = fmt.Errorf("%w (%w)", err, errNotInTime)
	}
	return result, err
}

func get(ctx context.Context, address string, out any) error {
	return call(ctx, http.MethodGet, address, nil, out)
}

func post(ctx context.Context, address string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return call(ctx, http.MethodPost, address, body, out)
}

func call(ctx context.Context, method, address string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 500 || out == nil && answer.StatusCode >= 400 {
		return fmt.Errorf("%s %s: %s", method, address, answer.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}
