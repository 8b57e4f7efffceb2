package drift_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

const (
	production = "111111111111"
	sandbox    = "222222222222"
)

// withUnits is a world with two accounts, each with an assignment, and units.
func withUnits(statements []access.Statement, protected ...string) (*world, *drift.Engine, map[string][]string) {
	w := newWorld()
	w.accounts = []access.Account{{ID: production, Name: "Production"}, {ID: sandbox, Name: "Sandbox"}}
	w.sets["arn:admin"] = "Admin"
	w.users["u-alice"] = "alice"
	w.assign(production, "arn:admin", "u-alice")
	w.assign(sandbox, "arn:admin", "u-alice")
	w.policy = access.Policy{Accounts: statements, ProtectedAccounts: protected}
	above := map[string][]string{production: {"ou-prod"}, sandbox: {"ou-dev"}}
	e := w.engine()
	e.OUs = func(context.Context, []string) (func(string) ([]string, bool), error) {
		return func(id string) ([]string, bool) { ous, known := above[id]; return ous, known }, w.fail["OUs"]
	}
	return w, e, above
}

func about(resources ...string) access.Statement {
	return access.Statement{Resources: resources, PermissionSets: []string{"*"}, Approvers: []string{"carol@example.com"}}
}

func TestScopeOfUnits(t *testing.T) {
	for _, tt := range []struct {
		name       string
		statements []access.Statement
		protected  []string
		change     func(w *world, above map[string][]string)
		want       []string // accounts of findings that may be removed
		only       []string // of findings that are only reported
		complete   bool
	}{
		{name: "a unit", statements: []access.Statement{about("ou-prod")}, want: []string{production}, complete: true},
		{name: "a root", statements: []access.Statement{about("r-1")}, want: []string{production, sandbox}, complete: true},
		{name: "a unit that is gone", statements: []access.Statement{about("ou-gone"), about(sandbox)}, want: []string{sandbox}, complete: true},
		{name: "units are not known: incomplete, and only what is covered in another way", statements: []access.Statement{about("ou-prod"), about(sandbox)},
			change: func(w *world, _ map[string][]string) { w.fail["OUs"] = throttle }, want: []string{sandbox}},
		{name: "the units of one account are not known", statements: []access.Statement{about("ou-prod", "ou-dev")},
			change: func(_ *world, above map[string][]string) { delete(above, sandbox) }, want: []string{production}},
		{name: "they make no difference", statements: []access.Statement{about("ou-prod"), about(sandbox)},
			change: func(_ *world, above map[string][]string) { delete(above, sandbox) }, want: []string{production, sandbox}, complete: true},
		{name: "protected, of all", statements: []access.Statement{about("*")}, protected: []string{production}, want: []string{sandbox}, only: []string{production}, complete: true},
		{name: "protected, in a unit", statements: []access.Statement{about("ou-prod")}, protected: []string{production}, only: []string{production}, complete: true},
		{name: "protected, and named", statements: []access.Statement{about("*"), about(production)}, protected: []string{production}, want: []string{production, sandbox}, complete: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, e, above := withUnits(tt.statements, tt.protected...)
			if tt.change != nil {
				tt.change(w, above)
			}
			c, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
			var may, only []string
			for i, f := range findings {
				if f.Protected {
					only = append(only, f.AccountID)
				} else {
					may = append(may, f.AccountID)
				}
				if f.MayBeRemoved() != slices.Contains(c.Removals, i) {
					t.Errorf("removals %v of %+v", c.Removals, findings)
				}
			}
			slices.Sort(may)
			if !slices.Equal(may, tt.want) || !slices.Equal(only, tt.only) || c.Complete != tt.complete {
				t.Errorf("%v may be removed, %v only reported, complete %v; want %v, %v, %v", may, only, c.Complete, tt.want, tt.only, tt.complete)
			}
			p, err := e.Preview(t.Context(), "r")
			if err != nil || len(p.Findings) != len(tt.want) || len(p.Protected) != len(tt.only) {
				t.Errorf("preview %+v, %v", p, err)
			}
			if tt.want != nil {
				return
			}
			if r, _, _ := report(t, w, e, "r", nil); c.Next != "report" || r.Results[findings[0].Key()] != access.DriftProtected {
				t.Errorf("next %q, results %v", c.Next, r.Results)
			}
		})
	}
}

// A person decides about access that came into the scope. Access that was in it is
// removed meanwhile.
func TestScopeThatGrew(t *testing.T) {
	sandboxOnly := []access.Statement{about(sandbox)}
	earlier := monday.Add(-2 * time.Hour)
	for _, tt := range []struct {
		name   string
		before *drift.Scope
		now    []access.Statement
		change func(w *world, above map[string][]string)
		limit  int
		guard  access.Guard
		asked  []string // accounts
	}{
		{name: "the same", before: &drift.Scope{Accounts: []access.Statement{about("*")}}, now: []access.Statement{about("*")}, limit: 9},
		{name: "the policy names another account", before: &drift.Scope{Accounts: sandboxOnly}, now: []access.Statement{about(sandbox, production)}, limit: 9, guard: access.GuardScopeGrew, asked: []string{production}},
		{name: "the policy names another permission set", before: &drift.Scope{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}}}}, now: []access.Statement{about("*")}, limit: 9, guard: access.GuardScopeGrew, asked: []string{production, sandbox}},
		{name: "the policy covers less", before: &drift.Scope{Accounts: []access.Statement{about("*")}}, now: sandboxOnly, limit: 9},
		{name: "an account moved into the unit", before: &drift.Scope{Accounts: []access.Statement{about("ou-prod")}, OUs: map[string][]string{production: {"ou-prod"}}}, now: []access.Statement{about("ou-prod")},
			change: func(_ *world, above map[string][]string) { above[sandbox] = []string{"ou-prod"} }, limit: 9, guard: access.GuardScopeGrew, asked: []string{sandbox}},
		{name: "a new account of a policy about all", before: &drift.Scope{Accounts: []access.Statement{about("*")}}, now: []access.Statement{about("*")}, change: func(w *world, _ map[string][]string) {
			w.accounts = append(w.accounts, access.Account{ID: "333333333333", Name: "New"})
			w.assign("333333333333", "arn:admin", "u-alice")
		}, limit: 9},
		{name: "an account is protected no more", before: &drift.Scope{Accounts: []access.Statement{about("*")}, Protected: []string{production}}, now: []access.Statement{about("*")}, limit: 9, guard: access.GuardScopeGrew, asked: []string{production}},
		{name: "nobody released it at the last run", before: &drift.Scope{Accounts: []access.Statement{about("*")}, Pending: []string{"account#" + production + "#arn:admin"}}, now: []access.Statement{about("*")}, limit: 9, guard: access.GuardScopeGrew, asked: []string{production}},
		{name: "the scope is not known", now: []access.Statement{about("*")}, limit: 9, guard: access.GuardScopeGrew, asked: []string{production, sandbox}},
		{name: "too many, apart from what is new", before: &drift.Scope{Accounts: sandboxOnly}, now: []access.Statement{about("*")}, limit: 0, guard: access.GuardTooMany, asked: []string{production, sandbox}},
		{name: "what is new doesn't count", before: &drift.Scope{Accounts: sandboxOnly}, now: []access.Statement{about("*")}, limit: 1, guard: access.GuardScopeGrew, asked: []string{production}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, e, above := withUnits(tt.now)
			if tt.change != nil {
				tt.change(w, above)
			}
			e.Limit = tt.limit
			w.beat = access.Heartbeat{Run: "before", At: earlier}
			if err := w.store.PutHistory(t.Context(), drift.History{Heartbeat: w.beat, Scope: tt.before}, ""); err != nil {
				t.Fatal(err)
			}
			c, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
			row := w.rows["r"]
			var asked []string
			for _, i := range row.Asked(findings) {
				asked = append(asked, findings[i].AccountID)
			}
			slices.Sort(asked)
			if row.Guard != tt.guard || !slices.Equal(asked, tt.asked) || row.Removals != len(tt.asked) || (c.Next == "ask") != (tt.guard != "") {
				t.Errorf("%q: guard %q, asks about %v (%d), want %q, %v", c.Next, row.Guard, asked, row.Removals, tt.guard, tt.asked)
			}
			for i, f := range findings {
				if want := !slices.Contains(tt.asked, f.AccountID); row.MayRemove(i) != want {
					t.Errorf("%s may be removed: %v, want %v", f.AccountID, !want, want)
				}
			}
			if tt.guard == access.GuardScopeGrew {
				want := "report"
				if len(findings) > len(tt.asked) {
					want = "remove"
				}
				if next, err := e.EndQuestion(t.Context(), "r"); next != want || err != nil {
					t.Errorf("after the question: %q, %v; want %q", next, err, want)
				}
			}
		})
	}
}

// Until someone releases it, what is new stays outside the scope. What had no findings
// joins it.
func TestScopeIsLeft(t *testing.T) {
	w, e, _ := withUnits([]access.Statement{about("*")})
	run := func(id string, mode access.DriftMode, answer *bool) access.Run {
		t.Helper()
		w.now = w.now.Add(time.Hour)
		c, _ := w.collect(t, e, drift.Start{Run: id, Mode: mode})
		if answer != nil {
			row := w.rows[id]
			a := access.RunAnswer{Remove: *answer, By: access.Person{Email: "carol@example.com", PrincipalID: "p-carol"}, At: w.now, Findings: access.Ranges(c.Removals)}
			row.Answers, row.Answer = []access.RunAnswer{a}, &a
			w.rows[id] = row
		}
		report(t, w, e, id, nil)
		return w.rows[id]
	}
	scope := func() *drift.Scope {
		h, _, err := w.store.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h.Scope
	}
	w.beat = access.Heartbeat{Run: "before", At: w.now}
	if err := w.store.PutHistory(t.Context(), drift.History{Heartbeat: w.beat, Findings: map[string]drift.SeenFinding{}}, ""); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	run("a", access.DriftWarn, nil)
	if s := scope(); s == nil || len(s.Pending) != 2 {
		t.Errorf("a run that warns leaves %+v", s)
	}
	for id, answer := range map[string]*bool{"b": nil, "c": &no} {
		if row := run(id, access.DriftRevoke, answer); row.Guard != access.GuardScopeGrew || len(scope().Pending) != 2 {
			t.Errorf("%s: guard %q, scope %+v", id, row.Guard, scope())
		}
	}
	// An incomplete run leaves the scope as it is.
	was := *scope()
	w.fail["UserAssignments "+production] = throttle
	run("d", access.DriftWarn, nil)
	if scope().Run != was.Run {
		t.Errorf("an incomplete run leaves %+v", scope())
	}
	clear(w.fail)
	if run("e", access.DriftRevoke, &yes); len(scope().Pending) != 0 {
		t.Errorf("released: %+v", scope())
	}
	if row := run("f", access.DriftRevoke, nil); row.Guard != "" {
		t.Errorf("the next run asks again: %q", row.Guard)
	}
	// Nothing about people is kept.
	if text, err := json.Marshal(scope()); err != nil || len(scope().Accounts) != 1 || scope().Accounts[0].Approvers != nil {
		t.Errorf("%s, %v", text, err)
	}
}
