package revoke

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/leases"
)

// Input is what the state machine sends. The row that RequestID leads to says
// what is removed; Subject and GrantStarted are for when it can't be read.
type Input struct {
	host.Input // Operation is start, confirm, drift or settle
	// Subject is what evaluate answered, GrantStarted whether Grant
	// succeeded: both are the execution's own knowledge, not its input.
	Subject      access.Subject `json:"subject"`
	GrantStarted bool           `json:"grant_started"`
	// Granted is what a sweep or a look read in the row: the access was granted,
	// by another execution.
	Granted bool `json:"granted"`
	// State is the state's part of Step Functions' context object, and Round how
	// often the removal has started over. The previous release sends neither.
	State struct{ EnteredTime string } `json:"state"`
	Round int                          `json:"round"`
	// Index is the run's finding that drift and settle are about; Lease is the
	// key of the lease that settle is about where there is no finding.
	Index int    `json:"index"`
	Lease string `json:"lease"`
}

// removalStart returns when the execution set out to remove the access; ok is false where it
// is not known, or has started over since.
func (in Input) removalStart() (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, in.State.EnteredTime)
	return at, err == nil && in.Operation == "start" && in.Round == 0
}

// wasGranted reports whether the sender knows that the access was granted.
func (in Input) wasGranted() bool { return in.GrantStarted || in.Granted }

// LogArgs says in a log line what the task is about.
func (in Input) LogArgs() []any {
	args := in.Input.LogArgs()
	if in.Run != "" {
		args = append(args, "run", in.Run, "index", in.Index)
	}
	if in.Lease != "" {
		args = append(args, "lease", in.Lease)
	}
	return args
}

// Output answers settle; the other operations leave it empty. Every field is
// always there: the state machine reads them.
type Output struct {
	Result access.RemovalResult `json:"result"` // "" where no removal of a finding ended
	Run    string               `json:"run"`    // of the finding
	Index  int                  `json:"index"`  // of the finding
}

// Leases take access away.
type Leases interface {
	Start(ctx context.Context, id, execution string, began time.Time) (access.Request, error)
	Release(ctx context.Context, id, execution string, wait bool) (access.Request, error)
	Rebuild(ctx context.Context, id, execution string, granted bool, s access.Subject) (known bool, err error)
	TakeAway(ctx context.Context, id string, s access.Subject, rowGone bool) error
	Gone(ctx context.Context, id string, s access.Subject) (bool, error)
	RemoveDrift(ctx context.Context, f access.Finding, ref access.FindingRef, reserve func(context.Context) error) error
	Settle(ctx context.Context, key string, keep bool) (leases.Settled, error)
	SettleDrift(ctx context.Context, key string, ref access.FindingRef) (access.RemovalResult, error)
}

// Findings are what the runs of the reconciliation found. Only the scan can
// write them: what is removed as drift is what a scan saw.
type Findings interface {
	Finding(ctx context.Context, run string, index int) (access.Finding, error)
}

// Table say what a run may remove, and count what was removed.
type Table interface {
	Run(ctx context.Context, id string) (access.Run, error)
	ReserveRemoval(ctx context.Context, at time.Time, limit int) error
}

// Users are those of Identity Center.
type Users interface {
	// UserNames are the user name and the emails of the user with that id;
	// found is false where there is none.
	UserNames(ctx context.Context, id string) (names []string, found bool, err error)
}

// Policy gives the policy in force.
type Policy interface {
	Load(ctx context.Context) (p access.Policy, digest string, err error)
}

const (
	// tableTries and tableBudget are for a table that does not answer: after
	// so many tries, or so long, access is taken away without it, but not before
	// leases.FirstWithin. The budget leaves two thirds of the function's 30 s to
	// do so.
	tableTries  = 6
	tablePause  = time.Second
	tableBudget = 8 * time.Second
)

// Handler revokes.
type Handler struct {
	Leases   Leases
	Findings Findings
	Table    Table
	Users    Users
	Policy   Policy
	// RemovalsOff: no run removes anything. What was begun before is ended.
	RemovalsOff bool
	// Limit is how many findings may be removed within 24 hours without a
	// person's consent.
	Limit  int
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Count  func(name string, dims map[string]string)
	Logger *slog.Logger
}

// Handle does one step of a removal. Of a request: start leaves the lease, or
// starts the deletion; confirm succeeds when the access is seen to be gone, or
// kept for others. Of access that no request holds: drift starts the deletion of
// a finding; settle succeeds when it, or what a lease without holders guards, is
// seen to be gone, and the lease with it. Each may be repeated; a second step does
// what the first left undone.
//
// Of a finding, settle fails with AlreadyGone where somebody else removed the
// access. Of a lease, it answers which finding's removal ended, and how.
//
// Where the table does not answer and the access was granted, it is deleted
// without the table; that is still an error, so that the removal is tried again
// until the lease is settled. Where the table has neither row nor lease, only the
// execution whose own Grant succeeded has the access deleted. That is an error,
// too, and raises the alarm RevokeFailed.
func (h *Handler) Handle(ctx context.Context, in Input) (Output, error) {
	log := h.Logger.With(in.LogArgs()...)
	switch in.Operation {
	case "start", host.OperationConfirm:
		return Output{}, h.remove(ctx, in, log)
	case "drift":
		return Output{}, h.removeFinding(ctx, in)
	case "settle":
		return h.settle(ctx, in, log)
	default:
		return Output{}, access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
	}
}

// removeFinding starts the deletion of a finding, if the run's row authorizes it: whoever
// starts executions can't. The run went by the policy that was in force when it
// began, and may have waited for people since: what the policy in force now
// does not cover, or exempts, stays, and so does what was let go by somebody who
// may not decide about it any more.
func (h *Handler) removeFinding(ctx context.Context, in Input) error {
	if h.RemovalsOff {
		return access.Errorf(access.CodeRefused, "allow_reconcile_removals is false: runs remove nothing")
	}
	run, err := h.Table.Run(ctx, in.Run)
	if access.CodeOf(err) == access.CodeNotFound || err == nil && !run.MayRemove(in.Index) {
		return access.Errorf(access.CodeRefused, "the run %q is not authorized to remove its finding %d", in.Run, in.Index)
	}
	if err != nil {
		return err
	}
	f, err := h.Findings.Finding(ctx, in.Run, in.Index)
	if err != nil {
		return err
	}
	policy, _, err := h.Policy.Load(ctx)
	if err != nil {
		return err
	}
	index := access.NewIndex(&policy)
	if !index.Covers(f.Target) {
		return access.Errorf(access.CodeOutOfScope, "the policy does not cover it any more")
	}
	if exempt, err := h.isExempt(ctx, &policy, f); err != nil || exempt {
		if err == nil {
			err = access.Errorf(access.CodeExempt, "an exemption leaves it alone for now")
		}
		return err
	}
	reserve := func(ctx context.Context) error { return h.Table.ReserveRemoval(ctx, h.Now().UTC(), h.Limit) }
	if run.Guard != "" {
		if by := run.AnswerAbout(in.Index).By; !index.MayDecide(by, f.Target) {
			return access.Errorf(access.CodeRefused, "%s let it go, and may not decide about it any more", by.Email)
		}
		reserve = nil // the limit is for removals that nobody agreed to
	}
	return h.Leases.RemoveDrift(ctx, f, access.FindingRef{Run: in.Run, Index: in.Index}, reserve)
}

// isExempt reports whether the policy leaves the finding alone now.
func (h *Handler) isExempt(ctx context.Context, policy *access.Policy, f access.Finding) (bool, error) {
	exemptions := policy.ExemptionsOf(f.Target, h.Now())
	if len(exemptions) == 0 {
		return false, nil
	}
	names, found, err := h.Users.UserNames(ctx, f.PrincipalID)
	if err != nil || !found {
		return false, err
	}
	return slices.ContainsFunc(exemptions, func(e access.Exemption) bool { return e.IsFor(names...) }), nil
}

// settle is for a finding's lease, or for one that is named.
func (h *Handler) settle(ctx context.Context, in Input, log *slog.Logger) (Output, error) {
	if in.Lease != "" {
		// Without an execution, nobody records what is removed here: a sweep has to.
		s, err := h.Leases.Settle(ctx, in.Lease, in.Execution == "")
		if err != nil {
			return Output{}, err
		}
		log.InfoContext(ctx, "nothing is left under the lease", "subject", in.Lease, "result", s.Result)
		return Output{Result: s.Result, Run: s.Finding.Run, Index: s.Finding.Index}, nil
	}
	f, err := h.Findings.Finding(ctx, in.Run, in.Index)
	if err != nil {
		return Output{}, err
	}
	ref := access.FindingRef{Run: in.Run, Index: in.Index}
	result, err := h.Leases.SettleDrift(ctx, f.Subject.Key(), ref)
	if err != nil {
		return Output{}, err
	}
	log.InfoContext(ctx, "the removal of a finding ended", "subject", f.Subject.Key(), "result", result)
	if result != access.DriftRemoved {
		return Output{}, access.Errorf(access.CodeAlreadyGone, "the access was gone already: we did not remove it")
	}
	return Output{Result: result, Run: ref.Run, Index: ref.Index}, nil
}

func (h *Handler) remove(ctx context.Context, in Input, log *slog.Logger) error {
	wait := in.Operation == "confirm"
	r, err := h.release(ctx, in)
	if isRowGone(err) {
		rebuilt, rebuildErr := h.Leases.Rebuild(ctx, in.RequestID, in.Execution, in.wasGranted(), in.Subject)
		switch {
		case rebuildErr != nil:
			err = rebuildErr
		case !rebuilt:
			return h.removeWithoutLease(ctx, in, err, log)
		default:
			log.ErrorContext(ctx, "somebody deleted the request's row while its access was active; it is rebuilt from the lease", "subject", in.Subject.Key())
			r, err = h.release(ctx, in)
		}
	}
	switch {
	case err == nil:
		if wait && r.Removal != "" {
			log.InfoContext(ctx, "revoked", "removal", r.Removal, "subject", r.Subject().Key())
		}
		return nil
	case errors.Is(err, leases.ErrTable) && in.wasGranted():
		log.ErrorContext(ctx, "the table does not answer: taking the access away without it")
		if takeErr := h.Leases.TakeAway(ctx, in.RequestID, in.Subject, false); takeErr != nil {
			log.ErrorContext(ctx, "the access could not be taken away", "code", access.CodeOf(takeErr), "error", host.ErrorMessage(takeErr))
		}
	}
	return err
}

// isRowGone reports whether the table answered that it has no row of the request.
func isRowGone(err error) bool {
	return access.CodeOf(err) == access.CodeNotFound && !errors.Is(err, leases.ErrTable)
}

// release tries again for a while where the table does not answer.
func (h *Handler) release(ctx context.Context, in Input) (access.Request, error) {
	end := h.Now().Add(tableBudget)
	for try := 1; ; try++ {
		r, err := h.releaseOnce(ctx, in)
		if !errors.Is(err, leases.ErrTable) || try == tableTries || h.Now().Add(tablePause).After(end) {
			return r, err
		}
		if h.Sleep(ctx, tablePause) != nil {
			return r, err
		}
	}
}

func (h *Handler) releaseOnce(ctx context.Context, in Input) (access.Request, error) {
	if began, ok := in.removalStart(); ok {
		return h.Leases.Start(ctx, in.RequestID, in.Execution, began)
	}
	return h.Leases.Release(ctx, in.RequestID, in.Execution, in.Operation == "confirm")
}

// removeWithoutLease is for a request of which the table has neither a row nor a lease:
// it was restored to an earlier time, or somebody deleted both. If the calling
// execution's own Grant created the access, it is removed. Sweeps, looks, and
// executions that took a removal over remove nothing: they have nothing but an
// id and a subject, which might be anybody's. Nothing can record what happens
// here, so it raises the alarm, and returns noRow even when nothing is left.
func (h *Handler) removeWithoutLease(ctx context.Context, in Input, noRow error, log *slog.Logger) error {
	h.Count(metric.RevokeFailed, nil)
	if !in.GrantStarted {
		log.ErrorContext(ctx, "the table has neither a row nor a lease of the request: nothing is removed", "subject", in.Subject.Key())
		return noRow
	}
	if err := h.Leases.TakeAway(ctx, in.RequestID, in.Subject, true); err != nil {
		return err
	}
	gone, err := h.Leases.Gone(ctx, in.RequestID, in.Subject)
	if err != nil {
		return err
	}
	if !gone {
		return access.Errorf(access.CodeInProgress, "the access of a request without a row is not verified to be gone yet")
	}
	log.ErrorContext(ctx, "the request has no row; its access is gone")
	return noRow
}
