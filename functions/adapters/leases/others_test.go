package leases_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/leases"
)

// holders is a table with one lease that many requests hold. Reading a request takes a
// while; several can be read at once.
type holders struct {
	leases.Table
	rows  map[string]access.Request
	fails map[string]error
	slow  map[string]bool // never answers
	delay time.Duration

	mu            sync.Mutex
	lease         access.Lease
	reading, most int
	rebuilt       []string // ids of requests
}

func (h *holders) Rebuild(_ context.Context, b access.Rebuilt) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rebuilt = append(h.rebuilt, b.ID)
	return nil
}

func (h *holders) BeginRevoke(_ context.Context, id, _ string, at time.Time) (access.Request, error) {
	r := h.rows[id]
	r.RevokingAt = at
	return r, nil
}

func (h *holders) Lease(context.Context, string) (access.Lease, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lease, true, nil
}

func (h *holders) PutLease(_ context.Context, l access.Lease, _ int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lease = l
	return nil
}

func (h *holders) RecordRemoval(_ context.Context, r access.Request, at time.Time, state access.RemovalState, _ string) (access.Request, error) {
	r.RevokedAt, r.Removal = at, state
	return r, nil
}

func (h *holders) Get(ctx context.Context, id string) (access.Request, error) {
	h.mu.Lock()
	h.reading++
	h.most = max(h.most, h.reading)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.reading--
	}()
	if h.slow[id] {
		<-ctx.Done()
		return access.Request{}, access.Wrap(access.CodeUnavailable, ctx.Err(), "read "+id)
	}
	time.Sleep(h.delay)
	r, found := h.rows[id]
	switch {
	case h.fails[id] != nil:
		return r, h.fails[id]
	case !found:
		return r, access.Errorf(access.CodeNotFound, "there is no request %q", id)
	}
	return r, nil
}

// heldBy is a lease that "me" and n other requests hold.
func heldBy(n int) *holders {
	h := &holders{rows: map[string]access.Request{}, fails: map[string]error{}, slow: map[string]bool{}}
	h.lease = access.Lease{Key: subject.Key(), Subject: subject, State: access.LeaseHeld, Holders: map[string]access.Holder{}, Version: 1}
	enter := func(id string) {
		h.rows[id] = access.Request{ID: id, Target: subject.Target, Requester: access.Person{PrincipalID: subject.PrincipalID}, GrantedAt: nine, End: nine.Add(time.Hour)}
		h.lease.Holders[id] = access.Holder{ExecutionARN: "arn:" + id, End: nine.Add(time.Hour)}
	}
	enter("me")
	for i := range n {
		enter(fmt.Sprintf("r%02d", i))
	}
	return h
}

func (h *holders) release() (access.Request, error) {
	l := &leases.Leases{Table: h, Now: func() time.Time { return nine }, Sleep: host.Sleep}
	return l.Release(ctx, "me", "arn:me", true)
}

func TestReleaseReadsOtherHoldersInParallel(t *testing.T) {
	h := heldBy(25)
	h.delay = 2 * time.Millisecond
	over := h.rows["r03"]
	over.RevokedAt = nine
	h.rows["r03"] = over
	closed := h.rows["r04"]
	closed.ClosedAt = nine
	h.rows["r04"] = closed
	delete(h.rows, "r05") // someone deleted its row: it gets a new one and keeps its end
	r, err := h.release()
	if err != nil || r.Removal != access.RemovalKept {
		t.Fatalf("released: %q, %v", r.Removal, err)
	}
	if h.most < 2 || h.most > 10 {
		t.Errorf("%d requests were read at a time, want 2 to 10", h.most)
	}
	for i := range 25 {
		id := fmt.Sprintf("r%02d", i)
		if _, there := h.lease.Holders[id]; there == (i == 3 || i == 4) {
			t.Errorf("%s holds the lease: %v", id, there)
		}
	}
	if !reflect.DeepEqual(h.rebuilt, []string{"r05"}) {
		t.Errorf("rebuilt are %q", h.rebuilt)
	}
	if _, there := h.lease.Holders["me"]; there || h.lease.State != access.LeaseHeld {
		t.Errorf("the lease is %+v", h.lease)
	}
}

func TestReleaseReportsTheSameErrorEachTime(t *testing.T) {
	for range 20 {
		h := heldBy(25)
		for _, id := range []string{"r07", "r11", "r23"} {
			h.fails[id] = access.Errorf(access.CodeThrottled, "read %s", id)
		}
		_, err := h.release()
		if want := "release the lease: read r07"; err == nil || err.Error() != want || access.CodeOf(err) != access.CodeThrottled {
			t.Fatalf("got %v, want %s", err, want)
		}
		if len(h.lease.Holders) != 26 {
			t.Errorf("the lease was changed: %+v", h.lease)
		}
	}
}

func TestReleaseGivesHoldersOneDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := heldBy(25)
		for id := range h.rows {
			h.slow[id] = true
		}
		began := time.Now()
		_, err := h.release()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v, want 5s for all of them", took)
		}
		wantCode(t, err, access.CodeUnavailable)
	})
}

// A read takes 8 ms, as it does for a contended row.
func BenchmarkReleaseBesideOthers(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("holders=%d", n), func(b *testing.B) {
			for b.Loop() {
				h := heldBy(n)
				h.delay = 8 * time.Millisecond
				if _, err := h.release(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
