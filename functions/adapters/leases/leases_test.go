package leases_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/leases"
)

var (
	ctx  = context.Background()
	nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
)

// still is a world without a scheduler. Calls take no time, operations of Identity
// Center end at once, and only Sleep moves the clock.
func still(ids ...string) (*world, *leases.Leases) { return stillOf(subject, ids...) }

func stillOf(s access.Subject, ids ...string) (*world, *leases.Leases) {
	w := worldOf(rand.New(rand.NewPCG(1, 1)), trouble{calm: true, sleepers: 1}, s)
	for _, id := range ids {
		w.enter(id)
		r := w.rows[id]
		r.Outcome = &access.Outcome{Kind: access.OutcomeAutomatic} // extends any chain
		w.rows[id] = r
	}
	return w, w.process()
}

// process returns the leases of a new process of a function.
func (w *world) process() *leases.Leases {
	return &leases.Leases{
		Table: &table{w, nil}, IdentityCenter: &center{w, nil}, Readers: 1,
		Now: func() time.Time { return w.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			w.now = w.now.Add(d)
			w.settle()
			return nil
		},
	}
}

func (w *world) direct(what string, effect func() error) error {
	w.calls = append(w.calls, what)
	if w.before != nil {
		if err := w.before(what); err != nil {
			return err
		}
	}
	return effect()
}

// on runs f just before the nth call whose name begins with what.
func (w *world) on(nth int, what string, f func() error) {
	w.before = func(call string) error {
		if !strings.HasPrefix(call, what) {
			return nil
		}
		if nth--; nth != 0 {
			return nil
		}
		return f()
	}
}

// grant runs a request until it is granted.
func (w *world) grant(t *testing.T, l *leases.Leases, id string) {
	t.Helper()
	if err := l.Acquire(ctx, w.rows[id], nil, nil); err != nil {
		t.Fatal("acquire:", err)
	}
	if _, err := l.Confirm(ctx, w.rows[id], nil); err != nil {
		t.Fatal("confirm:", err)
	}
}

// release repeats the removal until it is done.
func (w *world) release(t *testing.T, l *leases.Leases, id string) access.RemovalState {
	t.Helper()
	for range 20 {
		r, err := l.Release(ctx, id, "arn:"+id, true)
		if err == nil {
			return r.Removal
		}
		switch access.CodeOf(err) {
		case access.CodeInProgress, access.CodeConflict, access.CodeUnavailable:
		default:
			t.Fatal("release:", err)
		}
		w.now = w.now.Add(5 * time.Second)
		w.settle()
	}
	t.Fatal("release does not come to an end")
	return ""
}

func wantCode(t *testing.T, err error, want access.Code) {
	t.Helper()
	if got := access.CodeOf(err); got != want {
		t.Fatalf("error = %v (%q), want code %q", err, got, want)
	}
}

func (w *world) wantNothingLeft(t *testing.T) {
	t.Helper()
	if w.exists() || len(w.leases) != 0 {
		t.Errorf("left: access %v, leases %v", w.exists(), w.leases)
	}
}

func TestGrantAndRevoke(t *testing.T) {
	w, l := still("a")
	r := w.rows["a"]
	r.EvaluatedDecision = &access.Decision{Channel: "C2"}
	w.rows["a"] = r
	w.grant(t, l, "a")
	r = w.rows["a"]
	if !w.exists() || !r.End.Equal(r.GrantedAt.Add(time.Minute)) {
		t.Errorf("access %v, granted %v, end %v", w.exists(), r.GrantedAt, r.End)
	}
	lease := w.leases[subject.Key()]
	want := map[string]access.Holder{"a": {ExecutionARN: "arn:a", GrantedAt: r.GrantedAt, End: r.End, Channel: "C2"}}
	if lease.State != access.LeaseHeld || !reflect.DeepEqual(lease.Holders, want) {
		t.Errorf("lease = %+v", lease)
	}
	// A minute later, the removal needs only one call.
	w.now = r.End
	w.calls = nil
	if _, err := l.Release(ctx, "a", "arn:a", false); err != nil {
		t.Fatal(err)
	}
	if got := w.calls[:len(w.calls)-1]; !slices.Equal(got, []string{
		"BeginRevoke a", "Lease", "PutLease deleting 1 holders", "Exists", "Delete",
	}) {
		t.Errorf("calls = %q", got)
	}
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("again: removal = %s", got)
	}
}

func TestOverlap(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.grant(t, l, "b")
	b := w.rows["b"]
	b.TeamDomain, b.Posts = "acme", map[string]access.Post{access.PostAnnounce: {Channel: "C1", TS: "1.2"}}
	w.rows["b"] = b
	if n := len(w.operations); n != 1 {
		t.Errorf("%d operations for two requests, want one creation", n)
	}
	if got := w.release(t, l, "a"); got != access.RemovalKept || !w.exists() {
		t.Errorf("first leaves: %s, access %v", got, w.exists())
	}
	if got, want := w.rows["a"].KeptUntil, b.End; !got.Equal(want) || want.IsZero() {
		t.Errorf("the access is kept until %v, want %v", got, want)
	}
	if got, want := w.rows["a"].KeptLink, b.MessageLink(); got != want || want == "" {
		t.Errorf("the link to the request that keeps it is %q, want %q", got, want)
	}
	if got := w.release(t, l, "b"); got != access.RemovalDone {
		t.Errorf("last leaves: %s", got)
	}
	w.wantNothingLeft(t)
}

// End now and blocks end all requests for the access. The first one that leaves must not
// say that the access continues.
func TestOverlapThatEnds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		other func(*access.Request)
		ends  bool
	}{
		{"ended, too", func(r *access.Request) { r.EndRequest = &access.EndRequest{At: r.GrantedAt} }, true},
		{"being removed", func(r *access.Request) { r.RevokingAt = r.GrantedAt }, true},
		{"ended before its grant", func(r *access.Request) {
			r.EndRequest = &access.EndRequest{At: r.GrantedAt}
			r.GrantedAt, r.End = time.Time{}, time.Time{}
		}, true},
		{"approved later, and not granted yet", func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} }, false},
		{"active: nobody could end it", func(*access.Request) {}, false},
	} {
		w, l := still("a", "b")
		w.grant(t, l, "a")
		w.grant(t, l, "b")
		a, b := w.rows["a"], w.rows["b"]
		a.EndRequest = &access.EndRequest{At: a.GrantedAt}
		tt.other(&b)
		w.rows["a"], w.rows["b"] = a, b
		if got := w.release(t, l, "a"); got != access.RemovalKept || !w.exists() {
			t.Errorf("%s: %s, access %v", tt.name, got, w.exists())
		}
		a = w.rows["a"]
		if got := a.EndsWithOthers(); got != tt.ends {
			t.Errorf("%s: ends with others %t, kept until %v, removed %v", tt.name, got, a.KeptUntil, a.RevokedAt)
		}
	}
}

// A request that was never granted, whether or not it entered the lease, records until when
// others have the access. Its message must not say that none is left.
func TestNotGrantedBesideOthers(t *testing.T) {
	refuse := func(context.Context) error { return access.Errorf(access.CodeRefused, "blocked") }
	for _, tt := range []struct {
		name string
		step func(*world, *leases.Leases)
		want func(*world) time.Time
	}{
		{"refused before it came to the lease", func(*world, *leases.Leases) {}, func(w *world) time.Time { return w.rows["a"].End }},
		{"refused after that", func(w *world, l *leases.Leases) { _ = l.Acquire(ctx, w.rows["b"], nil, refuse) }, func(w *world) time.Time { return w.rows["a"].End }},
		{"the other row can't be read", func(w *world, l *leases.Leases) {
			w.on(1, "Get a", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
		}, func(*world) time.Time { return time.Time{} }},
		{"the other request is over", func(w *world, l *leases.Leases) { w.release(t, l, "a") }, func(*world) time.Time { return time.Time{} }},
	} {
		w, l := still("a", "b")
		w.grant(t, l, "a")
		tt.step(w, l)
		if got := w.release(t, l, "b"); got != access.RemovalNothing {
			t.Errorf("%s: %s", tt.name, got)
		}
		if got, want := w.rows["b"].KeptUntil, tt.want(w); !got.Equal(want) {
			t.Errorf("%s: kept until %v, want %v", tt.name, got, want)
		}
	}
}

func TestForeignAccess(t *testing.T) {
	w, l := still("a")
	w.makeByHand()
	w.foreign = true
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeForeign)
	if got := w.release(t, l, "a"); got != access.RemovalNothing {
		t.Errorf("removal = %s", got)
	}
	if !w.exists() || w.violation != "" || len(w.leases) != 0 {
		t.Errorf("access %v, %s, leases %v", w.exists(), w.violation, w.leases)
	}
}

func TestJoinerWaitsOutDeleting(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	if _, err := l.Release(ctx, "a", "arn:a", false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, l.Acquire(ctx, w.rows["b"], nil, nil), access.CodeLeaseDeleting)
	w.release(t, l, "a")
	w.grant(t, l, "b")
	if !w.exists() {
		t.Error("no access for the one who waited")
	}
}

func TestRefusedOnceRemovalHasBegun(t *testing.T) {
	tests := []struct {
		name string
		over func(*access.Request)
	}{
		{"removal begun", func(r *access.Request) { r.RevokingAt = nine }},
		{"tombstone", func(r *access.Request) { r.Tombstone = true }},
		{"closed", func(r *access.Request) { r.ClosedAt = nine }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := still("a")
			r := w.rows["a"]
			w.on(1, "PutLease", func() error { // just after the caller checked
				over := r
				test.over(&over)
				w.rows["a"] = over
				return nil
			})
			wantCode(t, l.Acquire(ctx, r, nil, nil), access.CodeRefused)
			w.wantNothingLeft(t)
			if len(w.operations) != 0 {
				t.Error("Create was called")
			}
		})
	}
}

func TestCreationFails(t *testing.T) {
	w, l := still("a")
	if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
		t.Fatal(err)
	}
	w.operations[0].fails, w.operations[0].reason = true, "no such user"
	_, err := l.Confirm(ctx, w.rows["a"], nil)
	wantCode(t, err, access.CodeFailed)
	if !strings.Contains(err.Error(), "no such user") {
		t.Errorf("error = %v, without Identity Center's reason", err)
	}
	if got := w.release(t, l, "a"); got != access.RemovalNothing {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

func TestSlowCreation(t *testing.T) {
	w, l := still("a")
	if err := l.Acquire(ctx, w.rows["a"], nil, nil); err != nil {
		t.Fatal(err)
	}
	w.operations[0].doneAt = nine.Add(time.Hour)
	_, err := l.Confirm(ctx, w.rows["a"], nil)
	wantCode(t, err, access.CodeInProgress)
	if waited := w.now.Sub(nine); waited > 5*time.Second || waited < 3*time.Second {
		t.Errorf("waited %s for it, want about 5 s", waited)
	}
	if !w.rows["a"].GrantedAt.IsZero() {
		t.Error("granted before it exists")
	}
}

// The function dies before it gets the response to Create, and Identity Center takes
// longer than any deadline. The removal must not conclude that there is no access.
func TestRevokeWaitsForUnknownCreation(t *testing.T) {
	w, l := still("a")
	w.on(2, "PutLease", func() error { return access.Errorf(access.CodeUnavailable, "killed") })
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeUnavailable)
	w.before = nil
	w.operations[0].doneAt = nine.Add(10 * time.Minute)
	w.now = nine.Add(5 * time.Minute) // settled long ago
	for range 3 {
		_, err := l.Release(ctx, "a", "arn:a", true)
		wantCode(t, err, access.CodeInProgress)
	}
	w.now = nine.Add(10 * time.Minute)
	w.settle()
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

// No access exists, but a function may still be about to create it. The removal waits
// until that function must have ended.
func TestRevokeWaitsForDeadline(t *testing.T) {
	w, l := still("a")
	w.on(1, "Create", func() error { return access.Errorf(access.CodeUnavailable, "no answer") })
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeUnavailable)
	w.before = nil
	_, err := l.Release(ctx, "a", "arn:a", true)
	wantCode(t, err, access.CodeInProgress)
	w.now = nine.Add(40 * time.Second) // the function's 30 s and 10 s of margin
	if got := w.release(t, l, "a"); got != access.RemovalNothing {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

// Two functions with the same deadline are about to create the access. A response to
// one says when its own call settles, not when the other's does.
func TestClaimsAreTold(t *testing.T) {
	w, l := still("a", "b")
	w.on(1, "Create", func() error {
		w.before = nil
		if err := l.Acquire(ctx, w.rows["b"], nil, nil); err != nil {
			t.Error(err)
		}
		if got := w.leases[subject.Key()].SettlesAt; got.Before(nine.Add(40 * time.Second)) {
			t.Errorf("the lease settles at %s, while a function may create until 30 s after nine", got)
		}
		return access.Errorf(access.CodeUnavailable, "no answer")
	})
	wantCode(t, l.Acquire(ctx, w.rows["a"], nil, nil), access.CodeUnavailable)
}

// A function stalls right before Delete. Another one finishes the removal, and someone
// else requests the access. The first function must not delete the new access.
func TestHeldUpDelete(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.now = nine.Add(time.Minute)
	w.on(1, "Delete", func() error {
		w.before = nil
		for range 3 { // the second function, and the next request
			if _, err := l.Release(ctx, "a", "arn:a", true); err == nil {
				t.Error("the lease was given up while a Delete may still come")
			}
			wantCode(t, l.Acquire(ctx, w.rows["b"], nil, nil), access.CodeLeaseDeleting)
		}
		return nil
	})
	_, _ = l.Release(ctx, "a", "arn:a", false)
	w.now = w.now.Add(time.Minute)
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.grant(t, l, "b")
	w.release(t, l, "b")
	w.wantNothingLeft(t)
}

// A function stalls right before it deletes the lease, until another lease exists
// under the same key.
func TestHeldUpGivingUp(t *testing.T) {
	w, l := still("a", "b")
	w.grant(t, l, "a")
	w.now = nine.Add(time.Minute)
	w.on(1, "DeleteLease", func() error {
		w.before = nil
		w.release(t, l, "a")
		w.grant(t, l, "b")
		// This lease was written as often as the first one.
		for range 10 {
			lease := w.leases[subject.Key()]
			if err := l.Table.PutLease(ctx, bumped(lease), lease.Version); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	})
	_, _ = l.Release(ctx, "a", "arn:a", true)
	if holders := w.leases[subject.Key()].Holders; len(holders) != 1 || !w.exists() {
		t.Fatalf("holders %v, access %v: the next one's lease is gone", holders, w.exists())
	}
	w.release(t, l, "b")
	w.wantNothingLeft(t)
}

func bumped(l access.Lease) access.Lease {
	l.Version++
	return l
}

// The first version of each lease is higher than the last version of the lease before
// it.
func TestVersionsNeverRepeat(t *testing.T) {
	w, l := still()
	last := int64(0)
	for _, id := range []string{"a", "b", "c"} {
		w.enter(id)
		w.on(2, "PutLease", func() error {
			if first := w.leases[subject.Key()].Version; first <= last {
				t.Errorf("a new lease has version %d; one before had %d", first, last)
			}
			return nil
		})
		w.grant(t, l, id)
		w.on(1, "DeleteLease", func() error {
			last = w.leases[subject.Key()].Version
			return nil
		})
		w.release(t, l, id)
	}
	if last == 0 {
		t.Error("no lease was given up")
	}
}

func TestLostLease(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	clear(w.leases)
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

func TestDeletionFails(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	if _, err := l.Release(ctx, "a", "arn:a", false); err != nil {
		t.Fatal(err)
	}
	w.operations[1].fails, w.operations[1].reason = true, "role is protected"
	_, err := l.Release(ctx, "a", "arn:a", true)
	for access.CodeOf(err) == access.CodeInProgress {
		_, err = l.Release(ctx, "a", "arn:a", true)
	}
	wantCode(t, err, access.CodeFailed)
	if !strings.Contains(err.Error(), "role is protected") || w.leases[subject.Key()].State != access.LeaseDeleting {
		t.Errorf("error %v, lease %+v", err, w.leases[subject.Key()])
	}
	// The next round deletes the access again.
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

// The row has the membership's id, even if the response to its creation got lost. A
// request that joins gets the same id. An assignment has none.
func TestMembershipID(t *testing.T) {
	for _, tt := range []struct {
		name    string
		subject access.Subject
		lost    bool
		want    string
	}{
		{"answered", membership, false, "m-1"},
		{"the answer got lost", membership, true, "m-1"},
		{"an assignment", subject, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, l := stillOf(tt.subject, "a", "b")
			if tt.lost {
				l.IdentityCenter = forgetful{l.IdentityCenter}
			}
			for _, id := range []string{"a", "b"} {
				w.grant(t, l, id)
				if got := w.rows[id].GroupMembershipID; got != tt.want {
					t.Errorf("%s has the membership %q, want %q", id, got, tt.want)
				}
			}
		})
	}
}

type forgetful struct{ leases.IdentityCenter }

func (f forgetful) Create(ctx context.Context, s access.Subject) (identitycenter.Call, error) {
	_, err := f.IdentityCenter.Create(ctx, s)
	return identitycenter.Call{}, err
}

// The lists still show a gone user's assignment, which can't be deleted.
func TestVanishedUser(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	l.IdentityCenter = gone{l.IdentityCenter}
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	if len(w.leases) != 0 {
		t.Error("the lease stays")
	}
}

type gone struct{ leases.IdentityCenter }

func (gone) Delete(context.Context, access.Subject, string) (identitycenter.Call, error) {
	return identitycenter.Call{}, access.Errorf(access.CodeNotFound, "no such user")
}

func (gone) Vanished(context.Context, access.Subject) (bool, error) { return true, nil }

// Access that was created is deleted once, even if the list doesn't show it.
func TestLaggingList(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	l.IdentityCenter = blind{l.IdentityCenter}
	if got := w.release(t, l, "a"); got != access.RemovalDone {
		t.Errorf("removal = %s", got)
	}
	w.wantNothingLeft(t)
}

type blind struct{ leases.IdentityCenter }

func (blind) Exists(context.Context, access.Subject) (bool, error) { return false, nil }

// Grant and revoke are killed at every single call, and tried again. The access still
// comes, stays and goes as if nothing had happened.
func TestKilledAtEachCall(t *testing.T) {
	dead := access.Errorf(access.CodeUnavailable, "killed")
	retry := func(w *world, f func() error) error {
		err := f()
		for range 30 {
			switch access.CodeOf(err) {
			case access.CodeUnavailable, access.CodeInProgress, access.CodeConflict:
				w.now = w.now.Add(2 * time.Second)
				w.settle()
				err = f()
			default:
				return err
			}
		}
		return err
	}
	killed := 0
	for nth := 1; ; nth++ {
		w, l := still("a")
		n := 0
		die := func(string) error {
			if n++; n == nth {
				return dead
			}
			return nil
		}
		w.before = die
		if err := retry(w, func() error { return l.Acquire(ctx, w.rows["a"], nil, nil) }); err != nil {
			t.Fatalf("call %d: acquire: %v", nth, err)
		}
		if err := retry(w, func() error { _, err := l.Confirm(ctx, w.rows["a"], nil); return err }); err != nil {
			t.Fatalf("call %d: confirm: %v", nth, err)
		}
		if !w.exists() {
			t.Fatalf("call %d: no access", nth)
		}
		w.now = w.now.Add(time.Minute)
		for _, wait := range []bool{false, true} {
			if err := retry(w, func() error { _, err := l.Release(ctx, "a", "arn:a", wait); return err }); err != nil {
				t.Fatalf("call %d: release: %v", nth, err)
			}
		}
		if got := w.rows["a"].Removal; got != access.RemovalDone {
			t.Errorf("call %d: removal = %s", nth, got)
		}
		w.wantNothingLeft(t)
		if n < nth {
			break
		}
		killed++
	}
	if killed < 20 {
		t.Errorf("only %d calls", killed)
	}
}

func TestTableErrorsAreMarked(t *testing.T) {
	down := access.Errorf(access.CodeThrottled, "slow down")
	for _, what := range []string{"BeginRevoke", "Lease", "Get b", "PutLease"} {
		t.Run(what, func(t *testing.T) {
			w, l := still("a", "b")
			w.grant(t, l, "a")
			w.grant(t, l, "b")
			w.on(1, what, func() error { return down })
			_, err := l.Release(ctx, "a", "arn:a", false)
			if !errors.Is(err, leases.ErrTable) || access.CodeOf(err) != access.CodeThrottled {
				t.Errorf("error = %v, marked %v", err, errors.Is(err, leases.ErrTable))
			}
		})
	}
	w, l := still("a")
	w.grant(t, l, "a")
	w.on(1, "Exists", func() error { return down })
	if _, err := l.Release(ctx, "a", "arn:a", false); err == nil || errors.Is(err, leases.ErrTable) {
		t.Errorf("an error of Identity Center passes for one of the table: %v", err)
	}
}

func TestForceRemove(t *testing.T) {
	down := func(string) error { return nil }
	tests := []struct {
		name    string
		holders []string
		lose    bool // the lease doesn't exist
		down    bool // the table doesn't answer
		rowGone bool
		want    bool // the access afterwards
	}{
		{name: "table down", holders: []string{"a"}, down: true},
		{name: "table down, others hold it: taking away wins", holders: []string{"a", "b"}, down: true},
		{name: "only writes fail", holders: []string{"a"}},
		{name: "only writes fail, others hold it", holders: []string{"a", "b"}, want: true},
		{name: "only others hold it", holders: []string{"b"}, want: true},
		{name: "no lease in a table that answers", holders: []string{"a"}, lose: true, want: true},
		{name: "no lease and no row", holders: []string{"a"}, lose: true, rowGone: true},
		{name: "no row, others hold it", holders: []string{"a", "b"}, rowGone: true, want: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, l := still("a", "b")
			for _, id := range test.holders {
				w.grant(t, l, id)
			}
			if test.lose {
				clear(w.leases)
			}
			w.before = down
			if test.down {
				w.before = func(what string) error {
					if what == "Lease" {
						return access.Errorf(access.CodeUnavailable, "down")
					}
					return nil
				}
			}
			if err := l.ForceRemove(ctx, "a", subject, test.rowGone); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(time.Hour)
			w.settle()
			if w.exists() != test.want {
				t.Errorf("access = %v, want %v", w.exists(), test.want)
			}
		})
	}
	_, l := still()
	for _, s := range []access.Subject{
		{}, {PrincipalID: "p"}, {Target: subject.Target},
		{Target: access.Target{Kind: access.KindGroup}, PrincipalID: "p"},
	} {
		wantCode(t, l.ForceRemove(ctx, "a", s, true), access.CodeInvalid)
	}
}

func TestGone(t *testing.T) {
	w, l := still("a")
	w.grant(t, l, "a")
	delete(w.rows, "a")
	if gone, err := l.ConfirmGone(ctx, "a", subject); gone || err != nil {
		t.Errorf("while it is there: %v, %v", gone, err)
	}
	if err := l.ForceRemove(ctx, "a", subject, true); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.settle()
	if gone, err := l.ConfirmGone(ctx, "a", subject); !gone || err != nil {
		t.Errorf("afterwards: %v, %v", gone, err)
	}
	w.wantNothingLeft(t)
}

func TestIsHolder(t *testing.T) {
	w, l := still("one", "two")
	check := func(when string, want bool) {
		t.Helper()
		if got, err := l.IsHolder(ctx, w.rows["one"]); err != nil || got != want {
			t.Errorf("%s: got %t, %v, want %t", when, got, err, want)
		}
	}
	check("no lease", false)
	w.grant(t, l, "two")
	check("another request holds the access", false)
	if err := l.Acquire(ctx, w.rows["one"], nil, nil); err != nil {
		t.Fatal(err)
	}
	check("acquired, not confirmed", true)
	w.release(t, l, "one")
	check("released", false)
}
