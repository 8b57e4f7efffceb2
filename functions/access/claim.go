package access

import "time"

// Claims are what one Identity Center user has asked for and nobody has decided:
// one row of the table for each person. At most one undecided request per target
// can be claimed, because there is one claim under each target's key.
type Claims struct {
	PrincipalID string           `json:"principal_id"`
	Claims      map[string]Claim `json:"claims"` // by Target.Key()
	// Version goes up with every write; each write is conditional on it. A new row
	// starts at the time, in nanoseconds since 1970, so that it is never taken for
	// an earlier one.
	Version int64 `json:"version"`
}

// Claim names the request that a target is claimed for.
type Claim struct {
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"` // when it was made
}

// A claim is written before its request's row. ClaimWait is how long it counts
// while there is no such row. CreateWithin is how long after the claim the row may
// still be created: the difference is for a call that is on its way, and for
// clocks that differ.
const (
	ClaimWait    = 2 * time.Minute
	CreateWithin = time.Minute
)

// Holds reports whether the claim of principalID to the target with that key
// counts, given the request that it names; nil where there is no such request. A
// claim counts while its request is undecided. Whatever decides or closes a
// request frees its claim with that, whether or not the claim is still there.
func (c Claim) IsValid(principalID, key string, r *Request, now time.Time) bool {
	if r == nil {
		return now.Before(c.At.Add(ClaimWait))
	}
	return r.Open() && r.Requester.PrincipalID == principalID && r.Target.Key() == key
}
