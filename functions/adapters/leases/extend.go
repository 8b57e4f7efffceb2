package leases

import (
	"cmp"
	"context"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/chains"
)

// Permit returns an error if a request may not extend the chain.
type Permit func(ctx context.Context, chain access.Chain) error

// extend returns what the request extends, or nil. r is already a holder of the lease, or
// the lease is being deleted. If r never had other holders beside it, extend reads nothing.
//
// Refused: a person ended all of this access after r was approved. That person wrote the
// end of one request first, and then read the lease, to end the others. extend reads the
// rows after r entered the lease. So at least one of the two sees the other.
func (l *Leases) extend(ctx context.Context, lease access.Lease, r access.Request, permit Permit) (*access.Chain, error) {
	// Those that have left the lease since may have been ended, too.
	before := slices.Concat(r.HeldWith, lease.Holders[r.ID].Joined)
	rows, err := chains.Rows(ctx, l.Table, l.Readers, lease, r.ID, before...)
	if err != nil {
		return nil, err
	}
	for _, other := range rows {
		if other.EndRequest.Includes(r) {
			return nil, endedError(*other.EndRequest)
		}
	}
	chain := access.ChainFor(lease, rows, r, l.Now().UTC())
	if chain != nil && permit != nil {
		return chain, permit(ctx, *chain)
	}
	return chain, nil
}

// endedError says who ended the access.
func endedError(e access.EndRequest) error {
	who := cmp.Or(e.By.Email, e.By.Name, "someone")
	return access.Errorf(access.CodeRefused, "%s ended this access after the request was approved. If the access is still needed, submit a new request.", who)
}
