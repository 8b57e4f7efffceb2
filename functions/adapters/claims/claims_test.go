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

func (t *memory) FreeOnlyClaim(_ context.Context, principalID, key, requestID string, denial *access.Denial, at time.Time) (access.Claims, bool, error) {
	if t.before != nil {
		t.before()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.claims[principalID]
	switch {
	case t.writeErr != nil && access.CodeOf(t.writeErr) != access.CodeLost:
		return access.Claims{}, false, t.writeErr
	case !ok:
		return access.Claims{PrincipalID: principalID}, false, nil
	case t.writeErr != nil || len(c.Claims) != 1 || c.Claims[key].RequestID != requestID || len(c.Denials) > 0:
		c.Claims, c.Denials = maps.Clone(c.Claims), maps.Clone(c.Denials)
		return c, false, nil
	}
	delete(t.claims, principalID)
	if denial != nil {
		t.claims[principalID] = access.Claims{PrincipalID: principalID, Claims: map[string]access.Claim{}, Denials: map[string]access.Denial{key: *denial}, Version: at.UnixNano()}
	}
	return access.Claims{}, true, nil
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
	if want := (access.Claims{PrincipalID: "p-1", Version: now.UnixNano(), Claims: map[string]access.Claim{}, Denials: map[string]access.Denial{target(1).Key(): denial}}); !reflect.DeepEqual(w.claims["p-1"], want) {
		t.Fatalf("row %+v, want %+v", w.claims["p-1"], want)
	}
	free(w, denied("r1", 1, now), now.Add(time.Second)) // closing the request frees it again
	if got := w.claims["p-1"].Version; got != now.UnixNano() {
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

// countedClaims counts the reads and the writes of the person's row.
type countedClaims struct {
	*memory
	claimReads, writes int
}

func (t *countedClaims) PutClaims(ctx context.Context, c access.Claims, expect int64, at time.Time) error {
	t.writes++
	return t.memory.PutClaims(ctx, c, expect, at)
}

func (t *countedClaims) FreeOnlyClaim(ctx context.Context, principalID, key, requestID string, denial *access.Denial, at time.Time) (access.Claims, bool, error) {
	t.writes++
	return t.memory.FreeOnlyClaim(ctx, principalID, key, requestID, denial, at)
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

// Free takes one call if the request's claim is the only one and there is no denial, or if
// there is no row. Otherwise the first write changes nothing and returns the row.
func TestTheOnlyClaimIsFreedWithoutARead(t *testing.T) {
	claim := func(id string) access.Claim { return access.Claim{RequestID: id, At: now} }
	claimed := func(ids ...string) map[string]access.Claim {
		m := map[string]access.Claim{}
		for i, id := range ids {
			m[target(i+1).Key()] = claim(id)
		}
		return m
	}
	denial := func(id string, at time.Time) map[string]access.Denial {
		return map[string]access.Denial{target(1).Key(): {RequestID: id, At: at}}
	}
	denied := asks("r1", "p-1", 1)
	denied.Outcome = &access.Outcome{Kind: access.OutcomeDenied, At: now}
	long := denied
	long.Outcome = &access.Outcome{Kind: access.OutcomeDenied, At: now.Add(-access.MaxDenyCooldown)}
	other := func(c access.Claims) access.Claims {
		c.Claims = maps.Clone(c.Claims)
		c.Claims[target(9).Key()] = claim("r9")
		c.Version++
		return c
	}
	tests := []struct {
		name    string
		request access.Request
		row     access.Claims
		between func(access.Claims) access.Claims // before the second write
		want    access.Claims                     // without its version
		reads   int
		writes  int
	}{
		{name: "the only claim", request: asks("r1", "p-1", 1), row: access.Claims{Claims: claimed("r1")}, writes: 1},
		{name: "no row", request: asks("r1", "p-1", 1), writes: 1},
		{name: "the claim of another request", request: asks("r1", "p-1", 1), row: access.Claims{Claims: claimed("r2")}, want: access.Claims{Claims: claimed("r2")}, writes: 1},
		{name: "a claim of another target", request: asks("r1", "p-1", 2), row: access.Claims{Claims: claimed("r1")}, writes: 2},
		{name: "one more claim", request: asks("r1", "p-1", 1), row: access.Claims{Claims: claimed("r1", "r2")},
			want: access.Claims{Claims: map[string]access.Claim{target(2).Key(): claim("r2")}}, writes: 2},
		{name: "a denial", request: asks("r1", "p-1", 1), row: access.Claims{Claims: claimed("r1"), Denials: denial("r0", now)},
			want: access.Claims{Denials: denial("r0", now)}, writes: 2},
		{name: "a denial that is too old", request: asks("r1", "p-1", 1), row: access.Claims{Claims: claimed("r1"), Denials: denial("r0", now.Add(-access.MaxDenyCooldown))}, writes: 2},
		{name: "a claim that is added meanwhile", request: asks("r1", "p-1", 1), row: access.Claims{Claims: claimed("r1", "r2")}, between: other,
			want: access.Claims{Claims: map[string]access.Claim{target(2).Key(): claim("r2"), target(9).Key(): claim("r9")}}, reads: 1, writes: 3},
		{name: "denied", request: denied, row: access.Claims{Claims: claimed("r1")}, want: access.Claims{Denials: denial("r1", now)}, writes: 1},
		{name: "denied, and no row", request: denied, writes: 1},
		{name: "denied too long ago", request: long, row: access.Claims{Claims: claimed("r1")}, writes: 1},
		{name: "denied, with one more claim", request: denied, row: access.Claims{Claims: claimed("r1", "r2")},
			want: access.Claims{Claims: map[string]access.Claim{target(2).Key(): claim("r2")}, Denials: denial("r1", now)}, writes: 2},
		{name: "denied after an earlier denial", request: denied, row: access.Claims{Claims: claimed("r1"), Denials: denial("r0", now)},
			want: access.Claims{Denials: denial("r1", now)}, writes: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &countedClaims{memory: newTable()}
			if test.row.Claims != nil {
				test.row.PrincipalID, test.row.Version = "p-1", 7
				w.claims["p-1"] = test.row
			}
			if test.between != nil {
				w.before = func() {
					if w.writes == 2 {
						w.claims["p-1"] = test.between(w.claims["p-1"])
					}
				}
			}
			if err := (&claims.Claims{Table: w, Now: func() time.Time { return now }}).Free(t.Context(), test.request); err != nil {
				t.Fatal(err)
			}
			got := w.claims["p-1"]
			if !maps.Equal(got.Claims, test.want.Claims) || !maps.Equal(got.Denials, test.want.Denials) || (got.Version == 0) != (len(test.want.Claims)+len(test.want.Denials) == 0) {
				t.Errorf("left %+v, want %+v", got, test.want)
			}
			if w.claimReads != test.reads || w.writes != test.writes {
				t.Errorf("%d reads and %d writes, want %d and %d", w.claimReads, w.writes, test.reads, test.writes)
			}
		})
	}
}

// While a person's claims are freed and claimed at the same time, no claim of an undecided
// request is lost.
func TestFreeAndTakeAtOnce(t *testing.T) {
	w := newTable()
	for i := range 5 {
		w.claims["p-1"] = access.Claims{PrincipalID: "p-1", Version: 7, Claims: map[string]access.Claim{target(1).Key(): {RequestID: "r1", At: now}}}
		var all sync.WaitGroup
		all.Go(func() {
			if err := at(w, 10, now).Free(t.Context(), asks("r1", "p-1", 1)); err != nil {
				t.Error(err)
			}
		})
		for n := 2; n < 8; n++ {
			all.Go(func() {
				if got, err := at(w, 10, now).Take(t.Context(), asks(fmt.Sprint("r", n), "p-1", n)); err != nil || got.Until.IsZero() {
					t.Errorf("round %d, target %d: %+v, %v", i, n, got, err)
				}
			})
		}
		all.Wait()
		left := w.claims["p-1"].Claims
		if _, there := left[target(1).Key()]; there || len(left) != 6 {
			t.Errorf("round %d: left %+v, want the six new claims", i, left)
		}
	}
}

// A denial counts even if the press that denied the request didn't free its claim: the sweep and the
// next request add it when they drop the claim.
func TestDenialWithoutFree(t *testing.T) {
	by := access.Person{Email: "bob@example.com"}
	denied := asks("denied", "p-1", 1)
	denied.Outcome = &access.Outcome{Kind: access.OutcomeDenied, By: by, At: now.Add(-time.Minute)}
	for name, tt := range map[string]struct {
		at     time.Time
		sweeps bool
		r      access.Request // the claim's
		want   bool           // whether the denial counts
	}{
		"the next request comes first": {at: now, r: denied, want: true},
		"the sweep comes first":        {at: now, r: denied, sweeps: true, want: true},
		"after the cooldown":           {at: now.Add(time.Hour), r: denied},
		"someone else's request":       {at: now, r: asksDenied(denied, "p-2", 1)},
		"a request for another target": {at: now, r: asksDenied(denied, "p-1", 2), sweeps: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTable()
			w.rows[tt.r.ID] = tt.r
			w.claims["p-1"] = access.Claims{PrincipalID: "p-1", Version: 7, Claims: map[string]access.Claim{target(1).Key(): {RequestID: "denied", At: now.Add(-time.Hour)}}}
			if tt.sweeps {
				s := &claims.Sweep{Table: &indexed{memory: w, due: map[string]time.Time{"p-1": now.Add(-time.Hour)}}, Now: func() time.Time { return tt.at.Truncate(10 * time.Minute) }}
				if err := s.Look(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := len(w.claims["p-1"].Claims); n != 0 {
					t.Fatalf("%d claims are left", n)
				}
			}
			c := &claims.Claims{Table: w, Limit: 5, Cooldown: 30 * time.Minute, Now: func() time.Time { return tt.at }}
			got, err := c.Take(t.Context(), asks("second", "p-1", 1))
			if err != nil || (got.Denied != nil) != tt.want {
				t.Fatalf("got %+v, %v; want a denial: %t", got, err, tt.want)
			}
			if tt.want && (got.Denied.RequestID != "denied" || got.Denied.By != by) {
				t.Errorf("the denial is %+v", got.Denied)
			}
		})
	}
}

func asksDenied(r access.Request, principal string, n int) access.Request {
	other := asks(r.ID, principal, n)
	other.Outcome = r.Outcome
	return other
}
