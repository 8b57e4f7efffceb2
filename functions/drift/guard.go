package drift

import (
	"context"

	"sso-elevator/functions/access"
	runs "sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/table"
)

// next decides how a run goes on that may remove so many findings, and why a
// person is asked. The removals themselves are counted once more, each before it
// is made: runs side by side may have taken this decision at the same time.
func (e *Engine) next(ctx context.Context, plan *runs.Plan, k runs.Known, removals int, c *runs.Collected) error {
	c.Next, c.Guard, c.Limit = nextReport, "", 0
	// The mode says all of it, unless the release before this one made the plan.
	if plan.Mode != access.DriftRevoke || plan.Partial || e.RemovalsOff || removals == 0 {
		return nil
	}
	c.Next = nextRemove
	guard, err := e.record(ctx, k)
	if err != nil {
		return err
	}
	if guard == "" {
		before, err := e.Removals.Removals(ctx, e.Now())
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
func (e *Engine) record(ctx context.Context, k runs.Known) (access.Guard, error) {
	if k.Beat.At.IsZero() {
		return access.GuardNoRecord, nil
	}
	b, found, err := e.Beats.Beat(ctx)
	switch {
	case err != nil:
		return "", err
	case !found || b.At.Before(k.Beat.At):
		return access.GuardLostRecord, nil
	}
	return "", nil
}

// beat leaves this run's beat in the table and then in the bucket, if the table
// can be believed from now on. It can where it could before; where all of the
// scope was read and everything in it is held; and where people have seen what
// nothing holds and let all of it be removed (letGo). Otherwise runs go on asking:
// a beat that every run renews would hide the loss from the next one, which would
// remove without a person what this one had to leave.
func (e *Engine) beat(ctx context.Context, plan *runs.Plan, c *runs.Collected, findings int, letGo bool) error {
	if plan.Partial {
		return nil
	}
	known, _, err := e.known(ctx)
	if err != nil {
		return err
	}
	if known.Beat.Run == plan.Run { // a repeated step
		return nil
	}
	guard, err := e.record(ctx, known)
	if err != nil {
		return err
	}
	if guard != "" && !letGo && !(len(c.Unread) == 0 && findings == 0) {
		return nil
	}
	at := e.Now().UTC()
	if err := e.Beats.PutBeat(ctx, table.Beat{Run: plan.Run, At: at}); err != nil {
		return err
	}
	return e.remember(ctx, func(k *runs.Known) {
		if k.Beat.At.Before(at) {
			k.Beat = runs.Beat{Run: plan.Run, At: at}
		}
	})
}
