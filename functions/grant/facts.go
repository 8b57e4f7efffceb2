package grant

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/leases"
)

// facts are what start reads before it decides.
type facts struct {
	blocks access.Blocks
	index  *access.Index // of the policy in force
	c      *access.Case  // the request as the policy sees it
	// approvals are those that led to the decision, with LapseGone for approvers who are
	// gone. approvers are the same people as the policy sees them.
	approvals  []access.Approval
	approvers  []access.Identity
	management string // the management account; "" if it is unknown
	// mismatch is an error if the requester or the only approver isn't enabled, or if the
	// permission set isn't the one that was requested. It counts only if the decision stands.
	mismatch error
	look     leases.Look // at the access and its lease. It decides nothing
}

// readFacts reads the facts at the same time. They depend on nothing but the row, except
// that the policy says which memberships and organizational units are needed.
//
// The error is the first in this order: who is blocked, the policy and what it asks for, the
// users of several approvers. Blocked: the requester is blocked. mismatch and the error of
// look come later, because they don't count if the decision doesn't stand.
func (h *Handler) readFacts(ctx context.Context, r access.Request, policy func() (*access.Index, error)) (f facts, err error) {
	f.approvals = collectedApprovals(r)
	reads := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			f.blocks, err = h.checkBlocks(ctx, r)
			return err
		},
		func(ctx context.Context) (err error) {
			if f.index, err = policy(); err != nil {
				return err
			}
			return h.readCase(ctx, r, &f)
		},
		func(ctx context.Context) error {
			if len(r.Approvals) == 0 {
				return nil
			}
			return h.checkApprovers(ctx, f.approvals)
		},
		func(ctx context.Context) error {
			f.management = h.Catalog.ManagementAccount(ctx)
			return nil
		},
	}
	if checkRow(r) == nil { // otherwise the decision doesn't stand
		reads = append(reads,
			func(ctx context.Context) error {
				f.mismatch = h.checkMatch(ctx, r)
				return nil
			},
			func(ctx context.Context) error {
				f.look = h.Leases.Look(ctx, r.Subject())
				return nil
			},
		)
	}
	err = parallel.First(ctx, len(reads), reads...)
	return f, err
}

// readCase reads what the policy needs to know about the request and its approvers.
func (h *Handler) readCase(ctx context.Context, r access.Request, f *facts) (err error) {
	decider := cases.Decider{Reader: h.Cases}
	if f.c, err = decider.Case(ctx, f.index, r.Requester, h.caseOf(r)); err != nil {
		return err
	}
	f.approvers = make([]access.Identity, len(f.approvals))
	for i := range f.approvals {
		// Only By is read here, because checkApprovers sets Lapse at the same time.
		if f.approvers[i], err = decider.Identity(ctx, f.index, f.c, f.approvals[i].By); err != nil {
			return err
		}
	}
	return nil
}

// checkMatch checks the requester, the approver if there is only one, and the permission
// set's name in Identity Center.
func (h *Handler) checkMatch(ctx context.Context, r access.Request) error {
	checks := []func() error{func() error { return h.checkEnabled(ctx, "requester", r.Requester) }}
	by := r.Outcome.By
	if r.Outcome.Kind == access.OutcomeApproved && len(r.Approvals) == 0 && by.PrincipalID != "" && by.PrincipalID != r.Requester.PrincipalID {
		checks = append(checks, func() error { return h.checkEnabled(ctx, "approver", by) })
	}
	if r.Target.Kind == access.KindAccount {
		checks = append(checks, func() error { return h.checkName(ctx, r.Target) })
	}
	return runAll(checks)
}
