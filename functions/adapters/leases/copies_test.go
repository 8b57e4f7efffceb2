package leases_test

import (
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/functions/adapters/leases"
)

// started grants a request and begins its removal. The deletion succeeds at once.
func started(t *testing.T, s access.Subject) (*world, *leases.Leases) {
	t.Helper()
	w, l := stillOf(s, "a", "b")
	w.grant(t, l, "a")
	w.now = w.now.Add(time.Minute)
	if _, err := l.Start(ctx, "a", "arn:a", w.now); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	w.settle()
	w.calls = nil
	return w, l
}

// ours is the access that was granted.
func (w *world) ours() identitycentertest.Access {
	a := identitycentertest.Access{Subject: w.subject}
	if w.group() {
		a.MembershipID = "m-1"
	}
	return a
}

func (w *world) readsOfLease() int {
	n := 0
	for _, call := range w.calls {
		if call == "Lease" {
			n++
		}
	}
	return n
}

// The function that has just written the lease doesn't read it, except in these cases.
func TestConfirmWithoutRead(t *testing.T) {
	for _, s := range []access.Subject{subject, membership} {
		for _, test := range []struct {
			name    string
			prepare func(*testing.T, *world, *leases.Leases) *leases.Leases // nil: the same process
			reads   int
			removal access.RemovalState // "": removed
		}{
			{name: "the same process", reads: 0},
			{name: "another process", reads: 1, prepare: func(_ *testing.T, w *world, _ *leases.Leases) *leases.Leases { return w.process() }},
			{name: "a minute later", reads: 0, prepare: func(_ *testing.T, w *world, _ *leases.Leases) *leases.Leases {
				w.now = w.now.Add(59 * time.Second)
				return nil
			}},
			{name: "later", reads: 1, prepare: func(_ *testing.T, w *world, _ *leases.Leases) *leases.Leases {
				w.now = w.now.Add(60 * time.Second)
				return nil
			}},
			{name: "the clock was set back", reads: 1, prepare: func(_ *testing.T, w *world, _ *leases.Leases) *leases.Leases {
				w.now = w.now.Add(-2 * time.Second)
				return nil
			}},
			{name: "the second try", reads: 1, prepare: func(t *testing.T, w *world, l *leases.Leases) *leases.Leases {
				w.on(1, "PendingCreation", func() error { return access.Errorf(access.CodeThrottled, "slow down") })
				_, err := l.Release(ctx, "a", "arn:a", true)
				wantCode(t, err, access.CodeThrottled)
				w.before, w.calls = nil, nil
				return nil
			}},
			{name: "it is removed already", reads: 1, prepare: func(t *testing.T, w *world, _ *leases.Leases) *leases.Leases {
				w.release(t, w.process(), "a")
				w.calls = nil
				return nil
			}},
			{name: "its own write failed since", reads: 1, prepare: func(t *testing.T, w *world, l *leases.Leases) *leases.Leases {
				w.center.Put(w.ours()) // so it is deleted again
				w.on(1, "PutLease", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
				_, err := l.Release(ctx, "a", "arn:a", false)
				wantCode(t, err, access.CodeUnavailable)
				w.removeByHand()
				w.before, w.calls = nil, nil
				return nil
			}},
		} {
			t.Run(string(s.Kind)+" "+test.name, func(t *testing.T) {
				w, l := started(t, s)
				if test.prepare != nil {
					if other := test.prepare(t, w, l); other != nil {
						l = other
					}
				}
				r, err := l.Release(ctx, "a", "arn:a", true)
				if err != nil || r.Removal != access.RemovalDone {
					t.Errorf("removal = %s, %v", r.Removal, err)
				}
				if got := w.readsOfLease(); got != test.reads {
					t.Errorf("%d reads of the lease, want %d: %q", got, test.reads, w.calls)
				}
				w.wantNothingLeft(t)
			})
		}
	}
}

// Nothing but a lease whose deletion Identity Center accepted is kept.
func TestNoCopy(t *testing.T) {
	tests := []struct {
		name  string
		begin func(*testing.T, *world, *leases.Leases)
	}{
		{"granted", func(*testing.T, *world, *leases.Leases) {}},
		{"someone else removed it", func(t *testing.T, w *world, l *leases.Leases) {
			w.removeByHand()
			if _, err := l.Start(ctx, "a", "arn:a", w.now); err != nil {
				t.Fatal(err)
			}
		}},
		{"someone else removed it, and our deletion is accepted", func(t *testing.T, w *world, l *leases.Leases) {
			w.removeByHand()
			l.IdentityCenter = failing{l.IdentityCenter}
			if _, err := l.Start(ctx, "a", "arn:a", w.now); err != nil {
				t.Fatal(err)
			}
		}},
		{"the deletion is not answered", func(t *testing.T, w *world, l *leases.Leases) {
			w.on(1, "Delete", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
			_, err := l.Start(ctx, "a", "arn:a", w.now)
			wantCode(t, err, access.CodeUnavailable)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := still("a")
			w.grant(t, l, "a")
			test.begin(t, w, l)
			w.before, w.calls = nil, nil
			_, _ = l.Release(ctx, "a", "arn:a", true)
			if w.readsOfLease() == 0 {
				t.Errorf("the lease is not read: %q", w.calls)
			}
		})
	}
}

// Between the two tasks of a removal, or while the second one runs, something else happens
// that makes the copy outdated. The result is the same as with a read.
func TestOutdatedCopy(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name    string
		happens func(*testing.T, *world)
		removal access.RemovalState
		next    bool // b has the access afterwards
		claimed bool // another function may still delete, so the lease stays
		back    bool // the access comes back: that isn't noticed after the last look
	}{
		{name: "another function ends the removal, and the next request has the access", removal: access.RemovalDone, next: true,
			happens: func(t *testing.T, w *world) {
				w.release(t, w.process(), "a")
				w.grant(t, w.process(), "b")
			}},
		{name: "the same, and the row forgets the removal", removal: access.RemovalKept, next: true,
			happens: func(t *testing.T, w *world) {
				w.release(t, w.process(), "a")
				w.grant(t, w.process(), "b")
				r := w.rows["a"]
				r.RevokedAt, r.Removal = time.Time{}, ""
				w.rows["a"] = r
			}},
		{name: "the row is deleted, and the next request ends the removal", removal: access.RemovalKept, next: true,
			happens: func(t *testing.T, w *world) {
				was := w.rows["a"]
				delete(w.rows, "a")
				w.grant(t, w.process(), "b")
				w.rows["a"] = was
			}},
		{name: "another function is about to delete again", removal: access.RemovalDone, claimed: true,
			happens: func(t *testing.T, w *world) {
				w.center.Put(w.ours()) // lists lag behind
				w.on(1, "Delete", func() error { w.before = nil; w.removeByHand(); return unavailable })
				_, err := w.process().Release(ctx, "a", "arn:a", false)
				wantCode(t, err, access.CodeUnavailable)
			}},
		{name: "another function deletes again", removal: access.RemovalDone,
			happens: func(t *testing.T, w *world) {
				w.center.Put(w.ours())
				if _, err := w.process().Release(ctx, "a", "arn:a", false); err != nil {
					t.Fatal(err)
				}
				w.settle()
			}},
		{name: "the access comes back", back: true, removal: access.RemovalDone,
			happens: func(_ *testing.T, w *world) { w.center.Put(w.ours()) }},
		{name: "the access comes back, and the lease is lost", back: true, removal: access.RemovalDone,
			happens: func(_ *testing.T, w *world) {
				w.center.Put(w.ours())
				clear(w.leases)
			}},
		{name: "the lease is lost", removal: access.RemovalDone, happens: func(_ *testing.T, w *world) { clear(w.leases) }},
		{name: "the access is removed without the table", back: true, removal: access.RemovalDone,
			happens: func(t *testing.T, w *world) {
				w.center.Put(w.ours())
				if err := w.process().ForceRemove(ctx, "a", w.subject, false); err != nil {
					t.Fatal(err)
				}
				w.settle()
			}},
		{name: "the sweep finds the lease held", removal: access.RemovalDone,
			happens: func(t *testing.T, w *world) {
				if _, err := w.process().Settle(ctx, w.subject.Key(), false); err != nil {
					wantCode(t, err, access.CodeHeld)
				}
			}},
		{name: "the row is deleted, and the sweep rebuilds it and ends the removal", removal: access.RemovalDone,
			happens: func(t *testing.T, w *world) {
				delete(w.rows, "a")
				if err := w.settleAll(t, w.process()); err != nil {
					t.Fatal(err)
				}
			}},
	}
	for _, s := range []access.Subject{subject, membership} {
		for _, when := range []string{"before", "BeginRevoke", "PendingCreation", look(worldFor(s)), "Revoked", "DeleteLease"} {
			for _, test := range tests {
				late := when == "Revoked" || when == "DeleteLease"
				if test.back && late {
					continue
				}
				t.Run(string(s.Kind)+" "+when+" "+test.name, func(t *testing.T) {
					w, l := started(t, s)
					happened := false
					happen := func() error {
						w.before, happened = nil, true
						test.happens(t, w)
						return nil
					}
					if when == "before" {
						_ = happen()
					} else {
						w.on(1, when, happen)
					}
					_, err := l.Release(ctx, "a", "arn:a", true)
					if !happened {
						t.Fatal("nothing happened")
					}
					if lease, there := w.leases[s.Key()]; err == nil && there && lease.IsHeldBy("a") {
						t.Errorf("the removal is done, and the request still holds %+v", lease)
					}
					if test.claimed && (err == nil || len(w.leases) == 0) {
						t.Errorf("the lease was given up while a Delete may still come: %v", err)
					}
					if code := access.CodeOf(err); code != "" && code != access.CodeInProgress && code != access.CodeConflict {
						t.Fatal(err)
					}
					w.now = w.now.Add(5 * time.Second)
					w.release(t, l, "a")
					removal := test.removal
					if removal == access.RemovalKept && late {
						removal = w.rows["a"].Removal // it was recorded at that moment
					}
					if got := w.rows["a"].Removal; got != removal {
						t.Errorf("removal = %s, want %s", got, removal)
					}
					if w.exists() != test.next || w.leases[s.Key()].IsHeldBy("b") != test.next {
						t.Errorf("access %v, lease %+v; b should have it: %v", w.exists(), w.leases[s.Key()], test.next)
					}
					if test.next {
						w.release(t, l, "b")
					}
					w.wantNothingLeft(t)
				})
			}
		}
	}
}

// worldFor is a world of which only the subject counts.
func worldFor(s access.Subject) *world { return &world{subject: s} }

// A waiting request gets the access after the removal, even if the removing process still
// has a copy of the lease, and then removes that request's access, too.
func TestCopiesOfTwoRemovals(t *testing.T) {
	w, l := started(t, subject)
	w.release(t, w.process(), "a")
	w.grant(t, l, "b")
	w.now = w.now.Add(time.Minute)
	for _, wait := range []bool{false, true} {
		if _, err := l.Release(ctx, "b", "arn:b", wait); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Second)
		w.settle()
	}
	if got := w.rows["b"].Removal; got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	if calls := strings.Join(w.calls, ", "); !strings.HasSuffix(calls, "Revoked b, DeleteLease") {
		t.Errorf("calls %s", calls)
	}
	w.wantNothingLeft(t)
}

// A copy is only for the confirmation of the same request's removal.
func TestCopyOfAnotherTask(t *testing.T) {
	w, l := started(t, subject)
	if _, err := l.Release(ctx, "a", "arn:a", false); err != nil || w.readsOfLease() != 1 {
		t.Errorf("Revoke again: %v, calls %q", err, w.calls)
	}
	w, l = started(t, subject)
	w.release(t, w.process(), "a")
	w.grant(t, w.process(), "b")
	w.now = w.now.Add(30 * time.Second)
	w.calls = nil
	_, _ = l.Release(ctx, "b", "arn:b", true)
	if w.calls[1] != "Lease" {
		t.Errorf("calls %q", w.calls)
	}
	if got := w.release(t, l, "b"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}
