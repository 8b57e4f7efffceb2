package access

import "time"

// Claims are the targets of one Identity Center user's undecided requests. The table
// has one row for each person. A target has at most one undecided request, because
// there is one claim under its key.
type Claims struct {
	PrincipalID string           `json:"principal_id"`
	Claims      map[string]Claim `json:"claims"` // by Target.Key()
	// Denials are recent denials of their requests, by Target.Key().
	Denials map[string]Denial `json:"denials,omitempty"`
	// Version increases with each write, and each write is conditional on it. The
	// first version of a row is the current time in nanoseconds since 1970, so that a row
	// is never mistaken for an earlier one.
	Version int64 `json:"version"`
}

// Claim reserves a target for one request.
type Claim struct {
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"` // when it was made
}

// Denial is the latest denial of a person's requests for a target. For some time, they
// can't request the target again.
type Denial struct {
	RequestID string    `json:"request_id"`
	By        Person    `json:"by"`
	At        time.Time `json:"at"`
}

// MaxDenyCooldown is the longest time that a denial may count. Older denials are dropped.
const MaxDenyCooldown = 24 * time.Hour

// A claim is written before its request's row. ClaimWait is how long a claim is valid
// without the row. CreateWithin is how long after the claim the row may be created.
// The difference allows for calls in flight and for clock skew.
const (
	ClaimWait    = 2 * time.Minute
	CreateWithin = time.Minute
)

// IsValid reports whether the claim of principalID to the target with that key is
// valid, given the request that it names; r is nil if there is no such request. A
// claim is valid while its request is undecided. So a request that is decided or
// closed frees its claim, whether or not the claim is still in the row.
func (c Claim) IsValid(principalID, key string, r *Request, now time.Time) bool {
	if r == nil {
		return now.Before(c.At.Add(ClaimWait))
	}
	return r.Open() && r.Requester.PrincipalID == principalID && r.Target.Key() == key
}

// IsClaimFreedByDecision reports whether the function that decided the request also frees its
// claim, so that closing the request need not. If that function was stopped before, the sweep
// of claims frees it.
//
// This is false for a denial: the same write records it, and the cooldown should begin as
// soon as possible.
func (r Request) IsClaimFreedByDecision() bool {
	return r.Outcome != nil && (r.Outcome.Kind == OutcomeApproved || r.Outcome.Kind == OutcomeWithdrawn)
}
