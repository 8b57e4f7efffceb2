package access

import (
	"maps"
	"slices"
	"time"
)

// BackgroundPeriod is how far back Background counts earlier access.
const BackgroundPeriod = 30 * 24 * time.Hour

// MaxHeldAccess is how much other access Background lists.
const MaxHeldAccess = 3

// Background is what helps approvers to decide: what the requester had before, and what
// they have now. It decides nothing. It is as of the evaluation, and may be incomplete.
type Background struct {
	// Grants is how often the requester got the requested access in BackgroundPeriod.
	// MoreGrants reports whether there may be more, because not all requests were read.
	Grants     int  `json:"grants"`
	MoreGrants bool `json:"more_grants,omitempty"`
	// LastAt is when the latest of those requests was approved. LastBy are its approvers.
	// It is empty if the policy approved it automatically.
	LastAt time.Time `json:"last_at,omitzero"`
	LastBy []Person  `json:"last_by,omitempty"`
	// DeniedToday is how many requests of theirs for this access were denied on this day,
	// UTC. LastDeniedBy and LastDeniedAt are about the latest.
	DeniedToday  int       `json:"denied_today,omitempty"`
	LastDeniedBy Person    `json:"last_denied_by,omitzero"`
	LastDeniedAt time.Time `json:"last_denied_at,omitzero"`
	// Held is what the requester has through this app in the same account, or whether they
	// are in the same group: at most MaxHeldAccess, what lasts longest first. MoreHeld is
	// how many others there are.
	Held     []HeldAccess `json:"held,omitempty"`
	MoreHeld int          `json:"more_held,omitempty"`
}

// HeldAccess is access that someone has.
type HeldAccess struct {
	Target Target    `json:"target"`
	End    time.Time `json:"end"`
}

// BackgroundOf returns the background of r. others are requests by the same requester,
// the latest first; more reports whether there may be earlier ones.
func BackgroundOf(r Request, others []Request, more bool, now time.Time) Background {
	since := now.Add(-BackgroundPeriod)
	var b Background
	var last *Request
	ends := map[string]HeldAccess{} // by target
	for _, o := range others {
		if o.ID == r.ID {
			continue
		}
		if o.Target.Key() == r.Target.Key() && o.WasGranted() && !o.GrantedAt.Before(since) {
			b.Grants++
			if last == nil || o.GrantedAt.After(last.GrantedAt) {
				last = &o
			}
		}
		if d := o.Outcome; o.Target.Key() == r.Target.Key() && d != nil && d.Kind == OutcomeDenied && isSameDay(d.At, now) {
			b.DeniedToday++
			if d.At.After(b.LastDeniedAt) {
				b.LastDeniedBy, b.LastDeniedAt = d.By, d.At
			}
		}
		if end, ok := o.AccessEnd(); ok && o.IsActive() && now.Before(end) && isBeside(o.Target, r.Target) && end.After(ends[o.Target.Key()].End) {
			ends[o.Target.Key()] = HeldAccess{Target: o.Target, End: end}
		}
	}
	b.MoreGrants = more && (len(others) == 0 || !others[len(others)-1].CreatedAt.Before(since))
	if last != nil && last.IsApproved() {
		b.LastAt = last.Outcome.At
		if last.Outcome.Kind == OutcomeApproved {
			b.LastBy = last.CountedApprovers()
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ends)) {
		b.Held = append(b.Held, ends[key])
	}
	slices.SortStableFunc(b.Held, func(a, b HeldAccess) int { return b.End.Compare(a.End) })
	if n := len(b.Held) - MaxHeldAccess; n > 0 {
		b.Held, b.MoreHeld = b.Held[:MaxHeldAccess], n
	}
	return b
}

func isSameDay(a, b time.Time) bool {
	return a.UTC().Format(time.DateOnly) == b.UTC().Format(time.DateOnly)
}

// isBeside reports whether two targets are in the same account, or are the same group.
func isBeside(a, b Target) bool {
	return a.Kind == b.Kind && a.AccountID == b.AccountID && a.GroupID == b.GroupID
}
