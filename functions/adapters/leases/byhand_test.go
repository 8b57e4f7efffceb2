package leases_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/leases"
)

// replace removes the membership by hand and creates a new one.
func (w *world) replace() {
	w.steps++
	w.makeByHand()
}

// If someone removes the access and creates it again by hand, at any time, the new
// access is theirs. It stays, the lease is deleted, and the row says so.
func TestMadeAnewByHand(t *testing.T) {
	tests := []struct {
		name    string
		meddle  func(*world, *leases.Leases) // while the request is active
		removal access.RemovalState
		member  string // afterwards
	}{
		{"nobody meddles", func(*world, *leases.Leases) {}, access.RemovalDone, ""},
		{"removed", func(w *world, _ *leases.Leases) { w.removeByHand() }, access.RemovalDone, ""},
		{"removed and made anew", func(w *world, _ *leases.Leases) { w.replace() }, access.RemovalForeign, "m-2"},
		{"twice", func(w *world, _ *leases.Leases) { w.replace(); w.replace() }, access.RemovalForeign, "m-3"},
		{"the lease is lost", func(w *world, _ *leases.Leases) { clear(w.leases) }, access.RemovalDone, ""},
		{"the lease is lost, too", func(w *world, _ *leases.Leases) { clear(w.leases); w.replace() }, access.RemovalForeign, "m-2"},
		{"just before it is deleted", func(w *world, _ *leases.Leases) {
			w.on(1, "Delete", func() error { w.replace(); return nil })
		}, access.RemovalForeign, "m-2"},
		{"just after it is deleted", func(w *world, _ *leases.Leases) {
			w.on(4, "MembershipID", func() error { w.replace(); return nil })
		}, access.RemovalForeign, "m-2"},
		{"the id is not known", func(w *world, _ *leases.Leases) {
			lease := w.leases[membership.Key()]
			lease.MembershipIDs = nil // by the previous release
			w.leases[membership.Key()] = lease
			w.replace()
		}, access.RemovalDone, ""},
		{"an answer was lost", func(w *world, _ *leases.Leases) {
			lease := w.leases[membership.Key()]
			lease.Unanswered = []time.Time{nine}
			w.leases[membership.Key()] = lease
			w.replace()
		}, access.RemovalDone, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := stillOf(membership, "a")
			w.grant(t, l, "a")
			if lease := w.leases[membership.Key()]; len(lease.MembershipIDs) != 1 || lease.MembershipIDs[0] != "m-1" || len(lease.Unanswered) != 0 {
				t.Errorf("active with the lease %+v", lease)
			}
			test.meddle(w, l)
			if got := w.release(t, l, "a"); got != test.removal {
				t.Errorf("removal = %s, want %s", got, test.removal)
			}
			if w.member() != test.member || len(w.leases) != 0 {
				t.Errorf("left: membership %q, want %q; leases %v", w.member(), test.member, w.leases)
			}
		})
	}
}

// Someone creates the membership by hand just before the system would have. The
// system's lease exists, but the system didn't create it, as Identity Center said.
func TestMadeByHandBeforeCreate(t *testing.T) {
	w, l := stillOf(membership, "a")
	w.on(1, "Create", func() error {
		w.replace()
		return access.Errorf(access.CodeConflict, "it exists")
	})
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeConflict)
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeForeign)
	if got := w.release(t, l, "a"); got != access.RemovalNothing {
		t.Errorf("removal = %s", got)
	}
	if w.member() != "m-1" || len(w.leases) != 0 {
		t.Errorf("left: membership %q, leases %v", w.member(), w.leases)
	}
}

// The check after the lease's write fails, so nothing is created. Someone creates the
// membership by hand meanwhile. It is not the app's, and the removal needn't wait.
func TestMadeByHandAfterARefusal(t *testing.T) {
	w, l := stillOf(membership, "a")
	refuse := func(context.Context) error { return access.Errorf(access.CodeBlocked, "blocked") }
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, refuse), access.CodeBlocked)
	w.replace()
	began := w.now
	if got := w.release(t, l, "a"); got != access.RemovalNothing {
		t.Errorf("removal = %s", got)
	}
	if w.member() != "m-1" || len(w.leases) != 0 {
		t.Errorf("left: membership %q, leases %v", w.member(), w.leases)
	}
	if waited := w.now.Sub(began); waited > time.Second {
		t.Errorf("the removal waited %s for a creation that was never made", waited)
	}
}

// A membership that someone creates again before the grant is confirmed is not the
// granted one.
func TestMadeAnewBeforeConfirm(t *testing.T) {
	w, l := stillOf(membership, "a")
	if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
		t.Fatal(err)
	}
	w.replace()
	_, err := l.Confirm(ctx, w.rows["a"], nil)
	wantCode(t, err, access.CodeForeign)
	if got := w.release(t, l, "a"); got != access.RemovalNothing {
		t.Errorf("removal = %s", got)
	}
	if w.member() != "m-2" || len(w.leases) != 0 || !w.rows["a"].GrantedAt.IsZero() {
		t.Errorf("membership %q, leases %v, granted %s", w.member(), w.leases, w.rows["a"].GrantedAt)
	}
}

// If someone replaced our membership by hand, a new request is refused, like any
// request for access that exists already.
func TestNobodyJoinsWhatIsMadeByHand(t *testing.T) {
	w, l := stillOf(membership, "a", "b")
	w.grant(t, l, "a")
	w.replace()
	wantCode(t, l.Acquire(ctx, w.rows["b"], nil, nil), access.CodeForeign)
	if got := w.release(t, l, "b"); got != access.RemovalNothing {
		t.Errorf("removal of who was refused = %s", got)
	}
	if got := w.release(t, l, "a"); got != access.RemovalForeign || w.member() != "m-2" {
		t.Errorf("removal = %s, membership %q", got, w.member())
	}
}

// After someone removes the membership by hand, the next request creates it again.
// Both ids are then ours, even for a caller that read the lease earlier.
func TestMadeAgainForTheNext(t *testing.T) {
	w, l := stillOf(membership, "a", "b", "c")
	w.grant(t, l, "a")
	w.on(1, "MembershipID", func() error { // c has read the lease, and is about to check the access
		w.before = nil
		w.removeByHand()
		w.grant(t, l, "b")
		return nil
	})
	w.grant(t, l, "c")
	for _, id := range []string{"a", "b"} {
		if got := w.release(t, l, id); got != access.RemovalKept {
			t.Errorf("%s: removal = %s", id, got)
		}
	}
	if got := w.release(t, l, "c"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

// Two creations are answered in the wrong order. The existing membership still counts
// as ours.
func TestAnswersInTheWrongOrder(t *testing.T) {
	w, l := stillOf(membership, "a", "b")
	l.IdentityCenter = interrupted{l.IdentityCenter, func() {
		l.IdentityCenter = l.IdentityCenter.(interrupted).IdentityCenter
		w.removeByHand()
		w.grant(t, l, "b")
	}}
	if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Confirm(ctx, w.rows["a"], nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.leases[membership.Key()].MembershipIDs, " "); got != "m-2 m-1" || w.member() != "m-2" {
		t.Fatalf("the lease has %q, there is %q", got, w.member())
	}
	w.release(t, l, "a")
	if got := w.release(t, l, "b"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

// interrupted runs a function between a creation and its response.
type interrupted struct {
	leases.IdentityCenter
	happens func()
}

func (i interrupted) Create(ctx context.Context, s access.Subject) (identitycenter.Call, error) {
	made, err := i.IdentityCenter.Create(ctx, s)
	i.happens()
	return made, err
}

// Without the table's order of events, access that the table calls made by hand stays.
// If the table says nothing, the access is removed.
func TestForceRemoveMadeByHand(t *testing.T) {
	tests := []struct {
		name string
		what string // of a table that doesn't answer
		want string // the membership afterwards
	}{
		{"writes fail", "PutLease", "m-2"},
		{"reads fail", "Lease", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := stillOf(membership, "a")
			w.grant(t, l, "a")
			w.replace()
			w.before = func(what string) error {
				if strings.HasPrefix(what, test.what) {
					return access.Errorf(access.CodeUnavailable, "down")
				}
				return nil
			}
			if err := l.ForceRemove(ctx, "a", membership, false); err != nil {
				t.Fatal(err)
			}
			if w.member() != test.want {
				t.Errorf("membership %q, want %q", w.member(), test.want)
			}
		})
	}
	// If nothing is known and nothing can be seen, the removal fails.
	w, l := stillOf(membership, "a")
	w.grant(t, l, "a")
	w.before = func(what string) error {
		if what == "Lease" || what == "MembershipID" {
			return access.Errorf(access.CodeUnavailable, "down")
		}
		return nil
	}
	wantCode(t, l.ForceRemove(ctx, "a", membership, false), access.CodeUnavailable)
}

// failing makes every accepted deletion fail, as Identity Center does if there is
// nothing to delete.
type failing struct{ leases.IdentityCenter }

func (failing) Delete(context.Context, access.Subject, string) (identitycenter.Call, error) {
	return identitycenter.Call{ID: "op-404"}, nil
}
func (failing) Deletion(context.Context, access.Subject, string) (identitycenter.Operation, error) {
	return identitycenter.Operation{Status: identitycenter.StatusFailed, Reason: "Received a 404 status error: Assignment not found."}, nil
}

// The row says that someone else removed the access only if that is known. Otherwise
// it says that we did, or may have.
func TestAlreadyGone(t *testing.T) {
	byHand := func(w *world) { w.removeByHand() }
	start := func(t *testing.T, w *world, l *leases.Leases, execution string) {
		t.Helper()
		if _, err := l.Start(ctx, "a", execution, w.now); err != nil {
			t.Fatal(err)
		}
	}
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name string
		ends func(t *testing.T, w *world, l *leases.Leases)
		want access.RemovalState
	}{
		{"it is there", func(t *testing.T, w *world, l *leases.Leases) { start(t, w, l, "arn:a") }, access.RemovalDone},
		{"removed by hand", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			start(t, w, l, "arn:a")
		}, access.RemovalAlreadyGone},
		{"removed by hand just before we look", func(t *testing.T, w *world, l *leases.Leases) {
			w.on(1, look(w), func() error { byHand(w); return nil })
			start(t, w, l, "arn:a")
		}, access.RemovalAlreadyGone},
		{"removed by hand after we looked", func(t *testing.T, w *world, l *leases.Leases) {
			w.on(1, "Delete", func() error { byHand(w); return nil })
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
		{"removed by hand, and our look takes long", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			w.on(1, look(w), func() error { w.now = w.now.Add(leases.UntouchedFor); return nil })
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
		{"the deletion is accepted and fails", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			l.IdentityCenter = failing{l.IdentityCenter}
			start(t, w, l, "arn:a")
		}, access.RemovalAlreadyGone},
		{"not listed, and the deletion finds it", func(t *testing.T, w *world, l *leases.Leases) {
			was, _ := w.center.Find(w.subject.Key())
			w.on(1, look(w), func() error { byHand(w); return nil })
			before := w.before
			w.before = func(what string) error {
				if what == "Delete" { // lists lag behind
					w.center.Put(was)
				}
				return before(what)
			}
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
		{"taken away without the table before", func(t *testing.T, w *world, l *leases.Leases) {
			if err := l.ForceRemove(ctx, "a", w.subject, false); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(time.Minute)
			w.settle()
		}, access.RemovalDone},
		{"another execution took the removal over", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			r := w.rows["a"]
			r.RevokingAt = w.now.Add(-time.Second)
			w.rows["a"] = r
			start(t, w, l, "arn:sweep")
		}, access.RemovalDone},
		{"the sweep takes part", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			r := w.rows["a"]
			r.Tombstone = true
			w.rows["a"] = r
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
		{"the deletion is not answered", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			w.on(1, "Delete", func() error { return unavailable })
			_, err := l.Start(ctx, "a", "arn:a", w.now)
			wantCode(t, err, access.CodeUnavailable)
		}, access.RemovalDone},
		{"the answer is not noted", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			w.on(3, "PutLease", func() error { return unavailable })
			_, err := l.Start(ctx, "a", "arn:a", w.now)
			wantCode(t, err, access.CodeUnavailable)
		}, access.RemovalDone},
		{"another function deletes, too, before we write that it was gone", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			w.on(2, "PutLease", func() error {
				w.before = nil
				_, err := w.process().Release(ctx, "a", "arn:a", false)
				return err
			})
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
		{"another function deletes, too, after we wrote that it was gone", func(t *testing.T, w *world, l *leases.Leases) {
			was, _ := w.center.Find(w.subject.Key())
			byHand(w)
			start(t, w, l, "arn:a")
			w.center.Put(was) // lists lag behind
			w.on(1, "Delete", func() error { w.before = nil; byHand(w); return nil })
			if _, err := w.process().Release(ctx, "a", "arn:a", false); err != nil {
				t.Fatal(err)
			}
		}, access.RemovalDone},
		{"the lease is lost", func(t *testing.T, w *world, l *leases.Leases) {
			byHand(w)
			clear(w.leases)
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
		{"another request held it, too", func(t *testing.T, w *world, l *leases.Leases) {
			w.enter("b")
			w.grant(t, l, "b")
			if got := w.release(t, l, "b"); got != access.RemovalKept {
				t.Errorf("b: removal = %s", got)
			}
			byHand(w)
			start(t, w, l, "arn:a")
		}, access.RemovalDone},
	}
	for _, s := range []access.Subject{subject, membership} {
		for _, test := range tests {
			t.Run(string(s.Kind)+" "+test.name, func(t *testing.T) {
				w, l := stillOf(s, "a")
				w.grant(t, l, "a")
				test.ends(t, w, l)
				w.before = nil
				if got := w.release(t, l, "a"); got != test.want {
					t.Errorf("removal = %s, want %s", got, test.want)
				}
				w.wantNothingLeft(t)
			})
		}
	}
}

// look is the call that checks whether the access exists.
func look(w *world) string {
	if w.group() {
		return "MembershipID"
	}
	return "Exists"
}
