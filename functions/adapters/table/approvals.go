package table

import (
	"context"

	"sso-elevator/functions/access"
)

// ApprovalChange is a change of a request's approvals.
type ApprovalChange struct {
	// Tally has the approvals after the change.
	Tally access.Tally
	// Event says which approval was given or taken back. Without it, the approvals were
	// only checked anew.
	Event *access.Event
	// Outcome is set if the approvals are enough.
	Outcome *access.Outcome
	// Purposes are those of the posts that show the approvals. The change clears their
	// digests, so that they are updated at the next chance.
	Purposes []string
}

// ChangeApprovals makes the change in the approvals of r, the row as it was read, in one
// write. won is false if r was decided, or if another event was added to it since: the
// returned row says which. Each approval that is given or taken back adds an event. So
// while the number of events is unchanged, the approvals are those that were read. The
// returned row has the task token if the wait has stored one.
func (t *Table) ChangeApprovals(ctx context.Context, r access.Request, a ApprovalChange) (now access.Request, won bool, err error) {
	c := change{
		doing:  "record approvals",
		set:    map[string]any{},
		absent: []string{"outcome", "tombstone", "closed_at", "revoking_at"},
		where:  "size(#events) = :seen",
		names:  []string{"events"},
		values: map[string]any{"seen": len(r.Events)},
	}
	c.setOrRemove("approvals", len(a.Tally.Approvals) > 0, a.Tally.Approvals)
	c.setOrRemove("approval_progress", len(a.Tally.Requirements) > 0, a.Tally.Requirements)
	if a.Event != nil {
		c.events = append(c.events, *a.Event)
	}
	if o := a.Outcome; o != nil {
		c.set["outcome"] = o
		c.events = append(c.events, outcomeEvent(*o))
	}
	c.posts = map[string]access.Post{}
	for _, purpose := range a.Purposes {
		if p := r.Posts[purpose]; p.TS != "" {
			p.Digest = ""
			c.posts[purpose] = p
		}
	}
	return t.apply(ctx, r.ID, c)
}
