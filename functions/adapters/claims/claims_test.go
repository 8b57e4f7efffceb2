package claims_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/claims"
)

var now = time.Date(2026, 3, 2, 10, 5, 0, 0, time.UTC)

// table is a requests table for several goroutines.
type memory struct {
	mu     sync.Mutex
	rows   map[string]access.Request
	claims map[string]access.Claims
	reads  int // of requests
	// before runs before each write. The table is unlocked then.
	before   func()
	readErr  error
	writeErr error
}

func newTable() *memory {
	return &memory{rows: map[string]access.Request{}, claims: map[string]access.Claims{}}
}

func (t *memory) Get(_ context.Context, id string) (access.Request, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads++
	if t.readErr != nil {
		return access.Request{}, t.readErr
	}
	r, ok := t.rows[id]
	if !ok {
		return r, access.Errorf(access.CodeNotFound, "there is no request %q", id)
	}
	return r, nil
}

func (t *memory) Claims(_ context.Context, principalID string) (access.Claims, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.claims[principalID]
	if !ok {
		return access.Claims{PrincipalID: principalID}, nil
	}
	c.Claims, c.Denials = maps.Clone(c.Claims), maps.Clone(c.Denials)
	return c, nil
}

func (t *memory) PutClaims(_ context.Context, c access.Claims, expect int64, _ time.Time) error {
	if t.before != nil {
		t.before()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writeErr != nil {
		return t.writeErr
	}
	if t.claims[c.PrincipalID].Version != expect {
		return access.Errorf(access.CodeLost, "somebody else wrote it")
	}
	if c.Version = expect + 1; len(c.Claims)+len(c.Denials) == 0 {
		delete(t.claims, c.PrincipalID)
	} else {
		t.claims[c.PrincipalID] = c
	}
	return nil
}

// create calls Store.Create.
func (t *memory) create(r access.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.rows[r.ID]; there {
		return false
	}
	t.rows[r.ID] = r
	return true
}

func target(n int) access.Target {
	return access.Target{Kind: access.KindAccount, AccountID: fmt.Sprintf("%012d", n), PermissionSetARN: "arn:ps-1"}
}

func asks(id, principal string, n int) access.Request {
	return access.Request{ID: id, Target: target(n), Requester: access.Person{SlackID: "U" + id, PrincipalID: principal}, CreatedAt: now}
}

func at(t *memory, limit int, when time.Time) *claims.Claims {
	return &claims.Claims{Table: t, Limit: limit, Now: func() time.Time { return when }}
}

func TestTake(t *testing.T) {
	denied := func(r access.Request) access.Request {
		r.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
		return r
	}
	granted := asks("r1", "p-1", 1)
	granted.Outcome, granted.GrantedAt = &access.Outcome{Kind: access.OutcomeApproved}, now
	tombstoned := asks("r1", "p-1", 1)
	tombstoned.Tombstone = true
	closed := asks("r1", "p-1", 1)
	closed.ClosedAt = now
	first := asks("r1", "p-1", 1)
	claimed := func(age time.Duration) map[string]access.Claim {
		return map[string]access.Claim{target(1).Key(): {RequestID: "r1", At: now.Add(-age)}}
	}
	mine := func(age time.Duration) map[string]access.Claim {
		return map[string]access.Claim{target(1).Key(): {RequestID: "r2", At: now.Add(-age)}}
	}
	taken := claims.Result{Until: now.Add(time.Minute)}
	tests := []struct {
		name   string
		claims map[string]access.Claim
		rows   []access.Request
		want   claims.Result
		claim  access.Claim // the claims of the target afterwards
	}{
		{name: "nothing claimed", want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "another target claimed", claims: map[string]access.Claim{target(2).Key(): {RequestID: "r1", At: now}}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "undecided", claims: claimed(100 * 24 * time.Hour), rows: []access.Request{first}, want: claims.Result{Other: &first}, claim: claimed(100 * 24 * time.Hour)[target(1).Key()]},
		{name: "denied", claims: claimed(time.Second), rows: []access.Request{denied(first)}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "granted and active", claims: claimed(time.Hour), rows: []access.Request{granted}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "given up by the sweep", claims: claimed(time.Hour), rows: []access.Request{tombstoned}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "closed", claims: claimed(time.Hour), rows: []access.Request{closed}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "of another target", claims: claimed(time.Hour), rows: []access.Request{asks("r1", "p-1", 2)}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "of another person", claims: claimed(time.Hour), rows: []access.Request{asks("r1", "p-2", 1)}, want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "not created yet", claims: claimed(119 * time.Second), want: claims.Result{Pending: true}, claim: claimed(119 * time.Second)[target(1).Key()]},
		{name: "never created", claims: claimed(2 * time.Minute), want: taken, claim: access.Claim{RequestID: "r2", At: now}},
		{name: "mine, just now", claims: mine(29 * time.Second), want: claims.Result{Until: now.Add(31 * time.Second)}, claim: mine(29 * time.Second)[target(1).Key()]},
		{name: "mine, of an earlier try", claims: mine(30 * time.Second), want: taken, claim: access.Claim{RequestID: "r2", At: now}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newTable()
			if test.claims != nil {
				w.claims["p-1"] = access.Claims{PrincipalID: "p-1", Claims: test.claims, Version: 7}
			}
			for _, r := range test.rows {
				w.rows[r.ID] = r
			}
			got, err := at(w, 10, now).Take(t.Context(), asks("r2", "p-1", 1))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
			if claim := w.claims["p-1"].Claims[target(1).Key()]; claim != test.claim {
				t.Errorf("claimed %+v, want %+v", claim, test.claim)
			}
		})
	}
}

func TestTakeHoldsToTheLimit(t *testing.T) {
	w := newTable()
	c := at(w, 10, now)
	for n := range 10 {
		r := asks(fmt.Sprint("r", n), "p-1", n)
		if got, err := c.Take(t.Context(), r); err != nil || got.Until.IsZero() {
			t.Fatalf("request %d: %+v, %v", n, got, err)
		}
		w.create(r)
	}
	if w.reads != 0 {
		t.Errorf("%d requests were read, want none while there is room", w.reads)
	}
	for range 2 {
		if got, err := c.Take(t.Context(), asks("r10", "p-1", 10)); err != nil || !got.Full {
			t.Errorf("the eleventh: %+v, %v; want full", got, err)
		}
	}
	first := w.rows["r0"]
	if got, err := c.Take(t.Context(), asks("again", "p-1", 0)); err != nil || !reflect.DeepEqual(got, claims.Result{Other: &first}) {
		t.Errorf("the first target again: %+v, %v; want the first request", got, err)
	}
	if got, err := c.Take(t.Context(), asks("other", "p-2", 10)); err != nil || got.Until.IsZero() {
		t.Errorf("another person: %+v, %v", got, err)
	}
	// The request is decided, but nobody freed its claim.
	third := w.rows["r3"]
	third.Outcome = &access.Outcome{Kind: access.OutcomeExpired}
	w.rows["r3"] = third
	if got, err := c.Take(t.Context(), asks("r10", "p-1", 10)); err != nil || got.Until.IsZero() {
		t.Errorf("after a decision: %+v, %v", got, err)
	}
	if got, err := c.Take(t.Context(), asks("r11", "p-1", 11)); err != nil || !got.Full {
		t.Errorf("one more: %+v, %v; want full", got, err)
	}
	// The target's own claim is stale, so there is room for a new one.
	fifth := w.rows["r5"]
	fifth.Outcome = &access.Outcome{Kind: access.OutcomeApproved}
	w.rows["r5"] = fifth
	if got, err := c.Take(t.Context(), asks("r5+", "p-1", 5)); err != nil || got.Until.IsZero() {
		t.Errorf("the same target after its decision: %+v, %v", got, err)
	}
	if n := len(w.claims["p-1"].Claims); n != 10 {
		t.Errorf("%d targets are claimed, want 10", n)
	}
	// Someone lowered the limit.
	if got, err := at(w, 3, now).Take(t.Context(), asks("r12", "p-1", 12)); err != nil || !got.Full {
		t.Errorf("with a lower limit: %+v, %v; want full", got, err)
	}
	sixth := w.rows["r6"]
	sixth.Outcome = &access.Outcome{Kind: access.OutcomeApproved}
	w.rows["r6"] = sixth
	if got, err := at(w, 3, now).Take(t.Context(), asks("r6+", "p-1", 6)); err != nil || !got.Full {
		t.Errorf("with a lower limit, a target whose claim is stale: %+v, %v; want full", got, err)
	}
}

func TestTakeAndFreePassErrorsOn(t *testing.T) {
	failing := access.Errorf(access.CodeThrottled, "slow down")
	w := newTable()
	w.claims["p-1"] = access.Claims{PrincipalID: "p-1", Claims: map[string]access.Claim{target(1).Key(): {RequestID: "r1", At: now}}, Version: 7}
	w.readErr = failing
	if _, err := at(w, 10, now).Take(t.Context(), asks("r2", "p-1", 1)); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("the other request can't be read: %v", err)
	}
	w.readErr, w.writeErr = nil, failing
	if _, err := at(w, 10, now).Take(t.Context(), asks("r3", "p-1", 3)); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("the claim can't be written: %v", err)
	}
	if err := at(w, 10, now).Free(t.Context(), asks("r1", "p-1", 1)); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("the claim can't be freed: %v", err)
	}
	w.writeErr = access.Errorf(access.CodeLost, "somebody else wrote it")
	if _, err := at(w, 10, now).Take(t.Context(), asks("r3", "p-1", 3)); access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("others write the row all the time: %v", err)
	}
	if err := at(w, 10, now).Free(t.Context(), asks("r1", "p-1", 1)); access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("others write the row all the time: %v", err)
	}
}

func TestFree(t *testing.T) {
	w := newTable()
	claim := func(id string) access.Claim { return access.Claim{RequestID: id, At: now} }
	w.claims["p-1"] = access.Claims{PrincipalID: "p-1", Version: 7, Claims: map[string]access.Claim{
		target(1).Key(): claim("r1"), target(2).Key(): claim("r2"), target(3).Key(): claim("r1"), // r1's form was sent with two targets
	}}
	c := at(w, 10, now)
	for _, r := range []access.Request{asks("r9", "p-1", 2), asks("r2", "p-2", 2), asks("r2", "", 2)} {
		if err := c.Free(t.Context(), r); err != nil || len(w.claims["p-1"].Claims) != 3 {
			t.Errorf("%+v: %v, left %+v; want all three", r.Requester, err, w.claims)
		}
	}
	// Someone claims another target at the same time.
	once := sync.OnceFunc(func() {
		other := w.claims["p-1"]
		other.Claims = maps.Clone(other.Claims)
		other.Claims[target(4).Key()] = claim("r4")
		other.Version++
		w.claims["p-1"] = other
	})
	w.before = once
	if err := c.Free(t.Context(), asks("r1", "p-1", 1)); err != nil {
		t.Fatal(err)
	}
	if want := map[string]access.Claim{target(2).Key(): claim("r2"), target(4).Key(): claim("r4")}; !reflect.DeepEqual(w.claims["p-1"].Claims, want) {
		t.Errorf("left %+v, want %+v", w.claims["p-1"].Claims, want)
	}
	for _, id := range []string{"r2", "r4", "r4"} {
		if err := c.Free(t.Context(), asks(id, "p-1", 1)); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.claims) != 0 {
		t.Errorf("the row is still there: %+v", w.claims)
	}
}

// Free records a denial in the same write, and Take refuses the target while it counts.
func TestDenials(t *testing.T) {
	const cooldown = 15 * time.Minute
	ann := access.Person{SlackID: "UANN", Email: "ann@example.com"}
	denied := func(id string, n int, when time.Time) access.Request {
		r := asks(id, "p-1", n)
		r.Outcome = &access.Outcome{Kind: access.OutcomeDenied, By: ann, At: when}
		return r
	}
	take := func(w *memory, r access.Request, when time.Time) claims.Result {
		t.Helper()
		c := at(w, 10, when)
		c.Cooldown = cooldown
		result, err := c.Take(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	free := func(w *memory, r access.Request, when time.Time) {
		t.Helper()
		if err := at(w, 10, when).Free(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	w := newTable()
	take(w, asks("r1", "p-1", 1), now)
	free(w, denied("r1", 1, now), now)
	denial := access.Denial{RequestID: "r1", By: ann, At: now}
	if want := (access.Claims{PrincipalID: "p-1", Version: 2, Claims: map[string]access.Claim{}, Denials: map[string]access.Denial{target(1).Key(): denial}}); !reflect.DeepEqual(w.claims["p-1"], want) {
		t.Fatalf("row %+v, want %+v", w.claims["p-1"], want)
	}
	free(w, denied("r1", 1, now), now.Add(time.Second)) // closing the request frees it again
	if got := w.claims["p-1"].Version; got != 2 {
		t.Errorf("version %d, want no further write", got)
	}

	if got := take(w, asks("r2", "p-1", 1), now.Add(cooldown-1)); !reflect.DeepEqual(got, claims.Result{Denied: &denial}) {
		t.Errorf("during the cooldown: %+v", got)
	}
	if got := take(w, asks("r3", "p-1", 2), now); got.Until.IsZero() {
		t.Errorf("another target: %+v", got)
	}
	if got := take(w, asks("r4", "p-2", 1), now); got.Until.IsZero() {
		t.Errorf("another person: %+v", got)
	}
	if got, err := at(w, 10, now).Take(t.Context(), asks("r5", "p-1", 1)); err != nil || got.Until.IsZero() {
		t.Errorf("without a cooldown: %+v, %v", got, err)
	}
	free(w, asks("r5", "p-1", 1), now)
	if got := take(w, asks("r6", "p-1", 1), now.Add(cooldown)); got.Until.IsZero() {
		t.Errorf("after the cooldown: %+v", got)
	}

	// What is too old to count is dropped. A late close of the request doesn't add it again.
	later := now.Add(access.MaxDenyCooldown)
	free(w, asks("r6", "p-1", 1), later)
	free(w, denied("r3", 2, now), later)
	if row, ok := w.claims["p-1"]; ok {
		t.Errorf("left %+v", row)
	}
}

// Forty forms at the same moment create one request for each target, and no more than
// the limit.
func TestTakeAtOnce(t *testing.T) {
	for _, targets := range []int{1, 3, 40} {
		t.Run(fmt.Sprint(targets, " targets"), func(t *testing.T) {
			w := newTable()
			var all sync.WaitGroup
			errs := make([]error, 40)
			for i := range 40 {
				all.Go(func() {
					r := asks(fmt.Sprint("r", i), "p-1", i%targets)
					got, err := at(w, 10, now).Take(t.Context(), r)
					if errs[i] = err; err == nil && !got.Until.IsZero() {
						w.create(r)
					}
				})
			}
			all.Wait()
			for i, err := range errs {
				if err != nil {
					t.Errorf("form %d: %v", i, err)
				}
			}
			each := map[string]int{}
			for _, r := range w.rows {
				each[r.Target.Key()]++
			}
			if want := min(targets, 10); len(each) != want || len(w.rows) != want || len(w.claims["p-1"].Claims) != want {
				t.Errorf("%d requests for %d targets, %d claimed; want %d of each", len(w.rows), len(each), len(w.claims["p-1"].Claims), want)
			}
		})
	}
}

// countedClaims counts the reads of the person's row.
type countedClaims struct {
	*memory
	claimReads int
}

func (t *countedClaims) Claims(ctx context.Context, principalID string) (access.Claims, error) {
	t.claimReads++
	return t.memory.Claims(ctx, principalID)
}

// The claim of a person without a row needs no read. With a row, nothing is claimed
// without it: neither a target that is taken, nor more than the limit.
func TestTheFirstClaimReadsNothing(t *testing.T) {
	table := &countedClaims{memory: newTable()}
	take := func(r access.Request, limit int) claims.Result {
		t.Helper()
		got, err := (&claims.Claims{Table: table, Limit: limit, Now: func() time.Time { return now }}).Take(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := asks("r1", "p-1", 1)
	if got := take(first, 0); !got.Full {
		t.Errorf("with a limit of 0, got %+v", got)
	}
	table.claimReads = 0
	if got := take(first, 2); got.Until.IsZero() || table.claimReads != 0 {
		t.Errorf("got %+v after %d reads, want a claim without one", got, table.claimReads)
	}
	table.create(first)
	if got := take(first, 2); got.Until.IsZero() || table.claimReads != 1 {
		t.Errorf("again: got %+v after %d reads, want the same claim after one", got, table.claimReads)
	}
	if got := take(asks("r2", "p-1", 1), 2); got.Other == nil || got.Other.ID != "r1" {
		t.Errorf("for the same target: got %+v, want the other request", got)
	}
	if got := take(asks("r3", "p-1", 3), 1); !got.Full {
		t.Errorf("above the limit: got %+v", got)
	}
	if got := take(asks("r4", "p-2", 1), 1); got.Until.IsZero() {
		t.Errorf("another person: got %+v", got)
	}
}
