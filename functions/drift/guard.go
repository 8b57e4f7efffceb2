package drift

import (
	"context"

	"sso-elevator/functions/access"
)

// decideNext decides what a run with these findings does next, and why it asks for
// consent. revoke counts each removal again before making it, because concurrent runs
// may have decided at the same time.
func (e *Engine) decideNext(ctx context.Context, plan *Plan, h History, findings []access.Finding, c *Collected) error {
	c.Next, c.Guard, c.Limit, c.InScope = nextReport, "", 0, nil
	removals := 0
	var inScope []int
	for i, f := range findings {
		if !f.MayBeRemoved() {
			continue
		}
		removals++
		if h.Scope.has(f.Target) {
			inScope = append(inScope, i)
		}
	}
	// If removals are off, the plan's mode is already warn. Only plans of the previous
	// release need the check of RemovalsOff.
	if plan.Mode != access.DriftRevoke || plan.Partial || e.RemovalsOff || removals == 0 {
		return nil
	}
	c.Next = nextRemove
	guard, err := e.checkRecord(ctx, h)
	if err != nil {
		return err
	}
	if guard == "" {
		before, err := e.Table.CountRemovals(ctx, e.Now())
		if err != nil {
			return err
		}
		switch {
		case before+len(inScope) > e.Limit:
			guard, c.Limit = access.GuardTooMany, e.Limit
		case len(inScope) < removals:
			guard, c.InScope = access.GuardScopeGrew, access.Ranges(inScope)
		}
	}
	if guard != "" {
		c.Next, c.Guard = nextAsk, guard
	}
	return nil
}

// checkRecord checks whether the table's leases can be trusted: the last run left the
// same heartbeat in the table and in the bucket. An emptied table has no heartbeat,
// and a restored table has an older one. The guard is "" if the table can be trusted.
func (e *Engine) checkRecord(ctx context.Context, h History) (access.Guard, error) {
	if h.Heartbeat.At.IsZero() {
		return access.GuardNoRecord, nil
	}
	b, found, err := e.Table.Heartbeat(ctx)
	switch {
	case err != nil:
		return "", err
	case !found || b.At.Before(h.Heartbeat.At):
		return access.GuardLostRecord, nil
	}
	return "", nil
}

// leaveHeartbeat writes this run's heartbeat to the table and then to the bucket, if
// the table can be trusted from now on. That is so in three cases: it could be trusted
// before; the run read the whole scope and a lease holds everything in it; or people
// saw all findings and allowed their removal (isAllowed).
//
// Otherwise later runs keep asking. If every run renewed the heartbeat, the next run
// would not notice the loss. It would then remove, without asking, the access that this
// run had to leave.
func (e *Engine) leaveHeartbeat(ctx context.Context, plan *Plan, c *Collected, findings int, isAllowed bool) error {
	if plan.Partial {
		return nil
	}
	history, _, err := e.readHistory(ctx)
	if err != nil {
		return err
	}
	if history.Heartbeat.Run == plan.Run { // a repeated step
		return nil
	}
	guard, err := e.checkRecord(ctx, history)
	if err != nil {
		return err
	}
	if guard != "" && !isAllowed && !(len(c.Unread) == 0 && findings == 0) {
		return nil
	}
	at := e.Now().UTC()
	if err := e.Table.PutHeartbeat(ctx, access.Heartbeat{Run: plan.Run, At: at}); err != nil {
		return err
	}
	return e.updateHistory(ctx, func(h *History) {
		if h.Heartbeat.At.Before(at) {
			h.Heartbeat = access.Heartbeat{Run: plan.Run, At: at}
		}
	})
}
