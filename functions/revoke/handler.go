package revoke

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/leases"
)

// Input is a task's payload. The row of RequestID says which access is removed.
// Subject and GrantStarted are used only if the row can't be read.
type Input struct {
	host.Input // Operation is start, confirm, drift or settle
	// Subject is from evaluate's answer, and GrantStarted says whether Grant succeeded.
	// Both come from the execution's own steps, not from its input.
	Subject      access.Subject `json:"subject"`
	GrantStarted bool           `json:"grant_started"`
	// Granted is set by a sweep or a look that has read in the row that another execution
	// granted the access.
	Granted bool `json:"granted"`
	// State is from Step Functions' context object. Round counts how often the
	// removal has started over. The previous release sends neither.
	State struct{ EnteredTime string } `json:"state"`
	Round int                          `json:"round"`
	// Index is the finding of the run for drift and settle. Lease is the key of the
	// lease for settle without a finding.
	Index int    `json:"index"`
	Lease string `json:"lease"`
}

// removalStart returns when the execution began to remove the access. ok is false if
// that is unknown, or if the removal has started over since.
func (in Input) removalStart() (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, in.State.EnteredTime)
	return at, err == nil && in.Operation == "start" && in.Round == 0
}

// wasGranted reports whether the input says that the access was granted.
func (in Input) wasGranted() bool { return in.GrantStarted || in.Granted }

// LogArgs returns the task's part of a log line.
func (in Input) LogArgs() []any {
	args := in.Input.LogArgs()
	if in.Run != "" {
		args = append(args, "index", in.Index)
	}
	if in.Lease != "" {
		args = append(args, "lease", in.Lease)
	}
	return args
}

// Output is the result of settle. It is empty for the other operations. No field is
// ever left out, because the state machine reads all of them.
type Output struct {
	Result access.RemovalResult `json:"result"` // "" if no removal of a finding ended
	Run    string               `json:"run"`    // of the finding
	Index  int                  `json:"index"`  // of the finding
}

// Leases remove access.
type Leases interface {
	Start(ctx context.Context, id, execution string, began time.Time) (access.Request, error)
	Release(ctx context.Context, id, execution string, wait bool) (access.Request, error)
	Rebuild(ctx context.Context, id, execution string, granted bool, s access.Subject) (known bool, err error)
	ForceRemove(ctx context.Context, id string, s access.Subject, rowGone bool) error
	ConfirmGone(ctx context.Context, id string, s access.Subject) (bool, error)
	RemoveDrift(ctx context.Context, f access.Finding, ref access.FindingRef, reserve func(context.Context) error) error
	Settle(ctx context.Context, key string, keep bool) (leases.Settlement, error)
	SettleDrift(ctx context.Context, key string, ref access.FindingRef) (access.RemovalResult, error)
}

// Findings holds the findings of runs. Only a scan can write them, so this function
// removes only unknown access that a scan found.
type Findings interface {
	Finding(ctx context.Context, run string, index int) (access.Finding, error)
	// FirstSeen returns when a run first found the access that a subject has; zero if that
	// isn't known at that time.
	FirstSeen(ctx context.Context, subject string, at time.Time) (time.Time, error)
}

// Table says which findings a run may remove, and counts the removals.
type Table interface {
	Run(ctx context.Context, id string) (access.Run, error)
	ReserveRemoval(ctx context.Context, at time.Time, limit int) error
	// Leave reads whether someone left the access of a subject alone. The leave may be
	// over.
	Leave(ctx context.Context, subject string) (l access.Leave, found bool, err error)
	// Blocks reads who is blocked.
	Blocks(ctx context.Context) (access.Blocks, error)
}

// Users are the users in Identity Center.
type Users interface {
	// UserNames returns the user name and the emails of a user. found is false if
	// the user does not exist.
	UserNames(ctx context.Context, id string) (names []string, found bool, err error)
}

// Catalog returns a function that returns the organizational units above an account,
// at least those that are wanted. NotReady: it doesn't know all of them.
type Catalog interface {
	OUsOf(ctx context.Context, wanted []string) (func(accountID string) []string, error)
}

var _ Catalog = (*catalog.Catalog)(nil)

// Policy returns the policy in force.
type Policy interface {
	Load(ctx context.Context) (p access.Policy, digest string, err error)
}

const (
	// tableTries and tableBudget limit how long a table that does not answer is
	// retried. After that, access is removed without the table, but not before
	// leases.UntouchedFor. The budget leaves two thirds of the function's 30 s for
	// that removal.
	tableTries  = 6
	tablePause  = time.Second
	tableBudget = 8 * time.Second
)

// Handler removes access.
type Handler struct {
	Leases   Leases
	Findings Findings
	Table    Table
	Users    Users
	Policy   Policy
	Cases    cases.Reader
	Catalog  Catalog
	// RemovalsOff stops runs from removing findings. Removals that have begun are
	// completed.
	RemovalsOff bool
	// Limit is how many findings may be removed within 24 hours without consent.
	Limit  int
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Count  func(name string, dims map[string]string)
	Logger *slog.Logger
}

// Handle does one step of a removal. Each step may be repeated. The second time does
// whatever the first did not complete.
//
//	start    releases a request's lease, or starts the deletion of its access
//	confirm  succeeds when the request's access is verified to be gone, or is kept for others
//	drift    starts the deletion of a finding
//	settle   succeeds when a finding, or the access under a lease without holders, is verified to be gone, and the lease with it
//
// For a finding, settle fails with AlreadyGone if someone else removed the access.
// If it settles a lease, it returns the finding that was removed, and the result.
//
// If the table does not answer and the access was granted, Handle deletes the access
// without the table. It still returns an error, so the removal is retried until the
// lease is settled. If the table has neither row nor lease, Handle deletes the access
// only for the execution whose own Grant succeeded. It returns an error and raises
// the alarm RevokeFailed.
func (h *Handler) Handle(ctx context.Context, in Input) (Output, error) {
	log := h.Logger.With(in.LogArgs()...)
	switch in.Operation {
	case "start", host.OperationConfirm:
		return Output{}, h.remove(ctx, in, log)
	case "drift":
		return Output{}, h.removeFinding(ctx, in, log)
	case "settle":
		return h.settle(ctx, in, log)
	default:
		return Output{}, access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
}

// removeFinding starts the deletion of a finding, if the run's row authorizes it.
// Permission to start executions is not enough.
//
// The run used the policy in force when it began, and may have waited for people
// since. A finding stays if the current policy doesn't cover it, or exempts it, or if
// someone left it alone for now. It also stays if its account is protected and no
// statement names it, or if the person who agreed to its removal may no longer decide
// about it. Nobody decides about their own access with a button for one finding. What
// blocked people decided doesn't count.
func (h *Handler) removeFinding(ctx context.Context, in Input, log *slog.Logger) error {
	if h.RemovalsOff {
		return access.Errorf(access.CodeRefused, "removals are turned off: allow_reconcile_removals is false")
	}
	run, err := h.Table.Run(ctx, in.Run)
	if access.CodeOf(err) == access.CodeNotFound || err == nil && !run.MayRemove(in.Index) {
		return access.Errorf(access.CodeRefused, "nobody authorized run %q to remove its finding %d", in.Run, in.Index)
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
	ousOf, err := h.Catalog.OUsOf(ctx, index.OUs())
	if err != nil {
		return err
	}
	ous := ousOf(f.AccountID)
	if !index.CoversByName(f.Target, ous) {
		why := "the current policy does not cover this access"
		if index.Covers(f.Target, ous) {
			why = "the account is protected, and no statement of the current policy names it"
		}
		return access.Errorf(access.CodeOutOfScope, "%s", why)
	}
	if exempt, err := h.isExempt(ctx, &policy, f); err != nil || exempt {
		if err == nil {
			err = access.Errorf(access.CodeExempt, "the current policy exempts this access")
		}
		return err
	}
	press := run.PressAbout(in.Index)
	l, found, err := h.Table.Leave(ctx, f.Key())
	if err != nil {
		return err
	}
	by, _, consented := run.ConsentTo(in.Index)
	isLeft := found && !l.IsOver(h.Now()) && !l.IsOverruledBy(press)
	var blocks access.Blocks
	if isLeft || consented {
		if blocks, err = h.Table.Blocks(ctx); err != nil {
			return err
		}
	}
	if isLeft && blocks.Of(l.By) == nil {
		return access.Errorf(access.CodeExempt, "%s left this access alone until %s", l.By.Email, l.Until.UTC().Format(time.RFC3339))
	}
	reserve := func(ctx context.Context) error { return h.Table.ReserveRemoval(ctx, h.Now().UTC(), h.Limit) }
	if consented {
		if blocks.Of(by) != nil {
			return access.Errorf(access.CodeRefused, "%s approved the removal, but an incident responder has blocked them since", by.Email)
		}
		if press != nil && f.IsOf(by) {
			return access.Errorf(access.CodeRefused, "%s asked to remove their own access", by.Email)
		}
		groups, err := h.Cases.GroupsOfDecider(ctx, index, by, []access.Target{f.Target}, ousOf)
		if err != nil {
			return err
		}
		if !index.MayDecide(by, groups, f.Target, ous) {
			return access.Errorf(access.CodeRefused, "%s approved the removal, but the current policy no longer lets them decide about it", by.Email)
		}
		reserve = nil // the limit counts only removals without consent
	}
	err = h.Leases.RemoveDrift(ctx, f, access.FindingRef{Run: in.Run, Index: in.Index}, reserve)
	logFailedFinding(ctx, log, f, err)
	return err
}

// logFailedFinding names the access whose removal failed. The line that the task's
// error gets has only the finding's index.
func logFailedFinding(ctx context.Context, log *slog.Logger, f access.Finding, err error) {
	if err != nil && access.CodeOf(err) != access.CodeInProgress { // Identity Center takes a while
		log.WarnContext(ctx, "finding could not be removed", "subject", f.Subject.Key(), "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// isExempt reports whether the policy exempts the finding now. The run may be old, and the
// access may have gone and come back since. So the history says when it was first found.
func (h *Handler) isExempt(ctx context.Context, policy *access.Policy, f access.Finding) (bool, error) {
	exemptions := policy.ExemptionsOf(f.Target, h.Now())
	if len(exemptions) == 0 {
		return false, nil
	}
	names, found, err := h.Users.UserNames(ctx, f.PrincipalID)
	if err != nil || !found {
		return false, err
	}
	exemptions = slices.DeleteFunc(exemptions, func(e access.Exemption) bool { return !e.IsFor(names...) })
	if len(exemptions) == 0 {
		return false, nil
	}
	first, err := h.Findings.FirstSeen(ctx, f.Key(), h.Now())
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(exemptions, func(e access.Exemption) bool { return h.Now().Before(e.EndFor(first)) }), nil
}

// settle completes the removal under a finding's lease, or under the lease that in
// names.
func (h *Handler) settle(ctx context.Context, in Input, log *slog.Logger) (Output, error) {
	if in.Lease != "" {
		// Without an execution, a sweep must record this removal.
		s, err := h.Leases.Settle(ctx, in.Lease, in.Execution == "")
		if err != nil {
			return Output{}, err
		}
		log.InfoContext(ctx, "lease settled", "subject", in.Lease, "result", s.Result)
		return Output{Result: s.Result, Run: s.Finding.Run, Index: s.Finding.Index}, nil
	}
	f, err := h.Findings.Finding(ctx, in.Run, in.Index)
	if err != nil {
		return Output{}, err
	}
	ref := access.FindingRef{Run: in.Run, Index: in.Index}
	result, err := h.Leases.SettleDrift(ctx, f.Subject.Key(), ref)
	if err != nil {
		logFailedFinding(ctx, log, f, err)
		return Output{}, err
	}
	log.InfoContext(ctx, "removal of a finding completed", "subject", f.Subject.Key(), "result", result)
	if result != access.DriftRemoved {
		return Output{}, access.Errorf(access.CodeAlreadyGone, "someone removed the access outside this app")
	}
	return Output{Result: result, Run: ref.Run, Index: ref.Index}, nil
}

func (h *Handler) remove(ctx context.Context, in Input, log *slog.Logger) error {
	wait := in.Operation == host.OperationConfirm
	r, err := h.release(ctx, in)
	if isRowGone(err) {
		rebuilt, rebuildErr := h.Leases.Rebuild(ctx, in.RequestID, in.Execution, in.wasGranted(), in.Subject)
		switch {
		case rebuildErr != nil:
			err = rebuildErr
		case !rebuilt:
			return h.removeWithoutLease(ctx, in, err, log)
		default:
			log.ErrorContext(ctx, "the request's row is missing while its access is active; rebuilt from the lease", "subject", in.Subject.Key())
			r, err = h.release(ctx, in)
		}
	}
	switch {
	case err == nil:
		if wait && r.Removal != "" {
			log.InfoContext(ctx, "access removed", "removal", r.Removal, "subject", r.Subject().Key())
		}
		return nil
	case errors.Is(err, leases.ErrTable) && in.wasGranted():
		log.ErrorContext(ctx, "table doesn't answer; removing the access without it", "subject", in.Subject.Key())
		if takeErr := h.Leases.ForceRemove(ctx, in.RequestID, in.Subject, false); takeErr != nil {
			log.ErrorContext(ctx, "access could not be removed without the table", "code", access.CodeOf(takeErr), "error", access.ErrorMessage(takeErr))
		}
	}
	return err
}

// isRowGone reports whether the table answered that it has no row of the request.
func isRowGone(err error) bool {
	return access.CodeOf(err) == access.CodeNotFound && !errors.Is(err, leases.ErrTable)
}

// release retries for up to tableBudget while the table does not answer.
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
	return h.Leases.Release(ctx, in.RequestID, in.Execution, in.Operation == host.OperationConfirm)
}

// removeWithoutLease handles a request that has neither a row nor a lease in the
// table: the table was restored to an earlier time, or someone deleted both.
//
// It removes the access if the calling execution's own Grant created it. It removes
// nothing for sweeps, looks, and executions that took over a removal. They have only
// an id and a subject, and someone may have made these up. No record can be written
// here, so it raises the alarm, and returns noRow even when the access is gone.
func (h *Handler) removeWithoutLease(ctx context.Context, in Input, noRow error, log *slog.Logger) error {
	h.Count(metric.RevokeFailed, nil)
	if !in.GrantStarted {
		log.ErrorContext(ctx, "nothing removed, because the table has neither a row nor a lease of the request: check this access by hand", "subject", in.Subject.Key())
		return noRow
	}
	if err := h.Leases.ForceRemove(ctx, in.RequestID, in.Subject, true); err != nil {
		return err
	}
	gone, err := h.Leases.ConfirmGone(ctx, in.RequestID, in.Subject)
	if err != nil {
		return err
	}
	if !gone {
		return access.Errorf(access.CodeInProgress, "the request has no row, and the removal of its access is not confirmed yet")
	}
	log.ErrorContext(ctx, "access removed, but the request has no row: nothing is recorded", "subject", in.Subject.Key())
	return noRow
}
