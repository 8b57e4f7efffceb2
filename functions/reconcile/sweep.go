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
	// lateAfter is how long after its end access is left to an execution that
	// is alive. With the minute between two looks this is 150 s, within which
	// the first attempt to remove it has to come.
	lateAfter = 90 * time.Second
	// lateAgain is between two sweeps of a request whose execution is alive:
	// it tries, too.
	lateAgain = 10 * time.Minute
	// startingFor is how long an execution may take to start: ingress writes
	// the row first, and has 10 s.
	startingFor = 2 * time.Minute
	// mostSweeps is how many sweeps a look starts. The rest is still there a
	// minute later; Identity Center would not take more at once.
	mostSweeps = 50
	// sweepTimeout bounds a look, and a decision to sweep: the function as a
	// whole may take minutes, and a removal must not wait for it.
	sweepTimeout = 25 * time.Second
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
	// What can't be read of one must not leave the others behind.
	var failures []error
	starts := 0
	start := func(of, stamp, execution string, in sweepInput) error {
		name := "sweep-" + of + "-"
		for _, sweep := range sweeps {
			if strings.HasPrefix(sweep, name) {
				return nil // it is being swept
			}
		}
		if starts++; starts > mostSweeps {
			return nil
		}
		s.Logger.WarnContext(ctx, "sweeping", "request_id", in.RequestID, "lease", in.Lease, "execution", execution)
		return s.Executions.Start(ctx, name+stamp, in)
	}

	there := map[string]bool{}
	for _, d := range open {
		there[d.ID] = true
		alive := running[d.ID]
		if alive && now.Before(d.At.Add(lateAfter)) {
			continue
		}
		r, err := s.Table.Get(ctx, d.ID)
		if access.CodeOf(err) == access.CodeNotFound {
			continue // the index was behind
		}
		var next string
		var late bool
		if err == nil {
			next, late, err = s.next(ctx, r, alive)
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if next == nothing {
			continue
		}
		stamp := now.Truncate(time.Minute)
		if late {
			stamp = now.Truncate(lateAgain)
		}
		if err := start(d.ID, stamp.Format("20060102-1504"), r.ExecutionARN, sweepInput{Mode: "sweep", RequestID: d.ID}); err != nil {
			failures = append(failures, err)
		}
	}

	leases, err := s.Table.OpenLeases(ctx)
	if err != nil {
		failures = append(failures, err)
	} else {
		s.Gauge(metric.ActiveAccess, len(leases))
	}
	for _, d := range leases {
		if !d.At.Before(now.Add(-lateAfter)) {
			continue
		}
		lease, found, err := s.Table.Lease(ctx, d.ID)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if !found || holds(lease, there) {
			continue // it goes with its requests
		}
		sum := sha256.Sum256([]byte(d.ID))
		of := "lease-" + hex.EncodeToString(sum[:8])
		if err := start(of, now.Truncate(time.Minute).Format("20060102-1504"), holder(lease), sweepInput{Mode: "sweep", Lease: d.ID}); err != nil {
			failures = append(failures, err)
		}
	}
	if starts > mostSweeps {
		s.Logger.ErrorContext(ctx, "more is left behind than one look starts sweeps for", "in_all", starts, "started", mostSweeps)
	}
	if len(failures) > 0 {
		return access.Wrap(access.CodeOf(failures[0]), errors.Join(failures...), "look for what was left behind")
	}
	s.Count(metric.SweepLooked, nil)
	return nil
}

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
	alive := listed
	if !alive {
		state, err := s.Executions.State(ctx, r.ExecutionARN)
		if err != nil {
			return nothing, false, err
		}
		if state == Unknown && s.Now().Sub(r.CreatedAt) < startingFor {
			return nothing, false, nil
		}
		alive = state == Running
	}
	mayHaveAccess := r.Outcome != nil && r.Outcome.Kind.Grants() || !r.GrantedAt.IsZero() || !r.RevokingAt.IsZero() || r.Tombstone
	switch {
	case alive && !r.GrantedAt.IsZero() && r.RevokedAt.IsZero() && !s.Now().Before(r.End.Add(lateAfter)):
		return revoke, true, nil
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
	running, err := s.running(ctx)
	if err != nil {
		return LeftOver{}, err
	}
	r, err := s.Table.Get(ctx, id)
	if access.CodeOf(err) == access.CodeNotFound {
		return LeftOver{Next: nothing}, nil
	}
	if err != nil {
		return LeftOver{}, err
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
