package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/requests"
)

var noon = time.Date(2026, 3, 2, 12, 0, 30, 0, time.UTC)

// left is a table and Step Functions as a look finds them.
type left struct {
	rows    map[string]access.Request
	leases  map[string]access.Lease
	indexed []string // ids that the index has although the table does not

	running []string // executions of the request machine
	sweeps  []string // and of the reconcile machine
	states  map[string]ExecutionState

	started map[string]sweepInput
	counted []string
	gauged  []string
	failing string // what answers with an error

	unreadable string // the id of a row that makes no sense
	unlisted   string // the id of a row that the index does not have
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

func (l *left) OpenRequests(context.Context) ([]requests.Due, error) {
	var open []requests.Due
	for id, r := range l.rows {
		if r.ClosedAt.IsZero() && id != l.unlisted {
			open = append(open, requests.Due{ID: id, At: dueOf(r)})
		}
	}
	for _, id := range l.indexed {
		open = append(open, requests.Due{ID: id, At: noon})
	}
	return open, l.fail("OpenRequests")
}

func (l *left) OpenLeases(context.Context) ([]requests.Due, error) {
	var open []requests.Due
	for key, lease := range l.leases {
		open = append(open, requests.Due{ID: key, At: lease.SettlesAt})
	}
	return open, l.fail("OpenLeases")
}

func (l *left) Get(_ context.Context, id string) (access.Request, error) {
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
	r := l.rows[id]
	r.Tombstone, r.Failure = true, &why
	l.rows[id] = r
	return r, l.fail("GiveUp")
}

func (l *left) Requests(context.Context) ([]string, error) { return l.running, l.fail("Requests") }
func (l *left) Sweeps(context.Context) ([]string, error)   { return l.sweeps, l.fail("Sweeps") }

func (l *left) State(_ context.Context, arn string) (ExecutionState, error) {
	if state, ok := l.states[arn]; ok {
		return state, l.fail("State")
	}
	return Unknown, l.fail("State")
}

func (l *left) Start(_ context.Context, name string, input any) error {
	if err := l.fail("Start"); err != nil {
		return err
	}
	if l.started == nil {
		l.started = map[string]sweepInput{}
	}
	l.started[name] = input.(sweepInput)
	return nil
}

func (l *left) sweep() *Sweep {
	return &Sweep{
		Table: l, Executions: l, Now: func() time.Time { return noon },
		Count:  func(name string, _ map[string]string) { l.counted = append(l.counted, name) },
		Gauge:  func(name string, n int) { l.gauged = append(l.gauged, fmt.Sprint(name, " ", n)) },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func asked(ago time.Duration, change func(*access.Request)) access.Request {
	r := access.Request{ID: "abc", CreatedAt: noon.Add(-ago), ExecutionName: "2026-03-02-Prod-Admin-abc", ExecutionARN: "arn:abc"}
	if change != nil {
		change(&r)
	}
	return r
}

func approved(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeApproved} }

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

func TestSweep(t *testing.T) {
	tests := []struct {
		name      string
		row       access.Request
		running   string // execution of the request machine that the list shows
		state     ExecutionState
		want      string // what the look starts a sweep for, and Tombstone says
		wantStamp string
		tombstone bool
	}{
		{name: "waits for approval, alive", row: asked(time.Hour, nil), running: "2026-03-02-Prod-Admin-abc", want: nothing},
		{name: "waits for approval, alive, not in the list yet", row: asked(time.Second, nil), state: Running, want: nothing},
		{name: "waits for approval, stopped", row: asked(time.Second, nil), state: Over, want: refuse, wantStamp: "20260302-1200"},
		{name: "just written, not started yet", row: asked(time.Minute, nil), want: nothing},
		{name: "never started", row: asked(startingFor, nil), want: refuse, wantStamp: "20260302-1200"},
		{name: "another one's execution runs", row: asked(time.Hour, nil), running: "2026-03-02-Prod-Admin-abcd", state: Over, want: refuse, wantStamp: "20260302-1200"},
		{name: "denied, stopped before the record", row: asked(time.Hour, func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeDenied} }), state: Over, want: outcome, wantStamp: "20260302-1200"},
		{name: "approved, stopped before the grant", row: asked(time.Hour, approved), state: Over, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "approved, being granted", row: asked(time.Hour, approved), state: Running, want: nothing},
		{name: "active, alive", row: asked(time.Hour, active(noon.Add(time.Hour))), running: "2026-03-02-Prod-Admin-abc", want: nothing},
		{name: "active, stopped", row: asked(time.Hour, active(noon.Add(time.Hour))), state: Over, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "active, machine deleted", row: asked(time.Hour, active(noon.Add(time.Hour))), state: Unknown, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "active, taken over", row: asked(time.Hour, removing(noon.Add(-time.Minute))), running: "abc-1b4e28ba-2fa1-11d2-883f-0016d3cca427", state: Over, want: nothing},
		{name: "just ended, alive", row: asked(time.Hour, active(noon.Add(-lateAfter+time.Second))), running: "2026-03-02-Prod-Admin-abc", state: Running, want: nothing},
		{name: "ended, alive, late", row: asked(time.Hour, active(noon.Add(-lateAfter))), running: "2026-03-02-Prod-Admin-abc", state: Running, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "just ended early, alive", row: asked(time.Hour, endedEarly(noon.Add(-lateAfter+time.Second))), running: "2026-03-02-Prod-Admin-abc", state: Running, want: nothing},
		{name: "ended early, alive, does not know of it", row: asked(time.Hour, endedEarly(noon.Add(-lateAfter))), running: "2026-03-02-Prod-Admin-abc", state: Running, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "ended, alive, its removal has begun", row: asked(time.Hour, removing(noon.Add(-lateAgain+time.Second))), state: Running, want: nothing},
		{name: "ended, alive, its removal takes too long", row: asked(time.Hour, removing(noon.Add(-lateAgain))), running: "2026-03-02-Prod-Admin-abc", want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "removed, alive, being recorded", row: asked(time.Hour, func(r *access.Request) { active(noon.Add(-time.Hour))(r); r.RevokedAt = noon }), state: Running, want: nothing},
		{name: "removed, stopped before the record", row: asked(time.Hour, func(r *access.Request) { active(noon.Add(-time.Hour))(r); r.RevokedAt = noon }), state: Over, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "removal begun before a decision", row: asked(time.Hour, func(r *access.Request) { r.RevokingAt = noon }), state: Over, want: revoke, wantStamp: "20260302-1200", tombstone: true},
		{name: "closed", row: asked(time.Hour, func(r *access.Request) { r.ClosedAt = noon }), state: Over, want: nothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := &left{rows: map[string]access.Request{"abc": test.row}, states: map[string]ExecutionState{}}
			if test.running != "" {
				l.running = []string{test.running}
			}
			if test.state != "" {
				l.states["arn:abc"] = test.state
			} else if test.running == test.row.ExecutionName {
				l.states["arn:abc"] = Running
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
			got, err := l.sweep().Tombstone(t.Context(), "abc")
			if err != nil || got.Next != test.want || got.Execution != "arn:abc" {
				t.Errorf("Tombstone = %+v, %v; want %s", got, err, test.want)
			}
			if l.rows["abc"].Tombstone != test.tombstone {
				t.Errorf("given up: %v, want %v", l.rows["abc"].Tombstone, test.tombstone)
			}
			if swept := slices.Equal(l.counted, []string{"Swept"}); swept != (test.want != nothing) {
				t.Errorf("counted %q", l.counted)
			}
			wantGranted := !test.row.GrantedAt.IsZero() && test.row.RevokedAt.IsZero()
			if got.Granted != wantGranted {
				t.Errorf("granted = %v, want %v", got.Granted, wantGranted)
			}
		})
	}
}

// A request that is being swept is not swept beside that; one whose row is gone
// was the index's mistake.
func TestLookLeavesAlone(t *testing.T) {
	stopped := asked(time.Hour, nil)
	l := &left{rows: map[string]access.Request{"abc": stopped}, states: map[string]ExecutionState{"arn:abc": Over},
		sweeps: []string{"sweep-abc-20260302-1150"}, indexed: []string{"gone"}}
	if err := l.sweep().Look(t.Context()); err != nil || len(l.started) > 0 {
		t.Errorf("started %v, error %v", l.started, err)
	}
	l.sweeps = []string{"sweep-abcd-20260302-1150"} // another request's
	if err := l.sweep().Look(t.Context()); err != nil || len(l.started) != 1 {
		t.Errorf("started %v, error %v", l.started, err)
	}
	if left, err := l.sweep().Tombstone(t.Context(), "gone"); err != nil || left.Next != nothing {
		t.Errorf("Tombstone of a row that is gone = %+v, %v", left, err)
	}
}

func TestLookAtLeases(t *testing.T) {
	old := noon.Add(-lateAfter - time.Second)
	l := &left{
		rows: map[string]access.Request{"abc": asked(time.Hour, active(noon.Add(time.Hour)))},
		// Its execution is alive.
		running: []string{"2026-03-02-Prod-Admin-abc"},
		leases: map[string]access.Lease{
			"held by one that is open":     {SettlesAt: old, Holders: map[string]access.Holder{"abc": {}}},
			"held by one that is not open": {SettlesAt: old, Holders: map[string]access.Holder{"other": {}}},
			"held by nobody":               {SettlesAt: old},
			"removes what a run found":     {SettlesAt: old, Drift: &access.FindingRef{Run: "run-1"}},
			"settles only now":             {SettlesAt: noon.Add(-lateAfter)},
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
	if want := []string{"ActiveAccess 5"}; !slices.Equal(l.gauged, want) {
		t.Errorf("%q, want %q", l.gauged, want)
	}
	l.sweeps, l.started = slices.Collect(maps.Keys(l.started)), nil
	if err := l.sweep().Look(t.Context()); err != nil || len(l.started) > 0 {
		t.Errorf("a second look started %v, error %v", l.started, err)
	}
}

// One look starts so many sweeps at most, and says that there are more.
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

// Where something does not answer, the look fails, and the alarm for looks that
// stay away can notice.
func TestSweepFails(t *testing.T) {
	for _, what := range []string{"Requests", "Sweeps", "OpenRequests", "Get", "State", "OpenLeases", "Lease", "Start"} {
		l := &left{
			rows:    map[string]access.Request{"abc": asked(time.Hour, approved)},
			states:  map[string]ExecutionState{"arn:abc": Over},
			leases:  map[string]access.Lease{"k": {SettlesAt: noon.Add(-time.Hour)}},
			failing: what,
		}
		if err := l.sweep().Look(t.Context()); access.CodeOf(err) != access.CodeUnavailable || len(l.counted) > 0 {
			t.Errorf("%s: error %v, counted %q", what, err, l.counted)
		}
	}
	// One that can't be read leaves no other behind.
	l := &left{
		rows:   map[string]access.Request{"abc": asked(time.Hour, approved), "bad": {ID: "bad", ExecutionARN: "arn:bad"}},
		states: map[string]ExecutionState{"arn:abc": Over},
	}
	l.unreadable = "bad"
	if err := l.sweep().Look(t.Context()); access.CodeOf(err) != access.CodeInternal || len(l.started) != 1 || len(l.counted) > 0 {
		t.Errorf("started %v, error %v, counted %q", l.started, err, l.counted)
	}
	for _, what := range []string{"Requests", "Get", "State", "GiveUp"} {
		begun := asked(time.Hour, func(r *access.Request) { approved(r); r.RevokingAt = noon })
		l := &left{rows: map[string]access.Request{"abc": begun}, states: map[string]ExecutionState{"arn:abc": Over}, failing: what}
		if got, err := l.sweep().Tombstone(t.Context(), "abc"); access.CodeOf(err) != access.CodeUnavailable || got.Next != "" {
			t.Errorf("%s: %+v, error %v", what, got, err)
		}
	}
}

// Access whose end is over goes also where Step Functions does not say how its
// execution stands: of a machine under another name, it never does.
func TestSweepWithoutTheExecutionsState(t *testing.T) {
	for end, want := range map[time.Duration]int{-lateAfter + time.Second: 0, -lateAfter: 1} {
		l := &left{rows: map[string]access.Request{"abc": asked(time.Hour, active(noon.Add(end)))}, failing: "State"}
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

// What has no access, and perhaps can't be cleared up, stands before no access.
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
	if err := l.sweep().Look(t.Context()); err != nil || len(l.started) != mostSweeps {
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

// A request that the index of what is open does not show is found by its lease.
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
		l := &left{rows: map[string]access.Request{"abc": test.row}, states: map[string]ExecutionState{"arn:abc": Over}, unlisted: "abc",
			leases: map[string]access.Lease{"k": {SettlesAt: noon.Add(-time.Hour), Holders: map[string]access.Holder{"abc": {}}}}}
		if err := l.sweep().Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(slices.Collect(maps.Values(l.started)), test.want) {
			t.Errorf("%s: started %v", name, l.started)
		}
	}
}
