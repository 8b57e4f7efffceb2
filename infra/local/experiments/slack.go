package experiments

import (
	"bytes"
	"context"
	"encoding/json"
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
	t.say("%s requests %s in %s.", a.person.name, a.permissionSet, a.account)
	who := a.person.slackID
	defer t.lockForm(who)()
	if err := t.drive(ctx, "shortcut", map[string]any{"person": who, "callback_id": slack.CallbackAccount}); err != nil {
		return err
	}
	views, err := t.views(ctx, a.person)
	if err != nil {
		return err
	}
	if len(views) == 0 {
		return fmt.Errorf("the form did not open for %s", a.person.name)
	}
	viewID := views[len(views)-1].ID
	for _, choice := range []struct{ action, text string }{{slack.ActionAccount, a.account}, {slack.ActionPermissionSet, a.permissionSet}} {
		var offered simulator.Result
		if err := post(ctx, t.config.Slack+"/sim/suggest", map[string]any{"person": who, "view_id": viewID, "action_id": choice.action, "query": choice.text}, &offered); err != nil {
			return err
		}
		value := ""
		for _, o := range offered.Options {
			if strings.HasPrefix(o.Text, choice.text) {
				value = o.Value
			}
		}
		if err := t.drive(ctx, "press", map[string]any{"person": who, "view_id": viewID, "action_id": choice.action, "option": value}); err != nil {
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
	return t.drive(ctx, "submit", map[string]any{"person": who, "view_id": viewID, "values": map[string]string{
		slack.ActionDuration: fmt.Sprint(int(length.Seconds())), slack.ActionReason: "Try to break it: " + t.x.Title,
	}})
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

// message is the request's message in the channel.
type message struct {
	Channel  string          `json:"channel"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts"`
	Blocks   json.RawMessage `json:"blocks"`
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

// view is a form or a dialog.
type view struct {
	ID       string `json:"id"`
	Callback string `json:"callback_id"`
	Metadata string `json:"private_metadata"`
}

// views returns what the person has open, the latest last.
func (t *trial) views(ctx context.Context, of person) ([]view, error) {
	var open struct {
		Views []view `json:"views"`
	}
	err := get(ctx, t.config.Slack+"/sim/views?person="+of.slackID, &open)
	return open.Views, err
}

// setSlackDown makes every call to Slack fail until the trial ends.
func (t *trial) setSlackDown(ctx context.Context) error {
	return t.addFault(ctx, faults.Rule{Kind: faults.Unavailable, Target: "slack ", Count: -1})
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
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
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

// drive does something in Slack, and repeats it if the app asks for that.
func (t *trial) drive(ctx context.Context, what string, body map[string]any) error {
	for tries := 3; ; tries-- {
		var result simulator.Result
		if err := post(ctx, t.config.Slack+"/sim/"+what, body, &result); err != nil {
			return err
		}
		if result.OK {
			return nil
		}
		answer := fmt.Sprint(result.Error, " ", result.Detail, " ", result.FieldErrors)
		if tries == 1 || !strings.Contains(answer, "Please try again") {
			return fmt.Errorf("in Slack, %s: %s", what, answer)
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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
