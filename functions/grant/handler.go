package grant

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
)

// Input is what the state machine sends. Only Execution, which Step Functions
// itself fills in, and the row that RequestID leads to count.
type Input struct {
	host.Input // Operation is start or confirm
}

// Table is where the request's row is.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	Fail(ctx context.Context, id string, f access.Failure) error
}

// Policy gives the policy in force.
type Policy interface {
	Load(ctx context.Context) (policy access.Policy, digest string, err error)
}

// Directory says what there is in Identity Center.
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

// UserStatus looks up the user with that id.
func (c Center) UserStatus(ctx context.Context, principalID string) (access.UserStatus, error) {
	return c.Users.UserStatus(ctx, principalID)
}

var _ Directory = Center{}

// Catalog knows which account manages the organization; "": it does not.
type Catalog interface {
	ManagementAccount(ctx context.Context) string
}

// Leases make the access.
type Leases interface {
	Acquire(ctx context.Context, r access.Request) error
	Confirm(ctx context.Context, r access.Request) (access.Request, error)
}

// Handler grants.
type Handler struct {
	Table     Table
	Policy    Policy
	Directory Directory
	Catalog   Catalog
	Account   string        // that this runs in
	Longest   time.Duration // that access may be requested for
	Leases    Leases
	Now       func() time.Time
	Logger    *slog.Logger
}

// Handle does one step of a grant: start makes the request a holder of its
// access and starts the creation; confirm waits until the access exists and
// fixes its end. It answers {}. Either may be repeated.
//
// A refusal, and whatever else no retry can mend, is entered in the row as the
// request's failure before it is returned.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	return struct{}{}, h.handle(ctx, in, h.Logger.With(in.LogArgs()...))
}

func (h *Handler) handle(ctx context.Context, in Input, log *slog.Logger) error {
	var step func(context.Context, access.Request) error
	switch in.Operation {
	case "start":
		step = h.start
	case "confirm":
		step = func(ctx context.Context, r access.Request) error { return h.confirm(ctx, r, log) }
	default:
		return access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if err := ours(r, in.Execution); err != nil {
		return err // nothing that an alien execution does leaves a trace in the row
	}
	if f := r.Failure; f != nil {
		return access.Errorf(f.Code, "%s", f.Message)
	}
	err = step(ctx, r)
	if err == nil || access.CodeOf(err).Transient() {
		return err
	}
	failure := access.Failure{Code: access.CodeOf(err), Message: access.ErrorMessage(err), At: h.Now().UTC()}
	if failErr := h.Table.Fail(ctx, r.ID, failure); failErr != nil {
		log.ErrorContext(ctx, "the failure is not recorded", "code", access.CodeOf(failErr), "error", access.ErrorMessage(failErr))
	}
	return err
}

func (h *Handler) start(ctx context.Context, r access.Request) error {
	if err := h.permitted(ctx, r); err != nil {
		return err
	}
	return h.Leases.Acquire(ctx, r)
}

// permitted asks the policy in force about the decision in the row, and
// Identity Center about the people and whether names and ids in the row belong
// together: the policy speaks of names, and the access is made with ids.
func (h *Handler) permitted(ctx context.Context, r access.Request) error {
	policy, _, err := h.Policy.Load(ctx)
	if err != nil {
		return err
	}
	if err := decided(r, policy); err != nil {
		return err
	}
	if wanted := time.Duration(r.Duration) * time.Second; wanted > h.Longest {
		return access.Errorf(access.CodeRefused, "%s is longer than access may last now: at most %s", access.FormatDuration(wanted), access.FormatDuration(h.Longest))
	}
	// A request may be approved long after it was evaluated.
	if r.Target.OutOfReach(h.Account, h.Catalog.ManagementAccount(ctx)) {
		return access.Errorf(access.CodeManagement, "the account is the organization's management account, to which AWS lets no other account give access")
	}
	checks := []func() error{func() error { return h.enabled(ctx, "requester", r.Requester) }}
	if r.Outcome.Kind == access.OutcomeApproved && r.Outcome.By.PrincipalID != r.Requester.PrincipalID {
		checks = append(checks, func() error { return h.enabled(ctx, "approver", r.Outcome.By) })
	}
	if r.Target.Kind == access.KindAccount {
		checks = append(checks, func() error { return h.named(ctx, r.Target) })
	}
	return all(checks)
}

// named checks that the permission set is the one that was requested.
func (h *Handler) named(ctx context.Context, t access.Target) error {
	name, err := h.Directory.PermissionSetName(ctx, t.PermissionSetARN)
	if err != nil {
		return err
	}
	if name != t.PermissionSet {
		return access.Errorf(access.CodeRefused, "the permission set is not the one that was asked for: its name is not %q", t.PermissionSet)
	}
	return nil
}

// enabled checks that a person's user in Identity Center still exists, is enabled,
// and shares no email with another user. It asks Identity Center only, so that an outage of Slack delays no
// grant. If Identity Center doesn't say, nothing is granted and the machine
// tries again.
func (h *Handler) enabled(ctx context.Context, who string, p access.Person) error {
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

// all runs the checks beside each other. Of several errors it returns a final
// one, whose reason no retry changes, or else the first.
func all(checks []func() error) error {
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

func (h *Handler) confirm(ctx context.Context, r access.Request, log *slog.Logger) error {
	granted, err := h.Leases.Confirm(ctx, r)
	if err != nil {
		return err
	}
	if r.GrantedAt.IsZero() {
		log.InfoContext(ctx, "granted", "subject", granted.Subject().Key(), "end", granted.End)
	}
	return nil
}
