package drift

import (
	"context"

	"sso-elevator/functions/access"
)

// next decides how a run goes on that may remove so many findings, and why a
// person is asked. The removals themselves are counted once more, each before it
// is made: runs side by side may have taken this decision at the same time.
func (e *Engine) decideNext(ctx context.Context, plan *Plan, h History, removals int, c *Collected) error {
	c.Next, c.Guard, c.Limit = nextReport, "", 0
	// The mode says all of it, unless the release before this one made the plan.
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
		if before+removals > e.Limit {
			guard, c.Limit = access.GuardTooMany, e.Limit
		}
	}
	if guard != "" {
		c.Next, c.Guard = nextAsk, guard
	}
	return nil
}

// record says whether the table can be believed when it says that nothing holds
// some access: the last run left the same beat in the table and in the bucket.
// A table that was emptied has none, one that was restored has an older one.
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

// beat leaves this run's beat in the table and then in the bucket, if the table
// can be believed from now on. It can where it could before; where all of the
// scope was read and everything in it is held; and where people have seen what
// nothing holds and let all of it be removed (isAllowed). Otherwise runs go on asking:
// a beat that every run renews would hide the loss from the next one, which would
// remove without a person what this one had to leave.
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
