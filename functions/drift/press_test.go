package drift_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

var pressBob = access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "u-bob"}

// leave makes bob leave the finding for a day, and carries it out.
func (w *world) leave(t *testing.T, e *drift.Engine, run string, index int) {
	t.Helper()
	findings, err := w.store.Findings(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	until, ok := findings[index].LeaveUntil(w.now)
	if !ok {
		t.Fatalf("%s can't be left at %s", findings[index].Key(), w.now)
	}
	r := w.rows[run]
	r.Presses = append(r.Presses, access.FindingPress{Finding: index, By: pressBob, At: w.now, Until: until})
	w.rows[run] = r
	if next, err := e.Press(t.Context(), access.FindingRef{Run: run, Index: index}); next != drift.PressLeaves || err != nil {
		t.Fatalf("%q, %v", next, err)
	}
}

// Access that someone left for a day stays until then. Runs in mode revoke say who left
// it; others are silent about it. Afterwards it is a finding again. Presses extend
// it to 72 hours after it was first seen, and no longer.
func TestLeftAccessStaysUntilItsTime(t *testing.T) {
	w := small()
	w.trusted(t)
	w.policy.Groups = nil
	key := subject("111111111111", "arn:admin", "u-alice").Key()
	e := w.engine()
	start := w.now
	for i, step := range []struct {
		name   string
		at     time.Duration
		mode   access.DriftMode
		leave  bool
		result access.RemovalResult // "" for none
		told   bool
		until  time.Duration // of the exemption in this run
	}{
		{name: "found", mode: access.DriftWarn, told: true, leave: true},
		{name: "warn, left", at: time.Hour, mode: access.DriftWarn, until: 24 * time.Hour},
		{name: "revoke, left", at: 18 * time.Hour, mode: access.DriftRevoke, told: true, result: access.DriftExempt, until: 24 * time.Hour},
		{name: "warn, over", at: 42 * time.Hour, mode: access.DriftWarn, told: true, leave: true},
		{name: "revoke, left again", at: 60 * time.Hour, mode: access.DriftRevoke, told: true, result: access.DriftExempt, until: 66 * time.Hour, leave: true},
		{name: "revoke, left for the last time", at: 71 * time.Hour, mode: access.DriftRevoke, told: true, result: access.DriftExempt, until: 72 * time.Hour},
		{name: "revoke, its time is over", at: 72 * time.Hour, mode: access.DriftRevoke, told: true, result: access.DriftRemoved},
	} {
		w.now = start.Add(step.at)
		run := string(rune('a' + i))
		c, findings := w.collect(t, e, drift.Start{Run: run, Mode: step.mode})
		if len(findings) != 1 || findings[0].Key() != key {
			t.Fatalf("%s: found %v", step.name, names(findings))
		}
		var want *access.Spared
		if step.until > 0 {
			want = &access.Spared{Key: findings[0].Exemption.Key, By: &pressBob, Until: start.Add(step.until), Since: findings[0].Exemption.Since, Run: findings[0].Exemption.Run}
		}
		if !reflect.DeepEqual(findings[0].Exemption, want) {
			t.Errorf("%s: exempt %+v, want %+v", step.name, findings[0].Exemption, want)
		}
		var removals []drift.Removal
		for _, n := range c.Removals {
			removals = append(removals, drift.Removal{Index: n, Result: access.DriftRemoved})
		}
		if wantRemovals := step.result == access.DriftRemoved; wantRemovals != (len(removals) > 0) {
			t.Errorf("%s: removals %v", step.name, removals)
		}
		r, tell, _ := report(t, w, e, run, removals)
		if tell != step.told || r.Results[key] != step.result {
			t.Errorf("%s: told %t, results %v; want %t, %q", step.name, tell, r.Results, step.told, step.result)
		}
		if _, ok := r.Decidable[key]; ok != (step.told && step.result != access.DriftRemoved) {
			t.Errorf("%s: decidable %v", step.name, r.Decidable)
		}
		if step.leave {
			w.leave(t, e, run, 0)
		}
	}
}

// Nothing is decided on a failed read: access that someone may have left is not removed,
// and counts as unread.
func TestUnreadableLeave(t *testing.T) {
	w := small()
	w.trusted(t)
	w.fail["Leave"] = throttle
	c, findings := w.collect(t, w.engine(), drift.Start{Run: "r", Mode: access.DriftRevoke})
	if len(findings) > 0 || len(c.Removals) > 0 || c.Complete {
		t.Errorf("found %v, collected %+v; want nothing, incomplete", names(findings), c)
	}
}

// Access that a blocked person left alone is a finding like any other. If the blocks can't
// be read, the access is not removed, and counts as unread.
func TestLeaveByBlockedPerson(t *testing.T) {
	dan := access.Person{SlackID: "UDAN", Email: "dan@example.com", PrincipalID: "u-dan"}
	for name, test := range map[string]struct {
		blocked access.Person
		fails   bool
		found   int
		removed int
	}{
		"nobody is blocked":      {found: 1},
		"someone else":           {blocked: dan, found: 1},
		"who left it":            {blocked: pressBob, found: 1, removed: 1},
		"under another user":     {blocked: access.Person{SlackID: "UBOB2", PrincipalID: pressBob.PrincipalID}, found: 1, removed: 1},
		"nobody knows":           {fails: true},
		"nobody knows, and more": {blocked: pressBob, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.trusted(t)
			w.policy.Groups = nil
			e := w.engine()
			w.collect(t, e, drift.Start{Run: "a", Mode: access.DriftWarn})
			w.leave(t, e, "a", 0)
			if test.blocked != (access.Person{}) {
				w.blocks = access.Blocks{}.Add(access.Block{Person: test.blocked, By: dan, At: w.now, Reason: "x"}, 7)
			}
			if test.fails {
				w.fail["Blocks"] = throttle
			}
			w.now = w.now.Add(time.Hour)
			c, findings := w.collect(t, e, drift.Start{Run: "b", Mode: access.DriftRevoke})
			if len(findings) != test.found || len(c.Removals) != test.removed || c.Complete == test.fails {
				t.Errorf("found %v, collected %+v", names(findings), c)
			}
		})
	}
}

// The settings' exemption counts beside a leave if it lasts longer, and gives no
// buttons.
func TestLeaveBesideAnExemption(t *testing.T) {
	for name, test := range map[string]struct {
		until     time.Duration
		byPerson  bool
		decidable bool
	}{
		"the exemption lasts longer": {30 * time.Hour, false, false},
		"the leave lasts longer":     {20 * time.Hour, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.trusted(t)
			w.policy.Groups = nil
			w.emails = map[string][]string{"u-alice": {"alice@example.com"}}
			e := w.engine()
			w.collect(t, e, drift.Start{Run: "a", Mode: access.DriftWarn})
			report(t, w, e, "a", nil)
			w.leave(t, e, "a", 0)
			w.policy.Exemptions = []access.Exemption{exemption("alice@example.com", w.now.Add(test.until))}
			_, findings := w.collect(t, e, drift.Start{Run: "b", Mode: access.DriftRevoke})
			r, _, _ := report(t, w, e, "b", nil)
			if got := findings[0].Exemption; got == nil || (got.By != nil) != test.byPerson {
				t.Errorf("exempt %+v", got)
			}
			if got := len(r.Decidable) > 0; got != test.decidable {
				t.Errorf("decidable %v", r.Decidable)
			}
		})
	}
}

// Only the run's row says who pressed. Inputs of executions can be forged.
func TestPressIsBelievedOnlyOfTheTable(t *testing.T) {
	day := monday.Add(24 * time.Hour)
	remove, leave := access.FindingPress{Remove: true, By: pressBob, At: monday}, access.FindingPress{By: pressBob, At: monday, Until: day}
	for name, test := range map[string]struct {
		run     string
		index   int
		presses []access.FindingPress
		results []access.PressResult
		seen    time.Duration // of the finding, before now
		next    string
		until   time.Time // of the leave
		code    access.Code
	}{
		"remove":              {presses: []access.FindingPress{remove}, next: "remove"},
		"leave":               {presses: []access.FindingPress{leave}, next: "leave", until: day},
		"nobody pressed":      {next: "nothing"},
		"another finding":     {index: 1, presses: []access.FindingPress{remove}, next: "nothing"},
		"another run":         {run: "other", presses: []access.FindingPress{remove}, next: "nothing"},
		"a leave overruled":   {presses: []access.FindingPress{leave, remove}, next: "remove", until: day},
		"overruled in time":   {presses: []access.FindingPress{leave, remove}, seen: 72 * time.Hour, next: "remove"},
		"leave after remove":  {presses: []access.FindingPress{remove, leave}, next: "remove"},
		"the first leave":     {presses: []access.FindingPress{leave, {By: pressBob, At: monday.Add(time.Hour), Until: day.Add(time.Hour)}}, next: "leave", until: day},
		"overruled, removed":  {presses: []access.FindingPress{leave, remove}, results: []access.PressResult{{Result: access.DriftRemoved}}, next: "show"},
		"removed before":      {presses: []access.FindingPress{remove}, results: []access.PressResult{{Result: access.DriftRemoved}}, next: "show"},
		"failed before":       {presses: []access.FindingPress{remove}, results: []access.PressResult{{Result: access.DriftFailed}}, next: "remove"},
		"another was removed": {presses: []access.FindingPress{remove}, results: []access.PressResult{{Finding: 1, Result: access.DriftRemoved}}, next: "remove"},
		"leave for too long":  {presses: []access.FindingPress{{By: pressBob, At: monday, Until: monday.Add(1000 * time.Hour)}}, next: "leave", until: day},
		"leave near the end":  {presses: []access.FindingPress{leave}, seen: 70 * time.Hour, next: "leave", until: monday.Add(2 * time.Hour)},
		"leave after the end": {presses: []access.FindingPress{leave}, seen: 72 * time.Hour, next: "show"},
		"behind the last":     {index: 1, presses: []access.FindingPress{{Finding: 1, By: pressBob, At: monday, Until: day}}, code: access.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.rows["r"] = access.Run{ID: "r", Presses: test.presses, PressResults: test.results}
			f := access.Finding{Subject: subject("111111111111", "arn:admin", "u-alice"), FirstSeen: monday.Add(-test.seen)}
			if err := w.store.PutFindings(t.Context(), "r", []access.Finding{f}); err != nil {
				t.Fatal(err)
			}
			ref := access.FindingRef{Run: "r", Index: test.index}
			if test.run != "" {
				ref.Run = test.run
			}
			next, err := w.engine().Press(t.Context(), ref)
			if next != test.next || access.CodeOf(err) != test.code {
				t.Errorf("%q, %v; want %q, %q", next, err, test.next, test.code)
			}
			var want map[string]access.Leave
			if want = map[string]access.Leave{}; !test.until.IsZero() {
				want[f.Key()] = access.Leave{FindingRef: ref, Subject: f.Key(), By: pressBob, At: monday, Until: test.until}
			}
			if !reflect.DeepEqual(w.leaves, want) {
				t.Errorf("leaves %+v, want %+v", w.leaves, want)
			}
		})
	}
}

func TestEndPress(t *testing.T) {
	w := small()
	if err := w.store.PutFindings(t.Context(), "r", []access.Finding{{Subject: subject("111111111111", "arn:admin", "u-alice"), FirstSeen: monday}}); err != nil {
		t.Fatal(err)
	}
	w.rows["r"] = access.Run{ID: "r", Presses: []access.FindingPress{{Remove: true, By: pressBob, At: monday}, {Finding: 1, By: pressBob, At: monday}}}
	e := w.engine()
	end := func(index int, failure string) (bool, access.Code) {
		failed, err := e.EndPress(t.Context(), access.FindingRef{Run: "r", Index: index}, failure)
		return failed, access.CodeOf(err)
	}
	for _, index := range []int{1, 2, -1} {
		if _, code := end(index, ""); code != access.CodeRefused {
			t.Errorf("finding %d: %q, want Refused", index, code)
		}
	}
	for _, step := range []struct {
		failure string
		failed  bool
		want    access.RemovalResult
		results int
	}{
		{"States.Timeout", true, access.DriftFailed, 1},
		{"Unavailable", true, access.DriftFailed, 1}, // nothing new
		{"", false, access.DriftRemoved, 2},
		{"Held", false, access.DriftRemoved, 2}, // a repeated execution
		{"", false, access.DriftRemoved, 2},
	} {
		failed, code := end(0, step.failure)
		r := w.rows["r"]
		if failed != step.failed || code != "" || r.PressResultOf(0) != step.want || len(r.PressResults) != step.results {
			t.Errorf("%q: failed %t, %q, results %+v", step.failure, failed, code, r.PressResults)
		}
	}
	if w.counted["DriftFailed"] != 1 || w.counted["DriftRevoked"] != 1 {
		t.Errorf("counted %v", w.counted)
	}
	for failure, want := range map[string]access.RemovalResult{
		"Held": access.DriftHeld, "AlreadyGone": access.DriftAlreadyGone, "OutOfScope": access.DriftOutOfScope, "Exempt": access.DriftExempt,
		"Refused": access.DriftNotAllowed, "OverLimit": access.DriftFailed, "NotFound": access.DriftFailed,
	} {
		w.rows["r"] = access.Run{ID: "r", Presses: []access.FindingPress{{Remove: true, By: pressBob, At: monday}}}
		end(0, failure)
		if got := w.rows["r"].PressResultOf(0); got != want {
			t.Errorf("%s is noted as %q, want %q", failure, got, want)
		}
	}
}

// A report names one membership, which may be gone while the user has another one in the
// same group. Then a press on that report doesn't make the access new. The next run reports
// the access at once.
func TestAnotherMembershipIsNotNew(t *testing.T) {
	key := member("g-1", "u-alice").Key()
	for failure, isNew := range map[string]bool{"": true, "AlreadyGone": false} {
		w := small()
		w.trusted(t)
		w.policy.Accounts = nil
		w.members[[2]string{"g-1", "u-alice"}] = true
		e := w.engine()
		w.collect(t, e, drift.Start{Run: "a", Mode: access.DriftWarn})
		report(t, w, e, "a", nil)
		start := w.now
		r := w.rows["a"]
		r.Presses = []access.FindingPress{{Remove: true, By: pressBob, At: start.Add(time.Minute)}}
		w.rows["a"] = r
		w.now = start.Add(2 * time.Minute)
		if _, err := e.EndPress(t.Context(), access.FindingRef{Run: "a"}, failure); err != nil {
			t.Fatal(err)
		}
		_, findings := w.collect(t, e, drift.Start{Run: "b", Mode: access.DriftWarn})
		if len(findings) != 1 || findings[0].Key() != key || findings[0].FirstSeen.Equal(w.now) != isNew {
			t.Errorf("after %q: found %+v, want it new: %t", failure, findings, isNew)
		}
		if got, _, _ := report(t, w, e, "b", nil); len(got.Findings) != 1 {
			t.Errorf("after %q: reported %+v", failure, got.Findings)
		}
	}
}

// After a removal, the leave that it overruled is over, in whatever order the two
// executions run: if the same access appears again, it is a finding. If the removal was
// refused, the leave counts.
func TestLeaveEndsWithARemoval(t *testing.T) {
	key := subject("111111111111", "arn:admin", "u-alice").Key()
	carol := access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "u-carol"}
	at := func(minutes int) time.Time { return monday.Add(time.Duration(minutes) * time.Minute) }
	leave := access.FindingPress{By: pressBob, At: at(1), Until: at(1).Add(access.LeaveFor)}
	remove := access.FindingPress{Remove: true, By: carol, At: at(2)}
	elsewhere := func(made int) *access.Leave {
		return &access.Leave{FindingRef: access.FindingRef{Run: "b"}, Subject: key, By: pressBob, At: at(made), Until: at(made).Add(access.LeaveFor)}
	}
	for name, test := range map[string]struct {
		presses []access.FindingPress
		leave   *access.Leave // in the table, from another report
		failure string
		late    bool // the leave's execution writes it after the removal
		left    bool // it still counts afterwards
		rows    int  // leaves in the table
	}{
		"overruled":                               {presses: []access.FindingPress{leave, remove}, rows: 1},
		"overruled, and the leave is late":        {presses: []access.FindingPress{leave, remove}, late: true, rows: 1},
		"someone else removed it":                 {presses: []access.FindingPress{leave, remove}, failure: "AlreadyGone", rows: 1},
		"the removal was refused":                 {presses: []access.FindingPress{leave, remove}, failure: "Refused", left: true, rows: 1},
		"the removal failed":                      {presses: []access.FindingPress{leave, remove}, failure: "Unavailable", left: true, rows: 1},
		"a request holds it":                      {presses: []access.FindingPress{leave, remove}, failure: "Held", left: true, rows: 1},
		"left in another report":                  {presses: []access.FindingPress{remove}, leave: elsewhere(1), rows: 1},
		"left in another report afterwards":       {presses: []access.FindingPress{remove}, leave: elsewhere(3), left: true, rows: 1},
		"left in another report, and it was over": {presses: []access.FindingPress{remove}, leave: elsewhere(-3000), rows: 1},
		"nobody left it":                          {presses: []access.FindingPress{remove}},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.trusted(t)
			w.policy.Groups = nil
			e := w.engine()
			w.collect(t, e, drift.Start{Run: "a", Mode: access.DriftWarn})
			if test.leave != nil {
				w.leaves[key] = *test.leave
			}
			ref := access.FindingRef{Run: "a"}
			r := w.rows["a"]
			r.Presses = test.presses
			w.rows["a"] = r
			if !test.late {
				if next, err := e.Press(t.Context(), ref); next != drift.PressRemoves || err != nil {
					t.Fatalf("%q, %v", next, err)
				}
			}
			w.now = at(5)
			if _, err := e.EndPress(t.Context(), ref, test.failure); err != nil {
				t.Fatal(err)
			}
			if test.late {
				if err := w.PutLeave(t.Context(), access.Leave{FindingRef: ref, Subject: key, By: leave.By, At: leave.At, Until: leave.Until}); err != nil {
					t.Fatal(err)
				}
			}
			if l, ok := w.leaves[key]; ok && !l.IsOver(w.now) != test.left || len(w.leaves) != test.rows {
				t.Errorf("leaves %+v, want one in force: %t", w.leaves, test.left)
			}
			_, findings := w.collect(t, e, drift.Start{Run: "c", Mode: access.DriftRevoke})
			if len(findings) != 1 || (findings[0].Exemption != nil) != test.left {
				t.Fatalf("found %+v, want it left: %t", findings, test.left)
			}
			removed := test.failure == "" || test.failure == "AlreadyGone"
			if isNew := findings[0].FirstSeen.Equal(w.now); isNew != removed {
				t.Errorf("first seen %s, at %s", findings[0].FirstSeen, w.now)
			}
		})
	}
	t.Run("the table does not answer", func(t *testing.T) {
		w := small()
		e := w.engine()
		w.collect(t, e, drift.Start{Run: "a", Mode: access.DriftWarn})
		w.rows["a"] = access.Run{ID: "a", Presses: []access.FindingPress{leave, remove}}
		w.fail["PutLeave"] = throttle
		if _, err := e.EndPress(t.Context(), access.FindingRef{Run: "a"}, ""); access.CodeOf(err) != access.CodeThrottled || len(w.rows["a"].PressResults) > 0 {
			t.Errorf("%v, results %+v; want a step that is repeated", err, w.rows["a"].PressResults)
		}
	})
}

// While removals are off, no finding has buttons, and neither have findings that nothing
// may remove.
func TestDecidableFindings(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world, *drift.Engine)
		want   []string
	}{
		"as usual":         {want: []string{"alice@Production Admin", "bob@Ops"}},
		"removals are off": {change: func(_ *world, e *drift.Engine) { e.RemovalsOff = true }},
		"no schedule":      {change: func(_ *world, e *drift.Engine) { e.Next = nil }, want: []string{"alice@Production Admin", "bob@Ops"}},
		"a protected account": {change: func(w *world, _ *drift.Engine) {
			w.policy.ProtectedAccounts = []string{"111111111111"}
			w.policy.Accounts[0].Resources = []string{"*"}
		}, want: []string{"alice@Sandbox Admin", "bob@Ops"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.members[[2]string{"g-1", "u-bob"}] = true
			e := w.engine()
			if test.change != nil {
				test.change(w, e)
			}
			_, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftWarn})
			r, _, _ := report(t, w, e, "r", nil)
			var got []string
			for i, f := range findings {
				if index, ok := r.Decidable[f.Key()]; ok && index == i {
					got = append(got, names([]access.Finding{f})...)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) || len(r.Decidable) != len(test.want) {
				t.Errorf("decidable %q of %v, want %q", got, r.Decidable, test.want)
			}
		})
	}
}

// Later reports know who created the access, too, as far as an event said so.
func TestCreation(t *testing.T) {
	event := func(by, user, at string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"detail":{"eventName":"CreateAccountAssignment","eventTime":%q,"userIdentity":{"type":"AssumedRole","arn":%q},
			"requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:admin","principalType":"USER","principalId":%q}}}`, at, by, user))
	}
	const eve = "arn:aws:sts::1:assumed-role/Admin/eve"
	early, late := "2026-03-02T09:00:00Z", "2026-03-02T09:20:00Z"
	creation := func(by string, minute int) *access.Creation {
		return &access.Creation{By: by, At: time.Date(2026, 3, 2, 9, minute, 0, 0, time.UTC)}
	}
	for name, test := range map[string]struct {
		events []json.RawMessage
		want   *access.Creation
	}{
		"an event":                    {[]json.RawMessage{event(eve, "u-alice", early)}, creation(eve, 0)},
		"the latest counts":           {[]json.RawMessage{event("arn:other", "u-alice", early), event(eve, "u-alice", late)}, creation(eve, 20)},
		"in whatever order":           {[]json.RawMessage{event(eve, "u-alice", late), event("arn:other", "u-alice", early)}, creation(eve, 20)},
		"about another user":          {[]json.RawMessage{event(eve, "u-bob", early)}, nil},
		"from the future":             {[]json.RawMessage{event(eve, "u-alice", "2027-01-01T00:00:00Z")}, nil},
		"with a time that is none":    {[]json.RawMessage{event(eve, "u-alice", "yesterday")}, nil},
		"without a caller":            {[]json.RawMessage{json.RawMessage(`{"eventName":"CreateAccountAssignment","eventTime":"2026-03-02T09:00:00Z","requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:admin","principalType":"USER","principalId":"u-alice"}}`)}, nil},
		"with a caller of a new kind": {[]json.RawMessage{json.RawMessage(`{"eventName":"CreateAccountAssignment","eventTime":"2026-03-02T09:00:00Z","userIdentity":["x"],"requestParameters":{"targetId":"111111111111","permissionSetArn":"arn:admin","principalType":"USER","principalId":"u-alice"}}`)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := small()
			w.policy.Groups = nil
			e := w.engine()
			for i, raw := range test.events {
				if _, findings := w.collect(t, e, drift.Start{Run: fmt.Sprint("e", i), Mode: access.DriftWarn, Event: raw}); len(findings) != 1 {
					t.Fatalf("found %v, want the access whatever the event says of its creation", names(findings))
				}
			}
			_, findings := w.collect(t, e, drift.Start{Run: "later", Mode: access.DriftWarn})
			if got := findings[0].Creation; !reflect.DeepEqual(got, test.want) {
				t.Errorf("created %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestCreationOfAMembership(t *testing.T) {
	w := small()
	w.members[[2]string{"g-1", "u-bob"}] = true
	raw := json.RawMessage(`{"eventName":"CreateGroupMembership","eventTime":"2026-03-02T09:00:00Z","userIdentity":{"type":"IdentityCenterUser","onBehalfOf":{"userId":"u-eve"}},"requestParameters":{"groupId":"g-1","memberId":{"userId":"u-bob"}}}`)
	_, findings := w.collect(t, w.engine(), drift.Start{Run: "r", Mode: access.DriftWarn, Event: raw})
	want := &access.Creation{By: "u-eve", At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	if len(findings) != 1 || !reflect.DeepEqual(findings[0].Creation, want) {
		t.Errorf("found %+v", findings)
	}
}
