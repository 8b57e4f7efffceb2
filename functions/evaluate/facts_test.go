package evaluate

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// meeting is a world whose reads answer only when all of them are in flight.
type meeting struct {
	*world
	all sync.WaitGroup
}

func (m *meeting) meet() {
	m.all.Done()
	m.all.Wait()
}

func (m *meeting) RequesterAgain(ctx context.Context, was access.Person) (access.Person, error) {
	m.meet()
	return m.world.RequesterAgain(ctx, was)
}

func (m *meeting) Blocks(ctx context.Context) (access.Blocks, error) {
	m.meet()
	return m.world.Blocks(ctx)
}

func (m *meeting) Load(ctx context.Context) (access.Policy, string, error) {
	m.meet()
	return m.world.Load(ctx)
}

func (m *meeting) PortalURL(ctx context.Context) string {
	m.meet()
	return m.world.PortalURL(ctx)
}

func (m *meeting) Lease(ctx context.Context, key string) (access.Lease, bool, error) {
	m.meet()
	return m.world.Lease(ctx, key)
}

func (m *meeting) evaluate(t *testing.T) error {
	m.all.Add(5)
	h := &Handler{Table: m, Claims: m, People: m, Policy: m, Cases: m.cases, Catalog: m, Account: "123456789012", Expiration: time.Hour,
		Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "evaluate", RequestID: "r1", Execution: own}, Waits: true})
	return err
}

// The requester, the blocks, the policy, the catalog and the lease are read at once, because
// the row has the requester's user.
func TestFactsAreReadAtOnce(t *testing.T) {
	w := newWorld(byAnn)
	w.row.Requester = jane
	if err := (&meeting{world: w}).evaluate(t); err != nil || w.evaluated == nil {
		t.Errorf("%v, evaluated %+v", err, w.evaluated)
	}
}

// Whichever read fails first, the error is the first of requester, blocks, policy and
// lease. Nothing is decided on a failed read.
func TestFirstFailedFact(t *testing.T) {
	type failing struct{ requester, blocks, policy, lease bool }
	for _, tt := range []struct {
		failing
		want access.Code
	}{
		{failing{true, true, true, true}, access.CodeThrottled},
		{failing{blocks: true, policy: true, lease: true}, access.CodeUnavailable},
		{failing{policy: true, lease: true}, access.CodeMisconfigure},
		{failing{lease: true}, access.CodeInternal},
	} {
		for range 20 { // in different orders
			w := newWorld(byAnn)
			w.row.Requester = jane
			fail := func(fails bool, code access.Code, into *error) {
				if fails {
					*into = access.Errorf(code, "down")
				}
			}
			fail(tt.requester, access.CodeThrottled, &w.whoErr)
			fail(tt.blocks, access.CodeUnavailable, &w.blocksErr)
			fail(tt.policy, access.CodeMisconfigure, &w.policyErr)
			fail(tt.lease, access.CodeInternal, &w.leaseErr)
			err := (&meeting{world: w}).evaluate(t)
			if access.CodeOf(err) != tt.want || w.evaluated != nil || w.row.Outcome != nil {
				t.Fatalf("%+v: %v, evaluated %+v, outcome %+v", tt.failing, err, w.evaluated, w.row.Outcome)
			}
		}
	}
}

// A requester who can't request anything is refused, also if another read failed. So is one
// who is another user by now. Nothing of the lease of the user in the row is recorded.
func TestRequesterBesideOtherFacts(t *testing.T) {
	held := access.Subject{Target: prod, PrincipalID: jane.PrincipalID}
	for name, change := range map[string]func(*world){
		"nobody":       func(w *world) { w.whoErr = access.Errorf(access.CodeRefused, "you are a guest") },
		"another user": func(w *world) { w.requester.PrincipalID = "p-other" },
	} {
		w := newWorld(automatic)
		w.row.Requester = jane
		w.lease = access.Lease{Key: held.Key(), Holders: map[string]access.Holder{"r0": {End: now.Add(time.Hour)}}}
		change(w)
		if name == "nobody" {
			w.policyErr = access.Errorf(access.CodeUnavailable, "no answer")
		}
		if err := (&meeting{world: w}).evaluate(t); err != nil || w.row.Outcome == nil || w.row.Outcome.Kind != access.OutcomeRefused || w.evaluated != nil {
			t.Errorf("%s: %v, outcome %+v, evaluated %+v", name, err, w.row.Outcome, w.evaluated)
		}
	}
}

// preparedTable returns the row only after Prepare has begun.
type preparedTable struct {
	Table
	begun <-chan struct{}
}

func (t preparedTable) Get(context.Context, string) (access.Request, error) {
	<-t.begun
	return access.Request{}, access.Errorf(access.CodeNotFound, "there is no such request")
}

// Prepare runs beside the read of the row, and Handle waits for it.
func TestPrepare(t *testing.T) {
	begun, ended := make(chan struct{}), false
	h := &Handler{Table: preparedTable{begun: begun}, Prepare: func(context.Context) {
		close(begun)
		ended = true
	}}
	if _, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "evaluate", RequestID: "r1"}}); access.CodeOf(err) != access.CodeNotFound || !ended {
		t.Errorf("%v, prepared: %t", err, ended)
	}
}
