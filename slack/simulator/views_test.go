package simulator

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
)

func TestForm(t *testing.T) {
	w := newWorld(t, nil)
	view := w.openForm("U0ADA")
	on := func(more map[string]any) map[string]any {
		m := map[string]any{"person": "U0ADA", "view_id": view.ID}
		for k, v := range more {
			m[k] = v
		}
		return m
	}

	// While someone types, the app is asked for options. The payload has nothing of
	// the form's state.
	w.app(func(received) string { return options("alpha", "beta") })
	res := w.do("suggest", on(map[string]any{"action_id": "account", "query": "a", "values": map[string]any{"reason": "because"}}))
	same(t, "options", res.Options, []Option{{Text: "alpha", Value: "id-alpha"}, {Text: "beta", Value: "id-beta"}})
	p := w.last().payload(t)
	same(t, "type", string(p.Type), "block_suggestion")
	same(t, "query", p.Value, "a")
	same(t, "container", p.Container.ViewID, view.ID)
	same(t, "state", len(p.View.State.Values), 0)
	same(t, "private metadata", p.View.PrivateMetadata, `{"kind":"account"}`)

	// A choice is sent to the app with the form's state. The app's update gives the
	// account a new block, and keeps what was typed elsewhere.
	w.app(func(r received) string {
		p := r.payload(t)
		if _, err := w.slack.UpdateView(form("-2"), "", p.View.Hash, p.View.ID); err != nil {
			t.Errorf("views.update: %v", err)
		}
		_, err := w.slack.UpdateView(form("-3"), "", p.View.Hash, p.View.ID)
		same(t, "update with the old hash", errText(err), "hash_conflict")
		return ""
	})
	w.do("press", on(map[string]any{"action_id": "account", "option": "id-beta"}))
	p = w.last().payload(t)
	same(t, "type", string(p.Type), "block_actions")
	same(t, "chosen", p.ActionCallback.BlockActions[0].SelectedOption.Value, "id-beta")
	same(t, "state of the account", p.View.State.Values["account"]["account"].SelectedOption.Text.Text, "beta")
	same(t, "state of the duration", p.View.State.Values["duration"]["duration"].SelectedOption.Value, "60")
	same(t, "state of the reason", p.View.State.Values["reason"]["reason"].Value, "because")

	// The account's new block is empty, so the client itself refuses.
	n := w.count()
	res = w.do("submit", on(nil))
	same(t, "field errors", res.FieldErrors, map[string]string{"account-2": "Please complete this required field."})
	same(t, "requests for it", w.count()-n, 0)
	_, status := w.try("submit", on(map[string]any{"values": map[string]any{"account": "id-beta"}}))
	same(t, "option that was not offered in this block", status, 409)

	// The app's own errors stay in the form.
	w.app(func(r received) string {
		if r.payload(t).Type == "block_suggestion" {
			return options("beta")
		}
		return `{"response_action":"errors","errors":{"reason":"Say more."}}`
	})
	w.do("suggest", on(map[string]any{"action_id": "account", "query": "b"}))
	res = w.do("submit", on(map[string]any{"values": map[string]any{"account": "id-beta", "duration": "3600"}}))
	same(t, "error", res.Error, "field_errors")
	same(t, "field errors", res.FieldErrors, map[string]string{"reason": "Say more."})
	p = w.last().payload(t)
	same(t, "type", string(p.Type), "view_submission")
	same(t, "account", p.View.State.Values["account-2"]["account"].SelectedOption.Value, "id-beta")
	same(t, "duration", p.View.State.Values["duration"]["duration"].SelectedOption.Value, "3600")

	// An empty response closes it.
	w.app(nil)
	same(t, "submission", w.do("submit", on(nil)).OK, true)
	var open struct{ Views []any }
	w.get("/sim/views?person=U0ADA", &open)
	same(t, "open forms", len(open.Views), 0)
	_, err := w.slack.UpdateView(form(""), "", "", view.ID)
	same(t, "update of a closed form", errText(err), "not_found")
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSubmissionAnswers(t *testing.T) {
	marshal := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	next := form("")
	next.Title = plain("Thank you")
	tooLong := form("")
	tooLong.Title = plain(strings.Repeat("x", 25))
	for _, tt := range []struct {
		name, answer string
		wantError    string
		wantOpen     int
		wantTitle    string
	}{
		{"nothing", "", "", 0, ""},
		{"empty object", "{}", "", 0, ""},
		{"clear", `{"response_action":"clear"}`, "", 0, ""},
		{"update", marshal(map[string]any{"response_action": "update", "view": next}), "", 1, "Thank you"},
		{"push", marshal(map[string]any{"response_action": "push", "view": next}), "", 2, "Thank you"},
		{"update that breaks a limit", marshal(map[string]any{"response_action": "update", "view": tooLong}), "bad_answer", 1, "Request access"},
		{"error for no input", `{"response_action":"errors","errors":{"nowhere":"x"}}`, "bad_answer", 1, "Request access"},
		{"unknown action", `{"response_action":"dance"}`, "bad_answer", 1, "Request access"},
		{"no JSON", `<html>`, "bad_answer", 1, "Request access"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			view := w.openForm("U0ADA")
			w.app(func(received) string { return tt.answer })
			res := w.do("submit", map[string]any{"person": "U0ADA", "view_id": view.ID, "unchecked": true,
				"values": map[string]any{"account": "x", "reason": "y"}})
			same(t, "error", res.Error, tt.wantError)
			var open struct {
				Views []struct{ Title struct{ Text string } }
			}
			w.get("/sim/views?person=U0ADA", &open)
			same(t, "open", len(open.Views), tt.wantOpen)
			if tt.wantOpen > 0 {
				same(t, "title", open.Views[len(open.Views)-1].Title.Text, tt.wantTitle)
			}
		})
	}
}

func TestTrigger(t *testing.T) {
	w := newWorld(t, nil)
	w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"})
	id := w.last().payload(t).TriggerID
	_, err := w.slack.OpenView(id, form(""))
	same(t, "first use", errText(err), "")
	_, err = w.slack.OpenView(id, form(""))
	same(t, "second use", errText(err), "exchanged_trigger_id")
	_, err = w.slack.OpenView("1.2.3", form(""))
	same(t, "made up", errText(err), "invalid_trigger_id")

	w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"})
	id = w.last().payload(t).TriggerID
	w.pass(triggerLife + time.Second)
	_, err = w.slack.OpenView(id, form(""))
	same(t, "too late", errText(err), "expired_trigger_id")
}

// TestClearKeepsOtherStacks checks that "clear" closes the submitted view and those of its
// stack, and no other modal of the person.
func TestClearKeepsOtherStacks(t *testing.T) {
	w := newWorld(t, nil)
	first, other := w.openForm("U0ADA"), w.openForm("U0ADA")
	w.app(func(r received) string {
		if r.payload(t).Type == "view_closed" {
			return ""
		}
		b, _ := json.Marshal(map[string]any{"response_action": "push", "view": form("")})
		return string(b)
	})
	submit := func(view string) Result {
		return w.do("submit", map[string]any{"person": "U0ADA", "view_id": view, "unchecked": true, "values": map[string]any{"account": "x", "reason": "y"}})
	}
	same(t, "push", submit(first.ID).OK, true)
	var open struct {
		Views []struct {
			ID   string
			Root string `json:"root_view_id"`
		}
	}
	w.get("/sim/views?person=U0ADA", &open)
	if len(open.Views) != 3 || open.Views[2].Root != first.ID {
		t.Fatalf("open views: %+v", open.Views)
	}
	pushed := open.Views[2].ID
	w.app(func(received) string { return `{"response_action":"clear"}` })
	same(t, "clear", submit(pushed).OK, true)
	w.get("/sim/views?person=U0ADA", &open)
	if len(open.Views) != 1 || open.Views[0].ID != other.ID {
		t.Errorf("open views: %+v, want %s alone", open.Views, other.ID)
	}
}

// TestOpened checks that a result names the modal that this interaction opened.
func TestOpened(t *testing.T) {
	w := newWorld(t, nil)
	var view *slackgo.ViewResponse
	w.app(func(r received) string {
		trigger := r.form.Get("trigger_id")
		if trigger == "" {
			trigger = r.payload(t).TriggerID
		}
		v, err := w.slack.OpenView(trigger, form(""))
		if err != nil {
			t.Errorf("views.open: %v", err)
		}
		view = v
		return ""
	})
	same(t, "a shortcut", w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"}).Opened, view.ID)
	same(t, "a command", w.do("command", map[string]any{"person": "U0ADA", "command": "/access"}).Opened, view.ID)
	w.app(nil)
	same(t, "nothing", w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "x"}).Opened, "")
}

func TestCloseTellsTheApp(t *testing.T) {
	w := newWorld(t, nil)
	view := w.openForm("U0ADA")
	w.do("close", map[string]any{"person": "U0ADA", "view_id": view.ID})
	p := w.last().payload(t)
	same(t, "type", string(p.Type), "view_closed")
	same(t, "view", p.View.ID, view.ID)
}

func TestSuggestionAnswers(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = strings.Repeat("n", i%70+1)
	}
	for _, tt := range []struct {
		name, answer string
		want         string
	}{
		{"none", `{"options":[]}`, ""},
		{"groups", `{"option_groups":[{"label":{"type":"plain_text","text":"Production"},"options":` + options("a")[11:len(options("a"))-1] + `}]}`, ""},
		{"101 options", options(many...), "bad_answer"},
		{"text of 76", options(strings.Repeat("x", 76)), "bad_answer"},
		{"no JSON", "sorry", "bad_answer"},
		{"neither", "{}", "bad_answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			view := w.openForm("U0ADA")
			w.app(func(received) string { return tt.answer })
			res := w.do("suggest", map[string]any{"person": "U0ADA", "view_id": view.ID, "action_id": "account", "query": "x"})
			same(t, "error", res.Error, tt.want)
			if tt.name == "groups" {
				same(t, "options", res.Options, []Option{{Text: "a", Value: "id-a", Group: "Production"}})
			}
		})
	}
}

func TestReasonTooLong(t *testing.T) {
	w := newWorld(t, nil)
	view := w.openForm("U0ADA")
	values := map[string]any{"account": "x", "reason": strings.Repeat("é", 101)}
	_, status := w.try("submit", map[string]any{"person": "U0ADA", "view_id": view.ID, "values": values})
	same(t, "unknown option", status, 409)
	delete(values, "account")
	res := w.do("submit", map[string]any{"person": "U0ADA", "view_id": view.ID, "values": values})
	same(t, "error", res.FieldErrors["reason"], "Must be 100 characters or fewer (it has 101).")
	values["account"] = "x"
	res = w.do("submit", map[string]any{"person": "U0ADA", "view_id": view.ID, "values": values, "unchecked": true})
	same(t, "unchecked", res.OK, true)
	same(t, "length that arrived", len([]rune(w.last().payload(t).View.State.Values["reason"]["reason"].Value)), 101)
}

func TestFormsArePersonal(t *testing.T) {
	w := newWorld(t, nil)
	view := w.openForm("U0ADA")
	_, status := w.try("submit", map[string]any{"person": "U0BOB", "view_id": view.ID})
	same(t, "Bob submits Ada's form", status, 409)
	_, err := w.slack.UpdateViewContext(context.Background(), form(""), "", view.Hash, view.ID)
	same(t, "update with the right hash", errText(err), "")
}

// A form may open with values. They count as its state until someone changes them, also
// after an update that doesn't repeat them.
func TestInitialValues(t *testing.T) {
	w := newWorld(t, nil)
	filled := form("")
	inputs := filled.Blocks.BlockSet
	inputs[0].(*slackgo.InputBlock).Element.(*slackgo.SelectBlockElement).InitialOption = slackgo.NewOptionBlockObject("id-alpha", plain("alpha"), nil)
	inputs[1].(*slackgo.InputBlock).Element.(*slackgo.SelectBlockElement).InitialOption = slackgo.NewOptionBlockObject("3600", plain("1 hour"), nil)
	inputs[2].(*slackgo.InputBlock).Element.(*slackgo.PlainTextInputBlockElement).InitialValue = "because"
	view := w.openForm("U0ADA")
	w.do("close", map[string]any{"person": "U0ADA", "view_id": view.ID})
	w.app(func(r received) string {
		v, err := w.slack.OpenView(r.payload(t).TriggerID, filled)
		if err != nil {
			t.Errorf("views.open: %v", err)
			return ""
		}
		view = v
		return ""
	})
	w.do("shortcut", map[string]any{"person": "U0ADA", "callback_id": "request_for_access"})
	if _, err := w.slack.UpdateView(form(""), "", view.Hash, view.ID); err != nil {
		t.Errorf("views.update: %v", err)
	}
	w.app(nil)
	if res := w.do("submit", map[string]any{"person": "U0ADA", "view_id": view.ID}); !res.OK {
		t.Errorf("submit: %+v", res)
	}
	state := w.last().payload(t).View.State.Values
	same(t, "account", state["account"]["account"].SelectedOption.Value, "id-alpha")
	same(t, "duration", state["duration"]["duration"].SelectedOption.Value, "3600")
	same(t, "reason", state["reason"]["reason"].Value, "because")
}
