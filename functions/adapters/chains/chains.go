// Package chains reads what a request extends: the access that the same person already
// has to the same target.
package chains

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

// usualWorkers is how many rows are read at once.
const usualWorkers = 10

// Requests reads requests.
type Requests interface {
	Get(ctx context.Context, id string) (access.Request, error)
}

// Table reads requests and leases, with strong consistency.
type Table interface {
	Requests
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
}

// Read returns the chain that the request with this id extends, or would extend; nil if
// there is none. id may be of a request that doesn't exist yet. heldWith are the lease's
// other holders in any state, sorted. If there are none, Read reads nothing but the lease.
// If a read fails, nothing is known.
func Read(ctx context.Context, t Table, s access.Subject, id string, now func() time.Time) (chain *access.Chain, heldWith []string, err error) {
	lease, found, err := t.Lease(ctx, s.Key())
	if err != nil || !found {
		return nil, nil, err
	}
	rows, err := Rows(ctx, t, usualWorkers, lease, id)
	if err != nil {
		return nil, nil, err
	}
	return access.ChainOf(lease, rows, id, now()), Others(lease, id), nil
}

// ReadFor returns the chain that r extends if it is approved now (access.ChainFor); nil if
// there is none. If there is none, but the person has the access through other requests,
// heldUntil is when that ends.
func ReadFor(ctx context.Context, t Table, r access.Request, now func() time.Time) (chain *access.Chain, heldUntil time.Time, err error) {
	lease, found, err := t.Lease(ctx, r.Subject().Key())
	if err != nil || !found {
		return nil, time.Time{}, err
	}
	rows, err := Rows(ctx, t, usualWorkers, lease, r.ID)
	if err != nil {
		return nil, time.Time{}, err
	}
	at := now()
	if chain = access.ChainFor(lease, rows, r, at); chain != nil {
		return chain, time.Time{}, nil
	}
	if others := access.ChainOf(lease, rows, r.ID, at); others != nil {
		heldUntil = others.End
	}
	return nil, heldUntil, nil
}

// Others returns the ids of the lease's other holders, sorted.
func Others(lease access.Lease, id string) []string {
	all := slices.Sorted(maps.Keys(lease.Holders))
	return slices.DeleteFunc(all, func(other string) bool { return other == id })
}

// Rows returns the rows of the lease's other holders, and of further requests, by their
// ids. A request without a row is left out. workers rows are read at a time; 0 means ten.
func Rows(ctx context.Context, t Requests, workers int, lease access.Lease, id string, further ...string) (map[string]access.Request, error) {
	ids := slices.Concat(Others(lease, id), further)
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(other string) bool { return other == id })
	all, errs := make([]access.Request, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), cmp.Or(workers, usualWorkers), func(i int) { all[i], errs[i] = t.Get(ctx, ids[i]) })
	rows := map[string]access.Request{}
	for i, err := range errs {
		switch {
		case access.CodeOf(err) == access.CodeNotFound:
		case err != nil:
			return nil, err
		default:
			rows[ids[i]] = all[i]
		}
	}
	return rows, nil
}
