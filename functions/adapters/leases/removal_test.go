package leases_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/leases"
)

// removeAndSettle does what a run does to remove a finding.
func (w *world) removeAndSettle(t *testing.T, l *leases.Leases, f access.Finding, ref access.FindingRef) access.RemovalResult {
	t.Helper()
	if err := l.RemoveDrift(ctx, f, ref, nil); err != nil {
		t.Fatal(err)
	}
	return w.settleDrift(t, l, ref)
}

func (w *world) settleDrift(t *testing.T, l *leases.Leases, ref access.FindingRef) access.RemovalResult {
	t.Helper()
	for range 20 {
		result, err := l.SettleDrift(ctx, w.subject.Key(), ref)
		switch access.CodeOf(err) {
		case "":
			return result
		case access.CodeInProgress, access.CodeConflict:
			w.now = w.now.Add(5 * time.Second)
			w.settle()
		default:
			t.Fatal(err)
		}
	}
	t.Fatal("settling does not come to an end")
	return ""
}

// A removal counts as ours only if Identity Center accepted our deletion and the
// deletion didn't fail. The table has the result before the lease is deleted.
func TestSettleDrift(t *testing.T) {
	finding := access.Finding{Subject: subject}
	byHand := func(w *world) func() error {
		return func() error { w.removeByHand(); w.before = nil; return nil }
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, w *world, l *leases.Leases)
		want    access.RemovalResult
		deleted int // deletions that Identity Center accepted
	}{
		{name: "we remove it", want: access.DriftRemoved, deleted: 1},
		{name: "gone before we begin", want: access.DriftAlreadyGone,
			prepare: func(_ *testing.T, w *world, _ *leases.Leases) { w.removeByHand() }},
		{name: "removed by hand between our look and our deletion", want: access.DriftAlreadyGone,
			prepare: func(_ *testing.T, w *world, _ *leases.Leases) { w.on(1, "Delete", byHand(w)) }},
		{name: "our deletion fails, and somebody else removes it", want: access.DriftAlreadyGone, deleted: 1,
			prepare: func(_ *testing.T, w *world, _ *leases.Leases) {
				w.on(1, "Deletion", func() error { w.operations[0].fails = true; return byHand(w)() })
			}},
		{name: "our deletion fails, and the next one does not", want: access.DriftRemoved, deleted: 2,
			prepare: func(_ *testing.T, w *world, l *leases.Leases) {
				w.on(1, "Deletion", func() error { w.operations[0].fails = true; w.before = nil; return nil })
			}},
		{name: "nobody knows whether our deletion was made", want: access.DriftAlreadyGone,
			prepare: func(_ *testing.T, w *world, _ *leases.Leases) {
				w.on(1, "Delete", func() error {
					w.removeByHand()
					w.before = nil
					return access.Errorf(access.CodeUnavailable, "killed")
				})
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := still()
			w.makeByHand()
			if test.prepare != nil {
				test.prepare(t, w, l)
			}
			err := l.RemoveDrift(ctx, finding, ref, nil)
			if err != nil && access.CodeOf(err) != access.CodeUnavailable {
				t.Fatal(err)
			}
			for i := range 3 { // each step may be repeated
				w.failed(t, l)
				if got := w.settleDrift(t, l, ref); got != test.want {
					t.Errorf("settling %d: %q, want %q", i, got, test.want)
				}
			}
			w.wantNothingLeft(t)
			want := access.DriftRemoval{FindingRef: ref, Subject: subject.Key(), Result: test.want}
			if test.want == access.DriftRemoved {
				want.AWSDeleteRequestID = fmt.Sprint("aws-op-", test.deleted)
			}
			got := w.removals[ref]
			got.At = time.Time{}
			if got != want || w.deletions != test.deleted {
				t.Errorf("recorded %+v after %d deletions, want %+v after %d", got, w.deletions, want, test.deleted)
			}
			// The sweep says the same after its last response got lost.
			s, err := l.Settle(ctx, subject.Key(), false)
			if err != nil || s != (leases.Settlement{Finding: ref, Result: test.want}) {
				t.Errorf("the sweep settles %+v, %v", s, err)
			}
			if s, err := l.Settle(ctx, "nope", false); err != nil || s != (leases.Settlement{}) {
				t.Errorf("settling no lease says %+v, %v", s, err)
			}
		})
	}
}

// failed ignores errors of a deletion that failed, because the sweep tries again.
func (w *world) failed(t *testing.T, l *leases.Leases) {
	t.Helper()
	for range 20 {
		_, err := l.SettleDrift(ctx, w.subject.Key(), ref)
		switch access.CodeOf(err) {
		case access.CodeFailed, access.CodeInProgress, access.CodeConflict:
			w.now = w.now.Add(5 * time.Second)
			w.settle()
		default:
			return
		}
	}
}

// The first recorded result stays. Access that is created again by hand belongs to
// another finding, and this authorization doesn't cover it.
func TestARemovalIsMadeOnce(t *testing.T) {
	w, l := still()
	w.makeByHand()
	f := access.Finding{Subject: subject}
	if got := w.removeAndSettle(t, l, f, ref); got != access.DriftRemoved {
		t.Fatal(got)
	}
	w.makeByHand()
	if got := w.removeAndSettle(t, l, f, ref); got != access.DriftRemoved || !w.exists() || w.deletions != 1 {
		t.Errorf("repeated: %q, there %v, %d deletions", got, w.exists(), w.deletions)
	}
	if got := w.removeAndSettle(t, l, f, other); got != access.DriftRemoved || w.exists() || w.deletions != 2 {
		t.Errorf("of another run: %q, there %v, %d deletions", got, w.exists(), w.deletions)
	}
	w.removeByHand()
	if got := w.removeAndSettle(t, l, f, ref); got != access.DriftRemoved {
		t.Errorf("once more: %q", got)
	}
}

// A removal without an execution happens, and a sweep records it later, because the
// lease leads there. Access that someone creates by hand in between stays.
func TestRemovalThatASweepRecords(t *testing.T) {
	w, l := still()
	w.makeByHand()
	if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
		t.Fatal(err)
	}
	want := leases.Settlement{Finding: ref, Result: access.DriftRemoved}
	settle := func(keep bool) {
		t.Helper()
		for range 20 {
			s, err := l.Settle(ctx, subject.Key(), keep)
			if code := access.CodeOf(err); code == access.CodeInProgress || code == access.CodeConflict {
				w.now = w.now.Add(5 * time.Second)
				w.settle()
				continue
			}
			if err != nil || s != want {
				t.Errorf("keep %t: it settles %+v, %v; want %+v", keep, s, err, want)
			}
			return
		}
		t.Error("settling does not come to an end")
	}
	settle(true)
	if w.exists() || w.leases[subject.Key()].Drift == nil {
		t.Errorf("there: access %v, leases %v; want the lease alone", w.exists(), w.leases)
	}
	w.makeByHand() // someone creates it again
	settle(true)
	settle(false)
	if !w.exists() || w.deletions != 1 || len(w.leases) != 0 {
		t.Errorf("there: access %v after %d deletions, leases %v; want what was made by hand, and no lease", w.exists(), w.deletions, w.leases)
	}
}

// Two runs found the same access, and one of them removed it.
func TestRemoveDriftUnderTheLeaseOfAnotherRun(t *testing.T) {
	w, l := still()
	w.makeByHand()
	f := access.Finding{Subject: subject}
	for _, ref := range []access.FindingRef{ref, other} {
		if err := l.RemoveDrift(ctx, f, ref, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.settleDrift(t, l, other); got != access.DriftAlreadyGone {
		t.Errorf("the second run's removal ended with %q", got)
	}
	if got := w.settleDrift(t, l, ref); got != access.DriftRemoved {
		t.Errorf("the first run's removal ended with %q", got)
	}
}

// A request that waited for the removal gets the access before the run's last step.
// The run still removed the access. Without a removal, the request holds it.
func TestSettleDriftOfWhatARequestGotSince(t *testing.T) {
	w, l := still("a", "b")
	w.makeByHand()
	if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.settleAll(t, l); err != nil { // by the sweep
		t.Fatal(err)
	}
	w.grant(t, l, "a")
	if got := w.settleDrift(t, l, ref); got != access.DriftRemoved {
		t.Errorf("the removal ended with %q", got)
	}
	_, err := l.SettleDrift(ctx, subject.Key(), other)
	wantCode(t, err, access.CodeHeld)
	if !w.exists() || len(w.removals) != 1 {
		t.Errorf("the request's access is there: %v; recorded %v", w.exists(), w.removals)
	}
}

// A grant leaves a removal's lease to whatever records how the removal ended.
func TestAGrantGivesUpNoLeaseOfDrift(t *testing.T) {
	w, l := still("a")
	w.makeByHand()
	if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.settle()
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeLeaseDeleting)
	if len(w.leases) != 1 {
		t.Fatalf("leases %v", w.leases)
	}
	if got := w.settleDrift(t, l, ref); got != access.DriftRemoved {
		t.Errorf("the removal ended with %q", got)
	}
	w.grant(t, l, "a")
}

// A removal is reserved before the deletion, once, and only if there is something to
// delete.
func TestRemovalsAreReserved(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*world)
		refuse  error
		want    access.Code
		calls   int
	}{
		{name: "to be deleted", calls: 1},
		{name: "no more may be removed", refuse: access.Errorf(access.CodeOverLimit, "no more"), want: access.CodeOverLimit, calls: 1},
		{name: "gone already", prepare: func(w *world) { w.removeByHand() }},
		{name: "somebody else takes the lease meanwhile", calls: 1, prepare: func(w *world) {
			w.on(1, "PutLease", func() error {
				w.before = nil
				return access.Errorf(access.CodeLost, "version")
			})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := still()
			w.makeByHand()
			if test.prepare != nil {
				test.prepare(w)
			}
			calls := 0
			reserve := func(context.Context) error {
				if w.deletions > 0 || len(w.leases) > 0 {
					t.Error("reserved after the deletion has begun")
				}
				calls++
				return test.refuse
			}
			there := w.exists()
			for range 2 {
				wantCode(t, l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, reserve), test.want)
				if test.refuse != nil {
					break
				}
			}
			if calls != test.calls {
				t.Errorf("reserved %d times, want %d", calls, test.calls)
			}
			if test.refuse != nil && (w.exists() != there || len(w.leases)+len(w.removals)+w.deletions > 0) {
				t.Errorf("refused, and yet: there %v, leases %v, removals %v", w.exists(), w.leases, w.removals)
			}
		})
	}
}
