package grant

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/leases"
)

// maxLookups limits how many approvers are looked up at once.
const maxLookups = 8

// Input is the payload that the state machine sends. Only Execution, which Step
// Functions itself fills in, and the row of RequestID are trusted.
type Input struct {
	host.Input // Operation is start or confirm
	// Waits says that the state machine waits after the error Undecidable. State is from
	// Step Functions' context object. They choose only the code of an error. The previous
	// release sends neither.
	Waits bool `json:"waits"`
	State struct {
		RetryCount *int // of this state: attempts before this one
	} `json:"state"`
}

// Table holds the request's row.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	RecordOUPath(ctx context.Context, id string, path []string) error
	Fail(ctx context.Context, id string, f access.Failure) error
	Blocks(ctx context.Context) (access.Blocks, error)
	RequestEnd(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error)
}

// Policy returns the policy in force.
type Policy interface {
	Load(ctx context.Context) (policy access.Policy, digest string, err error)
}

// Directory reads Identity Center.
type Directory interface {
	PermissionSetName(ctx context.Context, arn string) (string, error)
	UserStatus(ctx context.Context, principalID string) (access.UserStatus, error)
}

// Center is Identity Center. Its UserStatus returns Ambiguous if another user has
// the same email.
type Center struct {
	*identitycenter.Client
	Users *directory.Directory
}

// UserStatus returns the status of the user with that id.
func (c Center) UserStatus(ctx context.Context, principalID string) (access.UserStatus, error) {
	return c.Users.UserStatus(ctx, principalID)
}

var _ Directory = Center{}

// Catalog returns the organization's management account; "" if it is unknown.
type Catalog interface {
	ManagementAccount(ctx context.Context) string
}

// Leases create access.
type Leases interface {
	Look(ctx context.Context, s access.Subject) leases.Look
	AcquireAfter(ctx context.Context, r access.Request, look leases.Look, permit leases.Permit, check func(context.Context) error) error
	IsHolder(ctx context.Context, r access.Request) (bool, error)
	Confirm(ctx context.Context, r access.Request, permit leases.Permit) (access.Request, error)
}

// Handler grants access.
type Handler struct {
	Table     Table
	Policy    Policy
	Cases     cases.Reader
	Directory Directory
	Catalog   Catalog
	Account   string        // in which this runs
	Longest   time.Duration // of access
	// WaitFor is how long after its decision a request that is Undecidable is tried again.
	WaitFor time.Duration
	Leases  Leases
	Now     func() time.Time
	Logger  *slog.Logger
}

// Handle does one step of a grant. start makes the request a holder of its access
// and starts the creation. confirm waits until the access exists, and sets its
// end. The answer is {}. Each step may be repeated.
//
// A refusal, and any other error that no retry can fix, is entered in the row as
// the request's failure before it is returned.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	return struct{}{}, h.handle(ctx, in, h.Logger.With(in.LogArgs()...))
}

func (h *Handler) handle(ctx context.Context, in Input, log *slog.Logger) error {
	var step func(context.Context, access.Request) error
	switch in.Operation {
	case "start":
		// The policy doesn't depend on the row, so both are read at the same time.
		reads := parallel.Begin(ctx)
		defer reads.End()
		policy := parallel.Start(reads, h.loadPolicy)
		step = func(ctx context.Context, r access.Request) error { return h.start(ctx, r, policy) }
	case "confirm":
		step = func(ctx context.Context, r access.Request) error { return h.confirm(ctx, r, log) }
	default:
		return access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if err := checkRequest(r, in.Execution); err != nil {
		return err // another execution must not change the row
	}
	if f := r.Failure; f != nil {
		return access.Errorf(f.Code, "%s", f.Message)
	}
	err = step(ctx, r)
	if access.CodeOf(err) == access.CodeUndecidable {
		err = h.waitUndecided(ctx, in, r, err, log)
	}
	if err == nil || access.CodeOf(err).Transient() {
		return err
	}
	failure := access.Failure{Code: access.CodeOf(err), Message: access.ErrorMessage(err), At: h.Now().UTC()}
	if failErr := h.Table.Fail(ctx, r.ID, failure); failErr != nil {
		log.ErrorContext(ctx, "failure could not be stored in the request's row", "code", access.CodeOf(failErr), "error", access.ErrorMessage(failErr))
	}
	return err
}

// waitUndecided returns the error for the state machine if the policy can't decide. That
// is Undecidable, so that the machine waits and tries again, if nothing was created for
// the request. Otherwise nothing would end that access while the machine waits, so the
// error is the cause, which leads to Revoke after the usual retries.
func (h *Handler) waitUndecided(ctx context.Context, in Input, r access.Request, err error, log *slog.Logger) error {
	if !in.Waits {
		return errors.Unwrap(err)
	}
	begun, leaseErr := h.Leases.IsHolder(ctx, r)
	if leaseErr != nil {
		// The lease may be what can't be read. An attempt that returned Undecidable created
		// nothing, so the first attempt in this state has nothing to look for.
		log.WarnContext(ctx, "lease could not be read", "code", access.CodeOf(leaseErr), "error", access.ErrorMessage(leaseErr))
		begun = in.State.RetryCount == nil || *in.State.RetryCount > 0
	}
	switch {
	case begun || r.WasGranted() || !r.IsApproved():
		return errors.Unwrap(err)
	case h.Now().Sub(r.Outcome.At) < h.WaitFor:
		return err
	}
	return access.Wrap(access.CodeNotDecided, errors.Unwrap(err), "group memberships or organizational units could not be read for "+access.FormatDuration(h.WaitFor))
}

func (h *Handler) start(ctx context.Context, r access.Request, policy func() (*access.Index, error)) error {
	f, err := h.readFacts(ctx, r, policy)
	if err != nil {
		return err
	}
	if err := h.checkPermitted(r, f); err != nil {
		return err
	}
	if ous := f.c.OUs; len(ous) > 0 {
		// They are read from the account upward.
		slices.Reverse(ous)
		if err := h.Table.RecordOUPath(ctx, r.ID, ous); err != nil {
			return err
		}
	}
	return h.Leases.AcquireAfter(ctx, r, f.look, h.permit(r), func(ctx context.Context) error {
		// Blocks are read again after the lease is written, because the checks took a while.
		now, err := h.checkBlocks(ctx, r)
		if err == nil && now.Version != f.blocks.Version {
			err = access.Errorf(access.CodeConflict, "someone was blocked or unblocked during the checks")
		}
		return err
	})
}

func (h *Handler) loadPolicy(ctx context.Context) (*access.Index, error) {
	policy, _, err := h.Policy.Load(ctx)
	if err != nil {
		return nil, err
	}
	return access.NewIndex(&policy), nil
}

// permit returns the check of a chain that the request extends: the policy in force must
// still grant the request automatically. If people approved it, the chain is at most the one
// that they were shown (access.ChainFor), so it needs no check.
func (h *Handler) permit(r access.Request) leases.Permit {
	return func(ctx context.Context, chain access.Chain) error {
		switch {
		case !r.IsApproved():
			return access.Errorf(access.CodeRefused, "the request is not approved")
		case r.Outcome.Kind != access.OutcomeAutomatic:
			return nil
		}
		index, err := h.loadPolicy(ctx)
		if err != nil {
			return err
		}
		asked := h.caseOf(r)
		asked.Chain = chain.Length(r.Duration)
		c, err := cases.Decider{Reader: h.Cases}.Case(ctx, index, r.Requester, asked)
		if err != nil {
			return err
		}
		return checkChain(index.Decide(c), asked.Chain)
	}
}

// caseOf returns the request as the policy sees it. If the request was granted
// automatically, permit checks the length of its chain later.
func (h *Handler) caseOf(r access.Request) access.Case {
	c := r.Case()
	c.Longest = int64(h.Longest / time.Second)
	if r.Outcome != nil && r.Outcome.Kind == access.OutcomeAutomatic {
		c.Chain = 0
	}
	return c
}

// checkPermitted checks the decision in the row against the policy in force, and
// the people against Identity Center. It also checks that names and ids in the
// row belong together: the policy uses names, and Identity Center takes ids. Approvals by
// people who are blocked don't count.
func (h *Handler) checkPermitted(r access.Request, f facts) error {
	for i, a := range f.approvals {
		if f.blocks.Of(a.By) != nil {
			f.approvals[i].Lapse = access.LapseBlocked
		}
	}
	if err := checkDecision(r, f.index, f.c, f.approvals, f.approvers); err != nil {
		return err
	}
	if wanted := time.Duration(r.Duration) * time.Second; wanted > h.Longest {
		return access.Errorf(access.CodeRefused, "%s is longer than the settings now allow: at most %s", access.FormatDuration(wanted), access.FormatDuration(h.Longest))
	}
	// A request may be approved long after it was evaluated.
	if r.Target.OutOfReach(h.Account, f.management) {
		return access.Errorf(access.CodeManagement, "only the management account itself can grant access to the management account")
	}
	return f.mismatch
}

// checkApprovers marks those of several approvals whose approvers are gone. Without them,
// the others may still be enough.
func (h *Handler) checkApprovers(ctx context.Context, approvals []access.Approval) error {
	errs := make([]error, len(approvals))
	parallel.Do(len(approvals), maxLookups, func(i int) { errs[i] = h.checkEnabled(ctx, "approver", approvals[i].By) })
	for i, err := range errs {
		switch access.CodeOf(err) {
		case "":
		case access.CodeRefused, access.CodeAmbiguous:
			approvals[i].Lapse = access.LapseGone
		default:
			return err
		}
	}
	return nil
}

// checkName checks that the permission set is the one that was requested.
func (h *Handler) checkName(ctx context.Context, t access.Target) error {
	name, err := h.Directory.PermissionSetName(ctx, t.PermissionSetARN)
	if err != nil {
		return err
	}
	if name != t.PermissionSet {
		return access.Errorf(access.CodeRefused, "the permission set is not the requested one: its name is not %q", t.PermissionSet)
	}
	return nil
}

// checkEnabled checks that a person's user in Identity Center still exists, is
// enabled, and shares no email with another user. It reads only Identity Center, so
// that an outage of Slack doesn't delay grants. If Identity Center doesn't answer,
// nothing is granted and the state machine retries.
func (h *Handler) checkEnabled(ctx context.Context, who string, p access.Person) error {
	status, err := h.Directory.UserStatus(ctx, p.PrincipalID)
	switch {
	case access.CodeOf(err) == access.CodeAmbiguous:
		return access.Wrap(access.CodeAmbiguous, err, "look up the "+who)
	case err != nil && !access.CodeOf(err).Transient() && access.CodeOf(err) != access.CodeMisconfigure:
		return access.Wrap(access.CodeUnavailable, err, "look up the "+who)
	case err != nil:
		return err
	case status.Gone():
		return access.Errorf(access.CodeRefused, "the user of the %s in IAM Identity Center is %s", who, status)
	}
	return nil
}

// runAll runs the checks in parallel. If there are several errors, it returns one
// that no retry can fix, or else the first.
func runAll(checks []func() error) error {
	errs := make([]error, len(checks))
	var wait sync.WaitGroup
	for i, check := range checks {
		wait.Go(func() { errs[i] = check() })
	}
	wait.Wait()
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || access.CodeOf(first).Transient() && !access.CodeOf(err).Transient()) {
			first = err
		}
	}
	return first
}

// confirm waits for the access and records it. It reads who is blocked before and after
// that. Someone who blocks the requester first writes the block, and then ends access that
// is recorded. So either this function sees the block, or they see the access. Approvals by
// people who were blocked before don't count anymore.
func (h *Handler) confirm(ctx context.Context, r access.Request, log *slog.Logger) error {
	if !r.WasGranted() {
		blocks, err := h.checkBlocks(ctx, r)
		if err == nil {
			err = h.checkBlockedApprovers(ctx, r, blocks)
		}
		if err != nil {
			return err
		}
	}
	granted, err := h.Leases.Confirm(ctx, r, h.permit(r))
	if err != nil {
		return err
	}
	blocks, err := h.Table.Blocks(ctx)
	if err != nil {
		return err
	}
	if block := blocks.Of(granted.Requester); block != nil {
		log.WarnContext(ctx, "access ends at once, because the requester was blocked meanwhile", "block", block.ID)
		_, _, err := h.Table.RequestEnd(ctx, r.ID, access.EndRequest{By: block.By, At: h.Now().UTC(), Reason: access.EndBlocked})
		return err
	}
	if !r.WasGranted() {
		log.InfoContext(ctx, "access granted", "subject", granted.Subject().Key(), "end", granted.End)
	}
	return nil
}
