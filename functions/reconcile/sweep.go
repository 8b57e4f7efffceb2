package reconcile

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/table"
)

// Table is the part of the table that the sweep uses.
type Table interface {
	OpenRequests(ctx context.Context) ([]access.Due, error)
	OpenLeases(ctx context.Context) ([]access.Due, error)
	Get(ctx context.Context, id string) (access.Request, error)
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
	GiveUp(ctx context.Context, id string, why access.Failure) (access.Request, error)
}

// Executions are the executions of the two state machines. A person who starts an
// execution chooses its name and input, so the sweep trusts neither on its own.
type Executions interface {
	// Running returns the ARNs of the request machine's running executions.
	// complete is false if there are more than it reads.
	Running(ctx context.Context) (arns map[string]bool, complete bool, err error)
	// Sweeps returns the names of the reconcile machine's running executions, newest
	// first, up to a limit.
	Sweeps(ctx context.Context) ([]string, error)
	// Describe returns the state of an execution of the request machine.
	Describe(ctx context.Context, arn string) (Execution, error)
	// DescribeSweep returns the state of the reconcile machine's execution of
	// that name.
	DescribeSweep(ctx context.Context, name string) (Execution, error)
	// Start starts an execution of the reconcile machine. taken is true if the
	// name was used within 90 days; then it starts nothing.
	Start(ctx context.Context, name, input string) (taken bool, err error)
}

// Execution is what Step Functions says about an execution.
type Execution struct {
	State     ExecutionState
	Input     string
	StartedAt time.Time
	EndedAt   time.Time // zero while it is running
}

// ExecutionState is an execution's state, reduced to the states that matter to the
// sweep.
type ExecutionState string

const (
	Running ExecutionState = "running"
	Ended   ExecutionState = "over"   // succeeded, failed, timed out or stopped
	Unknown ExecutionState = "absent" // never started, or ended more than 90 days ago
)

// Remover removes access without an execution: it invokes the function revoke
// and does not wait for the answer.
type Remover interface {
	Remove(ctx context.Context, in Removal) error
}

// Removal is an input of the function revoke.
type Removal struct {
	Operation string         `json:"operation"` // confirm, or settle for a lease
	RequestID string         `json:"request_id,omitempty"`
	Lease     string         `json:"lease,omitempty"`
	Subject   access.Subject `json:"subject"`
	// Granted lets revoke remove the access even if the table doesn't answer.
	Granted bool `json:"granted"`
}

var _ Table = (*table.Table)(nil)

const (
	// lateAfter is how long after the end a running execution may still leave the access.
	// It normally begins the removal within a second or two. The first attempt to remove
	// access must come within 150 s: 20 s, a minute to the next look, another minute if
	// that look fails, and two cold starts. A look removes late access both by a sweep and
	// directly, because someone could stop each sweep as it starts.
	lateAfter = 20 * time.Second
	// overdueAfter is how long after its end access is overdue. After that, the look
	// raises the alarm, and starts a direct removal even if a running execution has begun
	// to remove the access.
	overdueAfter = access.OverdueAfter
	// lateAgain is the time between two sweeps of a request whose execution is running. It
	// is also how long after the end a running execution may take to finish a removal that
	// it has begun, because the execution retries, too.
	lateAgain = 10 * time.Minute
	// startingFor is how long an execution may take to start: ingress writes the row
	// before it starts the execution, and ingress has 10 s.
	startingFor = 2 * time.Minute
	// mostSweeps is how many sweeps a look starts. A removal takes about eight calls. So
	// the sweeps use two thirds of the 1,200 calls that Identity Center allows in the
	// minute until the next look.
	mostSweeps = 100
	// mostDescribed is how many executions a look describes. DescribeExecution
	// allows a burst of 250, and 10 more each second (Step Functions quotas, API
	// throttling, the smaller Regions).
	mostDescribed = 200
	// sweepTimeout bounds a look, and a decision to sweep. The function may take
	// minutes, and a removal must not wait that long. examineTimeout bounds the
	// reads of a look, so that time is left to start the sweeps.
	sweepTimeout   = 25 * time.Second
	examineTimeout = 12 * time.Second
)

// Sweep finds requests whose execution is gone, access that still exists after its
// end, and leases that no request holds. It decides from the table, and from the
// state of the executions that the table names. Then it starts the reconcile machine,
// which does the rest. For late access, it also invokes revoke directly.
type Sweep struct {
	Table      Table
	Executions Executions
	Remover    Remover
	// ExtensionOffer is how long before the end of access its requester is offered more
	// time; zero for never.
	ExtensionOffer time.Duration
	// Notify invokes function notify, and doesn't wait for it.
	Notify func(ctx context.Context, operation, requestID string) error
	Now    func() time.Time
	// Unique returns eight characters of a-z0-9 that nobody can predict.
	Unique func() string
	Count  func(name string, dimensions map[string]string)
	Gauge  func(name string, n int)
	Logger *slog.Logger

	// executions are the ARNs of open requests' own executions, by request id.
	// They never change. A look compares them with the list of running
	// executions, and reads only rows whose execution is missing from it.
	mu         sync.Mutex
	executions map[string]string
	// offers says when to check again whether to offer more time; catchUps, whether messages
	// are missing.
	offers, catchUps visits
}

// sweepInput is the input of the reconcile machine in mode sweep.
type sweepInput struct {
	Mode      string `json:"mode"`
	RequestID string `json:"request_id,omitempty"`
	Lease     string `json:"lease,omitempty"`
	// Drift is the finding that the lease was made to remove, if it was.
	Drift *access.FindingRef `json:"drift,omitempty"`
}

// The next step for a request, with the function that takes it.
const (
	nothing = "nothing"
	refuse  = "refuse"  // decide it: evaluate
	outcome = "outcome" // record how it ended: audit
	revoke  = "revoke"  // remove its access: revoke
)

// liveness is whether one of a request's executions is running: its own execution, or
// the one that took over its removal.
type liveness struct {
	alive   bool
	started bool      // Step Functions knows its own execution
	endedAt time.Time // when the last one ended, if they have
	err     error     // not nil: Step Functions did not answer
}

// decideNext returns what is left to do for the request. late is true if a running
// execution has left the access in place for too long.
func (s *Sweep) decideNext(ctx context.Context, r access.Request, l liveness) (next string, late bool, err error) {
	overdue := s.isOverdue(r, l.alive)
	switch {
	case r.IsClosed():
		return nothing, false, nil
	case overdue:
		if l.err != nil { // the access has to end, whatever its execution does
			s.Logger.ErrorContext(ctx, "state of the execution could not be read", "request_id", r.ID, "error", access.ErrorMessage(l.err))
		}
		return revoke, l.alive, nil
	case l.err != nil:
		return nothing, false, l.err
	case l.alive, !l.started && s.Now().Sub(r.CreatedAt) < startingFor:
		return nothing, false, nil
	case r.MayHaveAccess():
		return revoke, false, nil
	case r.Outcome == nil:
		return refuse, false, nil
	default:
		return outcome, false, nil
	}
}

// isOverdue reports whether the request's access should be gone by now. A running
// execution that has begun the removal gets more time.
func (s *Sweep) isOverdue(r access.Request, alive bool) bool {
	grace := lateAfter
	if alive && r.HasRemovalBegun() {
		grace = lateAgain
	}
	end, ok := r.AccessEnd()
	return ok && !s.Now().Before(end.Add(grace))
}

// removalDue returns when the request's access should have been removed: at its
// end. Access that may exist without a record of its grant must not outlive its
// execution.
func removalDue(r access.Request, l liveness) (at time.Time, ok bool) {
	at, ok = r.AccessEnd()
	if ok && !r.WasGranted() && !l.alive && l.err == nil && !l.endedAt.IsZero() && l.endedAt.Before(at) {
		at = l.endedAt
	}
	return at, ok
}

// describe asks Step Functions about the executions that the row names, by their
// ARN.
func (s *Sweep) describe(ctx context.Context, r access.Request) liveness {
	first, err := s.Executions.Describe(ctx, r.ExecutionARN)
	l := liveness{alive: first.State == Running, started: first.State != Unknown, endedAt: first.EndedAt, err: err}
	if l.alive || r.RevokingExecutionARN == "" {
		return l
	}
	second, err := s.Executions.Describe(ctx, r.RevokingExecutionARN)
	if err == nil && second.State == Running {
		return liveness{alive: true, started: true}
	}
	if l.err == nil {
		l.err = err
	}
	if second.EndedAt.After(l.endedAt) {
		l.endedAt = second.EndedAt
	}
	return l
}

// LeftOver is what is left to do for a request (nothing, refuse, outcome or revoke),
// with the data for that step.
type LeftOver struct {
	Next      string         `json:"next"`
	Execution string         `json:"execution"` // the request's own, ARN
	Subject   access.Subject `json:"subject"`
	Granted   bool           `json:"granted"` // there may be access; only the subject says which
}

// Tombstone checks once more whether the request was interrupted. If the request
// could still be granted, Tombstone first marks its row as given up. After that, no
// function grants it, even if someone starts its execution again.
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
	next, late, err := s.decideNext(ctx, r, s.describe(ctx, r))
	if err != nil {
		return LeftOver{}, err
	}
	left := LeftOver{Next: next, Execution: r.ExecutionARN, Subject: r.Subject(), Granted: r.HasAccess()}
	if next == nothing {
		return left, nil
	}
	if next == revoke {
		if _, err := s.giveUp(ctx, id); err != nil {
			return LeftOver{}, err
		}
	}
	s.Count(metric.Swept, nil)
	s.Logger.ErrorContext(ctx, "request was interrupted; the sweep finishes it", "request_id", id, "next", next,
		"execution", r.ExecutionARN, "execution_is_alive", late, "subject", r.Subject().Key())
	return left, nil
}

func (s *Sweep) giveUp(ctx context.Context, id string) (access.Request, error) {
	return s.Table.GiveUp(ctx, id, access.Failure{
		Code:    access.CodeExecutionGone,
		Message: "The request stopped before it was finished.",
		At:      s.Now().UTC(),
	})
}
