package drift_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/drift"
)

const execution = "arn:aws:states:us-east-1:123456789012:execution:reconcile:r"

func report(t *testing.T, w *world, e *drift.Engine, run string, removals []drift.Removal) (access.DriftReport, bool, bool) {
	t.Helper()
	tell, complete, err := e.Report(t.Context(), run, removals)
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.store.Report(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	return r, tell, complete
}

func names(findings []access.Finding) (all []string) {
	for _, f := range findings {
		place := f.AccountName + " " + f.PermissionSet
		if f.Kind == access.KindGroup {
			place = f.GroupName
		}
		all = append(all, strings.TrimSpace(f.UserName)+"@"+place)
	}
	return all
}

// Drift is reported once a day, by whichever run. New drift is reported at once.
func TestToldOnceADay(t *testing.T) {
	w := small()
	e := w.engine()
	steps := []struct {
		name   string
		after  time.Duration
		change func()
		found  [][2]int // new ones
		tell   []string
		total  int
		next   string
	}{
		{name: "the first run", found: [][2]int{{0, 1}}, tell: []string{"alice@Production Admin"}, total: 1, next: "report"},
		{name: "two hours later", after: 2 * time.Hour, found: [][2]int{}, total: 1, next: "nothing"},
		{name: "one more", after: 2 * time.Hour, change: func() { w.members[[2]string{"g-1", "u-bob"}] = true }, found: [][2]int{{0, 1}}, tell: []string{"bob@Ops"}, total: 2, next: "report"},
		{name: "a day after the first", after: 20 * time.Hour, found: [][2]int{}, tell: []string{"alice@Production Admin"}, total: 2, next: "report"},
		{name: "it goes", after: 2 * time.Hour, change: func() { w.unassign("111111111111", "arn:admin", "u-alice"); clear(w.members) }, found: [][2]int{}, next: "nothing"},
		{name: "and comes back", after: 2 * time.Hour, change: func() { w.assign("111111111111", "arn:admin", "u-alice") }, found: [][2]int{{0, 1}}, tell: []string{"alice@Production Admin"}, total: 1, next: "report"},
	}
	for i, step := range steps {
		w.now = w.now.Add(step.after)
		if step.change != nil {
			step.change()
		}
		run := string(rune('a' + i))
		c, findings := w.collect(t, e, drift.Start{Run: run, Mode: access.DriftWarn, Execution: execution})
		if !reflect.DeepEqual(c, drift.NextSteps{Found: step.found, Next: step.next, Removals: []int{}, Complete: true}) {
			t.Errorf("%s: collected %+v", step.name, c)
		}
		again, err := e.Collect(t.Context(), run)
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s: collected again %+v, %v", step.name, again, err)
		}
		for range 2 { // the step may be repeated
			r, tell, complete := report(t, w, e, run, nil)
			if got := names(r.Findings); !slices.Equal(got, step.tell) || tell != (len(step.tell) > 0) || !complete || r.Total != step.total || r.Total != len(findings) {
				t.Errorf("%s: told of %q (%v) of %d, want %q of %d", step.name, got, tell, r.Total, step.tell, step.total)
			}
			if r.NextRevocation != w.now.Add(time.Hour) || r.Guard != "" || r.Results != nil || r.ExecutionARN != execution {
				t.Errorf("%s: %+v", step.name, r)
			}
		}
		row, there := w.rows[run]
		if there != (step.next != "nothing") || there && (row.Guard != "" || row.Approvers != nil || row.ExecutionARN != execution) {
			t.Errorf("%s: row %v %+v", step.name, there, row)
		}
	}
	if got := w.counted["ReconcileBegun warn"]; got != 6 {
		t.Errorf("%d runs counted as begun, want 6", got)
	}
	if got := w.counted["ReconcileCompleted warn"]; got != 12 {
		t.Errorf("%d runs counted as complete, want each of 12 reports", got)
	}
	first, _ := w.store.Findings(t.Context(), "b")
	if len(first) != 1 || !first[0].FirstSeen.Equal(monday) {
		t.Errorf("two hours later first seen %+v, want at the first run", first)
	}
}

// A run that removes asks first if it can't trust the table, or if there is much to
// remove.
func TestGuards(t *testing.T) {
	earlier := monday.Add(-2 * time.Hour)
	tests := []struct {
		name  string
		mode  access.DriftMode
		known time.Time // beat in the bucket
		table time.Time // beat in the table
		limit int
		clean bool // no findings
		guard access.Guard
		next  string
	}{
		{name: "all as the run before left it", mode: access.DriftRevoke, known: earlier, table: earlier, limit: 1, next: "remove"},
		{name: "the table is newer", mode: access.DriftRevoke, known: earlier, table: earlier.Add(time.Second), limit: 1, next: "remove"},
		{name: "one too many", mode: access.DriftRevoke, known: earlier, table: earlier, limit: 0, guard: access.GuardTooMany, next: "ask"},
		{name: "no run before", mode: access.DriftRevoke, limit: 9, guard: access.GuardNoRecord, next: "ask"},
		{name: "a table that remembers what the bucket does not", mode: access.DriftRevoke, table: earlier, limit: 9, guard: access.GuardNoRecord, next: "ask"},
		{name: "an empty table", mode: access.DriftRevoke, known: earlier, limit: 9, guard: access.GuardLostRecord, next: "ask"},
		{name: "a restored table", mode: access.DriftRevoke, known: earlier, table: earlier.Add(-time.Hour), limit: 9, guard: access.GuardLostRecord, next: "ask"},
		{name: "an empty table, too many too", mode: access.DriftRevoke, known: earlier, limit: 0, guard: access.GuardLostRecord, next: "ask"},
		{name: "nothing to remove", mode: access.DriftRevoke, clean: true, next: "nothing"},
		{name: "an empty table, nothing removes", mode: access.DriftWarn, known: earlier, next: "report"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := small()
			if test.clean {
				w.unassign("111111111111", "arn:admin", "u-alice")
			}
			w.beat = access.Heartbeat{Run: "before", At: test.table}
			if err := w.store.PutHistory(t.Context(), drift.History{Heartbeat: access.Heartbeat{Run: "before", At: test.known}, Scope: scopeOf(w.policy)}, ""); err != nil {
				t.Fatal(err)
			}
			e := w.engine()
			e.Limit = test.limit
			c, _ := w.collect(t, e, drift.Start{Run: "r", Mode: test.mode, Execution: execution})
			if c.Next != test.next {
				t.Fatalf("next %q, want %q", c.Next, test.next)
			}
			wantRemovals := []int{}
			if test.next == "ask" || test.next == "remove" {
				wantRemovals = []int{0}
			}
			row := w.rows["r"]
			if !slices.Equal(c.Removals, wantRemovals) || row.Guard != test.guard {
				t.Errorf("removals %v, want %v; row %+v", c.Removals, wantRemovals, row)
			}
			if test.guard != "" && (!slices.Equal(row.Approvers, []string{"carol@example.com"}) || row.Removals != 1) {
				t.Errorf("row %+v", row)
			}
			if test.next == "ask" {
				next, err := e.EndQuestion(t.Context(), "r")
				if next != "report" || err != nil {
					t.Errorf("without an answer: %q, %v", next, err)
				}
				// From here on, a press is too late.
				if a := w.rows["r"].Answer; a == nil || !a.Expired() {
					t.Errorf("the answer is %+v, want that there was none", a)
				}
			}
			r, _, _ := report(t, w, e, "r", nil)
			if r.Guard != test.guard || (r.Limit != 0) != (test.guard == access.GuardTooMany && test.limit != 0) {
				t.Errorf("report %+v", r)
			}
			if (test.next == "remove") != (len(r.Results) == 1) {
				t.Errorf("results %v", r.Results)
			}
		})
	}
}

// After the table was lost, each run asks until someone answers. None of them makes
// the loss look repaired.
func TestALossIsNotForgotten(t *testing.T) {
	w := small()
	w.unassign("111111111111", "arn:admin", "u-alice")
	e := w.engine()
	e.Limit = 5
	turn := 0
	run := func(mode access.DriftMode, answer *access.RunAnswer) (string, access.DriftReport) {
		t.Helper()
		turn++
		id := string(rune('a' + turn))
		w.now = w.now.Add(time.Hour)
		c, _ := w.collect(t, e, drift.Start{Run: id, Mode: mode})
		next := c.Next
		var removals []drift.Removal
		if next == "ask" && answer != nil {
			row := w.rows[id]
			answer.By, answer.Findings = access.Person{Email: "carol@example.com", PrincipalID: "p-carol"}, access.Ranges(c.Removals)
			row.Answers, row.Answer = []access.RunAnswer{*answer}, answer
			w.rows[id] = row
			got, err := e.EndQuestion(t.Context(), id)
			if want := map[bool]string{true: "remove", false: "report"}[answer.Remove]; got != want || err != nil {
				t.Errorf("answered %+v: %q, %v", answer, got, err)
			}
			next = got
		}
		if next == "remove" {
			for _, i := range c.Removals {
				removals = append(removals, drift.Removal{i, access.DriftRemoved})
			}
			clear(w.assignments)
		}
		r, _, _ := report(t, w, e, id, removals)
		return c.Next, r
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	next, _ := run(access.DriftWarn, nil)
	expect("the first run, with everything held", next, "nothing")
	w.assign("111111111111", "arn:admin", "u-alice")
	next, r := run(access.DriftRevoke, nil)
	expect("drift", next, "remove")
	expect("its result", string(r.Results[subject("111111111111", "arn:admin", "u-alice").Key()]), "removed")

	clear(w.leases) // someone empties the table
	w.beat = access.Heartbeat{}
	w.assign("111111111111", "arn:admin", "u-bob")
	next, _ = run(access.DriftWarn, nil)
	expect("a warning", next, "report")
	next, _ = run(access.DriftRevoke, nil)
	expect("nobody answers", next, "ask")
	next, r = run(access.DriftRevoke, &access.RunAnswer{})
	expect("somebody says no", next, "ask")
	if r.Guard != access.GuardLostRecord || r.Results != nil || r.Answer == nil || r.Answer.Remove {
		t.Errorf("refused: %+v", r)
	}
	w.fail["UserAssignments 111111111111"] = throttle
	next, _ = run(access.DriftRevoke, nil)
	expect("nothing can be read, so nothing is found", next, "report")
	clear(w.fail)
	next, r = run(access.DriftRevoke, &access.RunAnswer{Remove: true})
	expect("somebody says yes", next, "ask")
	if r.Answer == nil || r.Results[subject("111111111111", "arn:admin", "u-bob").Key()] != access.DriftRemoved {
		t.Errorf("let go: %+v", r)
	}
	w.assign("111111111111", "arn:admin", "u-alice")
	next, _ = run(access.DriftRevoke, nil)
	expect("the day after", next, "remove")
}

// If people agree to remove only some findings, only those are removed, and the next
// run asks again. It must not conclude that the rest needs no question.
func TestAPartIsLetGo(t *testing.T) {
	carol := access.Person{Email: "carol@example.com", PrincipalID: "p-carol"}
	for _, test := range []struct {
		name    string
		answers []access.RunAnswer
		over    bool // everything is answered; otherwise time is up
		next    string
		results [2]access.RemovalResult
		again   string
	}{
		{name: "all of it", answers: []access.RunAnswer{{Remove: true, By: carol, Findings: [][2]int{{0, 1}}}, {Remove: true, By: carol, Findings: [][2]int{{1, 2}}}}, over: true,
			next: "remove", results: [2]access.RemovalResult{access.DriftRemoved, access.DriftRemoved}, again: "remove"},
		{name: "one, and the other is left", answers: []access.RunAnswer{{Remove: true, By: carol, Findings: [][2]int{{0, 1}}}, {By: carol, Findings: [][2]int{{1, 2}}}}, over: true,
			next: "remove", results: [2]access.RemovalResult{access.DriftRemoved, access.DriftNotAllowed}, again: "ask"},
		{name: "one, and nobody answers for the other", answers: []access.RunAnswer{{Remove: true, By: carol, Findings: [][2]int{{1, 2}}}},
			next: "remove", results: [2]access.RemovalResult{access.DriftNotAllowed, access.DriftRemoved}, again: "ask"},
		{name: "none", answers: []access.RunAnswer{{By: carol, Findings: [][2]int{{0, 2}}}}, over: true, next: "report", again: "ask"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := small()
			w.unassign("111111111111", "arn:admin", "u-alice")
			w.assign("111111111111", "arn:read", "u-alice")
			w.members[[2]string{"g-1", "u-bob"}] = true
			e := w.engine()
			c, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
			row := w.rows["r"]
			if c.Next != "ask" || len(findings) != 2 || !slices.Equal(row.Approvers, []string{"carol@example.com", "dave@example.com"}) {
				t.Fatalf("collected %+v, findings %q, row %+v", c, names(findings), row)
			}
			if row.Undecided != 0 {
				t.Errorf("nobody decides about %d", row.Undecided)
			}
			row.Answers = test.answers
			if test.over {
				last := test.answers[len(test.answers)-1]
				row.Answer = &last
			}
			w.rows["r"] = row
			if next, err := e.EndQuestion(t.Context(), "r"); next != test.next || err != nil {
				t.Fatalf("next %q, %v; want %q", next, err, test.next)
			}
			var removals []drift.Removal
			if test.next == "remove" {
				// This holds whatever the Map says about findings that nobody agreed
				// to remove.
				removals = []drift.Removal{{0, access.DriftRemoved}, {1, access.DriftRemoved}}
			}
			r, tell, _ := report(t, w, e, "r", removals)
			want := map[string]access.RemovalResult{}
			for i, result := range test.results {
				if result != "" {
					want[findings[i].Key()] = result
				}
			}
			if !maps.Equal(r.Results, want) || !tell || !reflect.DeepEqual(r.Answers, test.answers) || r.Answer == nil || r.Answer.Expired() == test.over {
				t.Errorf("report %+v, want the results %v", r, want)
			}
			w.now = w.now.Add(time.Hour)
			if c, _ := w.collect(t, e, drift.Start{Run: "again", Mode: access.DriftRevoke}); c.Next != test.again {
				t.Errorf("the next run goes on with %q, want %q", c.Next, test.again)
			}
		})
	}
}

// The question also counts findings that nobody may approve. They stay.
func TestWhatNobodyDecidesIsCounted(t *testing.T) {
	w := small()
	w.policy.Accounts[0].Approvers = nil
	w.members[[2]string{"g-1", "u-bob"}] = true
	c, _ := w.collect(t, w.engine(), drift.Start{Run: "r", Mode: access.DriftRevoke})
	if row := w.rows["r"]; c.Next != "ask" || row.Removals != 2 || row.Undecided != 1 || !slices.Equal(row.Approvers, []string{"carol@example.com", "dave@example.com"}) {
		t.Errorf("collected %+v, row %+v", c, row)
	}
}

// If the Map's children return nothing, nothing counts as removed.
func TestReportOfRemovalsThatSayNothing(t *testing.T) {
	for _, answer := range []string{`null`, `[]`, `[null]`, `[{}]`, `[{"index":0}]`, `[{"result":"removed"}]`, `[{"Error":"States.Runtime"}]`, `{"MapRunArn":"arn"}`, `"x"`} {
		w := small()
		w.beat = access.Heartbeat{Run: "before", At: monday.Add(-time.Hour)}
		if err := w.store.PutHistory(t.Context(), drift.History{Heartbeat: access.Heartbeat{Run: "before", At: monday.Add(-time.Hour)}, Scope: scopeOf(w.policy)}, ""); err != nil {
			t.Fatal(err)
		}
		e := w.engine()
		_, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
		if len(findings) != 1 {
			t.Fatalf("findings %q", names(findings))
		}
		var removals drift.Removals
		if err := json.Unmarshal([]byte(answer), &removals); err != nil {
			t.Fatal(err)
		}
		r, tell, _ := report(t, w, e, "r", removals)
		if got := r.Results[findings[0].Key()]; got != access.DriftFailed || !tell || w.counted["DriftFailed"] != 1 {
			t.Errorf("%s: the finding is %q, told: %t, counted %v; want failed, told and counted", answer, got, tell, w.counted)
		}
	}
}

func TestReportOfRemovals(t *testing.T) {
	w := small()
	for _, user := range []string{"u-1", "u-2", "u-3"} {
		w.users[user] = user
		w.assign("111111111111", "arn:read", user)
	}
	w.beat = access.Heartbeat{Run: "before", At: monday.Add(-time.Hour)}
	if err := w.store.PutHistory(t.Context(), drift.History{Heartbeat: access.Heartbeat{Run: "before", At: monday.Add(-time.Hour)}, Scope: scopeOf(w.policy)}, ""); err != nil {
		t.Fatal(err)
	}
	e := w.engine()
	_, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
	if got := names(findings); !slices.Equal(got, []string{"alice@Production Admin", "u-1@Production ReadOnly", "u-2@Production ReadOnly", "u-3@Production ReadOnly"}) {
		t.Fatalf("findings %q", got)
	}
	r, tell, complete := report(t, w, e, "r", []drift.Removal{{0, access.DriftRemoved}, {1, access.DriftHeld}, {2, "nonsense"}, {3, access.DriftOutOfScope}, {99, access.DriftRemoved}, {-1, access.DriftRemoved}})
	want := map[string]access.RemovalResult{
		findings[0].Key(): access.DriftRemoved, findings[1].Key(): access.DriftHeld,
		findings[2].Key(): access.DriftFailed, findings[3].Key(): access.DriftOutOfScope,
	}
	if !reflect.DeepEqual(r.Results, want) || !tell || !complete || len(r.Findings) != 4 {
		t.Errorf("got %+v, want %v", r, want)
	}
	for name, n := range map[string]int{"DriftFound": 4, "DriftRevoked": 1, "DriftFailed": 1, "ReconcileCompleted revoke": 1, "ReconcileIncomplete": 0} {
		if w.counted[name] != n {
			t.Errorf("counted %s %d times, want %d", name, w.counted[name], n)
		}
	}
	known, _, _ := w.store.History(t.Context())
	if _, there := known.Findings[findings[0].Key()]; there || len(known.Findings) != 3 {
		t.Errorf("known afterwards: %v", known.Findings)
	}
}

// Of two runs that find the same access, only one reports it, even if the other begins
// its report first. If that one's step is repeated, it reports again, even if the
// stored result got lost. Groups that SCIM manages, and accounts that can't be managed,
// are reported when they change. Anything unread is reported by each run.
func TestRunsSideBySide(t *testing.T) {
	w := small()
	w.policy.Accounts[0].Resources = []string{"*"}
	w.groups["g-1"] = access.Group{ID: "g-1", Name: "Ops", Provisioned: true}
	w.unassign("222222222222", "arn:admin", "u-alice")
	e := w.engine()
	for _, run := range []string{"a", "b"} {
		c, _ := w.collect(t, e, drift.Start{Run: run, Mode: access.DriftWarn, Account: "123456789012"})
		if want := map[string][][2]int{"a": {{0, 1}}, "b": {}}[run]; !reflect.DeepEqual(c.Found, want) || c.Next != "report" {
			t.Fatalf("run %s: collected %+v", run, c)
		}
	}
	tells := func(e *drift.Engine, run string, want bool) {
		t.Helper()
		r, tell, complete := report(t, w, e, run, nil)
		var findings, unmanageable, provisioned []string
		if want {
			findings, unmanageable, provisioned = []string{"alice@Production Admin"}, []string{"999999999999"}, []string{"Ops"}
		}
		if tell != want || !complete || !slices.Equal(names(r.Findings), findings) || !slices.Equal(r.Unmanageable, unmanageable) || !slices.Equal(r.Provisioned, provisioned) {
			t.Errorf("run %s tells (%v) of %q, %q, %q; want that: %v", run, tell, names(r.Findings), r.Unmanageable, r.Provisioned, want)
		}
	}
	slow := w.engine()
	slow.Next = func(time.Time) (time.Time, bool) {
		tells(e, "b", true)
		return time.Time{}, false
	}
	tells(slow, "a", false)
	tells(e, "b", true)
	if err := w.store.Objects.Put(t.Context(), "reconcile/b/report.json", nil); err != nil {
		t.Fatal(err)
	}
	tells(e, "b", true)
	tells(e, "a", false)
}

func TestToldOfWhenItChanges(t *testing.T) {
	w := small()
	clear(w.assignments)
	w.policy.Accounts[0].Resources = []string{"*"}
	w.groups["g-1"] = access.Group{ID: "g-1", Name: "Ops", Provisioned: true}
	w.members[[2]string{"g-1", "u-bob"}] = true
	e := w.engine()
	for i, want := range []struct {
		tell, complete bool
		fail           error
		event          string
	}{
		{tell: true, complete: true},
		{complete: true},
		{tell: true, fail: throttle},
		{tell: true, fail: throttle},
		{complete: true, event: `{"detail":{"eventName":"AddMemberToGroup","requestParameters":{"groupId":"g-1"}}}`},
		{complete: true},
	} {
		run := string(rune('a' + i))
		w.assign("222222222222", "arn:read", "u-bob") // so that there is something to list
		w.lease("222222222222", "arn:read", "u-bob", access.LeaseHeld)
		w.fail["UserAssignments 222222222222"] = want.fail
		e.ListBy = "account"
		c, _ := w.collect(t, e, drift.Start{Run: run, Mode: access.DriftWarn, Account: "123456789012", Event: json.RawMessage(want.event)})
		for range 2 {
			r, tell, complete := report(t, w, e, run, nil)
			if tell != want.tell || complete != want.complete || c.Complete != want.complete || (c.Next == "report") != want.tell {
				t.Errorf("run %s: tell %v, complete %v, collected %+v", run, tell, complete, c)
			}
			if first := i == 0; first != slices.Equal(r.Unmanageable, []string{"999999999999"}) || first != slices.Equal(r.Provisioned, []string{"Ops"}) {
				t.Errorf("run %s: unmanageable %q, provisioned %q", run, r.Unmanageable, r.Provisioned)
			}
			if (want.fail != nil) != reflect.DeepEqual(r.Unread, []access.Unread{{What: "account 222222222222", Why: "slow down"}}) {
				t.Errorf("run %s: unread %v", run, r.Unread)
			}
		}
	}
	if w.counted["ReconcileIncomplete"] != 4 {
		t.Errorf("counted %v", w.counted)
	}
}

// A batch whose function failed leaves no result or an empty one. Its part is unread,
// which is not the same as no findings.
func TestBatchWithoutResult(t *testing.T) {
	for name, body := range map[string]string{
		"none": "", "nothing": " ", "null": "null", "an empty one": "{}", "without its plan": `{"findings":[]}`,
		"another plan's": `{"planned_at":"2020-01-01T00:00:00Z"}`, "a part": `{"planned_at":`, "a list": "[]",
	} {
		t.Run(name, func(t *testing.T) { testBatchWithoutResult(t, body) })
	}
}

func testBatchWithoutResult(t *testing.T, body string) {
	w := small()
	e := w.engine()
	if _, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftRevoke}); err != nil {
		t.Fatal(err)
	}
	if body != "" {
		if err := w.store.Objects.Put(t.Context(), findings.Prefix+"r/batch-0.json", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := e.Collect(t.Context(), "r")
	if err != nil || c.Complete || len(c.Removals) != 0 || c.Next != "report" {
		t.Errorf("collected %+v, %v", c, err)
	}
	collected, _ := w.store.Collected(t.Context(), "r")
	var what []string
	for _, u := range collected.Unread {
		what = append(what, u.What)
	}
	if !slices.Equal(what, []string{"account 111111111111", "group g-1"}) {
		t.Errorf("unread %q", what)
	}
	if err := e.Scan(t.Context(), "r", 1); access.CodeOf(err) != access.CodeInvalid {
		t.Errorf("a batch too many: %v", err)
	}
}

// Parts that the run had no time for are unread. Parts that were read are written.
func TestScanWithoutTime(t *testing.T) {
	w := small()
	e := w.engine()
	if _, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftWarn}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(drift.WriteTime/2))
	defer cancel()
	if err := e.Scan(ctx, "r", 0); err != nil {
		t.Fatal(err)
	}
	r, err := w.store.BatchResult(t.Context(), "r", 0)
	want := []access.Unread{{What: "account 111111111111", Why: "time ran out"}, {What: "group g-1", Why: "time ran out"}}
	if err != nil || !reflect.DeepEqual(r.Unread, want) || len(r.Findings) != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestPlanFails(t *testing.T) {
	for _, operation := range []string{"Accounts", "PermissionSetARNs", "PermissionSetName"} {
		w := small()
		w.fail[operation] = throttle
		if _, err := w.engine().Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftWarn}); access.CodeOf(err) != access.CodeThrottled {
			t.Errorf("%s: %v, want Throttled", operation, err)
		}
	}
	if _, err := small().engine().Plan(t.Context(), drift.Start{Run: "r", Mode: "sweep"}); access.CodeOf(err) != access.CodeInvalid {
		t.Errorf("another mode: %v, want Invalid", err)
	}
}

// A stored state that makes no sense is created again, and a run that removes asks
// first.
func TestKnownThatMakesNoSense(t *testing.T) {
	w := small()
	w.beat = access.Heartbeat{Run: "before", At: monday.Add(-time.Hour)}
	if err := w.store.Objects.Put(t.Context(), "reconcile/known.json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	e := w.engine()
	c, _ := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
	if c.Next != "ask" || w.rows["r"].Guard != access.GuardNoRecord {
		t.Errorf("collected %+v, %+v", c, w.rows["r"])
	}
}

// A finding stays known while a run can't see it: if the run couldn't read everything,
// or if another run saw the finding after this run began.
func TestKnownIsNotForgottenTooEarly(t *testing.T) {
	w := small()
	e := w.engine()
	w.collect(t, e, drift.Start{Run: "a", Mode: access.DriftWarn})
	report(t, w, e, "a", nil)
	w.now = w.now.Add(time.Hour)
	w.fail["UserAssignments 111111111111"] = throttle
	w.collect(t, e, drift.Start{Run: "b", Mode: access.DriftWarn})
	report(t, w, e, "b", nil)
	clear(w.fail)
	w.now = w.now.Add(time.Hour)
	if c, _ := w.collect(t, e, drift.Start{Run: "c", Mode: access.DriftWarn}); len(c.Found) != 0 || c.Next != "nothing" {
		t.Errorf("after an incomplete run: %+v, want nothing new", c)
	}

	// d begins and scans. Then a membership appears, and e, which an event started,
	// sees it. Then d continues.
	w.now = w.now.Add(time.Hour)
	batches, err := e.Plan(t.Context(), drift.Start{Run: "d", Mode: access.DriftWarn})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range batches {
		if err := e.Scan(t.Context(), "d", n); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(time.Minute)
	w.members[[2]string{"g-1", "u-bob"}] = true
	event := json.RawMessage(`{"detail":{"eventName":"CreateGroupMembership","requestParameters":{"groupId":"g-1"}}}`)
	if c, _ := w.collect(t, e, drift.Start{Run: "e", Mode: access.DriftWarn, Event: event}); len(c.Found) != 1 {
		t.Errorf("the event: %+v", c)
	}
	report(t, w, e, "e", nil)
	if _, err := e.Collect(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	report(t, w, e, "d", nil)
	w.now = w.now.Add(time.Hour)
	if c, _ := w.collect(t, e, drift.Start{Run: "f", Mode: access.DriftWarn}); len(c.Found) != 0 || c.Next != "nothing" {
		t.Errorf("after a run that began earlier: %+v, want nothing new", c)
	}
}

// Payloads name findings by their position in the list. A Collect that is repeated or
// late, while removals run, moves none of them, whatever has changed.
func TestFindingsKeepTheirPlaces(t *testing.T) {
	collected := func(t *testing.T, w *world) (*drift.Engine, drift.NextSteps, []access.Finding) {
		for user, name := range map[string]string{"u-1": "zoe", "u-2": "yann", "u-3": "xenia"} {
			w.users[user] = name
			w.assign("111111111111", "arn:read", user)
		}
		e := w.engine()
		c, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke, Execution: execution})
		return e, c, findings
	}
	keys := func(findings []access.Finding) (all []string) {
		for _, f := range findings {
			all = append(all, f.Key())
		}
		return all
	}
	t.Run("it comes again", func(t *testing.T) {
		w := small()
		e, first, findings := collected(t, w)
		if err := w.store.PutBatchResult(t.Context(), "r", 0, drift.BatchResult{PlannedAt: monday, Findings: findings[2:3]}); err != nil {
			t.Fatal(err)
		}
		again, err := e.Collect(t.Context(), "r")
		if err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("collected %+v, %v; want %+v", again, err, first)
		}
		if now, _ := w.store.Findings(t.Context(), "r"); !reflect.DeepEqual(now, findings) {
			t.Errorf("the findings are %q, were %q", keys(now), keys(findings))
		}
	})
	t.Run("two at once", func(t *testing.T) {
		w := small()
		e, _, findings := collected(t, w)
		w.fail["User"], w.fail["UserPages"] = throttle, throttle                          // only the other run could read the names
		if err := w.store.PutCollected(t.Context(), "r", drift.Collected{}); err != nil { // it has not written its result yet
			t.Fatal(err)
		}
		if _, err := e.Collect(t.Context(), "r"); err != nil {
			t.Fatal(err)
		}
		if now, _ := w.store.Findings(t.Context(), "r"); !slices.Equal(keys(now), keys(findings)) {
			t.Errorf("the findings are %q, were %q", keys(now), keys(findings))
		}
	})
	t.Run("another run of that name", func(t *testing.T) {
		w := small()
		e, _, findings := collected(t, w)
		w.now = w.now.Add(100 * 24 * time.Hour)
		// The new run's scan died. The earlier run of this name left a finding there, which
		// must not count as the new run's.
		if _, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftRevoke, Execution: execution}); err != nil {
			t.Fatal(err)
		}
		c, err := e.Collect(t.Context(), "r")
		if err != nil || c.Complete || len(c.Removals) > 0 {
			t.Errorf("collected %+v, %v without a scan", c, err)
		}
		w.now = w.now.Add(time.Second)
		w.unassign("111111111111", "arn:read", "u-2")
		c, now := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke, Execution: execution})
		if !c.Complete || len(now) != len(findings)-1 || len(c.Removals) != len(now) {
			t.Errorf("found %q, to remove %v", keys(now), c.Removals)
		}
	})
}
