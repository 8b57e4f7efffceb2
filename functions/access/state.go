package access

import "time"

// This file answers every question about the state of a request, from its row alone.
// A row only moves forward:
//
//	created ─► decided (Outcome) ─► granted (GrantedAt) ─► being removed (RevokingAt) ─► removed (RevokedAt) ─► closed (ClosedAt)
//
// It may skip steps: a denied request is closed without a grant, and the removal of
// an undecided request can begin. The sweep can set Tombstone before ClosedAt.
// Each write that sets RevokedAt sets RevokingAt too, and a granted request is
// closed only after RevokedAt.

// Open reports whether the request can still be decided. table.Decide has the
// same condition.
func (r *Request) Open() bool { return r.Outcome == nil && !r.IsOver() }

// IsApproved reports whether the request was decided, by a person or the policy,
// in favor of access.
func (r *Request) IsApproved() bool { return r.Outcome != nil && r.Outcome.Kind.Grants() }

// WasGranted reports whether the access was confirmed to exist, however it ended.
func (r *Request) WasGranted() bool { return !r.GrantedAt.IsZero() }

// HasRemovalBegun reports whether the removal has begun. It may also be done.
func (r *Request) HasRemovalBegun() bool { return !r.RevokingAt.IsZero() || r.IsRemoved() }

// IsRemoved reports whether the end of the removal is recorded. Removal says how:
// other requests may keep the access.
func (r *Request) IsRemoved() bool { return !r.RevokedAt.IsZero() }

// IsClosed reports whether everything about the request is recorded. Its messages show that,
// unless Slack refused them to the last.
func (r *Request) IsClosed() bool { return !r.ClosedAt.IsZero() }

// IsOver reports whether access can no longer be granted: the sweep gave up on the
// request, its removal has begun, or it is closed. A denied or refused request is
// over only once it is closed. table.Granted has the same condition.
func (r *Request) IsOver() bool { return r.Tombstone || r.HasRemovalBegun() || r.IsClosed() }

// IsFinished reports whether the request keeps no access: its removal is done, or
// it is closed. Unlike IsOver, it is false while there is something to remove.
func (r *Request) IsFinished() bool { return r.IsRemoved() || r.IsClosed() }

// HasPassedGrant reports whether nothing is left for the function grant to do: the
// access was granted, or its removal has begun. Unlike IsOver, it ignores a
// tombstone: such a request still goes to grant, which refuses it. table.Fail has the
// negated condition.
func (r *Request) HasPassedGrant() bool { return r.WasGranted() || r.HasRemovalBegun() }

// HasAccess reports whether the access was confirmed to exist and its removal is not
// done. The removal may have begun.
func (r *Request) HasAccess() bool { return r.WasGranted() && !r.IsRemoved() }

// IsActive reports whether the access exists and its removal has not begun. That
// includes a request that was ended early, and one that the sweep gave up on.
// table.RequestEnd has the same condition. It also requires that nobody has ended the
// access early.
func (r *Request) IsActive() bool { return r.WasGranted() && !r.HasRemovalBegun() && !r.IsClosed() }

// IsUninterrupted reports whether the access is active and nothing ends it before its end:
// nobody ended it early, and the sweep did not give up on it. Its end may have come.
func (r *Request) IsUninterrupted() bool {
	return r.IsActive() && r.EndRequest == nil && !r.Tombstone
}

// IsUsable reports whether the requester has the access and nothing ends it yet: it is
// active, its end has not come, nobody ended it early, and the sweep did not give up on
// it. It is false for a rebuilt row.
func (r *Request) IsUsable(now time.Time) bool {
	return r.Rebuilt == nil && r.IsUninterrupted() && now.Before(r.End)
}

// IsPending reports whether the request has no access yet and may still get it: it is
// undecided, or it was approved and its access is being set up.
func (r *Request) IsPending() bool {
	return r.Open() || r.IsApproved() && r.Failure == nil && !r.WasGranted() && !r.IsOver()
}

// HasPendingEnd reports whether someone ended the access early and its removal has
// not begun. The execution may not know yet.
func (r *Request) HasPendingEnd() bool { return r.EndRequest != nil && r.IsActive() }

// MayHaveAccess reports whether access may exist, or come to exist, for the request:
// it was approved or granted, the sweep gave up on it, or its removal has begun. It
// stays true after the removal.
func (r *Request) MayHaveAccess() bool {
	return r.IsApproved() || r.HasPassedGrant() || r.Tombstone
}

// IsClosable reports whether the request may be closed: its removal is done, or the
// outcome grants nothing, so there was nothing to remove. table.Close checks only
// that granted access is removed, because the role of audit may not use the outcome
// in a condition.
func (r *Request) IsClosable() bool {
	return r.IsRemoved() || r.Outcome != nil && !r.IsApproved()
}

// Interrupted reports whether the request ended, or is about to, without an
// outcome: nobody can decide it anymore, and the requester has to submit it
// again. It happens when an execution is stopped, or when its wait for an
// approval is resumed with an approval that nobody gave. A rebuilt row doesn't
// say how its request was decided, so that request is not interrupted.
func (r *Request) Interrupted() bool { return r.Outcome == nil && r.IsOver() && r.Rebuilt == nil }

// GrantBudget bounds how long an execution tries to create and confirm access, all
// retries and the wait for an undecidable request included: a test adds them up from the
// state machine's file.
const GrantBudget = 3 * time.Hour

// AccessEnd returns when the request's access should be gone: at its end, or when
// someone ended it early. Approved access may exist even if it was never confirmed.
// It should be gone at most its duration plus GrantBudget after the decision. ok is
// false if the request gives no access, or no longer does.
func (r *Request) AccessEnd() (at time.Time, ok bool) {
	if r.IsFinished() {
		return time.Time{}, false
	}
	return r.plannedEnd()
}

// plannedEnd is AccessEnd, also after the removal.
func (r *Request) plannedEnd() (at time.Time, ok bool) {
	switch {
	case r.WasGranted():
		at = r.End
	case r.IsApproved():
		at = r.Outcome.At.Add(time.Duration(r.Duration)*time.Second + GrantBudget)
	default:
		return time.Time{}, false
	}
	if early := r.EndRequest; early != nil && early.At.Before(at) {
		at = early.At
	}
	return at, true
}

// earlyBy is how long before the end a removal must begin, or be recorded, to count
// as early. It allows for waits of whole seconds and for clock skew.
const earlyBy = 5 * time.Second

// EndedUnexpectedly reports whether the removal began early, and neither a person nor
// this app ended the access. Then someone stopped or resumed the request's execution,
// or the execution failed.
func (r *Request) EndedUnexpectedly() bool {
	return r.WasGranted() && r.EndRequest == nil && !r.RevokingAt.IsZero() && r.RevokingAt.Before(r.End.Add(-earlyBy))
}

// WasRemovedEarly reports whether the access was gone before its end, for whatever
// reason. A removal that began early but lasted until the end or longer is
// EndedUnexpectedly, not WasRemovedEarly.
func (r *Request) WasRemovedEarly() bool {
	return r.IsRemoved() && r.RevokedAt.Before(r.End.Add(-earlyBy))
}
