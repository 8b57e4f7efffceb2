package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

var noon = time.Date(2026, 3, 2, 12, 0, 30, 0, time.UTC)

// left is the table and Step Functions as a check finds them.
type left struct {
	mu      sync.Mutex
	rows    map[string]access.Request
	leases  map[string]access.Lease
	indexed []string // ids that are in the index but not in the table

	running    []string // ARNs of the request machine's running executions
	incomplete bool     // more executions run than the list shows
	sweeps     []string // names of the reconcile machine's running executions
	states     map[string]ExecutionState
	named      map[string]Execution // of the reconcile machine, by name

	ended time.Time // of executions that ended; zero if unknown

	started   map[string]sweepInput
	removed   []Removal
	counted   []string
	gauged    []string
	described []string
	reads     int
	caughtUp  []string // ids of requests whose messages notify was to send
	failing   string   // calls that return an error

	unreadable string // the id of a row that makes no sense
	unlisted   string // the id of a row that the index lacks
}

func (l *left) fail(what string) error {
	if l.failing == what {
		return access.Errorf(access.CodeUnavailable, "%s: no answer", what)
	}
	return nil
}

func dueOf(r access.Request) time.Time {
	if r.EndRequest != nil {
		return r.EndRequest.At
	}
	if !r.End.IsZero() {
		return r.End
	}
	return r.CreatedAt.Add(8 * time.Hour)
}

func (l *left) OpenRequests(context.Context) ([]access.Due, error) {
	var open []access.Due
	for id, r := range l.rows {
		if r.ClosedAt.IsZero() && id != l.unlisted {
			open = append(open, access.Due{ID: id, At: dueOf(r)})
		}
	}
	for _, id := range l.indexed {
		open = append(open, access.Due{ID: id, At: noon})
	}
	return open, l.fail("OpenRequests")
}

func (l *left) OpenLeases(context.Context) ([]access.Due, error) {
	var open []access.Due
	for key, lease := range l.leases {
		open = append(open, access.Due{ID: key, At: lease.SettlesAt})
	}
	return open, l.fail("OpenLeases")
}

func (l *left) Get(_ context.Context, id string) (access.Request, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	r, ok := l.rows[id]
	if id == l.unreadable && id != "" {
		return r, access.Errorf(access.CodeInternal, "makes no sense")
	}
	if !ok {
		return r, access.Errorf(access.CodeNotFound, "no row")
	}
	return r, l.fail("Get")
}

func (l *left) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	lease, ok := l.leases[key]
	return lease, ok, l.fail("Lease")
}

func (l *left) GiveUp(_ context.Context, id string, why access.Failure) (access.Request, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rows[id]
	r.Tombstone, r.Failure = true, &why
	l.rows[id] = r
	return r, l.fail("GiveUp")
}

func (l *left) Running(context.Context) (map[string]bool, bool, error) {
	arns := map[string]bool{}
	for _, arn := range l.running {
		arns[arn] = true
	}
	return arns, !l.incomplete, l.fail("Running")
}

func (l *left) Sweeps(context.Context) ([]string, error) { return l.sweeps, l.fail("Sweeps") }

func (l *left) Describe(_ context.Context, arn string) (Execution, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.described = append(l.described, arn)
	if state, ok := l.states[arn]; ok {
		e := Execution{State: state}
		if state == Ended {
			e.EndedAt = l.ended
		}
		return e, l.fail("Describe")
	}
	return Execution{State: Unknown}, l.fail("Describe")
}

func (l *left) DescribeSweep(_ context.Context, name string) (Execution, error) {
	return l.named[name], l.fail("DescribeSweep")
}

func (l *left) Start(_ context.Context, name, input string) (taken bool, err error) {
	if err := l.fail("Start"); err != nil {
		return false, err
	}
	if _, taken := l.named[name]; taken {
		return true, nil
	}
	if l.started == nil {
		l.started = map[string]sweepInput{}
	}
	if l.named == nil {
		l.named = map[string]Execution{}
	}
	var in sweepInput
	if err := json.Unmarshal([]byte(input), &in); err != nil {
		return false, err
	}
	l.started[name] = in
	l.named[name] = Execution{State: Running, Input: input, StartedAt: noon}
	return false, nil
}

func (l *left) Remove(_ context.Context, in Removal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removed = append(l.removed, in)
	return l.fail("Remove")
}

func (l *left) sweep() *Sweep {
	return &Sweep{
		Table: l, Executions: l, Remover: l, Now: func() time.Time { return noon }, Unique: func() string { return "x7q2mz4k" },
		Notify: func(_ context.Context, operation, id string) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if operation == host.OperationCatchUp {
				l.caughtUp = append(l.caughtUp, id)
			}
			return l.fail("Notify")
		},
		Count:  func(name string, _ map[string]string) { l.counted = append(l.counted, name) },
		Gauge:  func(name string, n int) { l.gauged = append(l.gauged, fmt.Sprint(name, " ", n)) },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// input is the input with which a sweep starts.
func input(in sweepInput) string {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func asked(ago time.Duration, change func(*access.Request)) access.Request {
	r := access.Request{ID: "abc", CreatedAt: noon.Add(-ago), ExecutionName: "2026-03-02-Prod-Admin-abc", ExecutionARN: "arn:abc"}
	if change != nil {
		change(&r)
	}
	return r
}

func approved(r *access.Request) {
	r.Outcome, r.Duration = &access.Outcome{Kind: access.OutcomeApproved, At: r.CreatedAt}, 3600
}

// approvedAgo is a row approved this long ago, for an hour.
func approvedAgo(ago time.Duration) func(*access.Request) {
	return func(r *access.Request) {
		approved(r)
		r.Outcome.At = noon.Add(-ago)
	}
}

func active(end time.Time) func(*access.Request) {
	return func(r *access.Request) {
		approved(r)
		r.GrantedAt, r.End = r.CreatedAt, end
	}
}

func endedEarly(at time.Time) func(*access.Request) {
	return func(r *access.Request) {
		active(noon.Add(time.Hour))(r)
		r.EndRequest = &access.EndRequest{At: at}
	}
}

func removing(end time.Time) func(*access.Request) {
	return func(r *access.Request) {
		active(end)(r)
		r.RevokingAt = end
	}
}

// takenOver is like removing, but another execution continues the removal.
func takenOver(end time.Time) func(*access.Request) {
	return func(r *access.Request) {
		removing(end)(r)
		r.RevokingExecutionARN = "arn:abc-2"
	}
}

func TestSweep(t *testing.T) {
	tests := []struct {
		name      string
		row       access.Request
		running   string         // ARN of the execution that the list shows
		state     ExecutionState // of the request's own execution; if empty, as the list says
		other     ExecutionState // of the execution that took over
		want      string         // the sweep's task, and the result of Tombstone
		wantStamp string
		tombstone bool
	}{
		{name: "waits for approval, alive", row: asked(time.Hour, nil), running: "arn:abc", want: nothing},
		{name: "waits for approval, alive, not in the list yet", row: asked(time.Second, nil), state: Running, want: nothing},
		{name: "waits for approval, stopped", row: asked(time.Second, nil), state: Ended, want: refuse, wantStamp: "20260302-1200"},
		{name: "just written, not started yet", row: asked(time.Minute, nil), want: nothing},
		{name: "never started", row: asked(startingFor, nil), want: refuse, wantStamp: "20260302-1200"},
		{name: "stopped, and a decoy runs", row: asked(time.Hour, nil), running: "arn:abc-x", state: Ended, want: refuse, wantStamp: "20260302-1200"},
		{name: "denied, stopped before the record", row: asked(time.Hour, func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeDenied} }), state: Ended, want: outcome, wantStamp: "20260302-1200"},
		{name: "approved, stopped before the grant", row: asked(time.Hour, approved), state: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "approved, being granted", row: asked(time.Hour, approved), state: Running, want: nothing},
		{name: "active, alive", row: asked(time.Hour, active(noon.Add(time.Hour))), running: "arn:abc", want: nothing},
		{name: "active, stopped", row: asked(time.Hour, active(noon.Add(time.Hour))), state: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "active, machine deleted", row: asked(time.Hour, active(noon.Add(time.Hour))), state: Unknown, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "taken over", row: asked(time.Hour, takenOver(noon.Add(-time.Minute))), running: "arn:abc-2", state: Ended, other: Running, want: nothing},
		{name: "taken over, not in the list yet", row: asked(time.Hour, takenOver(noon.Add(-time.Minute))), state: Ended, other: Running, want: nothing},
		{name: "taken over, takes too long", row: asked(time.Hour, takenOver(noon.Add(-lateAgain))), state: Ended, other: Running, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "taken over, stopped", row: asked(time.Hour, takenOver(noon.Add(-time.Minute))), state: Ended, other: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "removing, stopped, and a decoy runs", row: asked(time.Hour, removing(noon.Add(-time.Minute))), running: "arn:abc-2", state: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "perhaps created, stopped, and a decoy runs", row: asked(time.Hour, approved), running: "arn:x-abc", state: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "perhaps created, alive", row: asked(5*time.Hour, approvedAgo(time.Hour+access.GrantBudget+lateAfter-time.Second)), running: "arn:abc", want: nothing},
		{name: "perhaps created, alive, late", row: asked(5*time.Hour, approvedAgo(time.Hour+access.GrantBudget+lateAfter)), running: "arn:abc", want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "just ended, alive", row: asked(time.Hour, active(noon.Add(-lateAfter+time.Second))), running: "arn:abc", state: Running, want: nothing},
		{name: "ended, alive, late", row: asked(time.Hour, active(noon.Add(-lateAfter))), running: "arn:abc", state: Running, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "just ended early, alive", row: asked(time.Hour, endedEarly(noon.Add(-lateAfter+time.Second))), running: "arn:abc", state: Running, want: nothing},
		{name: "ended early, alive, does not know of it", row: asked(time.Hour, endedEarly(noon.Add(-lateAfter))), running: "arn:abc", state: Running, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "ended, alive, its removal has begun", row: asked(time.Hour, removing(noon.Add(-lateAgain+time.Second))), state: Running, want: nothing},
		{name: "ended, alive, its removal takes too long", row: asked(time.Hour, removing(noon.Add(-lateAgain))), running: "arn:abc", want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "removed, alive, being recorded", row: asked(time.Hour, func(r *access.Request) { active(noon.Add(-time.Hour))(r); r.RevokedAt = noon }), state: Running, want: nothing},
		{name: "removed, stopped before the record", row: asked(time.Hour, func(r *access.Request) { active(noon.Add(-time.Hour))(r); r.RevokedAt = noon }), state: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "removal begun before a decision", row: asked(time.Hour, func(r *access.Request) { r.RevokingAt = noon }), state: Ended, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "closed", row: asked(time.Hour, func(r *access.Request) { r.ClosedAt = noon }), state: Ended, want: nothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := &left{rows: map[string]access.Request{"abc": test.row}, states: map[string]ExecutionState{}}
			if test.running != "" {
				l.running = []string{test.running}
			}
			if test.state != "" {
				l.states["arn:abc"] = test.state
			} else if test.running == "arn:abc" {
				l.states["arn:abc"] = Running
			}
			if test.other != "" {
				l.states["arn:abc-2"] = test.other
			}
			if err := l.sweep().Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := map[string]sweepInput{}
			if test.want != nothing {
				want["sweep-abc-"+test.wantStamp] = sweepInput{Mode: "sweep", RequestID: "abc"}
			}
			if len(l.started) != len(want) {
				t.Fatalf("started %v, want %v", l.started, want)
			}
			for name, in := range want {
				if l.started[name] != in {
					t.Errorf("started %v, want %v", l.started, want)
				}
			}
			if !slices.Equal(l.counted, []string{"SweepLooked"}) {
				t.Errorf("counted %q", l.counted)
			}

			l.counted = nil
			var log strings.Builder
			sweep := l.sweep()
			sweep.Logger = slog.New(slog.NewTextHandler(&log, nil))
			got, err := sweep.Tombstone(t.Context(), "abc")
			if err != nil || got.Next != test.want || got.Execution != "arn:abc" {
				t.Errorf("Tombstone = %+v, %v; want %s", got, err, test.want)
			}
			if l.rows["abc"].Tombstone != test.tombstone {
				t.Errorf("given up: %v, want %v", l.rows["abc"].Tombstone, test.tombstone)
			}
			if swept := slices.Equal(l.counted, []string{"Swept"}); swept != (test.want != nothing) {
				t.Errorf("counted %q", l.counted)
			}
			if got.Next != nothing && !strings.Contains(log.String(), got.Subject.Key()) {
				t.Errorf("the log doesn't name the access: %s", log.String())
			}
			wantGranted := !test.row.GrantedAt.IsZero() && test.row.RevokedAt.IsZero()
			if got.Granted != wantGranted {
				t.Errorf("granted = %v, want %v", got.Granted, wantGranted)
			}
		})
	}
}

// A request that is being swept gets no second sweep. The execution's name alone
// proves nothing, because someone may have given it to another execution.
func TestLookLeavesAlone(t *testing.T) {
	stopped := asked(time.Hour, nil)
	sweeping := input(sweepInput{Mode: "sweep", RequestID: "abc"})
	for _, test := range []struct {
		name   string
		sweeps []string
		named  map[string]Execution
		want   int
	}{
		{name: "being swept", sweeps: []string{"sweep-abc-20260302-1150"}, named: map[string]Execution{"sweep-abc-20260302-1150": {State: Running, Input: sweeping}}},
		{name: "another request is being swept", sweeps: []string{"sweep-abcd-20260302-1150"}, named: map[string]Execution{"sweep-abcd-20260302-1150": {State: Running, Input: sweeping}}, want: 1},
		{name: "a decoy of that name", sweeps: []string{"sweep-abc-x"}, named: map[string]Execution{"sweep-abc-x": {State: Running, Input: `{"mode":"revoke"}`}}, want: 1},
		{name: "ended since the list was made", sweeps: []string{"sweep-abc-20260302-1150"}, named: map[string]Execution{"sweep-abc-20260302-1150": {State: Ended, Input: sweeping}}, want: 1},
	} {
		l := &left{rows: map[string]access.Request{"abc": stopped}, states: map[string]ExecutionState{"arn:abc": Ended}, indexed: []string{"gone"}, sweeps: test.sweeps, named: test.named}
		if err := l.sweep().Look(t.Context()); err != nil || len(l.started) != test.want {
			t.Errorf("%s: started %v, error %v; want %d", test.name, l.started, err, test.want)
		}
		if left, err := l.sweep().Tombstone(t.Context(), "gone"); err != nil || left.Next != nothing {
			t.Errorf("Tombstone of a row that is gone = %+v, %v", left, err)
		}
	}
}

// Someone who takes a sweep's name delays nothing.
func TestLookFindsItsNameTaken(t *testing.T) {
	const minute, random = "sweep-abc-20260302-1200", "sweep-abc-20260302-1200-x7q2mz4k"
	sweeping := input(sweepInput{Mode: "sweep", RequestID: "abc"})
	stopped := asked(time.Hour, active(noon.Add(time.Hour)))
	late := asked(time.Hour, active(noon.Add(-5*time.Minute)))
	for _, test := range []struct {
		name  string
		row   access.Request
		alive bool
		taken Execution
		fails bool
		want  []string
	}{
		{name: "by this very sweep", row: stopped, taken: Execution{State: Running, Input: sweeping}},
		{name: "by one that ended already", row: stopped, taken: Execution{State: Ended, Input: `{"mode":"sweep","lease":"none"}`}, want: []string{random}},
		{name: "by this sweep, and it ended", row: stopped, taken: Execution{State: Ended, Input: sweeping}, want: []string{random}},
		{name: "by a run that waits for an answer", row: stopped, taken: Execution{State: Running, Input: `{"mode":"revoke"}`}, want: []string{random}},
		{name: "by a sweep of something else", row: stopped, taken: Execution{State: Running, Input: input(sweepInput{Mode: "sweep", RequestID: "abcd"})}, want: []string{random}},
		{name: "by something that can't be read", row: stopped, taken: Execution{State: Running, Input: sweeping}, fails: true, want: []string{random}},
		{name: "by the sweep of these ten minutes", row: late, alive: true, taken: Execution{State: Ended, Input: sweeping, StartedAt: noon.Add(-4 * time.Minute)}},
		{name: "by a sweep before the access was late", row: late, alive: true, taken: Execution{State: Ended, Input: sweeping, StartedAt: noon.Add(-5*time.Minute + lateAfter - time.Second)}, want: []string{random}},
	} {
		l := &left{rows: map[string]access.Request{"abc": test.row}, states: map[string]ExecutionState{"arn:abc": Ended}, named: map[string]Execution{minute: test.taken}}
		if test.alive {
			l.states["arn:abc"], l.running = Running, []string{"arn:abc"}
		}
		if test.fails {
			l.failing = "DescribeSweep"
		}
		if err := l.sweep().Look(t.Context()); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := slices.Sorted(maps.Keys(l.started)); !slices.Equal(got, test.want) {
			t.Errorf("%s: started %q, want %q", test.name, got, test.want)
		}
	}
}

// Late access is removed without an execution, however much there is, and whatever
// sweeps and lists say. After a minute it counts as overdue.
func TestLookRemovesLateAccess(t *testing.T) {
	end, late := noon.Add(-overdueAfter), noon.Add(-lateAfter)
	granted := func(r access.Request) Removal {
		return Removal{Operation: "confirm", RequestID: r.ID, Subject: r.Subject(), Granted: true}
	}
	perhaps := asked(5*time.Hour, approvedAgo(time.Hour+access.GrantBudget+overdueAfter))
	for _, test := range []struct {
		name    string
		row     access.Request
		lease   access.Lease
		failing string
		running []string
		ended   time.Time // of its execution, if that has ended
		want    []Removal
		kept    bool // it isn't given up first, because its removal has begun
		overdue int  // how many requests and leases are counted
	}{
		{name: "not yet", row: asked(time.Hour, active(late.Add(time.Second)))},
		{name: "late", row: asked(time.Hour, active(late)), want: []Removal{granted(asked(time.Hour, active(late)))}},
		{name: "late, and its execution is alive", row: asked(time.Hour, active(late)), running: []string{"arn:abc"}, want: []Removal{granted(asked(time.Hour, active(late)))}},
		{name: "being removed", row: asked(time.Hour, removing(late)), running: []string{"arn:abc"}},
		{name: "being removed, not overdue yet", row: asked(time.Hour, removing(end.Add(time.Second))), running: []string{"arn:abc"}},
		{name: "its removal was stopped", row: asked(time.Hour, removing(late)), ended: late, want: []Removal{granted(asked(time.Hour, removing(late)))}, kept: true},
		{name: "overdue", row: asked(time.Hour, active(end)), want: []Removal{granted(asked(time.Hour, active(end)))}, overdue: 1},
		{name: "overdue, and its execution is alive", row: asked(time.Hour, active(end)), running: []string{"arn:abc"}, want: []Removal{granted(asked(time.Hour, active(end)))}, overdue: 1},
		{name: "being removed for too long", row: asked(time.Hour, removing(end)), running: []string{"arn:abc"}, want: []Removal{granted(asked(time.Hour, removing(end)))}, kept: true, overdue: 1},
		{name: "ended early", row: asked(time.Hour, endedEarly(end)), want: []Removal{granted(asked(time.Hour, endedEarly(end)))}, overdue: 1},
		{name: "perhaps created", row: perhaps, want: []Removal{{Operation: "confirm", RequestID: "abc", Subject: perhaps.Subject()}}, overdue: 1},
		{name: "perhaps created, stopped a while ago", row: asked(time.Hour, approved), ended: late, want: []Removal{{Operation: "confirm", RequestID: "abc", Subject: perhaps.Subject()}}},
		{name: "perhaps created, just stopped", row: asked(time.Hour, approved), ended: late.Add(time.Second)},
		{name: "active, stopped long ago", row: asked(time.Hour, active(noon.Add(time.Hour))), ended: end},
		{name: "undecided, stopped long ago", row: asked(time.Hour, nil), ended: end},
		{name: "removed", row: asked(time.Hour, func(r *access.Request) { active(end)(r); r.RevokedAt = noon })},
		{name: "the list can't be read", row: asked(time.Hour, active(end)), failing: "Running", want: []Removal{granted(asked(time.Hour, active(end)))}, overdue: 1},
		{name: "Step Functions can't be asked", row: asked(time.Hour, active(end)), failing: "Describe", want: []Removal{granted(asked(time.Hour, active(end)))}, overdue: 1},
		{name: "no sweep can be started", row: asked(time.Hour, active(end)), failing: "Start", want: []Removal{granted(asked(time.Hour, active(end)))}, overdue: 1},
		{name: "a lease of nobody's", row: asked(time.Hour, nil), lease: access.Lease{SettlesAt: end}, want: []Removal{{Operation: "settle", Lease: "k"}}, overdue: 1},
		{name: "a lease of nobody's, not yet", row: asked(time.Hour, nil), lease: access.Lease{SettlesAt: end.Add(time.Second)}},
		{name: "a lease of a lost row", row: asked(time.Hour, nil), lease: access.Lease{SettlesAt: end.Add(-time.Hour), Holders: map[string]access.Holder{"lost": {End: end}}},
			want: []Removal{{Operation: "confirm", RequestID: "lost", Granted: true}, {Operation: "settle", Lease: "k"}}, kept: true, overdue: 1},
		{name: "a lost row's share in a lease of others", row: asked(time.Hour, active(noon.Add(time.Hour))), running: []string{"arn:abc"},
			lease: access.Lease{SettlesAt: late, Holders: map[string]access.Holder{"lost": {End: late}, "abc": {}}}, want: []Removal{{Operation: "confirm", RequestID: "lost", Granted: true}}, kept: true},
	} {
		l := &left{rows: map[string]access.Request{"abc": test.row}, states: map[string]ExecutionState{"arn:abc": Running}, running: test.running, failing: test.failing, ended: test.ended}
		if !test.ended.IsZero() {
			l.states["arn:abc"] = Ended
		}
		if !test.lease.SettlesAt.IsZero() {
			l.leases = map[string]access.Lease{"k": test.lease}
		}
		err := l.sweep().Look(t.Context())
		if (err != nil) != (test.failing != "" && test.failing != "Describe") {
			t.Errorf("%s: %v", test.name, err)
		}
		// They are removed in parallel, in any order.
		slices.SortFunc(l.removed, func(a, b Removal) int { return strings.Compare(a.Operation, b.Operation) })
		if !reflect.DeepEqual(l.removed, test.want) {
			t.Errorf("%s: removed %+v, want %+v", test.name, l.removed, test.want)
		}
		if want := fmt.Sprint("AccessOverdue ", test.overdue); !slices.Contains(l.gauged, want) {
			t.Errorf("%s: %q, want %q", test.name, l.gauged, want)
		}
		if gaveUp := l.rows["abc"].Tombstone; gaveUp != (len(l.removed) > 0 && l.removed[0].RequestID != "" && !test.kept) {
			t.Errorf("%s: given up: %v", test.name, gaveUp)
		}
	}
	l := &left{rows: map[string]access.Request{}, states: map[string]ExecutionState{}}
	for i := range 3 * mostSweeps {
		r := asked(time.Hour, active(end))
		r.ID = fmt.Sprint("r", i)
		l.rows[r.ID] = r
	}
	if err := l.sweep().Look(t.Context()); err != nil || len(l.removed) != len(l.rows) {
		t.Errorf("removed %d, error %v; want %d", len(l.removed), err, len(l.rows))
	}
	l = &left{rows: map[string]access.Request{"abc": asked(time.Hour, active(end))}, failing: "Remove"}
	if err := l.sweep().Look(t.Context()); access.CodeOf(err) != access.CodeUnavailable || slices.Contains(l.counted, "SweepLooked") {
		t.Errorf("revoke can't be invoked: error %v, counted %q", err, l.counted)
	}
}

// A check of 1,000 open requests reads each row once. Later checks read only rows that
// changed, and make the same few calls however many requests are open.
func TestLookAtManyRequests(t *testing.T) {
	l := &left{rows: map[string]access.Request{}, states: map[string]ExecutionState{}}
	for i := range 1000 {
		r := asked(time.Hour, active(noon.Add(time.Hour)))
		r.ID = fmt.Sprintf("r%03d", i)
		r.ExecutionARN = "arn:" + r.ID
		r.Posts = map[string]access.Post{"granted": {Channel: "C1", TS: "1.1"}}
		l.rows[r.ID] = r
		l.running = append(l.running, r.ExecutionARN)
	}
	s := l.sweep()
	for look, want := range []int{1000, 0, 1} {
		l.reads = 0
		if look == 2 {
			l.running = l.running[1:]
			l.states["arn:r000"] = Ended
		}
		if err := s.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l.reads != want || len(l.described) != look/2 {
			t.Errorf("look %d: %d rows read, want %d; described %q", look, l.reads, want, l.described)
		}
	}
	if len(l.started) != 1 {
		t.Errorf("started %v", l.started)
	}
}

// If nearly all executions are stopped at once, a check describes only as many as Step
// Functions allows. It starts with overdue access, and every request has its turn
// within minutes.
func TestLookDescribesNotTooMany(t *testing.T) {
	l := &left{rows: map[string]access.Request{}, states: map[string]ExecutionState{}, incomplete: true}
	for i := range 5 * mostDescribed {
		r := asked(time.Hour, nil)
		r.ID = fmt.Sprintf("r%04d", i)
		r.ExecutionARN = "arn:" + r.ID
		l.rows[r.ID] = r
		l.states[r.ExecutionARN] = Running // but not in the list
	}
	overdue := asked(time.Hour, active(noon.Add(-time.Hour)))
	overdue.ID, overdue.ExecutionARN = "zzz", "arn:zzz"
	l.rows["zzz"] = overdue
	l.states["arn:zzz"] = Ended
	s := l.sweep()
	for minute := range 20 {
		s.Now = func() time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		l.described = nil
		left := 5*mostDescribed - len(l.running)
		err := s.Look(t.Context())
		if isAll := left < mostDescribed; isAll != (err == nil) {
			t.Errorf("%d left, error %v", left, err)
		}
		if len(l.described) > mostDescribed || !slices.Contains(l.described, "arn:zzz") {
			t.Errorf("described %d, the overdue one among them: %v", len(l.described), slices.Contains(l.described, "arn:zzz"))
		}
		for _, arn := range l.described {
			delete(l.states, arn) // and seen
		}
		l.states["arn:zzz"] = Ended
		for _, arn := range l.described {
			if arn != "arn:zzz" {
				l.running = append(l.running, arn)
			}
		}
		if len(l.running) == 5*mostDescribed {
			return
		}
		if minute == 19 {
			t.Errorf("%d of %d had their turn", len(l.running), 5*mostDescribed)
		}
	}
}

func TestLookAtLeases(t *testing.T) {
	old := noon.Add(-lateAfter - time.Second)
	l := &left{
		rows: map[string]access.Request{"abc": asked(time.Hour, active(noon.Add(time.Hour)))},
		// Its execution is alive.
		running: []string{"arn:abc"},
		states:  map[string]ExecutionState{"arn:abc": Running},
		leases: map[string]access.Lease{
			"held by one that is open":     {SettlesAt: old, Holders: map[string]access.Holder{"abc": {}}},
			"held by one that is not open": {SettlesAt: old, Holders: map[string]access.Holder{"other": {}}},
			"held by nobody":               {SettlesAt: old},
			"removes what a run found":     {SettlesAt: old, Drift: &access.FindingRef{Run: "run-1"}},
			"settles only now":             {SettlesAt: noon.Add(-lateAfter + time.Second)},
		},
	}
	if err := l.sweep().Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for name, in := range l.started {
		if !strings.HasPrefix(name, "sweep-lease-") || !strings.HasSuffix(name, "-20260302-1200") || len(name) > 80 || in.Mode != "sweep" || in.RequestID != "" {
			t.Errorf("%s: %+v", name, in)
		}
		if drift := in.Lease == "removes what a run found"; drift != (in.Drift != nil) || drift && *in.Drift != (access.FindingRef{Run: "run-1"}) {
			t.Errorf("%s is of the finding %v", in.Lease, in.Drift)
		}
		got = append(got, in.Lease)
	}
	slices.Sort(got)
	if want := []string{"held by nobody", "held by one that is not open", "removes what a run found"}; !slices.Equal(got, want) {
		t.Errorf("swept %q, want %q", got, want)
	}
	if want := []string{"ActiveAccess 5", "AccessOverdue 0"}; !slices.Equal(l.gauged, want) {
		t.Errorf("%q, want %q", l.gauged, want)
	}
	l.sweeps, l.started = slices.Collect(maps.Keys(l.started)), nil
	if err := l.sweep().Look(t.Context()); err != nil || len(l.started) > 0 {
		t.Errorf("a second look started %v, error %v", l.started, err)
	}
}

// One check starts only this many sweeps, and reports that there are more.
func TestLookStartsNotTooMany(t *testing.T) {
	l := &left{rows: map[string]access.Request{}, states: map[string]ExecutionState{}}
	for i := range mostSweeps + 10 {
		r := asked(time.Hour, nil)
		r.ID = strings.Repeat("x", i+1)
		l.rows[r.ID] = r
	}
	if err := l.sweep().Look(t.Context()); err != nil || len(l.started) != mostSweeps {
		t.Errorf("started %d, error %v; want %d", len(l.started), err, mostSweeps)
	}
}

// If a service doesn't respond, the check fails. The alarm for missing checks can then
// fire.
func TestSweepFails(t *testing.T) {
	for _, what := range []string{"Running", "Sweeps", "OpenRequests", "Get", "Describe", "OpenLeases", "Lease", "Start"} {
		l := &left{
			rows:    map[string]access.Request{"abc": asked(time.Hour, approved)},
			states:  map[string]ExecutionState{"arn:abc": Ended},
			leases:  map[string]access.Lease{"k": {SettlesAt: noon.Add(-time.Hour)}},
			failing: what,
		}
		if err := l.sweep().Look(t.Context()); access.CodeOf(err) != access.CodeUnavailable || len(l.counted) > 0 {
			t.Errorf("%s: error %v, counted %q", what, err, l.counted)
		}
	}
	// A row that can't be read doesn't hide the others.
	l := &left{
		rows:   map[string]access.Request{"abc": asked(time.Hour, approved), "bad": {ID: "bad", ExecutionARN: "arn:bad"}},
		states: map[string]ExecutionState{"arn:abc": Ended},
	}
	l.unreadable = "bad"
	if err := l.sweep().Look(t.Context()); access.CodeOf(err) != access.CodeInternal || len(l.started) != 1 || len(l.counted) > 0 {
		t.Errorf("started %v, error %v, counted %q", l.started, err, l.counted)
	}
	for _, what := range []string{"Get", "Describe", "GiveUp"} {
		begun := asked(time.Hour, func(r *access.Request) { approved(r); r.RevokingAt = noon })
		l := &left{rows: map[string]access.Request{"abc": begun}, states: map[string]ExecutionState{"arn:abc": Ended}, failing: what}
		if got, err := l.sweep().Tombstone(t.Context(), "abc"); access.CodeOf(err) != access.CodeUnavailable || got.Next != "" {
			t.Errorf("%s: %+v, error %v", what, got, err)
		}
	}
}

// Access whose end has passed is removed even if Step Functions doesn't report the
// status of its execution. For a machine with another name, it never does.
func TestSweepWithoutTheExecutionsState(t *testing.T) {
	for end, want := range map[time.Duration]int{-lateAfter + time.Second: 0, -lateAfter: 1} {
		l := &left{rows: map[string]access.Request{"abc": asked(time.Hour, active(noon.Add(end)))}, failing: "Describe"}
		err := l.sweep().Look(t.Context())
		if len(l.started) != want || (err == nil) != (want == 1) {
			t.Errorf("%s: started %v, error %v", end, l.started, err)
		}
		got, err := l.sweep().Tombstone(t.Context(), "abc")
		if (err == nil) != (want == 1) || l.rows["abc"].Tombstone != (want == 1) {
			t.Errorf("%s: Tombstone = %+v, %v", end, got, err)
		}
	}
}

// Requests with access are swept before those without, which perhaps can't be cleaned
// up.
func TestLookSweepsAccessFirst(t *testing.T) {
	l := &left{rows: map[string]access.Request{}, states: map[string]ExecutionState{}, leases: map[string]access.Lease{"k": {SettlesAt: noon.Add(-time.Hour)}}}
	for i := range 3 * mostSweeps {
		r := asked(time.Hour, nil)
		r.ID = fmt.Sprint("undecided", i)
		l.rows[r.ID] = r
	}
	r := asked(time.Hour, active(noon.Add(time.Hour)))
	r.ID = "active"
	l.rows[r.ID] = r
	if err := l.sweep().Look(t.Context()); access.CodeOf(err) != access.CodeThrottled || len(l.started) != mostSweeps {
		t.Errorf("started %d, error %v", len(l.started), err)
	}
	found := map[string]bool{}
	for _, in := range l.started {
		found[in.RequestID+in.Lease] = true
	}
	if !found["active"] || !found["k"] {
		t.Error("the access is not swept")
	}
}

// If the index doesn't show an open request, its lease leads to it.
func TestLookFindsARequestByItsLease(t *testing.T) {
	lost := asked(time.Hour, active(noon.Add(-time.Hour)))
	over := asked(time.Hour, func(r *access.Request) { active(noon.Add(-time.Hour))(r); r.RevokedAt = noon })
	for name, test := range map[string]struct {
		row  access.Request
		want sweepInput
	}{
		"lost":    {lost, sweepInput{Mode: "sweep", RequestID: "abc"}},
		"revoked": {over, sweepInput{Mode: "sweep", RequestID: "abc"}},
	} {
		l := &left{rows: map[string]access.Request{"abc": test.row}, states: map[string]ExecutionState{"arn:abc": Ended}, unlisted: "abc",
			leases: map[string]access.Lease{"k": {SettlesAt: noon.Add(-time.Hour), Holders: map[string]access.Holder{"abc": {}}}}}
		if err := l.sweep().Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(slices.Collect(maps.Values(l.started)), test.want) {
			t.Errorf("%s: started %v", name, l.started)
		}
	}
}

// TestRemovalPayload checks that a check never claims a successful Grant of its own.
// That claim would let revoke remove access that isn't in the table.
func TestRemovalPayload(t *testing.T) {
	payload, err := json.Marshal(Removal{Operation: "confirm", RequestID: "abc", Granted: true})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(payload, &fields); err != nil {
		t.Fatal(err)
	}
	if _, says := fields["grant_started"]; says || fields["granted"] != true || fields["operation"] != "confirm" {
		t.Errorf("the payload is %s", payload)
	}
}
