package main

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

// asking is a run that asks whether it may remove what it found.
func asking() access.Run {
	return access.Run{
		ID: "run1", Mode: access.DriftRevoke, StartedAt: now, ExecutionARN: stateARN + "run1",
		Guard: access.GuardTooMany, Removals: 12, Approvers: []string{"ann@example.com", "twin@example.com"}, Token: "run-token",
		Posts: map[string]access.Post{"drift_question": {Channel: "C1", TS: "1.1"}},
	}
}

// gone makes the run one that asks about people who are gone: no execution waits
// for the answer.
func gone(r *access.Run) {
	r.Mode, r.Guard, r.People, r.ExecutionARN, r.Token = access.ModeRecheck, access.GuardGone, 11, "", ""
}

func TestPressOfARun(t *testing.T) {
	const (
		notYours = "You can not answer this: only those can who approve requests."
		removing = "C1 1.1 🔵 Answered: access that no request granted may be removed"
		left     = "C1 1.1 ⚪ Access that no request granted is left as it is"
		resumed  = "run-token {}"
	)
	said := func(remove bool, by access.Person) *access.RunAnswer {
		return &access.RunAnswer{Remove: remove, By: by, At: now}
	}
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name         string
		user, action string
		change       func(*world, *access.Run)
		answer       *access.RunAnswer
		resumed      []string
		updated      []string
		told         []string
	}{
		{name: "remove", user: "UANN", action: "drift_remove", answer: said(true, ann), resumed: []string{resumed}, updated: []string{removing}},
		{name: "leave", user: "UANN", action: "drift_leave", answer: said(false, ann), resumed: []string{resumed}, updated: []string{left}},
		{name: "remove before the wait has begun", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Token = "" }, answer: said(true, ann), updated: []string{removing}},
		{name: "remove before the post is known to have arrived", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Posts["drift_question"] = access.Post{Channel: "C1"} }, answer: said(true, ann), resumed: []string{resumed}},
		{name: "the machine can't be resumed: the answer stands", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.resumeErr = unavailable }, answer: said(true, ann), resumed: []string{resumed}, updated: []string{removing}},
		{name: "the message can't be updated: the answer stands", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.updateErr = unavailable }, answer: said(true, ann), resumed: []string{resumed}},
		{name: "somebody who approves nothing", user: "UBOB", action: "drift_remove", told: []string{notYours}},
		{name: "somebody who approves nothing leaves them", user: "UBOB", action: "drift_leave", told: []string{notYours}},
		{name: "a guest", user: "UGUEST", action: "drift_remove", told: []string{notYours + " No guests."}},
		{name: "an approver under a secondary domain", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { p := ann; p.SecondaryDomain = true; w.people["UANN"] = p }, told: []string{notYours}},
		{name: "an approver without a user", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { p := ann; p.PrincipalID = ""; w.people["UANN"] = p }, told: []string{notYours}},
		{name: "nobody is an approver", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Approvers = nil }, told: []string{notYours}},
		{name: "Slack does not say who", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.peopleErr = unavailable }, told: []string{"Something did not answer in time. Please try again."}},
		{name: "the table does not answer", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.decideErr = unavailable }, told: []string{"Something did not answer in time. Please try again."}},
		{name: "answered a moment before", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.rivalAnswer = said(false, bob) }, answer: said(false, bob),
			resumed: []string{resumed}, updated: []string{left}, told: []string{"bob@example.com has said to leave them already."}},
		{name: "answered before", user: "UBOB", action: "drift_leave",
			change: func(_ *world, r *access.Run) { r.Answer = said(true, ann) }, answer: said(true, ann),
			resumed: []string{resumed}, updated: []string{removing}, told: []string{"ann@example.com has let the removal go on already."}},
		{name: "the time is over", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Answer = said(false, access.Person{}) }, answer: said(false, access.Person{}),
			resumed: []string{resumed}, updated: []string{left}, told: []string{"Nobody answered in time: this run removes nothing."}},
		{name: "people who are gone: remove", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { gone(r) }, answer: said(true, ann), updated: []string{"C1 1.1 🔵 Answered: access of 11 people will be removed"}},
		{name: "people who are gone: leave", user: "UANN", action: "drift_leave",
			change: func(_ *world, r *access.Run) { gone(r) }, answer: said(false, ann), updated: []string{"C1 1.1 ⚪ Answered: access of 11 people is left for 24 hours"}},
		{name: "people who are gone: somebody who approves none of it", user: "UBOB", action: "drift_remove",
			change: func(_ *world, r *access.Run) { gone(r) }, told: []string{"You can't answer this. Only people who approve access to one of these targets can."}},
		{name: "people who are gone: answered before", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { gone(r); r.Answer = said(false, twin) }, answer: said(false, twin),
			updated: []string{"C1 1.1 ⚪ Answered: access of 11 people is left for 24 hours"},
			told:    []string{"twin@example.com has said to leave this access already. The question is asked again after 24 hours."}},
		{name: "people who are gone: confirmed before", user: "UANN", action: "drift_leave",
			change: func(_ *world, r *access.Run) { gone(r); r.Answer = said(true, twin) }, answer: said(true, twin),
			updated: []string{"C1 1.1 🔵 Answered: access of 11 people will be removed"}, told: []string{"twin@example.com has confirmed the removal already."}},
		{name: "people who are gone: too late", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { gone(r); r.Answer = &access.RunAnswer{At: now} }, answer: &access.RunAnswer{At: now},
			updated: []string{"C1 1.1 ⚪ Not answered: access of 11 people was left"},
			told:    []string{"Nobody answered in time. The question is asked again while these people are gone."}},
		{name: "a run that asks nothing", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Guard = "" }, told: []string{"This run asks nothing."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			run := asking()
			if test.change != nil {
				test.change(w, &run)
			}
			w.runs["run1"] = run
			got := w.send(t, press(test.user, test.action, "run1"))
			if got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, want 200 without a body", got.StatusCode, got.Body)
			}
			if got := w.runs["run1"].Answer; !reflect.DeepEqual(got, test.answer) {
				t.Errorf("answer %+v, want %+v", got, test.answer)
			}
			if !slices.Equal(w.resumed, test.resumed) {
				t.Errorf("resumed %q, want %q", w.resumed, test.resumed)
			}
			if !slices.Equal(w.updated, test.updated) {
				t.Errorf("updated %q, want %q", w.updated, test.updated)
			}
			if !slices.Equal(w.told, test.told) {
				t.Errorf("told %q, want %q", w.told, test.told)
			}
			if strings.Contains(w.log.String(), "-token") {
				t.Errorf("the log has a task token: %s", &w.log)
			}
			if w.deadline <= 0 || w.deadline > answerTimeout-tellingTime {
				t.Errorf("the table is asked with %s left, want at most %s", w.deadline, answerTimeout-tellingTime)
			}
		})
	}
}

// A double click, and a second approver who says the opposite: one answer.
func TestPressOfARunTwice(t *testing.T) {
	w := newWorld()
	w.runs["run1"] = asking()
	w.send(t, press("UANN", "drift_remove", "run1"))
	first := w.runs["run1"]
	w.send(t, press("UANN", "drift_remove", "run1"))
	w.send(t, press("UTWIN", "drift_leave", "run1"))
	if got := w.runs["run1"]; !reflect.DeepEqual(got, first) {
		t.Errorf("row %+v, want %+v", got, first)
	}
	want := []string{"ann@example.com has let the removal go on already.", "ann@example.com has let the removal go on already."}
	if !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
}

func TestPressOfAnUnknownRun(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = waiting() // a request's id is no run's
	w.send(t, press("UANN", "drift_remove", "r1"))
	if want := []string{"This run is too old: nothing is known about it any more."}; !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
}

func TestPressOfARunFromElsewhere(t *testing.T) {
	for _, foreign := range []object{{"team": object{"id": "T2"}}, {"api_app_id": "A2"}} {
		w := newWorld()
		w.runs["run1"] = asking()
		fields := object{"actions": []object{{"action_id": "drift_remove", "value": "run1"}}}
		for k, v := range foreign {
			fields[k] = v
		}
		got := w.send(t, payload("block_actions", "UANN", fields))
		if got.StatusCode != http.StatusForbidden || w.runs["run1"].Answer != nil {
			t.Errorf("%v: got %d and the answer %+v, want 403 and none", foreign, got.StatusCode, w.runs["run1"].Answer)
		}
	}
}
