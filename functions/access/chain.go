package access

import (
	"maps"
	"slices"
	"time"
)

// Chain is access that a person has when they request it again, through one or more
// requests. The new request extends it: its own time begins at the end of the chain, and
// so joins without a gap.
type Chain struct {
	Since time.Time `json:"since"` // when the first request's access began
	End   time.Time `json:"end"`   // of the request that ends last
	// Extends is the id of that request.
	Extends string `json:"extends"`
}

// Length returns how long the whole chain lasts if a request for this many seconds extends
// it, in seconds. It is zero if there is no chain.
func (c *Chain) Length(seconds int64) int64 {
	if c == nil {
		return 0
	}
	return int64((c.End.Sub(c.Since)+time.Second-1)/time.Second) + seconds
}

// FormatChain returns the length of a chain, in seconds, in words. A minute that has begun
// counts.
func FormatChain(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	if d > time.Minute {
		d = (d + time.Minute - 1).Truncate(time.Minute)
	}
	return FormatDuration(d)
}

// ChainOf returns the chain that the request with this id extends at that time, or nil if
// there is none. rows are the rows of the lease's other holders. A holder without a row
// counts as the lease says, because its access still exists.
//
// Only confirmed access counts. Two requests that are confirmed at the same moment run in
// parallel: neither extends the other.
func ChainOf(l Lease, rows map[string]Request, id string, now time.Time) *Chain {
	return chainOf(l, rows, id, time.Time{}, now)
}

// ChainFor is ChainOf for r, but at most what its approvers are shown: it leaves out access
// that ends after r.Chain. So an approved request never lasts longer than they knew. Beside
// longer access, it may run in parallel. Only automatic
// requests have no such limit: the policy decides about them once more.
func ChainFor(l Lease, rows map[string]Request, r Request, now time.Time) *Chain {
	switch {
	case r.Outcome != nil && r.Outcome.Kind == OutcomeAutomatic:
		return ChainOf(l, rows, r.ID, now)
	case r.Chain == nil:
		return nil
	}
	return chainOf(l, rows, r.ID, r.Chain.End, now)
}

// chainOf is ChainOf without access that ends after by, unless by is zero.
func chainOf(l Lease, rows map[string]Request, id string, by, now time.Time) *Chain {
	var c *Chain
	for _, other := range slices.Sorted(maps.Keys(l.Holders)) {
		since, end, counts := l.Holders[other].since(), l.Holders[other].End, false
		if r, found := rows[other]; found {
			// The row comes before the lease: the lease may not have the end yet.
			since, end, counts = r.since(), r.End, r.IsExtendable(now)
		} else {
			counts = now.Before(end)
		}
		if other == id || !counts || !by.IsZero() && end.After(by) {
			continue
		}
		if c == nil {
			c = &Chain{Since: since, End: end, Extends: other}
		}
		c.Since = earlier(c.Since, since)
		if end.After(c.End) {
			c.End, c.Extends = end, other
		}
	}
	return c
}

// IsExtendable reports whether the request's access exists until its end, so that another
// request for the same access extends it.
func (r *Request) IsExtendable(now time.Time) bool {
	return r.IsUninterrupted() && now.Before(r.End)
}

// LastEnd returns when the last of these requests for the same access ends; now for one
// that is being ended, or whose time is over. It is zero if that is not known, because one
// of them waits for its grant, or if there are none. link is the address of that request's
// message (Request.MessageLink).
func LastEnd(requests []Request, now time.Time) (last time.Time, link string) {
	for _, r := range requests {
		end := now
		switch {
		case r.IsExtendable(now):
			end = r.End
		case !r.WasGranted() && r.EndRequest == nil && !r.HasRemovalBegun() && !r.Tombstone:
			return time.Time{}, ""
		}
		if end.After(last) {
			last, link = end, r.MessageLink()
		}
	}
	return last, link
}

// EndsWithOthers reports whether the removal left the access to other requests that were
// all ending at that moment, so that the access ends with them.
func (r *Request) EndsWithOthers() bool {
	return r.Removal == RemovalKept && !r.KeptUntil.IsZero() && !r.KeptUntil.After(r.RevokedAt)
}

// IsExtension reports whether the request extends the access of another one. It is false
// until the access is confirmed.
func (r *Request) IsExtension() bool { return r.Extends != "" }

// since returns when the chain of the request began. The previous release wrote no
// ChainSince, and knew no chains.
func (r *Request) since() time.Time {
	if !r.ChainSince.IsZero() {
		return r.ChainSince
	}
	return r.GrantedAt
}

func (h Holder) since() time.Time {
	switch {
	case !h.ChainSince.IsZero():
		return h.ChainSince
	case !h.GrantedAt.IsZero():
		return h.GrantedAt
	}
	return h.End // the release before the previous one wrote nothing else
}

// ChainSeconds returns how long the whole chain lasts with the request, as of its
// evaluation; zero if it was not an extension then.
func (r *Request) ChainSeconds() int64 { return r.Chain.Length(r.Duration) }

// Includes reports whether this end of one request also ends r, another request for the
// same access: a person ended all of that access after r was approved. A request that is
// approved later is new.
func (e *EndRequest) Includes(r Request) bool {
	return e != nil && e.Reason == "" && r.IsApproved() && !e.At.Before(r.Outcome.At)
}
