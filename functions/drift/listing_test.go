package drift_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// callsOfRun returns the calls of a run up to its Collect step.
func callsOfRun(t *testing.T, w *world, run string) (calls map[string]int, found []string, c drift.NextSteps) {
	t.Helper()
	clear(w.calls)
	e := w.engine()
	e.Names = func(context.Context) (map[string]string, map[string]string, error) { return nil, w.sets, nil }
	c, findings := w.collect(t, e, drift.Start{Run: run, Mode: access.DriftWarn})
	calls = maps.Clone(w.calls)
	for _, other := range []string{"Lease", "Accounts", "PermissionSetARNs", "UserName"} {
		delete(calls, other)
	}
	return calls, keys(findings), c
}

func held(w *world) *world {
	for a := range w.assignments {
		w.lease(a.AccountID, a.PermissionSetARN, a.UserID, access.LeaseHeld)
	}
	return w
}

// A run uses what an earlier one learned about the costs of listing, and makes fewer calls.
func TestPlanLearns(t *testing.T) {
	tests := []struct {
		name                      string
		accounts, in, sets, users int
		byUser                    bool
		first, then               map[string]int
	}{
		{name: "every permission set is everywhere", accounts: 10, in: 10, sets: 4, users: 1_000,
			first: map[string]int{"AccountsWith": 4, "UserPages": 1, "UserAssignments": 40},
			then:  map[string]int{"UserAssignments": 40}},
		{name: "few permission sets are anywhere", accounts: 30, in: 2, sets: 3, users: 400,
			first: map[string]int{"AccountsWith": 3, "UserPages": 1, "UserAssignments": 6},
			then:  map[string]int{"AccountsWith": 3, "UserAssignments": 6}},
		{name: "few users", accounts: 60, in: 60, sets: 4, users: 30, byUser: true,
			first: map[string]int{"AccountsWith": 4, "UserPages": 1, "AssignmentsOf": 5 + 30},
			then:  map[string]int{"UserPages": 1, "AssignmentsOf": 1 + 30}},
		{name: "fewer users than it takes to find out", accounts: 60, in: 60, sets: 40, users: 30, byUser: true,
			first: map[string]int{"UserPages": 1, "AssignmentsOf": 5 + 30},
			then:  map[string]int{"UserPages": 1, "AssignmentsOf": 1 + 30}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := held(sized(test.accounts, test.in, test.sets, test.users))
			for i, want := range []map[string]int{test.first, test.then, test.then} {
				run := string(rune('a' + i))
				if got, _, _ := callsOfRun(t, w, run); !reflect.DeepEqual(got, want) {
					t.Errorf("run %s: calls %v, want %v", run, got, want)
				}
				if plan, _ := w.store.Plan(t.Context(), run); plan.ByUser != test.byUser {
					t.Errorf("run %s: by user: %v", run, plan.ByUser)
				}
				w.now = w.now.Add(2 * time.Hour)
			}
			w.now = w.now.Add(24 * time.Hour)
			if got, _, _ := callsOfRun(t, w, "later"); !reflect.DeepEqual(got, test.first) {
				t.Errorf("a day later: calls %v, want %v", got, test.first)
			}
		})
	}
}

// Whatever a run learned, the next one finds everything that is there by then.
func TestWhatARunLearnedHidesNothing(t *testing.T) {
	tests := []struct {
		name   string
		world  func() *world
		change func(w *world)
		learns bool // the run after the change finds out again
	}{
		{name: "a permission set comes to an account", world: func() *world { return sized(10, 9, 4, 1_000) },
			change: func(w *world) {
				w.assign(w.accounts[9].ID, "arn:0000", "u-0002")
			}},
		{name: "a new account", world: func() *world { return sized(10, 10, 4, 1_000) }, learns: true,
			change: func(w *world) {
				w.accounts = append(w.accounts, access.Account{ID: "000000000099"})
				w.assign("000000000099", "arn:0001", "u-0002")
			}},
		{name: "a new permission set", world: func() *world { return sized(10, 10, 4, 1_000) }, learns: true,
			change: func(w *world) {
				w.sets["arn:new"] = "New"
				w.assign(w.accounts[3].ID, "arn:new", "u-0002")
			}},
		{name: "a new user", world: func() *world { return sized(60, 60, 4, 30) },
			change: func(w *world) {
				w.users["u-new"] = "new"
				w.assign(w.accounts[3].ID, "arn:0001", "u-new")
			}},
		{name: "far more users", world: func() *world { return sized(60, 60, 4, 30) }, learns: true,
			change: func(w *world) {
				for i := range 500 {
					w.users["u-new"+time.Duration(i).String()] = "new"
				}
				w.assign(w.accounts[3].ID, "arn:0001", "u-new7ns")
			}},
		{name: "listing by user is denied now", world: func() *world { return sized(60, 60, 4, 30) }, learns: true,
			change: func(w *world) {
				w.fail["AssignmentsOf"] = refusal
				w.assign(w.accounts[3].ID, "arn:0001", "u-0002")
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := held(test.world())
			callsOfRun(t, w, "first")
			test.change(w)
			var want []string
			for a := range w.assignments {
				if key := subject(a.AccountID, a.PermissionSetARN, a.UserID).Key(); w.leases[key].State == "" {
					want = append(want, key)
				}
			}
			slices.Sort(want)
			_, found, c := callsOfRun(t, w, "second")
			if !slices.Equal(found, want) || len(want) == 0 || !c.Complete {
				t.Errorf("found %v, complete: %v; want %v", found, c.Complete, want)
			}
			if plan, _ := w.store.Plan(t.Context(), "second"); (plan.Learned != nil) != test.learns {
				t.Errorf("learned %+v, want it: %v", plan.Learned, test.learns)
			}
		})
	}
}

// A run that could not read everything makes the next one find out again. A failed call
// teaches nothing.
func TestFailuresTeachNothing(t *testing.T) {
	for operation, argument := range map[string]string{"UserAssignments": " 000000000003", "UserPages": "", "AccountsWith": ""} {
		w := held(sized(10, 10, 4, 1_000))
		if operation == "UserAssignments" {
			callsOfRun(t, w, "before")
		}
		w.fail[operation+argument] = throttle
		callsOfRun(t, w, "fails")
		clear(w.fail)
		if h, _, err := w.store.History(t.Context()); err != nil || h.Listing != nil {
			t.Errorf("%s: the history says %+v, %v; want nothing", operation, h.Listing, err)
		}
		if got, _, c := callsOfRun(t, w, "after"); got["AccountsWith"] != 4 || !c.Complete {
			t.Errorf("%s: the next run's calls are %v", operation, got)
		}
	}
}
