package access

import (
	"slices"
	"time"
)

// LeaseState is the state of the access that a lease guards.
type LeaseState string

const (
	LeaseCreating LeaseState = "creating" // Create may have been called
	LeaseHeld     LeaseState = "held"     // seen to exist
	LeaseDeleting LeaseState = "deleting" // Delete may have been called
)

// Lease records that this system created an assignment or a membership, and for which
// requests. There is one for each subject. Without a lease, this system has not
// granted that access.
type Lease struct {
	Key     string     `json:"-"` // Subject.Key()
	Subject Subject    `json:"subject"`
	State   LeaseState `json:"state"`
	// Holders are the requests that keep the access, by request id.
	Holders map[string]Holder `json:"holders"`
	// SettlesAt is the time after which no planned call of Create or Delete can still
	// start: the deadline of the last function that planned one, plus a margin.
	SettlesAt time.Time `json:"settles_at"`
	// OperationID is Identity Center's id of the latest creation, if known.
	OperationID string `json:"operation_id,omitempty"`
	// MembershipIDs are the ids that Create returned under this lease if the subject is a
	// group; "" for a creation that AWS refused. At most one still exists, and the order
	// doesn't say which. If the list is empty, we don't know what was created, so any
	// membership counts as ours.
	MembershipIDs []string `json:"membership_ids,omitempty"`
	// Unanswered are the planned creations of a membership without a recorded answer, each
	// by its SettlesAt. While there are any, a membership of ours may be missing in
	// MembershipIDs.
	Unanswered []time.Time `json:"unanswered,omitempty"`
	// DeletionID is Identity Center's id of the latest deletion that it accepted.
	DeletionID string `json:"deletion_id,omitempty"`
	// CreateRequestID and DeleteRequestID are AWS's request ids of the latest creation and
	// deletion that it accepted, if known. They are only for the audit record: nothing
	// depends on them.
	CreateRequestID string `json:"create_request_id,omitempty"`
	DeleteRequestID string `json:"delete_request_id,omitempty"`
	// Deleted reports that a deletion before the latest one succeeded. Lists are
	// eventually consistent, so an access is sometimes deleted twice.
	Deleted bool `json:"deleted,omitempty"`
	// Shared is set once more than one request has held the access. Missing is set if the
	// access is absent when the removal begins and this app can't have deleted it. A later
	// call of Delete clears Missing.
	Shared  bool `json:"shared,omitempty"`
	Missing bool `json:"missing,omitempty"`
	// Drift is set if the lease is for the removal of unknown access. It names the
	// finding, for the record of the removal.
	Drift *FindingRef `json:"drift,omitempty"`
	// Version increases with each write, and each write is conditional on it. The
	// first version of a lease is the current time in nanoseconds since 1970, so that a
	// lease is never mistaken for an earlier one under the same key.
	Version int64 `json:"version"`
}

// FindingRef identifies a finding of a run of the reconciliation.
type FindingRef struct {
	Run   string `json:"run"`
	Index int    `json:"index"` // in the run's findings
}

// Holder is one request's share in a lease.
type Holder struct {
	ExecutionARN string `json:"execution_arn"`
	// Both are zero until the access is confirmed. The previous release wrote no
	// GrantedAt.
	GrantedAt time.Time `json:"granted_at,omitzero"`
	End       time.Time `json:"end,omitzero"`
	// ChainSince and Extends are as in Request. The previous release wrote neither.
	ChainSince time.Time `json:"chain_since,omitzero"`
	Extends    string    `json:"extends,omitempty"`
	// Joined are the ids of the other holders when this one entered the lease. They may
	// have left since. The previous release wrote none.
	Joined []string `json:"joined,omitempty"`
	// Channel is as in the request's Decision. The previous release wrote none.
	Channel string `json:"channel,omitempty"`
}

// EndsAt returns when the access under the lease should be gone: at the end of
// its last holder, or when it settles if that is later.
func (l Lease) EndsAt() time.Time {
	at := l.SettlesAt
	for _, holder := range l.Holders {
		if holder.End.After(at) {
			at = holder.End
		}
	}
	return at
}

// IsStored reports whether the lease was read from the table, or written there.
func (l Lease) IsStored() bool { return l.Version > 0 }

// IsHeldBy reports whether the request is one of the lease's holders.
func (l Lease) IsHeldBy(requestID string) bool {
	_, ok := l.Holders[requestID]
	return ok
}

// IsSettled reports whether no call of Create or Delete under the lease can start
// anymore.
func (l Lease) IsSettled(now time.Time) bool { return !now.Before(l.SettlesAt) }

// IsConfirmed reports whether the holder's access was seen to exist. The previous
// release wrote no GrantedAt, so End decides.
func (h Holder) IsConfirmed() bool { return !h.End.IsZero() }

// HasEnded reports whether the holder's access was confirmed and its time is over.
func (h Holder) HasEnded(now time.Time) bool { return h.IsConfirmed() && !now.Before(h.End) }

// MayHaveMade reports whether this system may have created the membership with that
// id. It is true unless the lease rules it out. Access to an account has no id, so it
// always counts as ours.
func (l Lease) MayHaveMade(membershipID string) bool {
	return l.Subject.Kind != KindGroup || len(l.Unanswered) > 0 || len(l.MembershipIDs) == 0 ||
		slices.Contains(l.MembershipIDs, membershipID)
}
