package access

import (
	"slices"
	"time"
)

// LeaseState is where the access that a lease guards stands.
type LeaseState string

const (
	LeaseCreating LeaseState = "creating" // Create may have been called
	LeaseHeld     LeaseState = "held"     // seen to exist
	LeaseDeleting LeaseState = "deleting" // Delete may have been called
)

// Lease is the record that this system made an assignment or a membership, and
// for which requests. There is one per subject; no row means no access of ours.
type Lease struct {
	Key     string     `json:"-"` // Subject.Key()
	Subject Subject    `json:"subject"`
	State   LeaseState `json:"state"`
	// Holders are the requests that keep it: request id to the time its hold
	// ends (zero until confirmed).
	Holders map[string]Holder `json:"holders"`
	// SettlesAt: after it no call of Create or Delete that somebody set out to
	// make can start any more; the deadline of the last function that did, and
	// a margin.
	SettlesAt time.Time `json:"settles_at"`
	// OperationID is Identity Center's id of the latest creation, where known.
	OperationID string `json:"operation_id,omitempty"`
	// MembershipIDs are the memberships that this system made under the lease,
	// where the subject is a group: what each creation answered, "" for one that
	// was refused. Only the last one that was made can still exist; which one that
	// is, the order of the notes does not tell. None at all: nothing is known of
	// what was made.
	MembershipIDs []string `json:"membership_ids,omitempty"`
	// Unanswered are the creations of a membership that somebody set out to make
	// and whose answer is not noted, each by the SettlesAt that was set for it.
	// While there is one, MembershipIDs may lack a membership of ours.
	Unanswered []time.Time `json:"unanswered,omitempty"`
	// DeletionID is Identity Center's id of the latest deletion, once one was
	// accepted.
	DeletionID string `json:"deletion_id,omitempty"`
	// Deleted says that a deletion before the latest one succeeded. Lists lag
	// behind, so what was deleted is sometimes deleted once more.
	Deleted bool `json:"deleted,omitempty"`
	// Shared is set once more than one request has held the access. Missing is set
	// when the removal begins, the access is not there, and nothing of ours can
	// have deleted it. A later call of Delete clears Missing.
	Shared  bool `json:"shared,omitempty"`
	Missing bool `json:"missing,omitempty"`
	// Drift is set where the lease is for the removal of access that no request
	// granted: what the record of that removal is about.
	Drift *FindingRef `json:"drift,omitempty"`
	// Version goes up with every write; each write is conditional on it. A new
	// lease starts at the time, in nanoseconds since 1970, so that it is never
	// taken for an earlier one under the same key.
	Version int64 `json:"version"`
}

// FindingRef leads to a finding of a run of the reconciliation.
type FindingRef struct {
	Run   string `json:"run"`
	Index int    `json:"index"` // in the run's findings
}

// Holder is one request's share in a lease.
type Holder struct {
	ExecutionARN string `json:"execution_arn"`
	// Both are zero until the access is confirmed. The release before this one
	// wrote no GrantedAt.
	GrantedAt time.Time `json:"granted_at,omitzero"`
	End       time.Time `json:"end,omitzero"`
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

// IsConfirmed reports whether the holder's access was seen to exist. The release
// before this one wrote no GrantedAt, so End tells.
func (h Holder) IsConfirmed() bool { return !h.End.IsZero() }

// HasEnded reports whether the holder's access was confirmed and its time is over.
func (h Holder) HasEnded(now time.Time) bool { return h.IsConfirmed() && !now.Before(h.End) }

// MayHaveMade reports whether this system made the membership with that id, or may
// have: it counts as made unless the lease rules that out. Access to an account
// has no id to tell it by.
func (l Lease) MayHaveMade(membershipID string) bool {
	return l.Subject.Kind != KindGroup || len(l.Unanswered) > 0 || len(l.MembershipIDs) == 0 ||
		slices.Contains(l.MembershipIDs, membershipID)
}
