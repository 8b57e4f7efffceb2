package leases_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/functions/adapters/leases"
)

var ref = access.FindingRef{Run: "run-1", Index: 3}

// settleAll repeats Settle until it is done, and returns the last result.
func (w *world) settleAll(t *testing.T, l *leases.Leases) error {
	t.Helper()
	var err error
	for range 20 {
		_, err = l.Settle(ctx, w.subject.Key(), false)
		switch access.CodeOf(err) {
		case access.CodeInProgress, access.CodeConflict:
			w.now = w.now.Add(5 * time.Second)
			w.settle()
		default:
			return err
		}
	}
	t.Fatal("settling does not come to an end:", err)
	return nil
}

func settleError(l *leases.Leases) error {
	_, err := l.Settle(ctx, subject.Key(), false)
	return err
}

var other = access.FindingRef{Run: "run-2", Index: 0}

func TestRemoveDrift(t *testing.T) {
	w, l := still("a")
	w.makeByHand()
	if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.leases[subject.Key()].Drift; got == nil || *got != ref {
		t.Errorf("the lease is about %v, want %v", got, ref)
	}
	// A request for the same access waits until the removal is over.
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeLeaseDeleting)
	// A retry or another run repeats Settle. Nothing else happens.
	if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.settleAll(t, l); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(t)
	if deletions := len(w.operations); deletions != 1 {
		t.Errorf("Identity Center was asked to delete %d times", deletions)
	}
	w.grant(t, l, "a")
}

// Access that a request now holds, gets or leaves stays untouched.
func TestRemoveDriftOfWhatIsHeld(t *testing.T) {
	for _, state := range []access.LeaseState{access.LeaseCreating, access.LeaseHeld, access.LeaseDeleting} {
		w, l := still("a")
		w.grant(t, l, "a")
		lease := w.leases[subject.Key()]
		lease.State = state
		w.leases[subject.Key()] = lease
		wantCode(t, l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil), access.CodeHeld)
		wantCode(t, settleError(l), access.CodeHeld)
		if !w.exists() {
			t.Errorf("%s: the access is gone", state)
		}
	}
}

// A request arrives between the check of the lease and the removal.
func TestRemoveDriftBesideAGrant(t *testing.T) {
	for _, call := range []string{"Exists", "PutLease", "Delete"} {
		w, l := still("a")
		w.makeByHand()
		var acquired error
		w.on(1, call, func() error {
			w.before = nil
			acquired = l.Acquire(ctx, w.rows["a"], nil, nil)
			return nil
		})
		if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
			t.Fatal(err)
		}
		want := access.CodeForeign // it existed before
		if call == "Delete" {
			want = access.CodeLeaseDeleting
		}
		wantCode(t, acquired, want)
		if err := w.settleAll(t, l); err != nil {
			t.Fatal(err)
		}
		w.wantNothingLeft(t)
	}
}

func TestRemoveDriftThatIsGone(t *testing.T) {
	w, l := still()
	if err := l.RemoveDrift(ctx, access.Finding{Subject: subject}, ref, nil); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(t)
	wantCode(t, l.RemoveDrift(ctx, access.Finding{}, ref, nil), access.CodeInvalid)
	if err := settleError(l); err != nil {
		t.Errorf("settling no lease: %v", err)
	}
}

// Only the membership that was found is removed, not one that replaced it.
func TestRemoveDriftOfAMembership(t *testing.T) {
	w, l := stillOf(membership)
	found := w.makeByHand()
	f := access.Finding{Subject: membership, MembershipID: found}
	w.center.Put(identitycentertest.Access{Subject: membership, MembershipID: "made-anew", ByHand: true})
	if err := l.RemoveDrift(ctx, f, ref, nil); err != nil {
		t.Fatal(err)
	}
	if w.member() != "made-anew" || len(w.leases) > 0 {
		t.Errorf("member %q, leases %v", w.member(), w.leases)
	}
	w.center.Put(identitycentertest.Access{Subject: membership, MembershipID: found, ByHand: true})
	if err := l.RemoveDrift(ctx, f, other, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.settleAll(t, l); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(t)

	// The finding must say which membership it was, because the current one may belong
	// to someone else.
	w.makeByHand()
	wantCode(t, l.RemoveDrift(ctx, access.Finding{Subject: membership}, ref, nil), access.CodeInvalid)
	if !w.exists() || len(w.leases) > 0 {
		t.Errorf("removed a membership that was not found, leases %v", w.leases)
	}
}

// A run that found a membership created after the one that another run is removing has
// to wait. Otherwise it would settle the other run's lease and record its own finding
// as gone.
func TestRemoveDriftBesideAnotherMembership(t *testing.T) {
	w, l := stillOf(membership)
	first := access.Finding{Subject: membership, MembershipID: w.makeByHand()}
	if err := l.RemoveDrift(ctx, first, ref, nil); err != nil {
		t.Fatal(err)
	}
	second := access.Finding{Subject: membership, MembershipID: w.makeByHand()}
	wantCode(t, l.RemoveDrift(ctx, second, other, nil), access.CodeInProgress)
	if err := w.settleAll(t, l); err != nil {
		t.Fatal(err)
	}
	if w.member() != second.MembershipID {
		t.Fatalf("member %q, want the second one", w.member())
	}
	if err := l.RemoveDrift(ctx, second, other, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.settleAll(t, l); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(t)
}

// If the lease's request has no row, or is over, the access under the lease is
// removed.
func TestSettle(t *testing.T) {
	for _, state := range []access.LeaseState{access.LeaseCreating, access.LeaseHeld, access.LeaseDeleting} {
		for name, leave := range map[string]func(*world){
			"no row": func(w *world) { delete(w.rows, "a") },
			"done": func(w *world) {
				r := w.rows["a"]
				r.RevokedAt = w.now
				w.rows["a"] = r
			},
		} {
			w, l := still("a")
			w.grant(t, l, "a")
			leave(w)
			lease := w.leases[subject.Key()]
			lease.State = state
			w.leases[subject.Key()] = lease
			if err := w.settleAll(t, l); err != nil {
				t.Fatalf("%s, %s: %v", state, name, err)
			}
			w.wantNothingLeft(t)
		}
	}
}

// A creation takes effect late, after its function died. The lease stays until then.
func TestSettleWaitsForALateCreation(t *testing.T) {
	w, l := still("a")
	w.on(1, "Create", func() error { return access.Errorf(access.CodeUnavailable, "killed") })
	_ = l.Acquire(ctx, w.rows["a"], nil, nil)
	w.before = nil
	delete(w.rows, "a")
	settles := w.leases[subject.Key()].SettlesAt
	wantCode(t, settleError(l), access.CodeInProgress)
	if !w.now.Before(settles) {
		t.Fatal("the test is too slow for itself")
	}
	w.makeByHand() // now the creation takes effect
	if err := w.settleAll(t, l); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(t)
	if w.now.Before(settles) {
		t.Errorf("given up at %v, and a creation could come until %v", w.now, settles)
	}
}
