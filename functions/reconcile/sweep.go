package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/requests"
)

// SweepTable is the part of the requests table that the sweep uses.
type SweepTable interface {
	OpenRequests(ctx context.Context) ([]requests.Due, error)
	OpenLeases(ctx context.Context) ([]requests.Due, error)
	Get(ctx context.Context, id string) (access.Request, error)
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
	GiveUp(ctx context.Context, id string, why access.Failure) (access.Request, error)
}

// Executions are those of the two machines.
type Executions interface {
	// Requests and Sweeps are the names of the executions that run: of the
	// request machine, and of this function's own.
	Requests(ctx context.Context) ([]string, error)
	Sweeps(ctx context.Context) ([]string, error)
	// State is how the execution stands.
	State(ctx context.Context, arn string) (ExecutionState, error)
	// Start starts an execution of the reconcile machine; one of that name
	// that is there already is as good.
	Start(ctx context.Context, name string, input any) error
}

// ExecutionState is how an execution stands.
type ExecutionState string

const (
	Running ExecutionState = "running"
	Over    ExecutionState = "over"   // whichever way
	Unknown ExecutionState = "absent" // it never started, or more than 90 days ago
)

var _ SweepTable = (*requests.Store)(nil)

const (
	// lateAfter is how long after its end, or after the press that ends it early,
	// access is left to an execution that is alive: such a one begins to remove
	// within a second or two. So short, because a look that fails costs a minute:
	// 20 s, a minute to the next look, another for one that fails, and what it
	// takes to start the sweep (two functions, perhaps cold) are still less than
	// the 150 s within which the first attempt to remove it has to come.
	lateAfter = 20 * time.Second
	// lateAgain is between two sweeps of a request whose execution is alive,
	// and how long after the end one that has begun to remove is left alone: it
	// tries, too.
	lateAgain = 10 * time.Minute
	// startingFor is how long an execution may take to start: ingress writes
	// the row first, and has 10 s.
	startingFor = 2 * time.Minute
	// mostSweeps is how many sweeps a look starts. A removal takes about eight
	// calls, so that these use two thirds of the 1,200 that Identity Center
	// takes in the minute until the next look.
	mostSweeps = 100
	// sweepTimeout bounds a look, and a decision to sweep: the function as a
	// whole may take minutes, and a removal must not wait for it. examineTimeout
	// bounds the part of a look that finds out, so that what was found by then
	// is swept.
	sweepTimeout   = 25 * time.Second
	examineTimeout = 12 * time.Second
)

// Sweep finds what was left behind: requests whose execution is gone, access
// that is still there after its end, and leases that no request holds. It
// decides from the table and from what Step Functions says, and leaves
// everything else to the reconcile machine.
type Sweep struct {
	Table      SweepTable
	Executions Executions
	Now        func() time.Time
	Count      func(name string, dimensions map[string]string)
	Gauge      func(name string, n int)
	Logger     *slog.Logger
}

// sweepInput starts an execution of the machine in mode sweep.
type sweepInput struct {
	Mode      string `json:"mode"`
	RequestID string `json:"request_id,omitempty"`
	Lease     string `json:"lease,omitempty"`
	// Drift is the finding that the lease is to remove, where it is one.
	Drift *access.FindingRef `json:"drift,omitempty"`
}

// Look starts a sweep for each request and lease that was left behind and has
// none yet. It may run beside itself: the names of executions see to it that
// nothing is swept twice within a minute.
func (s *Sweep) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	now := s.Now()
	// In this order: an execution that starts between the two has its row.
	running, err := s.running(ctx)
	if err != nil {
		return err
	}
	sweeps, err := s.Executions.Sweeps(ctx)
	if err != nil {
		return err
	}
	open, err := s.Table.OpenRequests(ctx)
	if err != nil {
		return err
	}
	e := &examination{sweep: s, now: now, sweeps: sweeps}
	examining, cancelExamining := context.WithTimeout(ctx, examineTimeout)
	defer cancelExamining()
	there := map[string]bool{}
	for _, d := range open {
		there[d.ID] = true
	}
	for _, d := range open {
		if alive := running[d.ID]; !alive || !now.Before(d.At.Add(lateAfter)) {
			e.request(examining, d.ID, alive)
		}
	}
	leases, err := s.Table.OpenLeases(ctx)
	if err != nil {
		e.failures = append(e.failures, err)
	} else {
		s.Gauge(metric.ActiveAccess, len(leases))
	}
	for _, d := range leases {
		if d.At.Before(now.Add(-lateAfter)) {
			e.lease(examining, d.ID, there, running)
		}
	}
	e.start(ctx)
	if len(e.failures) > 0 {
		return access.Wrap(access.CodeOf(e.failures[0]), errors.Join(e.failures...), "look for what was left behind")
	}
	s.Count(metric.SweepLooked, nil)
	return nil
}

// examination finds out what has to be swept. What can't be read of one must not
// leave the others behind.
type examination struct {
	sweep    *Sweep
	now      time.Time
	sweeps   []string // names of those that run
	found    []leftBehind
	failures []error
}

// leftBehind is a sweep that is to be started.
type leftBehind struct {
	name  string
	in    sweepInput
	first bool // there may be access
	// execution is the ARN of the request's own, or of one that the lease was
	// made for; "" for a lease of nobody's.
	execution string
}

// swept says whether a sweep of it runs; name is how its executions' names
// begin.
func (e *examination) swept(name string) bool {
	return slices.ContainsFunc(e.sweeps, func(sweep string) bool { return strings.HasPrefix(sweep, name) })
}

// request looks at the request. open says that it neither is closed nor has had
// its access removed.
func (e *examination) request(ctx context.Context, id string, alive bool) (open bool) {
	name := "sweep-" + id + "-"
	if e.swept(name) {
		return true
	}
	r, err := e.sweep.Table.Get(ctx, id)
	if access.CodeOf(err) == access.CodeNotFound {
		return false // the index was behind
	}
	var next string
	var late bool
	if err == nil {
		next, late, err = e.sweep.next(ctx, r, alive)
	}
	if err != nil {
		e.failures = append(e.failures, err)
		return true
	}
	stamp := e.now.Truncate(time.Minute)
	if late {
		stamp = e.now.Truncate(lateAgain)
	}
	if next != nothing {
		e.found = append(e.found, leftBehind{name + stamp.Format(stampFormat), sweepInput{Mode: "sweep", RequestID: id}, next == revoke, r.ExecutionARN})
	}
	return r.ClosedAt.IsZero() && r.RevokedAt.IsZero()
}

// lease looks at a lease that is due. One that is held goes with its requests,
// also with one that the index of what is open does not show.
func (e *examination) lease(ctx context.Context, key string, open, running map[string]bool) {
	sum := sha256.Sum256([]byte(key))
	name := "sweep-lease-" + hex.EncodeToString(sum[:8]) + "-"
	if e.swept(name) {
		return
	}
	lease, found, err := e.sweep.Table.Lease(ctx, key)
	if err != nil {
		e.failures = append(e.failures, err)
	}
	if err != nil || !found || holds(lease, open) {
		return
	}
	held := false
	for id := range lease.Holders {
		held = e.request(ctx, id, running[id]) || held
	}
	if !held {
		e.found = append(e.found, leftBehind{name + e.now.Truncate(time.Minute).Format(stampFormat), sweepInput{Mode: "sweep", Lease: key, Drift: lease.Drift}, true, holder(lease)})
	}
}

// start starts the sweeps, those first that may have access to remove: others
// that fail again and again must not stand before them.
func (e *examination) start(ctx context.Context) {
	slices.SortStableFunc(e.found, func(a, b leftBehind) int {
		switch {
		case a.first == b.first:
			return 0
		case a.first:
			return -1
		}
		return 1
	})
	if n := len(e.found); n > mostSweeps {
		e.sweep.Logger.ErrorContext(ctx, "more is left behind than one look starts sweeps for", "in_all", n, "started", mostSweeps)
	}
	for _, left := range e.found[:min(len(e.found), mostSweeps)] {
		e.sweep.Logger.WarnContext(ctx, "sweeping", "request_id", left.in.RequestID, "lease", left.in.Lease, "execution", left.execution)
		if err := e.sweep.Executions.Start(ctx, left.name, left.in); err != nil {
			e.failures = append(e.failures, err)
		}
	}
}

const stampFormat = "20060102-1504" // of a sweep's name

// holder is the ARN of one of the executions that the lease was made for; "" for
// a lease of nobody's.
func holder(l access.Lease) string {
	for _, id := range slices.Sorted(maps.Keys(l.Holders)) {
		return l.Holders[id].ExecutionARN
	}
	return ""
}

// holds says whether one of the open requests holds the lease.
func holds(l access.Lease, open map[string]bool) bool {
	for id := range l.Holders {
		if open[id] {
			return true
		}
	}
	return false
}

// running are the ids of the requests that have an execution. The name of a
// request's own ends with the id; that of one which took over begins with it.
func (s *Sweep) running(ctx context.Context) (map[string]bool, error) {
	names, err := s.Executions.Requests(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, name := range names {
		first, _, _ := strings.Cut(name, "-")
		ids[first] = true
		ids[name[strings.LastIndexByte(name, '-')+1:]] = true
	}
	return ids, nil
}

// What is left of a request, and who does it.
const (
	nothing = "nothing"
	refuse  = "refuse"  // decide it: evaluate
	outcome = "outcome" // record how it ended: audit
	revoke  = "revoke"  // take its access away: revoke
)

// next says what is left to do for the request, given whether one of its
// executions is alive as far as the list of them says. late: one is alive.
func (s *Sweep) next(ctx context.Context, r access.Request, listed bool) (next string, late bool, err error) {
	if !r.ClosedAt.IsZero() {
		return nothing, false, nil
	}
	alive, overdue := listed, s.overdue(r)
	if !alive {
		state, err := s.Executions.State(ctx, r.ExecutionARN)
		switch {
		case err != nil && !overdue:
			return nothing, false, err
		case err != nil: // its end is over, whatever its execution does
			s.Logger.ErrorContext(ctx, "how the execution stands can't be read", "request_id", r.ID, "error", lambdaerr.Message(err))
		case state == Unknown && !overdue && s.Now().Sub(r.CreatedAt) < startingFor:
			return nothing, false, nil
		}
		alive = err == nil && state == Running
	}
	mayHaveAccess := r.Outcome != nil && r.Outcome.Kind.Grants() || !r.GrantedAt.IsZero() || !r.RevokingAt.IsZero() || r.Tombstone
	switch {
	case overdue:
		return revoke, alive, nil
	case alive:
		return nothing, true, nil
	case mayHaveAccess:
		return revoke, false, nil
	case r.Outcome == nil:
		return refuse, false, nil
	default:
		return outcome, false, nil
	}
}

// overdue says whether the request's access should be gone by now, even where
// its execution is alive. Somebody may have ended it before its time: an
// execution whose wait was lost (the function that stored its token was not
// heard) does not learn of that before the end.
func (s *Sweep) overdue(r access.Request) bool {
	left := lateAfter
	if !r.RevokingAt.IsZero() {
		left = lateAgain
	}
	end := r.End
	if early := r.EndRequest; early != nil && early.At.Before(end) {
		end = early.At
	}
	return !r.GrantedAt.IsZero() && r.RevokedAt.IsZero() && !s.Now().Before(end.Add(left))
}

// LeftOver is what is left to do for a request: nothing, refuse, outcome or
// revoke; with what that takes.
type LeftOver struct {
	Next      string         `json:"next"`
	Execution string         `json:"execution"` // the request's own, ARN
	Subject   access.Subject `json:"subject"`
	Granted   bool           `json:"granted"` // there may be access that only the subject leads to
}

// Tombstone looks once more whether the request was left behind. If it is one
// that could still be granted, its row is given up first: from then on no
// function grants it, whoever starts its execution anew.
func (s *Sweep) Tombstone(ctx context.Context, id string) (LeftOver, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	r, err := s.Table.Get(ctx, id)
	if access.CodeOf(err) == access.CodeNotFound {
		return LeftOver{Next: nothing}, nil
	}
	if err != nil {
		return LeftOver{}, err
	}
	// Another execution than its own has it only once a removal went on for
	// long. The others need no list: many sweeps at once would use up what Step
	// Functions answers in a second.
	var running map[string]bool
	if !r.RevokingAt.IsZero() {
		if running, err = s.running(ctx); err != nil {
			return LeftOver{}, err
		}
	}
	next, late, err := s.next(ctx, r, running[id])
	if err != nil {
		return LeftOver{}, err
	}
	left := LeftOver{Next: next, Execution: r.ExecutionARN, Subject: r.Subject(), Granted: !r.GrantedAt.IsZero() && r.RevokedAt.IsZero()}
	if next == nothing {
		return left, nil
	}
	if next == revoke {
		r, err = s.Table.GiveUp(ctx, id, access.Failure{
			Code:    access.CodeExecutionGone,
			Message: "The request's execution ended before its time.",
			At:      s.Now().UTC(),
		})
		if err != nil {
			return LeftOver{}, err
		}
	}
	s.Count(metric.Swept, nil)
	s.Logger.ErrorContext(ctx, "a request was left behind", "request_id", id, "next", next,
		"execution", r.ExecutionARN, "execution_is_alive", late, "subject", fmt.Sprint(r.Subject()))
	return left, nil
}
