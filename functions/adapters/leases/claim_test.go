package leases_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The write that begins a removal also claims the deletion. From then on until the claim
// settles, nobody gives the lease up, wherever the function stalls. So its Delete can't
// hit the next request's access.
func TestHeldUpAfterTheClaim(t *testing.T) {
	for _, s := range []access.Subject{subject, membership} {
		for _, stall := range []string{"the look", "Delete", "the note"} {
			t.Run(string(s.Kind)+" "+stall, func(t *testing.T) {
				w, l := stillOf(s, "a", "b")
				w.grant(t, l, "a")
				w.now = nine.Add(time.Minute)
				nth, call := 1, map[string]string{"the look": look(w), "Delete": "Delete", "the note": "PutLease"}[stall]
				if stall == "the note" {
					nth = 2
				}
				second := w.process()
				w.on(nth, call, func() error {
					w.before = nil
					for range 3 {
						if _, err := second.Release(ctx, "a", "arn:a", true); err == nil {
							t.Error("the lease was given up while a Delete may still come")
						}
						wantCode(t, w.process().Acquire(ctx, w.rows["b"], nil, nil), access.CodeLeaseDeleting)
						w.now = w.now.Add(8 * time.Second) // less than the claim's 40 s
						w.settle()
					}
					return nil
				})
				if _, err := l.Start(ctx, "a", "arn:a", w.now); err != nil && access.CodeOf(err) != access.CodeUnavailable {
					t.Fatal(err)
				}
				w.now = w.now.Add(time.Minute)
				w.settle()
				if got := w.release(t, l, "a"); got != access.RemovalDone {
					t.Errorf("removal = %s", got)
				}
				w.grant(t, l, "b")
				if !w.exists() {
					t.Error("the next one has no access")
				}
				w.release(t, l, "b")
				w.wantNothingLeft(t)
			})
		}
	}
}

// A claim under which nothing is deleted doesn't delay the removal.
func TestUnusedClaims(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name    string
		subject access.Subject
		fails   bool // the creation
		prepare func(*testing.T, *world)
		code    access.Code // of the first attempt
		writes  int         // of the lease, in the first attempt
		removal access.RemovalState
		within  time.Duration
	}{
		{name: "nothing unusual", subject: subject, writes: 2, removal: access.RemovalDone, within: 10 * time.Second},
		{name: "it is not ours", subject: membership, writes: 2, removal: access.RemovalForeign, within: time.Second,
			prepare: func(_ *testing.T, w *world) { w.replace() }},
		{name: "the look fails", subject: subject, code: access.CodeUnavailable, writes: 2, removal: access.RemovalDone, within: 10 * time.Second,
			prepare: func(_ *testing.T, w *world) { w.on(1, "Exists", func() error { return unavailable }) }},
		{name: "the look fails for a group", subject: membership, code: access.CodeUnavailable, writes: 2, removal: access.RemovalDone, within: 10 * time.Second,
			prepare: func(_ *testing.T, w *world) { w.on(1, "MembershipID", func() error { return unavailable }) }},
		{name: "gone, and the creation can't be looked up", subject: subject, code: access.CodeUnavailable, writes: 2, removal: access.RemovalDone, within: 10 * time.Second,
			prepare: func(_ *testing.T, w *world) {
				w.removeByHand()
				w.on(1, "Creation", func() error { return unavailable })
			}},
		{name: "never granted, so nothing is claimed", subject: subject, fails: true, writes: 1, removal: access.RemovalNothing, within: time.Second},
		// The lease then settles by itself.
		{name: "the table fails", subject: membership, code: access.CodeUnavailable, writes: 1, removal: access.RemovalForeign, within: time.Minute,
			prepare: func(_ *testing.T, w *world) {
				w.replace()
				w.on(2, "Lease", func() error { return unavailable })
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := stillOf(test.subject, "a")
			if test.fails {
				if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
					t.Fatal(err)
				}
				w.operations[0].fails = true
			} else {
				w.grant(t, l, "a")
			}
			w.now = w.now.Add(time.Minute) // the creation's claim has settled
			w.settle()
			settles := w.leases[test.subject.Key()].SettlesAt
			if test.prepare != nil {
				test.prepare(t, w)
			}
			began := w.now
			w.calls = nil
			_, err := l.Start(ctx, "a", "arn:a", w.now)
			wantCode(t, err, test.code)
			writes := 0
			for _, call := range w.calls {
				if strings.HasPrefix(call, "PutLease") {
					writes++
				}
			}
			if writes != test.writes {
				t.Errorf("%d writes of the lease, want %d: %q", writes, test.writes, w.calls)
			}
			if at := w.leases[test.subject.Key()].SettlesAt; test.within < time.Minute && !at.Equal(settles) {
				t.Errorf("the lease settles at %v, want %v", at, settles)
			}
			w.before = nil
			if got := w.release(t, l, "a"); got != test.removal {
				t.Errorf("removal = %s, want %s", got, test.removal)
			}
			if took := w.now.Sub(began); took > test.within {
				t.Errorf("the removal took %v, want at most %v", took, test.within)
			}
			if len(w.leases) > 0 {
				t.Errorf("leases %v", w.leases)
			}
		})
	}
}

// The claim covers only calls before the function's deadline. If the look takes too long,
// Delete is not called.
func TestNoDeleteAfterTheDeadline(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	limited := deadline{context.Background(), w.now.Add(30 * time.Second)}
	w.on(1, "Exists", func() error { w.now = limited.at; return nil })
	_, err := l.Start(limited, "a", "arn:a", w.now)
	wantCode(t, err, access.CodeUnavailable)
	if slices.Contains(w.calls, "Delete") {
		t.Errorf("calls %q", w.calls)
	}
	w.before = nil
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

// Another function wrote the lease while this one looked at the access. Its claim is not
// lowered, and both deletions are covered.
func TestTwoClaims(t *testing.T) {
	w, l := stillOf(membership, "a")
	w.grant(t, l, "a")
	w.now = w.now.Add(time.Minute)
	var theirs time.Time
	w.on(1, "MembershipID", func() error {
		w.before = nil
		w.on(1, "Delete", func() error { // it stalls before its call
			w.before = nil
			theirs = w.leases[membership.Key()].SettlesAt
			w.replace() // so the first function finds nothing of ours
			return access.Errorf(access.CodeUnavailable, "no answer")
		})
		_, err := w.process().Release(ctx, "a", "arn:a", false)
		wantCode(t, err, access.CodeUnavailable)
		return nil
	})
	if _, err := l.Start(ctx, "a", "arn:a", w.now); err != nil {
		t.Fatal(err)
	}
	if at := w.leases[membership.Key()].SettlesAt; at.Before(theirs) || theirs.IsZero() {
		t.Errorf("the lease settles at %v, and another function may delete until %v", at, theirs)
	}
}
