package drift_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// trusted makes runs trust the table.
func (w *world) trusted(t *testing.T) {
	t.Helper()
	w.beat = access.Heartbeat{Run: "before", At: monday.Add(-time.Hour)}
	if err := w.store.PutHistory(t.Context(), drift.History{Heartbeat: access.Heartbeat{Run: "before", At: w.beat.At}, Scope: scopeOf(w.policy)}, ""); err != nil {
		t.Fatal(err)
	}
}

func exemption(email string, until time.Time) access.Exemption {
	return access.Exemption{AccountID: "111111111111", PermissionSet: "Admin", Email: email, Until: until, Reason: "Slack is down"}
}

// While an exemption lasts, each run reports the access and keeps it. The first run in
// mode revoke tells the audit log. Afterwards, the access is removed as usual.
func TestExemptAccessIsLeftUntilItsTime(t *testing.T) {
	w := small()
	w.trusted(t)
	w.members[[2]string{"g-1", "u-bob"}] = true
	w.emails = map[string][]string{"u-alice": {"Alice@Example.com"}}
	until := monday.Add(10 * time.Hour)
	w.policy.Exemptions = []access.Exemption{exemption("alice@example.com", until)}
	spared := subject("111111111111", "arn:admin", "u-alice").Key()
	member := member("g-1", "u-bob").Key()
	e := w.engine()
	steps := []struct {
		name     string
		mode     access.DriftMode
		after    time.Duration
		next     string
		exempted bool
		since    time.Duration // of the exemption's first use, or 0 for none
		removals int
		results  map[string]access.RemovalResult
		told     []string
	}{
		{name: "warn", mode: access.DriftWarn, next: "report", told: []string{"alice@Production Admin", "bob@Ops"}},
		{name: "warn again", mode: access.DriftWarn, after: time.Hour, next: "report", told: []string{"alice@Production Admin"}},
		{name: "revoke", mode: access.DriftRevoke, after: time.Hour, next: "remove", exempted: true, since: 2 * time.Hour, removals: 1,
			results: map[string]access.RemovalResult{spared: access.DriftExempt, member: access.DriftRemoved}, told: []string{"alice@Production Admin", "bob@Ops"}},
		{name: "revoke again", mode: access.DriftRevoke, after: time.Hour, next: "report", since: 2 * time.Hour,
			results: map[string]access.RemovalResult{spared: access.DriftExempt}, told: []string{"alice@Production Admin"}},
		{name: "warn once more", mode: access.DriftWarn, after: time.Hour, next: "report", told: []string{"alice@Production Admin"}},
		{name: "its time is over", mode: access.DriftRevoke, after: 6 * time.Hour, next: "remove", removals: 1,
			results: map[string]access.RemovalResult{spared: access.DriftRemoved}, told: []string{"alice@Production Admin"}},
	}
	for i, step := range steps {
		w.now = w.now.Add(step.after)
		run := string(rune('a' + i))
		c, findings := w.collect(t, e, drift.Start{Run: run, Mode: step.mode})
		if again, err := e.Collect(t.Context(), run); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s: collected again %+v, %v", step.name, again, err)
		}
		if c.Next != step.next || c.Exempted != step.exempted || len(c.Removals) != step.removals {
			t.Errorf("%s: collected %+v", step.name, c)
		}
		var removals []drift.Removal
		for _, n := range c.Removals {
			if findings[n].Exemption != nil {
				t.Errorf("%s: removes %s, which is exempt", step.name, findings[n].Key())
			}
			removals = append(removals, drift.Removal{n, access.DriftRemoved})
			if findings[n].Kind == access.KindGroup {
				clear(w.members)
			}
		}
		for _, f := range findings {
			if f.Key() != spared || step.name == "its time is over" {
				if f.Exemption != nil {
					t.Errorf("%s: %s is exempt", step.name, f.Key())
				}
				continue
			}
			want := access.Spared{Key: w.policy.Exemptions[0].Key(), Until: until, Reason: "Slack is down"}
			if step.since > 0 {
				want.Since, want.Run = monday.Add(step.since), "c"
			}
			if f.Exemption == nil || *f.Exemption != want {
				t.Errorf("%s: spared %+v, want %+v", step.name, f.Exemption, want)
			}
		}
		r, tell, _ := report(t, w, e, run, removals)
		if !tell || !slices.Equal(names(r.Findings), step.told) || !reflect.DeepEqual(r.Results, step.results) {
			t.Errorf("%s: told of %q, results %v; want %q, %v", step.name, names(r.Findings), r.Results, step.told, step.results)
		}
	}
}

// The run must know whose access it is. If it can't tell, the access is neither exempt
// nor removed, and the run is incomplete.
func TestExemptionsAreOfOnePerson(t *testing.T) {
	tests := []struct {
		name     string
		change   func(w *world)
		exempt   bool
		findings int
		complete bool
	}{
		{name: "by email", change: func(w *world) { w.emails = map[string][]string{"u-alice": {"other@example.com", "ALICE@example.com"}} }, exempt: true, findings: 1, complete: true},
		{name: "by user name", change: func(w *world) { w.users["u-alice"] = "alice@example.com" }, exempt: true, findings: 1, complete: true},
		{name: "another email", change: func(w *world) { w.emails = map[string][]string{"u-alice": {"alice2@example.com"}} }, findings: 1, complete: true},
		{name: "an email that only looks like it", change: func(w *world) { w.emails = map[string][]string{"u-alice": {"\u0430lice@example.com"}} }, findings: 1, complete: true},
		{name: "the user is gone", change: func(w *world) { delete(w.users, "u-alice") }, findings: 1, complete: true},
		{name: "the user can't be read", change: func(w *world) { w.fail["UserNames u-alice"] = throttle }},
		{name: "another permission set", change: func(w *world) { w.policy.Exemptions[0].PermissionSet = "ReadOnly" }, findings: 1, complete: true},
		{name: "it has ended", change: func(w *world) { w.policy.Exemptions[0].Until = w.now }, findings: 1, complete: true},
		{name: "two, one of which is another person's", change: func(w *world) {
			w.emails = map[string][]string{"u-alice": {"alice@example.com"}}
			w.policy.Exemptions = append(w.policy.Exemptions, exemption("bob@example.com", monday.Add(20*time.Hour)))
		}, exempt: true, findings: 1, complete: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := small()
			w.trusted(t)
			w.policy.Exemptions = []access.Exemption{exemption("alice@example.com", monday.Add(time.Hour))}
			test.change(w)
			e := w.engine()
			e.ListBy = "account" // which also shows assignments of users who are gone
			c, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
			if len(findings) != test.findings || c.Complete != test.complete {
				t.Fatalf("findings %+v, complete %v", findings, c.Complete)
			}
			if test.findings == 0 {
				if len(c.Removals) > 0 {
					t.Errorf("removes %v", c.Removals)
				}
				return
			}
			if exempt := findings[0].Exemption != nil; exempt != test.exempt || exempt == (len(c.Removals) > 0) || c.Exempted != test.exempt {
				t.Errorf("exempt %v, removes %v, first %v", exempt, c.Removals, c.Exempted)
			}
		})
	}
}

// Users are looked up only if an exemption is about their access.
func TestWithoutExemptionsNobodyIsLookedUp(t *testing.T) {
	w := small()
	w.policy.Exemptions = []access.Exemption{{GroupID: "g-none", Email: "alice@example.com", Until: monday.Add(time.Hour)}}
	w.collect(t, w.engine(), drift.Start{Run: "r", Mode: access.DriftRevoke})
	if n := w.calls["UserNames"]; n > 0 {
		t.Errorf("%d users were looked up", n)
	}
}

// A run started by an event, or with removals switched off, removes nothing, whatever
// its mode. It reports what a run in mode warn would.
func TestRunsThatMayNotRemove(t *testing.T) {
	event := json.RawMessage(`{"detail":{"eventName":"CreateAccountAssignment","requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:admin","principalType":"USER"}}}`)
	for _, test := range []struct {
		name    string
		start   drift.Start
		off     bool
		partial bool
	}{
		{name: "an event", start: drift.Start{Run: "r", Mode: access.DriftRevoke, Event: event}, partial: true},
		{name: "an event that names nothing", start: drift.Start{Run: "r", Mode: access.DriftRevoke, Event: json.RawMessage(`{}`)}, partial: true},
		{name: "switched off", start: drift.Start{Run: "r", Mode: access.DriftRevoke}, off: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := small()
			w.trusted(t)
			e := w.engine()
			e.RemovalsOff = test.off
			c, findings := w.collect(t, e, test.start)
			plan, err := w.store.Plan(t.Context(), "r")
			if err != nil || plan.Mode != access.DriftWarn || plan.Partial != test.partial {
				t.Errorf("plan in mode %s, partial %v, %v", plan.Mode, plan.Partial, err)
			}
			if len(c.Removals) > 0 || c.Next == "remove" || c.Next == "ask" {
				t.Errorf("collected %+v", c)
			}
			if len(findings) == 0 {
				return
			}
			if row := w.rows["r"]; row.MayRemove(0) || row.Partial != test.partial {
				t.Errorf("row %+v", row)
			}
			r, tell, _ := report(t, w, e, "r", nil)
			if !tell || r.Mode != access.DriftWarn || r.Results != nil || r.NextRevocation.IsZero() != test.off {
				t.Errorf("report %+v", r)
			}
			// A schedule's alarm depends on the runs that the schedule starts.
			if n := w.counted["ReconcileBegun revoke"]; n != 1 && !test.partial {
				t.Errorf("%d runs in mode revoke counted as begun", n)
			}
		})
	}
}

// The previous release made the plan, or the switch changed meanwhile. Both are
// checked again before anything is removed.
func TestAPlanInModeRevokeIsNotEnough(t *testing.T) {
	for _, off := range []bool{true, false} {
		w := small()
		w.trusted(t)
		e := w.engine()
		batches, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftRevoke})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := w.store.Plan(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		e.RemovalsOff, plan.Partial = off, !off
		if err := w.store.PutPlan(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		for _, n := range batches {
			if err := e.Scan(t.Context(), "r", n); err != nil {
				t.Fatal(err)
			}
		}
		if c, err := e.Collect(t.Context(), "r"); err != nil || c.Next != "report" || len(c.Removals) > 0 {
			t.Errorf("switched off %v, partial %v: %+v, %v", off, plan.Partial, c, err)
		}
		r, _, _ := report(t, w, e, "r", nil)
		if want := map[string]access.RemovalResult{subject("111111111111", "arn:admin", "u-alice").Key(): access.DriftNotAllowed}; !reflect.DeepEqual(r.Results, want) {
			t.Errorf("switched off %v: results %v, want %v", off, r.Results, want)
		}
	}
}

// The limit counts the removals of all runs within 24 hours.
func TestTheLimitCountsEarlierRuns(t *testing.T) {
	for _, test := range []struct {
		limit, before int
		next          string
	}{{limit: 1, next: "remove"}, {limit: 1, before: 1, next: "ask"}, {limit: 5, before: 4, next: "remove"}, {limit: 5, before: 5, next: "ask"}, {limit: 5, before: 9, next: "ask"}} {
		w := small()
		w.trusted(t)
		w.removals = test.before
		e := w.engine()
		e.Limit = test.limit
		if c, _ := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke}); c.Next != test.next {
			t.Errorf("limit %d, %d before: %s, want %s", test.limit, test.before, c.Next, test.next)
		}
	}
	w := small()
	w.trusted(t)
	w.fail["CountRemovals"] = throttle
	e := w.engine()
	batches, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftRevoke})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range batches {
		if err := e.Scan(t.Context(), "r", n); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := e.Collect(t.Context(), "r"); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("the number can't be read: %+v, %v", c, err)
	}
}

// Access stays for at most 72 hours after it was first found, whatever combination of
// leaves and exemptions people use.
func TestSparedAccessStaysAtMost72HoursInAll(t *testing.T) {
	const hour = time.Hour
	type step struct {
		at     time.Duration // since the access was first found
		leave  bool          // after the run
		exempt time.Duration // a deployment before the run exempts it for so long
		lost   string        // what happens to the history before the run
		until  time.Duration // since the start; 0 if the run, in mode revoke, removes it
		over   bool          // an exemption in the settings doesn't count anymore
	}
	for name, steps := range map[string][]step{
		"leave, then exemption": {
			{at: 0, exempt: hour, until: hour, leave: true}, {at: hour, until: 24 * hour}, {at: 23 * hour, exempt: 72 * hour, until: 72 * hour},
			{at: 71 * hour, until: 72 * hour}, {at: 72 * hour, over: true},
		},
		"exemption, then leave": {
			{at: 0, exempt: 60 * hour, until: 60 * hour}, {at: 60*hour - 1, until: 60 * hour, leave: true}, {at: 60 * hour, until: 72 * hour}, {at: 72 * hour},
		},
		"exemption deployed again and again": {
			{at: 0, exempt: 72 * hour, until: 72 * hour}, {at: 24 * hour, exempt: 72 * hour, until: 72 * hour}, {at: 71 * hour, exempt: 72 * hour, until: 72 * hour},
			{at: 72 * hour, exempt: 72 * hour, over: true},
		},
		"exemption after the time": {{at: 0, exempt: hour, until: hour}, {at: 50 * hour}, {at: 100 * hour, exempt: 72 * hour, over: true}},
		"no run finds it for 72 hours": {
			{at: 0, exempt: hour, until: hour}, {at: 72 * hour, exempt: 72 * hour, over: true}, {at: 144*hour + 1, exempt: 72 * hour, until: 216*hour + 1}, {at: 216*hour + 1},
		},
		"history lost": {
			{at: 0, exempt: 72 * hour, until: 72 * hour}, {at: 71 * hour, lost: "lost", until: 72 * hour}, {at: 72 * hour},
		},
		"history lost, exemption deployed again": {
			{at: 0, exempt: 72 * hour, until: 72 * hour}, {at: 71 * hour, lost: "lost", exempt: 72 * hour, until: 143 * hour}, {at: 142 * hour, exempt: 72 * hour, until: 143 * hour}, {at: 143 * hour, over: true},
		},
		"history invalid": {{at: 0, exempt: 72 * hour, until: 72 * hour}, {at: 71 * hour, lost: "invalid", until: 72 * hour}, {at: 72 * hour}},
		"history without the time": {
			{at: 0, exempt: 72 * hour, until: 72 * hour}, {at: 71 * hour, lost: "no time", exempt: 72 * hour, until: 143 * hour}, {at: 143 * hour},
		},
		"gone and back": {
			{at: 0, exempt: 72 * hour, until: 72 * hour}, {at: 71 * hour, lost: "gone", exempt: 72 * hour, until: 143 * hour}, {at: 143 * hour},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.trusted(t)
			w.policy.Groups = nil
			w.emails = map[string][]string{"u-alice": {"alice@example.com"}}
			e := w.engine()
			start := w.now
			for i, step := range steps {
				w.now = start.Add(step.at)
				run := string(rune('a' + i))
				if step.exempt > 0 {
					w.policy.Exemptions = []access.Exemption{exemption("alice@example.com", w.now.Add(step.exempt))}
				}
				switch step.lost {
				case "gone":
					w.unassign("111111111111", "arn:admin", "u-alice")
					w.collect(t, e, drift.Start{Run: run + "-gone", Mode: access.DriftWarn})
					w.assign("111111111111", "arn:admin", "u-alice")
				case "lost", "no time", "invalid":
					w.lose(t, step.lost)
				}
				c, findings := w.collect(t, e, drift.Start{Run: run, Mode: access.DriftRevoke})
				if len(findings) != 1 {
					t.Fatalf("at %s: found %v", step.at, names(findings))
				}
				f := findings[0]
				switch {
				case step.until == 0 && (f.Exemption != nil || len(c.Removals) != 1):
					t.Errorf("at %s: exempt %+v, removes %v; want it removed", step.at, f.Exemption, c.Removals)
				case step.until > 0 && (f.Exemption == nil || !f.Exemption.Until.Equal(start.Add(step.until)) || len(c.Removals) > 0):
					t.Errorf("at %s: exempt %+v, removes %v; want it exempt until %s", step.at, f.Exemption, c.Removals, start.Add(step.until))
				}
				if f.ExemptionOver != step.over {
					t.Errorf("at %s: the exemption is over: %t", step.at, f.ExemptionOver)
				}
				if step.leave {
					report(t, w, e, run, nil)
					w.leave(t, e, run, 0)
				}
			}
		})
	}
}

// lose makes the history lose what runs found: all of it, or only the times.
func (w *world) lose(t *testing.T, how string) {
	t.Helper()
	h, version, err := w.store.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case "invalid":
		if err := w.store.Objects.Put(t.Context(), "reconcile/known.json", []byte("no JSON")); err != nil {
			t.Fatal(err)
		}
		return
	case "lost":
		h.Findings = map[string]drift.SeenFinding{}
	case "no time":
		for key, seen := range h.Findings {
			seen.FirstSeen = time.Time{}
			h.Findings[key] = seen
		}
	}
	if err := w.store.PutHistory(t.Context(), h, version); err != nil {
		t.Fatal(err)
	}
}
