package evaluate

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/approvals"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// recount checks the approvals of a request that waits for more, and approves the request
// if they are enough by now: the policy may need fewer than before. If something can't be
// looked up, nothing changes. The next press checks them again, and so does the next
// reminder.
func (h *Handler) recount(ctx context.Context, r access.Request) access.Request {
	now, err := h.countApprovals(ctx, r)
	if err != nil {
		h.Logger.WarnContext(ctx, "approvals could not be checked", "request_id", r.ID, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return r
	}
	return now
}

func (h *Handler) countApprovals(ctx context.Context, r access.Request) (access.Request, error) {
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return r, err
	}
	index := access.NewIndex(&policy)
	asked := r.Case()
	asked.Longest = h.longest()
	c, err := h.Cases.Case(ctx, index, r.Requester, asked)
	if err != nil {
		return r, err
	}
	check := approvals.Check{People: h.People, Cases: h.Cases, Blocks: h.Table}
	tally, err := check.Count(ctx, index, c, r, r.Approvals)
	if err != nil {
		return r, err
	}
	change := table.ApprovalChange{Tally: tally, Purposes: slack.StatePurposes(r)}
	d := index.Decide(c)
	switch {
	case tally.Met && d.Outcome != access.DecideRefused: // the policy may refuse the duration by now
		if err := h.People.CheckRequester(ctx, r.Requester); err != nil {
			return r, err
		}
		change.Outcome = approvals.Outcome(tally, r.Target.Kind, d, digest, h.Now().UTC())
	case tally.SameAs(r):
		return r, nil
	}
	now, won, err := h.Table.ChangeApprovals(ctx, r, change)
	if err == nil && won && change.Outcome != nil {
		h.Logger.InfoContext(ctx, "request decided", "request_id", r.ID, "execution", r.ExecutionARN, "outcome", change.Outcome.Kind, "approvals", len(now.Approvals))
		h.freeClaim(ctx, now)
	}
	return now, err
}
