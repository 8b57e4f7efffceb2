package leases_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/chains"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/functions/adapters/leases"
	rows "sso-elevator/functions/adapters/table"
)

// The model runs several requests for the same access in random interleavings of
// single calls, against the fake of Identity Center with operations that take
// time. Functions are frozen or killed, get errors after a call had its effect, or
// are given up by the state machine while they run. After every step and at the
// end the model checks:
//
//   - while a request is active, its access exists (except in table outages);
//   - at the end no access is left, and the next request gets and loses it;
//   - access that existed before is never deleted, and every request for it is
//     refused;
//   - a request is recorded as already_gone only if somebody removed its access by
//     hand, and as removed only if we deleted it, or may have.
//
// In some runs somebody removes an assignment by hand. In the runs with a group
// they remove the membership at any time, and may create it again:
//
//   - their membership is never deleted or granted, unless one of our creations
//     got no answer;
//   - our own membership is still deleted.

var (
	modelRuns = flag.Int("runs", 500, "random runs of the model, for each kind of trouble")
	modelSeed = flag.Uint64("seed", 0, "run only this seed, with its steps in the log")
)

type trouble struct {
	name     string
	faults   float64 // chance that a call of table or Identity Center returns an error
	kills    float64 // chance per step that a function is killed
	freezes  float64 // chance per step that a function freezes for a while
	abandons float64 // chance per look that the state machine gives up a running function
	outages  bool    // the table is down for minutes
	// sleepers is the chance that an invocation freezes once, for most of its time.
	// Meanwhile the state machine gives it up and retries, and everything else
	// continues at full speed.
	sleepers float64
	calm     bool // operations of Identity Center never fail
	// stops is the chance per step that a state machine's execution is stopped. Then
	// two sweeps start at once, and someone may start the execution again.
	stops float64
	// deletes is the chance that someone deletes a request's row while its access
	// exists or is being removed.
	deletes float64
	// reconciles adds scans that remove access without a lease.
	reconciles bool
}

// quick shortens a time, so that others get far while a sleeper sleeps.
func (t trouble) quick(d time.Duration) time.Duration {
	if t.sleepers > 0 {
		return d / 20
	}
	return d
}

var troubles = []trouble{
	{name: "interleavings alone"},
	{name: "killed and frozen", kills: 0.03, freezes: 0.05},
	{name: "errors", faults: 0.08},
	{name: "given up while they run", freezes: 0.1, abandons: 0.1},
	{name: "sleepers", sleepers: 0.3, faults: 0.01},
	{name: "sleepers and deaths", sleepers: 0.2, kills: 0.02},
	{name: "all of it", faults: 0.05, kills: 0.02, freezes: 0.05, abandons: 0.05},
	{name: "stopped and swept", stops: 0.02, freezes: 0.03},
	{name: "stopped, swept and errors", stops: 0.01, faults: 0.04, kills: 0.02, freezes: 0.03, abandons: 0.03},
	{name: "reconciled", reconciles: true, freezes: 0.03},
	{name: "reconciled, sleepers", reconciles: true, sleepers: 0.2, faults: 0.01},
	{name: "all of it and reconciled", reconciles: true, stops: 0.01, faults: 0.04, kills: 0.02, freezes: 0.05, abandons: 0.05},
	{name: "rows deleted", deletes: 0.7, freezes: 0.03},
	{name: "rows deleted and errors", deletes: 0.5, faults: 0.04, kills: 0.02, freezes: 0.03, abandons: 0.03},
	{name: "rows deleted, stopped and swept", deletes: 0.5, stops: 0.01, freezes: 0.03},
	{name: "table outages", faults: 0.03, kills: 0.01, freezes: 0.03, abandons: 0.03, outages: true},
}

func TestModel(t *testing.T) { testModel(t, subject) }

func TestModelOfGroups(t *testing.T) { testModel(t, membership) }

func testModel(t *testing.T, s access.Subject) {
	for i, trouble := range troubles {
		t.Run(trouble.name, func(t *testing.T) {
			first, runs := uint64(i)*1_000_000+1, uint64(*modelRuns)
			if testing.Short() {
				runs = max(1, runs/10)
			}
			if *modelSeed != 0 {
				first, runs = *modelSeed, 1
			}
			granted, foreign, byHand, stopped, drift := 0, 0, 0, 0, 0
			extensions, endedToo, missed, limited, copied := 0, 0, 0, 0, 0
			removals := map[access.RemovalState]int{}
			for seed := first; seed < first+runs; seed++ {
				w := newWorld(seed, trouble, s)
				w.verbose = *modelSeed != 0
				w.run()
				if w.violation != "" {
					for _, line := range w.log {
						t.Log(line)
					}
					t.Fatalf("seed %d: %s", seed, w.violation)
				}
				granted += w.grants
				stopped += w.stopped
				drift += w.drift
				extensions, endedToo, missed, limited = extensions+w.extensions, endedToo+w.endedToo, missed+w.missed, limited+w.limited
				copied += w.copied
				if w.foreign {
					foreign++
				}
				if w.outlived {
					byHand++
				}
				for _, r := range w.rows {
					removals[r.Removal]++
				}
			}
			t.Logf("%d runs, %d grants, %d runs with foreign access, %d in which a membership made by hand outlived the leases, %d executions stopped, foreign access removed %d times, removals %v, %d extensions, %d requests ended with others, %d missed, %d ends not joined because no approver was shown them, %d removals confirmed without a read of the lease",
				runs, granted, foreign, byHand, stopped, drift, removals, extensions, endedToo, missed, limited, copied)
			if runs >= 500 && !trouble.reconciles && (extensions < int(runs)/10 || endedToo == 0 || limited < int(runs)/20) {
				t.Error("hardly a request extends another, joins only an end that was shown, or ends with it: it shows nothing")
			}
			if runs >= 500 && copied < int(runs)/10 {
				t.Errorf("only %d removals were confirmed without a read of the lease: it shows nothing", copied)
			}
			if missed > int(runs)/20 {
				t.Errorf("%d requests kept access that a person had ended", missed)
			}
			enough := uint64(500)
			if trouble.reconciles && trouble.stops > 0 {
				enough = 4000 // there it happens once in 400 runs
			}
			if runs >= enough && removals[access.RemovalAlreadyGone] == 0 {
				t.Error("no access is removed by hand before its end: it shows nothing")
			}
			if *modelSeed == 0 && (stopped < int(runs)/4 && trouble.stops > 0 || drift < int(runs)/10 && trouble.reconciles) {
				t.Error("hardly anything is stopped, or removed as drift: it shows nothing")
			}
			if *modelSeed == 0 && (granted < int(runs)/2 || foreign == 0 && !trouble.reconciles) {
				t.Error("the model hardly grants anything: it shows nothing")
			}
			if *modelSeed == 0 && s.Kind == access.KindGroup && !trouble.reconciles && byHand < int(runs)/20 {
				t.Error("hardly a membership made by hand outlives a lease: it shows nothing")
			}
		})
	}
}

// world is everything in a run of the model: the clock, the table, Identity Center,
// and what really happened.
type world struct {
	rng     *rand.Rand
	trouble trouble
	now     time.Time
	outage  [2]time.Time // the table is down from, until
	procs   []*proc

	instances []*instance
	copied    int // removals that were confirmed without a read of the lease

	rows   map[string]access.Request
	leases map[string]access.Lease
	// removals are the results of findings' removals, and latest is the last one.
	// deletions counts the deletions of findings that Identity Center accepted.
	removals  map[access.FindingRef]access.DriftRemoval
	latest    access.DriftRemoval
	deletions int

	subject    access.Subject
	center     *identitycentertest.Center
	client     *identitycenter.Client // of center
	foreign    bool                   // the access existed before the run began
	operations []*operation

	// These are about memberships.
	byHand   map[string]int // those created by hand, with the step
	removed  bool           // someone has removed one by hand
	outlived bool           // one that was created by hand existed at the end
	acquires []*proc        // invocations of grant that wrote a lease
	steps    int            // of the scheduler
	unsureAt int            // the last step at which a creation got no response
	blind    bool           // access was removed without the table

	// before runs before each call in tests without a scheduler. If it returns an
	// error, the call does, too.
	before func(what string) error
	calls  []string

	// These say who really removed the access.
	removedHand bool            // it was last removed by hand
	deletedAt   int             // the last step at which a deletion was accepted
	goneBefore  bool            // someone else had removed it when its removal began
	calledAt    time.Time       // when Delete was first called after that
	foundGone   map[string]bool // requests whose access someone else removed first
	grantedAt   map[string]int  // the step at which a request was granted
	requests    int

	// deleted are the requests whose rows someone deleted while they held the access.
	// The value says whether the removal had begun.
	deleted map[string]bool

	// These are steps: at which a request was approved, entered the lease, was ended by a
	// person, and left the lease.
	evaluatedAt, approvedAt, enteredAt, pressedAt, leftAt map[string]int
	endings                                               map[string]time.Time // requests whose access a person ended, with all others
	extensions, endedToo, missed, limited                 int

	active    map[string]bool
	grants    int
	stopped   int // executions
	drift     int // access that the system didn't create and that was removed
	violation string
	verbose   bool
	log       []string
}

// operation says when and how an operation of Identity Center ends.
type operation struct {
	id     string
	doneAt time.Time
	done   bool
	fails  bool
	reason string
}

var subject = access.Subject{
	Target:      access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "ReadOnly", PermissionSetARN: "arn:ps-1"},
	PrincipalID: "p-1",
}

var membership = access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "p-1"}

// worldOf returns a world at nine o'clock in which nothing has happened.
func worldOf(rng *rand.Rand, trouble trouble, s access.Subject) *world {
	w := &world{
		rng: rng, trouble: trouble, now: nine, subject: s,
		rows: map[string]access.Request{}, leases: map[string]access.Lease{}, active: map[string]bool{}, byHand: map[string]int{}, grantedAt: map[string]int{}, foundGone: map[string]bool{}, deleted: map[string]bool{},
		removals:    map[access.FindingRef]access.DriftRemoval{},
		evaluatedAt: map[string]int{}, approvedAt: map[string]int{}, enteredAt: map[string]int{}, pressedAt: map[string]int{}, leftAt: map[string]int{}, endings: map[string]time.Time{},
	}
	w.center = &identitycentertest.Center{
		PermissionSets: []ssotypes.PermissionSet{{PermissionSetArn: aws.String(subject.PermissionSetARN), Name: aws.String(subject.PermissionSet)}},
		Groups:         []idtypes.Group{{GroupId: aws.String(membership.GroupID)}},
		Accepted:       func(op identitycentertest.Operation) { w.accepted(op.ID) },
		Changed:        func(_ identitycentertest.Access, exists bool) { w.changed(exists) },
	}
	w.center.PutUser(idtypes.User{UserId: aws.String(s.PrincipalID)})
	w.client = identitycenter.New(w.center, w.center, w.center, "")
	return w
}

func newWorld(seed uint64, trouble trouble, s access.Subject) *world {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := worldOf(rng, trouble, s)
	w.center.ConflictFirst = seed%2 == 0 // AWS doesn't document which error wins
	if odds := rng.IntN(10); odds == 0 || odds < 5 && trouble.reconciles {
		w.foreign = true
		w.makeByHand()
	} else if w.group() || rng.IntN(3) == 0 {
		w.start(&proc{name: "by hand"}, w.meddle)
	}
	if trouble.reconciles {
		w.start(&proc{name: "reconcile"}, w.reconcile)
		w.start(&proc{name: "reconcile-2"}, w.reconcile)
	}
	if trouble.reconciles || trouble.stops > 0 {
		w.start(&proc{name: "look"}, w.lookAtLease)
	}
	if trouble.deletes > 0 && trouble.stops > 0 {
		w.start(&proc{name: "look-again"}, w.lookForRowless)
	}
	if trouble.outages {
		from := w.now.Add(w.upTo(200 * time.Second))
		w.outage = [2]time.Time{from, from.Add(w.upTo(300 * time.Second))}
	}
	for i := range 1 + rng.IntN(4) {
		w.request(fmt.Sprint("r", i))
	}
	return w
}

// enter writes the row of an approved request.
func (w *world) enter(id string) {
	w.rows[id] = access.Request{
		ID: id, Target: w.subject.Target, Duration: 60, ExecutionARN: "arn:" + id,
		Requester: access.Person{PrincipalID: w.subject.PrincipalID},
	}
}

// request starts the state machine for a new request.
func (w *world) request(id string) {
	w.enter(id)
	w.requests++
	if w.chance(w.trouble.deletes) {
		w.start(&proc{name: id + "-deleted"}, func(p *proc) { w.deleteRow(p, id) })
	}
	w.start(&proc{name: id, stoppable: true, own: true}, func(p *proc) { w.machine(p, id) })
	if w.chance(0.4) {
		w.start(&proc{name: id + "-end"}, func(p *proc) { w.endNow(p, id) })
	}
}

// approve evaluates and approves the request, once. The policy approves some requests at
// once; approvers take their time, and know only what the evaluation showed them.
func (w *world) approve(p *proc, id string) {
	r, there := w.rows[id]
	if !there || r.Outcome != nil {
		return
	}
	kind := access.OutcomeAutomatic
	if _, evaluated := w.evaluatedAt[id]; !evaluated {
		lease := w.leases[w.subject.Key()]
		r.Chain, r.HeldWith = access.ChainOf(lease, w.rows, id, w.now), chains.Others(lease, id)
		w.rows[id], w.evaluatedAt[id] = r, w.steps
	}
	if !w.chance(0.3) {
		kind = access.OutcomeApproved
		w.sleep(p, w.upTo(w.trouble.quick(60*time.Second)))
		if r, there = w.rows[id]; !there || r.Outcome != nil || r.IsOver() {
			return
		}
	}
	r.Outcome = &access.Outcome{Kind: kind, At: w.now}
	w.rows[id], w.approvedAt[id] = r, w.steps
	w.logf(p, "is %s, and extends %+v", kind, r.Chain)
}

// endNow does what ingress does when a person ends the request's access: it ends that one,
// reads the lease, and ends the other holders that were approved before.
func (w *world) endNow(p *proc, id string) {
	p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(200 * time.Second)))
	p.step()
	end := access.EndRequest{By: access.Person{SlackID: "U1"}, At: w.now}
	r, there := w.rows[id]
	if !there || !r.IsActive() || r.EndRequest != nil {
		return
	}
	w.logf(p, "ends the access")
	r.EndRequest = &end
	w.rows[id] = r
	delete(w.active, id)
	w.pressedAt[id] = w.steps
	p.step()
	lease := w.leases[w.subject.Key()]
	for _, other := range slices.Sorted(maps.Keys(copyOf(lease.Holders))) {
		p.step()
		r, there := w.rows[other]
		if other == id || !there || !end.Includes(r) || r.EndRequest != nil || r.IsOver() {
			continue
		}
		w.logf(p, "ends %s, too", other)
		r.EndRequest = &end
		w.rows[other] = r
		delete(w.active, other)
		w.endedToo++
	}
	w.endings[id] = w.now
}

// checkEnded checks that no other request that was approved before the access of this one
// was ended kept it.
func (w *world) checkEnded(id string) {
	a := w.rows[id]
	if a.Rebuilt != nil || a.EndRequest == nil {
		return // someone deleted the row
	}
	for other, b := range w.rows {
		switch {
		case other == id || b.EndRequest != nil || b.Tombstone || b.Rebuilt != nil || !b.WasGranted() || !a.EndRequest.Includes(b):
		case !b.RevokingAt.IsZero() && !b.RevokingAt.After(w.endings[id]):
			// It was being removed already when the person came to it.
		case w.pressedAt[id] < w.approvedAt[other]: // at the same time
		case w.grantedAt[id] > w.evaluatedAt[other] && w.leftAt[id] > 0 && w.leftAt[id] < w.enteredAt[other]:
			// It was evaluated before the other was granted, and entered the lease after
			// the other had left it: nothing leads from one to the other.
			w.missed++
		default:
			w.violation = fmt.Sprintf("%s kept the access that was ended with %s", other, id)
		}
	}
}

// wantJoined checks the end of a grant: it joins the latest end of the others whose access
// existed before the invocation began, and still does. If a person approved it, it joins no
// end later than the one that they were shown.
func (w *world) wantJoined(p *proc, r access.Request, g rows.Grant) {
	duration := time.Duration(r.Duration) * time.Second
	var last, shown time.Time
	isLimited := r.Outcome != nil && r.Outcome.Kind == access.OutcomeApproved
	if isLimited && r.Chain != nil {
		shown = r.Chain.End
	}
	for id, other := range w.rows {
		if p == nil || id == r.ID || !other.IsExtendable(w.now) || w.grantedAt[id] >= p.began {
			continue
		}
		if isLimited && other.End.After(shown) {
			w.limited++
			continue
		}
		last = later(last, other.End)
	}
	if isLimited && g.End.After(later(g.At, shown).Add(duration)) {
		w.violation = r.ID + " lasts longer than its approver was shown"
		return
	}
	var extended access.Request
	if g.Chain != nil {
		extended = w.rows[g.Chain.Extends]
	}
	switch {
	case g.Chain == nil && !last.IsZero():
		w.violation = r.ID + " extends nothing, and someone has the access"
	case g.Chain == nil && !g.End.Equal(g.At.Add(duration)):
		w.violation = r.ID + " extends nothing, and doesn't begin now"
	case g.Chain == nil:
	case !g.End.Equal(g.Chain.End.Add(duration)):
		w.violation = r.ID + " doesn't join what it extends"
	case g.Chain.End.Before(last):
		w.violation = r.ID + " doesn't extend the latest end"
	case extended.WasGranted() && extended.Rebuilt == nil && !extended.End.Equal(g.Chain.End):
		w.violation = r.ID + " joins an end that " + g.Chain.Extends + " doesn't have"
	}
}

// execute runs body as an execution, which may be stopped.
func (w *world) execute(p *proc, id string, body func()) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stopped); !ok {
				panic(r)
			}
			w.logf(p, "is stopped")
			w.stopped++
			delete(w.active, id)
			for range 2 {
				w.start(&proc{name: id + "-sweep"}, func(p *proc) { w.sweep(p, id) })
			}
			if w.rng.IntN(3) == 0 {
				w.start(&proc{name: id + "-redriven", own: true}, func(p *proc) {
					p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(200 * time.Second)))
					p.step()
					w.machine(p, id)
				})
			}
		}
	}()
	body()
}

type stopped struct{}

// mayStop stops the execution at random.
func (w *world) mayStop(p *proc) {
	if p.stoppable && w.chance(w.trouble.stops) {
		panic(stopped{})
	}
}

// sweep does the reconcile machine's work for a request without an execution.
func (w *world) sweep(p *proc, id string) {
	p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(60 * time.Second)))
	p.step()
	r, there := w.rows[id]
	if !there {
		return // the sweep reads rows; lookForRowless reads leases
	}
	w.logf(p, "gives it up")
	r.Tombstone = true
	w.rows[id] = r
	delete(w.active, id) // an execution that was started again meanwhile
	w.remove(p, id)
}

// deleteRow deletes the request's row at a random time while it holds the access. Then
// only the lease knows about the request.
func (w *world) deleteRow(p *proc, id string) {
	p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(150 * time.Second)))
	p.step()
	for range 200 {
		_, there := w.rows[id]
		lease := w.leases[w.subject.Key()]
		if holder, holds := lease.Holders[id]; there && holds && !holder.End.IsZero() {
			w.logf(p, "deletes the row")
			w.deleted[id] = !w.rows[id].RevokingAt.IsZero() || lease.State == access.LeaseDeleting
			delete(w.rows, id)
			delete(w.active, id)
			return
		}
		p.wakeAt = w.now.Add(w.trouble.quick(2 * time.Second))
		p.step()
	}
}

// drifting reports whether the lease is for the removal of unknown access.
func (w *world) drifting() bool {
	lease, found := w.leases[w.subject.Key()]
	return found && lease.State == access.LeaseDeleting && len(lease.Holders) == 0
}

// noteDeletion notes a deletion of access that existed before. Only a removal of
// unknown access may do that.
func (w *world) noteDeletion(what string) {
	if !w.drifting() {
		w.violation = what
		return
	}
	w.drift++
	w.foreign = false
}

// reconcile scans for unknown access and removes it, up to three times.
func (w *world) reconcile(p *proc) {
	for i := range 1 + w.rng.IntN(3) {
		ref := access.FindingRef{Run: p.name, Index: i}
		p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(100 * time.Second)))
		p.step()
		f := access.Finding{Subject: w.subject, MembershipID: w.member()}
		if !w.exists() {
			continue
		}
		p.step() // assignments first, then the lease
		if _, held := w.leases[w.subject.Key()]; held {
			continue
		}
		w.logf(p, "finds what nobody holds")
		p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(100 * time.Second)))
		p.step()
		if w.task(p, 10, "drift", func(ctx context.Context, l *leases.Leases) error { return l.RemoveDrift(ctx, f, ref, nil) }) == nil {
			w.settleFinding(p, ref)
		}
	}
}

// lookAtLease sweeps the lease at any time, even while requests hold it: a sweep may
// start too early if the index lags or a person starts it.
func (w *world) lookAtLease(p *proc) {
	for range 1 + w.rng.IntN(5) {
		p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(120 * time.Second)))
		p.step()
		_ = w.task(p, 10, "settle", func(ctx context.Context, l *leases.Leases) error {
			_, err := l.Settle(ctx, w.subject.Key(), false)
			return err
		})
	}
}

// lookForRowless sweeps the lease, which rebuilds the rows of its holders, and then
// the requests with rebuilt rows.
func (w *world) lookForRowless(p *proc) {
	for range 200 {
		p.wakeAt = w.now.Add(w.trouble.quick(60 * time.Second))
		p.step()
		lease := w.leases[w.subject.Key()]
		for id, holder := range lease.Holders {
			if _, there := w.rows[id]; !there && !holder.End.After(w.now) {
				_ = w.task(p, 10, "settle", func(ctx context.Context, l *leases.Leases) error {
					_, err := l.Settle(ctx, w.subject.Key(), false)
					return err
				})
				break
			}
		}
		for _, id := range slices.Sorted(maps.Keys(w.rows)) {
			if r := w.rows[id]; r.Rebuilt != nil && r.RevokedAt.IsZero() && r.End.Before(w.now) {
				w.remove(p, id)
			}
		}
	}
}

// settleLease sweeps a lease that no request holds.
func (w *world) settleLease(p *proc) {
	w.untilSettled(p, func(ctx context.Context, l *leases.Leases) error {
		_, err := l.Settle(ctx, w.subject.Key(), false)
		return err
	})
}

// settleFinding ends a run's removal of a finding.
func (w *world) settleFinding(p *proc, ref access.FindingRef) {
	w.untilSettled(p, func(ctx context.Context, l *leases.Leases) error {
		result, err := l.SettleDrift(ctx, w.subject.Key(), ref)
		if err == nil && w.removals[ref].Result != result {
			w.violation = fmt.Sprintf("the removal of %v ended with %q, and is recorded as %q", ref, result, w.removals[ref].Result)
		}
		return err
	})
}

func (w *world) untilSettled(p *proc, settle func(context.Context, *leases.Leases) error) {
	for {
		err := w.task(p, 20, "settle", settle)
		if err == nil || access.CodeOf(err) == access.CodeHeld {
			return
		}
		p.wakeAt = w.now.Add(w.trouble.quick(60 * time.Second))
		p.step()
	}
}

func (w *world) group() bool { return w.subject.Kind == access.KindGroup }

// exists reports whether the access exists.
func (w *world) exists() bool {
	_, exists := w.center.Find(w.subject.Key())
	return exists
}

// member returns the id of the existing membership, or "" if there is none.
func (w *world) member() string {
	a, _ := w.center.Find(w.subject.Key())
	return a.MembershipID
}

// makeByHand creates the access by hand, replacing any that exists, and returns the id
// of a membership.
func (w *world) makeByHand() (id string) {
	if id = w.center.Add(w.subject); id != "" {
		w.byHand[id] = w.steps
	}
	return id
}

// removeByHand removes the access by hand.
func (w *world) removeByHand() { w.center.Remove(w.subject) }

// meddle plays someone who removes the access by hand. They may create a membership
// again; in half of those cases they do so at once.
func (w *world) meddle(p *proc) {
	for range w.rng.IntN(4) {
		p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(100 * time.Second)))
		p.step()
		if !w.exists() || !w.group() && w.busy() {
			continue
		}
		w.logf(p, "removes the access %s", w.member())
		w.removeByHand()
		w.removedHand = true
		w.removed = true
		if !w.group() {
			continue // one made by hand has no id, so it would count as ours
		}
		if w.rng.IntN(2) == 0 {
			p.wakeAt = w.now.Add(w.upTo(w.trouble.quick(60 * time.Second)))
			p.step()
		}
		if w.member() == "" && w.rng.IntN(4) > 0 {
			w.logf(p, "makes %s", w.makeByHand())
		}
	}
}

// wantTruth compares what a row says about the removal with what happened.
func (w *world) wantTruth(id string, state access.RemovalState) {
	switch {
	case state == access.RemovalAlreadyGone && !w.foundGone[id]:
		w.violation = id + " says that somebody else removed its access, and nobody did"
	case state == access.RemovalDone && w.requests == 1 && w.trouble.none() && w.deletedAt < w.grantedAt[id] && w.goneBefore &&
		w.calledAt.Sub(w.rows[id].RevokingAt) < leases.UntouchedFor-2*time.Second:
		w.violation = id + " says that we removed its access, and nothing was deleted since its grant"
	}
}

// none reports whether only time can cause trouble.
func (t trouble) none() bool { return t == trouble{name: t.name, calm: t.calm} }

// tellable reports whether the system can know that someone created the membership by
// hand. It can if all our creations since then got a response, and the table answered.
func (w *world) tellable(id string) bool {
	at, byHand := w.byHand[id]
	return byHand && !w.blind && at > w.unsureAt
}

// unanswered reports whether a creation may have no response: a grant that wrote a
// lease is running, or failed.
func (w *world) unanswered() bool {
	for _, p := range w.acquires {
		if !p.done || p.err != nil {
			return true
		}
	}
	return false
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func (w *world) logf(p *proc, format string, args ...any) {
	if w.verbose {
		w.log = append(w.log, fmt.Sprintf("%8s %-12s %s", w.now.Sub(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)).Round(time.Millisecond), p.name, fmt.Sprintf(format, args...)))
	}
}

// proc is a state machine or an invocation of a function. Only one runs at a time, and
// it hands over at every step.
type proc struct {
	name      string
	deadline  time.Time // zero for a machine, which is never killed
	wakeAt    time.Time
	stoppable bool // an execution
	granted   bool // an execution whose Grant succeeded
	own       bool // the request's own execution
	sleepAt   int  // the step at which it falls asleep, or 0 for never
	asleep    bool
	done      bool
	killed    bool
	readLease bool
	err       error
	began     int // the step at which it was started

	resume chan bool // false to die
	yield  chan struct{}
}

type killed struct{}

func (w *world) start(p *proc, body func(*proc)) *proc {
	p.resume, p.yield = make(chan bool), make(chan struct{})
	p.wakeAt, p.began = w.now, w.steps
	w.procs = append(w.procs, p)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
				p.err, p.killed = access.Errorf(access.CodeUnavailable, "killed"), true
			}
			p.done = true
			p.yield <- struct{}{}
		}()
		if !<-p.resume {
			panic(killed{})
		}
		body(p)
	}()
	return p
}

// step hands over and returns when the scheduler resumes p.
func (p *proc) step() {
	p.yield <- struct{}{}
	if !<-p.resume {
		panic(killed{})
	}
}

// run schedules everything and checks the end. It then sends one more request, without
// any trouble.
func (w *world) run() {
	w.schedule()
	if w.drifting() {
		// A late function left the access, and the check of leases finds it.
		w.start(&proc{name: "sweep"}, w.settleLease)
		w.schedule()
	}
	w.check()
	if w.violation != "" || w.foreign {
		return
	}
	w.trouble = trouble{name: "none", calm: true}
	w.outage = [2]time.Time{}
	w.removeByHand() // access created by hand would be in the way
	before := w.grants
	w.request("next")
	w.schedule()
	w.check()
	switch {
	case w.violation != "":
	case w.grants != before+1:
		w.violation = "whoever comes next does not get the access"
	case len(w.leases) > 0:
		w.violation = "whoever comes next leaves a lease"
	}
}

func (w *world) schedule() {
	started := w.now
	for w.violation == "" {
		var running, ready []*proc
		for _, p := range w.procs {
			if p.done {
				continue
			}
			running = append(running, p)
			if !p.wakeAt.After(w.now) {
				ready = append(ready, p)
			}
		}
		w.procs = running
		if len(running) == 0 {
			break
		}
		if w.now.Sub(started) > 24*time.Hour {
			w.violation = "a removal does not come to an end"
			break
		}
		if len(ready) == 0 || w.rng.IntN(20) == 0 {
			w.advance(running, len(ready) == 0)
			continue
		}
		p := ready[w.rng.IntN(len(ready))]
		live := true
		if !p.deadline.IsZero() {
			if w.chance(w.trouble.freezes) {
				p.wakeAt = w.now.Add(w.upTo(45 * time.Second))
				w.logf(p, "frozen until %s", p.wakeAt.Format("15:04:05"))
				continue
			}
			if p.sleepAt--; p.sleepAt == 0 {
				p.asleep = true
				p.wakeAt = p.deadline.Add(-time.Second - w.upTo(15*time.Second))
				w.logf(p, "asleep until %s", p.wakeAt.Format("15:04:05"))
				continue
			}
			live = w.now.Before(p.deadline) && !w.chance(w.trouble.kills)
		}
		if !live {
			w.logf(p, "killed")
		}
		if w.steps++; w.unanswered() {
			w.unsureAt = w.steps
		}
		p.resume <- live
		<-p.yield
		w.settle()
		for id, active := range w.active {
			if active && !w.exists() && !w.trouble.outages && !w.removed {
				w.violation = fmt.Sprintf("%s is active and has no access", id)
			}
		}
	}
	for _, p := range w.procs { // after a violation
		for !p.done {
			p.resume <- false
			<-p.yield
		}
	}
}

// check checks the world after everything has ended.
func (w *world) check() {
	if w.violation != "" {
		return
	}
	removed := 0
	for _, r := range w.removals {
		if r.Result == access.DriftRemoved {
			removed++
		}
	}
	if removed > w.deletions {
		w.violation = fmt.Sprintf("%d removals are recorded as ours, and Identity Center accepted %d deletions for them", removed, w.deletions)
		return
	}
	w.now = w.now.Add(time.Hour)
	w.settle()
	_, byHand := w.byHand[w.member()]
	w.outlived = w.outlived || byHand && !w.foreign
	switch {
	case w.exists() && !byHand && !w.foreign:
		w.violation = "all is over, and the access is still there"
	case !w.exists() && w.foreign:
		w.violation = "access that was there before is gone"
	case w.drifting():
		w.violation = "all is over, and a lease of drift is left"
	case w.foreign && w.grants > 0:
		w.violation = "access that was there before was granted"
	}
	for _, lease := range w.leases {
		for id := range lease.Holders {
			if r := w.rows[id]; r.RevokedAt.IsZero() {
				w.violation = fmt.Sprintf("all is over, and %s still holds a lease", id)
			}
		}
	}
	for id := range w.endings {
		w.checkEnded(id)
	}
	for id, leaving := range w.deleted {
		// If the removal had begun, another request may have deleted the lease before
		// the row was rebuilt.
		if _, there := w.rows[id]; !there && !leaving {
			w.violation = id + " held access when its row was deleted, and nothing says that it ended"
		}
	}
	for id, r := range w.rows {
		if r.RevokedAt.IsZero() {
			w.violation = id + " is over, and its row does not say so"
		}
	}
}

// advance moves the clock a little or, if all sleep, to the time at which the next one
// wakes.
func (w *world) advance(running []*proc, all bool) {
	if !all {
		w.now = w.now.Add(w.upTo(w.trouble.quick(2 * time.Second)))
		w.settle()
		return
	}
	next := running[0].wakeAt
	for _, p := range running {
		if p.wakeAt.Before(next) {
			next = p.wakeAt
		}
	}
	w.now = next
	w.settle()
}

// accepted picks at random when and how an operation of Identity Center ends.
func (w *world) accepted(id string) {
	w.operations = append(w.operations, &operation{
		id: id, doneAt: w.now.Add(w.upTo(w.trouble.quick(20 * time.Second))), fails: !w.trouble.calm && w.chance(0.05),
	})
}

// busy reports whether an operation of Identity Center is under way.
func (w *world) busy() bool {
	return slices.ContainsFunc(w.operations, func(op *operation) bool { return !op.done })
}

// settle ends the operations of Identity Center that are due.
func (w *world) settle() {
	for _, op := range w.operations {
		if op.done || op.doneAt.After(w.now) {
			continue
		}
		op.done = true
		if op.fails {
			w.center.Fail(op.id, op.reason)
		} else {
			w.center.Succeed(op.id)
		}
	}
}

// changed notes access that a call removed.
func (w *world) changed(exists bool) {
	if exists {
		return
	}
	if w.foreign {
		w.noteDeletion("access that was there before was deleted")
	}
	w.removedHand = false
}

// invoke runs a function as the state machine does: it waits for the result or
// gives the function up.
func (w *world) invoke(machine *proc, name string, body func(ctx context.Context, l *leases.Leases) error) error {
	p := &proc{name: machine.name + "." + name, deadline: w.now.Add(30 * time.Second)}
	if w.chance(w.trouble.sleepers) {
		p.sleepAt = 1 + w.rng.IntN(24)
	}
	w.start(p, func(p *proc) {
		ctx := deadline{context.Background(), p.deadline}
		p.err = body(ctx, w.instance(p, name).leases)
		w.logf(p, "returns %v", p.err)
	})
	timeout := w.now.Add(35 * time.Second)
	for !p.done {
		if w.now.After(timeout) || p.asleep || w.chance(w.trouble.abandons) {
			w.logf(p, "is given up")
			return access.Errorf(access.CodeUnavailable, "given up")
		}
		w.mayStop(machine)
		machine.wakeAt = w.now.Add(w.upTo(w.trouble.quick(time.Second)))
		machine.step()
	}
	return p.err
}

// instance is a process of a function. It handles one invocation at a time, and keeps its
// memory until it is killed.
type instance struct {
	grants bool // it is of grant, else of revoke
	leases *leases.Leases
	table  *table
	center *center
}

// instance returns an idle process for the invocation, or a new one.
func (w *world) instance(p *proc, task string) *instance {
	grants := task == "grant" || task == "confirm"
	var idle []*instance
	for _, i := range w.instances {
		if i.grants == grants && i.table.p.done && !i.table.p.killed {
			idle = append(idle, i)
		}
	}
	if len(idle) > 0 && !w.chance(0.2) {
		i := idle[w.rng.IntN(len(idle))]
		i.table.p, i.center.p = p, p
		return i
	}
	i := &instance{grants: grants, table: &table{w, p}, center: &center{w, p}}
	i.leases = &leases.Leases{
		Table: i.table, IdentityCenter: i.center, Readers: 1, // a function makes one step at a time
		Now: func() time.Time { return w.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			i.table.p.wakeAt = w.now.Add(d)
			i.table.p.step()
			return nil
		},
	}
	w.instances = append(w.instances, i)
	return i
}

type deadline struct {
	context.Context
	at time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.at, true }

// sleep pauses a state machine.
func (w *world) sleep(p *proc, d time.Duration) {
	w.mayStop(p)
	p.wakeAt = w.now.Add(d)
	p.step()
}

// task runs a Task with its retries.
func (w *world) task(p *proc, tries int, name string, body func(context.Context, *leases.Leases) error) error {
	for try := 1; ; try++ {
		err := w.invoke(p, name, body)
		switch access.CodeOf(err) {
		case access.CodeThrottled, access.CodeConflict, access.CodeInProgress, access.CodeUnavailable, access.CodeLeaseDeleting:
		default:
			return err
		}
		if try == tries {
			return err
		}
		w.sleep(p, w.trouble.quick(time.Second+w.upTo(4*time.Second)))
	}
}

// machine is the request machine from Grant to the end, with its retries.
func (w *world) machine(p *proc, id string) {
	w.execute(p, id, func() {
		w.sleep(p, w.upTo(w.trouble.quick(100*time.Second)))
		w.approve(p, id)
		// The grant function first checks in the row that the request has not ended.
		grant := func(step func(*leases.Leases, context.Context, access.Request) error) func(context.Context, *leases.Leases) error {
			return func(ctx context.Context, l *leases.Leases) error {
				r, err := l.Table.Get(ctx, id)
				if err != nil {
					return err
				}
				if r.Tombstone || !r.RevokingAt.IsZero() || !r.RevokedAt.IsZero() {
					return access.Errorf(access.CodeRefused, "over")
				}
				return step(l, ctx, r)
			}
		}
		err := w.task(p, 20, "grant", grant(func(l *leases.Leases, ctx context.Context, r access.Request) error {
			return l.Acquire(ctx, r, nil, nil)
		}))
		if err == nil {
			p.granted = true
			err = w.task(p, 20, "confirm", grant(func(l *leases.Leases, ctx context.Context, r access.Request) error {
				_, err := l.Confirm(ctx, r, nil)
				return err
			}))
		}
		if err == nil {
			w.grants++
			r, there := w.rows[id]
			// Someone may have deleted the row, and the sweep begun the removal.
			w.active[id] = there && !r.Tombstone && r.Rebuilt == nil
			w.logf(p, "active")
			for until := w.now.Add(w.upTo(w.trouble.quick(120 * time.Second))); w.now.Before(until) && w.rows[id].EndRequest == nil; {
				w.sleep(p, min(until.Sub(w.now), w.trouble.quick(10*time.Second)))
			}
			delete(w.active, id)
			w.logf(p, "over")
		}
		w.remove(p, id)
	})
}

// remove repeats the removal until the request's access is gone.
func (w *world) remove(p *proc, id string) {
	entered, round := w.now, 0
	// This is the revoke function.
	revoke := func(wait bool) func(context.Context, *leases.Leases) error {
		return func(ctx context.Context, l *leases.Leases) error {
			var err error
			for try := 1; ; try++ {
				if p.own && round == 0 && !wait {
					_, err = l.Start(ctx, id, "arn:"+id, entered)
				} else {
					_, err = l.Release(ctx, id, p.execution(id), wait)
				}
				if access.CodeOf(err) == access.CodeNotFound && !errors.Is(err, leases.ErrTable) {
					var known bool
					if known, err = l.Rebuild(ctx, id, p.execution(id), p.granted, w.subject); known && err == nil {
						_, err = l.Release(ctx, id, p.execution(id), wait)
					} else if err == nil {
						return w.withoutLease(ctx, l, id, p)
					}
				}
				if !errors.Is(err, leases.ErrTable) || try == 6 {
					break
				}
				_ = l.Sleep(ctx, time.Second)
			}
			if errors.Is(err, leases.ErrTable) && p.granted && (w.trouble.outages || w.trouble.faults == 0) {
				w.blind = true
				_ = l.ForceRemove(ctx, id, w.subject, false)
			}
			return err
		}
	}
	for ; ; round++ {
		_, byHand := w.byHand[w.member()]
		byHand = byHand && !w.removesWithoutLease(p)
		if _, there := w.rows[id]; !there && !w.leases[w.subject.Key()].IsHeldBy(id) && (!w.exists() || byHand) {
			w.logf(p, "gives up: nothing of ours is left, and nothing is known")
			return
		}
		if w.task(p, 10, "revoke", revoke(false)) == nil && w.task(p, 20, "absent", revoke(true)) == nil {
			w.logf(p, "done: %s", w.rows[id].Removal)
			return
		}
		w.sleep(p, w.trouble.quick(60*time.Second))
	}
}

// removesWithoutLease reports whether the machine's revoke function removes access if the
// table has neither row nor lease.
func (w *world) removesWithoutLease(p *proc) bool { return p.granted && w.trouble.faults == 0 }

// withoutLease does what the revoke function does if the table has neither a row nor a
// lease.
func (w *world) withoutLease(ctx context.Context, l *leases.Leases, id string, p *proc) error {
	noRow := access.Errorf(access.CodeNotFound, "there is no request %q", id)
	if !w.removesWithoutLease(p) {
		return noRow
	}
	w.blind = true // nothing tells one membership from another
	if err := l.ForceRemove(ctx, id, w.subject, true); err != nil {
		return err
	}
	if gone, err := l.ConfirmGone(ctx, id, w.subject); err != nil {
		return err
	} else if !gone {
		return access.Errorf(access.CodeInProgress, "still there")
	}
	return noRow
}

// execution returns the ARN of the execution that removes the request's access.
func (p *proc) execution(id string) string {
	if p.own {
		return "arn:" + id
	}
	return "arn:sweep"
}

// call makes a call to the table or Identity Center. The call may get lost, its
// response may get lost, or the response may be late.
func (w *world) call(p *proc, what string, isTable bool, effect func() error) error {
	if p == nil {
		return w.direct(what, effect)
	}
	p.step()
	down := isTable && !w.now.Before(w.outage[0]) && w.now.Before(w.outage[1])
	if down || w.chance(w.trouble.faults/2) {
		w.logf(p, "%s: does not arrive", what)
		return access.Errorf(access.CodeUnavailable, "%s: no answer", what)
	}
	err := effect()
	w.logf(p, "%s: %v", what, err)
	p.step()
	if w.chance(w.trouble.faults / 2) {
		return access.Errorf(access.CodeUnavailable, "%s: no answer", what)
	}
	return err
}

type table struct {
	w *world
	p *proc
}

var _ leases.Table = (*table)(nil)

func (t *table) row(what, id string, change func(*access.Request) error) (r access.Request, err error) {
	err = t.w.call(t.p, what, true, func() error {
		var there bool
		if r, there = t.w.rows[id]; !there {
			return access.Errorf(access.CodeNotFound, "there is no request %q", id)
		}
		if err := change(&r); err != nil {
			return err
		}
		t.w.rows[id] = r
		return nil
	})
	return r, err
}

func (t *table) Get(_ context.Context, id string) (access.Request, error) {
	return t.row("Get "+id, id, func(*access.Request) error { return nil })
}

func (t *table) RecordGrant(_ context.Context, id string, g rows.Grant) (access.Request, error) {
	return t.row("Granted "+id, id, func(r *access.Request) error {
		switch {
		case !r.GrantedAt.IsZero():
		case r.Tombstone, !r.RevokingAt.IsZero(), r.EndRequest != nil:
			return access.Errorf(access.CodeLost, "over")
		default:
			t.w.wantJoined(t.p, *r, g)
			r.GrantedAt, r.End, r.GroupMembershipID, r.AWSCreateRequestID = g.At, g.End, g.MembershipID, g.CreateRequestID
			if g.Chain != nil {
				r.ChainSince, r.Extends = g.Chain.Since, g.Chain.Extends
				t.w.extensions++
			}
			t.w.grantedAt[id] = t.w.steps
			if t.w.tellable(g.MembershipID) {
				t.w.violation = "a membership made by hand was granted"
			}
		}
		return nil
	})
}

func (t *table) BeginRevoke(_ context.Context, id, execution string, at time.Time) (access.Request, error) {
	return t.row("BeginRevoke "+id, id, func(r *access.Request) error {
		if execution != r.ExecutionARN && r.RevokingAt.IsZero() && !r.Tombstone {
			return access.Errorf(access.CodeRefused, "not the request's own execution")
		}
		// A stopped execution's function may come late, after another execution has
		// granted the access again. The removal counts.
		delete(t.w.active, id)
		if r.RevokingAt.IsZero() {
			r.RevokingAt = at
			t.w.goneBefore, t.w.calledAt = !t.w.exists() && t.w.removedHand, time.Time{}
		}
		return nil
	})
}

func (t *table) Rebuild(_ context.Context, b access.Rebuilt) error {
	return t.w.call(t.p, "Rebuild "+b.ID, true, func() error {
		if _, there := t.w.rows[b.ID]; !there {
			t.w.rows[b.ID] = rebuilt(b)
		}
		return nil
	})
}

// rebuilt returns the row that the store writes.
func rebuilt(b access.Rebuilt) (r access.Request) {
	text, err := json.Marshal(map[string]any{"rebuilt": b, "revoking_at": b.At})
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		panic(err)
	}
	return r
}

func (t *table) RecordRemoval(_ context.Context, r access.Request, at time.Time, state access.RemovalState, deleteRequestID string) (access.Request, error) {
	if r.RevokingAt.IsZero() {
		return r, access.Errorf(access.CodeInternal, "%s is not the row as its removal began", r.ID)
	}
	until, link, created := r.KeptUntil, r.KeptLink, r.AWSCreateRequestID
	return t.row("Revoked "+r.ID, r.ID, func(r *access.Request) error {
		if r.RevokedAt.IsZero() {
			r.RevokedAt, r.Removal, r.AWSDeleteRequestID = at, state, deleteRequestID
			if !r.WasGranted() {
				r.AWSCreateRequestID = cmp.Or(r.AWSCreateRequestID, created)
			}
			if t.p != nil && !t.p.readLease {
				t.w.copied++
			}
			if state == access.RemovalKept || state == access.RemovalNothing {
				r.KeptUntil, r.KeptLink = until, link
			}
			t.w.wantTruth(r.ID, state)
		}
		return nil
	})
}

func (t *table) Lease(_ context.Context, key string) (l access.Lease, found bool, err error) {
	err = t.w.call(t.p, "Lease", true, func() error {
		if t.p != nil {
			t.p.readLease = true
		}
		l, found = t.w.leases[key]
		if found {
			l.Holders = copyOf(l.Holders)
		}
		return nil
	})
	if err != nil {
		return access.Lease{}, false, err
	}
	return l, found, nil
}

func (t *table) PutLease(_ context.Context, l access.Lease, expect int64) error {
	return t.w.call(t.p, fmt.Sprintf("PutLease %s %d holders", l.State, len(l.Holders)), true, func() error {
		if t.w.leases[l.Key].Version != expect {
			return access.Errorf(access.CodeLost, "version")
		}
		if l.Missing && !t.w.leases[l.Key].Missing {
			_, anew := t.w.byHand[t.w.member()] // since the last check
			for id := range l.Holders {
				t.w.foundGone[id] = t.w.removedHand && (!t.w.exists() || anew)
			}
		}
		for id := range l.Holders {
			if !t.w.leases[l.Key].IsHeldBy(id) {
				t.w.enteredAt[id] = t.w.steps
			}
		}
		t.w.noteLeft(t.w.leases[l.Key], l)
		l.Holders = copyOf(l.Holders)
		t.w.leases[l.Key] = l
		if t.p != nil && strings.HasSuffix(t.p.name, ".grant") && !slices.Contains(t.w.acquires, t.p) {
			t.w.acquires = append(t.w.acquires, t.p)
		}
		return nil
	})
}

func (t *table) DeleteLease(_ context.Context, key string, expect int64) error {
	return t.w.call(t.p, "DeleteLease", true, func() error {
		if l, there := t.w.leases[key]; !there || l.Version != expect {
			return access.Errorf(access.CodeLost, "version")
		}
		t.w.noteLeft(t.w.leases[key], access.Lease{})
		delete(t.w.leases, key)
		return nil
	})
}

func (t *table) Removal(_ context.Context, ref access.FindingRef) (r access.DriftRemoval, found bool, err error) {
	err = t.w.call(t.p, "Removal", true, func() error {
		r, found = t.w.removals[ref]
		return nil
	})
	return r, found && err == nil, err
}

func (t *table) LatestRemoval(_ context.Context, subject string) (r access.DriftRemoval, found bool, err error) {
	err = t.w.call(t.p, "LatestRemoval", true, func() error {
		if t.w.latest.Subject == subject {
			r, found = t.w.latest, true
		}
		return nil
	})
	return r, found, err
}

func (t *table) PutRemoval(_ context.Context, r access.DriftRemoval) (access.DriftRemoval, error) {
	err := t.w.call(t.p, "PutRemoval "+string(r.Result), true, func() error {
		if before, there := t.w.removals[r.FindingRef]; there {
			r = before
		}
		t.w.removals[r.FindingRef], t.w.latest = r, r
		return nil
	})
	return r, err
}

// noteLeft notes which requests leave the lease with a write.
func (w *world) noteLeft(was, is access.Lease) {
	for id := range was.Holders {
		if !is.IsHeldBy(id) {
			w.leftAt[id] = w.steps
		}
	}
}

func copyOf(holders map[string]access.Holder) map[string]access.Holder {
	copied := map[string]access.Holder{}
	for id, holder := range holders {
		copied[id] = holder
	}
	return copied
}

// center is the Identity Center client of one invocation. Faults affect the client's
// methods.
type center struct {
	w *world
	p *proc
}

var _ leases.IdentityCenter = (*center)(nil)

// calls makes a client call.
func calls[Out any](c *center, what string, call func(context.Context) (Out, error)) (out Out, err error) {
	err = c.w.call(c.p, what, false, func() (err error) {
		out, err = call(context.Background())
		return err
	})
	return out, err
}

func (c *center) Exists(_ context.Context, s access.Subject) (bool, error) {
	return calls(c, "Exists", func(ctx context.Context) (bool, error) { return c.w.client.Exists(ctx, s) })
}

func (c *center) MembershipID(_ context.Context, s access.Subject) (string, error) {
	return calls(c, "MembershipID", func(ctx context.Context) (string, error) { return c.w.client.MembershipID(ctx, s) })
}

func (c *center) Create(_ context.Context, s access.Subject) (identitycenter.Call, error) {
	return calls(c, "Create", func(ctx context.Context) (identitycenter.Call, error) { return c.w.client.Create(ctx, s) })
}

func (c *center) Delete(_ context.Context, s access.Subject, membershipID string) (identitycenter.Call, error) {
	return calls(c, "Delete", func(ctx context.Context) (identitycenter.Call, error) {
		if c.w.calledAt.IsZero() {
			c.w.calledAt = c.w.now
		}
		switch {
		case !c.w.group() && c.w.foreign && !c.w.drifting():
			c.w.violation = "Delete of access that was there before"
		case c.w.group() && membershipID == c.w.member() && c.w.tellable(membershipID) && !c.w.foreign && !c.w.drifting():
			c.w.violation = "Delete of a membership made by hand"
		}
		made, err := c.w.client.Delete(ctx, s, membershipID)
		if err == nil {
			if c.w.drifting() {
				c.w.deletions++
			}
			c.w.deletedAt = c.w.steps
		}
		return made, err
	})
}

func (c *center) Creation(_ context.Context, s access.Subject, id string) (identitycenter.Operation, error) {
	return calls(c, "Creation "+id, func(ctx context.Context) (identitycenter.Operation, error) { return c.w.client.Creation(ctx, s, id) })
}

func (c *center) Deletion(_ context.Context, s access.Subject, id string) (identitycenter.Operation, error) {
	return calls(c, "Deletion "+id, func(ctx context.Context) (identitycenter.Operation, error) { return c.w.client.Deletion(ctx, s, id) })
}

func (c *center) PendingCreation(_ context.Context, s access.Subject) (bool, error) {
	return calls(c, "PendingCreation", func(ctx context.Context) (bool, error) { return c.w.client.PendingCreation(ctx, s) })
}

func (c *center) Vanished(_ context.Context, s access.Subject) (bool, error) {
	return calls(c, "Vanished", func(ctx context.Context) (bool, error) { return c.w.client.Vanished(ctx, s) })
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
