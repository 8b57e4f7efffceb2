// Package claims keeps people from having more requests undecided than they may:
// one for each target, and so many in all. A person is an Identity Center user,
// whichever Slack user asks.
//
// Whoever submits a request claims its target in the person's row (access.Claims)
// and then creates the request. A claim counts while the request that it names is
// undecided; that is looked up where it matters. So a claim that nobody freed
// stands in nobody's way, and no crash leaves one that does for longer than
// access.ClaimWait.
package claims

import (
	"context"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/table"
)

// Table is the part of the requests table that claims use.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	Claims(ctx context.Context, principalID string) (access.Claims, error)
	PutClaims(ctx context.Context, c access.Claims, expect int64, at time.Time) error
}

var _ Table = (*table.Table)(nil)

const (
	// freshFor is for how long a claim of an earlier try is used as it is; an older
	// one is made anew, so that there is time to create the request.
	freshFor = access.CreateWithin / 2
	// lostTries bounds how often the row is read again after somebody else wrote
	// it, beyond once for each request that may be claimed meanwhile.
	lostTries = 10
	// readers is how many requests are read at a time.
	readers = 10
)

// Claims claims targets for requests.
type Claims struct {
	Table Table
	// Limit is how many undecided requests a person may have.
	Limit int
	Now   func() time.Time
}

// Result is what became of a claim. Exactly one of its fields is set.
type Result struct {
	// Until is when the request has to be created at the latest: its target is
	// claimed.
	Until time.Time
	// Other is the undecided request that has the target claimed.
	Other *access.Request
	// Pending says that the target is claimed for another request, which is not
	// created yet.
	Pending bool
	// Full says that the person has as many undecided requests as they may have.
	Full bool
}

// Take claims the target of r for r, which need not be created yet. Claimed again
// for the same request, it stays claimed. Errors are those of the table;
// Unavailable where others write the row all the time.
func (c *Claims) Take(ctx context.Context, r access.Request) (Result, error) {
	key := r.Target.Key()
	for range c.Limit + lostTries {
		row, err := c.Table.Claims(ctx, r.Requester.PrincipalID)
		if err != nil {
			return Result{}, err
		}
		now := c.Now().UTC()
		claim, claimed := row.Claims[key]
		if !claimed || claim.RequestID != r.ID {
			other, pending, err := c.prune(ctx, row, key, now)
			switch {
			case err != nil:
				return Result{}, err
			case other != nil || pending:
				return Result{Other: other, Pending: pending}, nil
			case len(row.Claims) >= c.Limit:
				return Result{Full: true}, nil
			}
		} else if now.Before(claim.At.Add(freshFor)) {
			return Result{Until: claim.At.Add(access.CreateWithin)}, nil
		}
		if row.Claims == nil {
			row.Claims = map[string]access.Claim{}
		}
		row.Claims[key] = access.Claim{RequestID: r.ID, At: now}
		if err := c.Table.PutClaims(ctx, row, row.Version, now); access.CodeOf(err) != access.CodeLost {
			return Result{Until: now.Add(access.CreateWithin)}, err
		}
	}
	return Result{}, access.Errorf(access.CodeUnavailable, "claim the target: others changed the row all the time")
}

// prune takes claims that do not count out of the row: that of the target with
// that key, and where there is no room for one more all of them. Where another
// request has the target claimed, that comes back, or pending where it is not
// created yet.
func (c *Claims) prune(ctx context.Context, row access.Claims, key string, now time.Time) (other *access.Request, pending bool, err error) {
	var look []string
	_, claimed := row.Claims[key]
	switch rest := len(row.Claims); {
	case claimed && rest-1 < c.Limit:
		look = []string{key}
	case rest >= c.Limit:
		look = slices.Sorted(maps.Keys(row.Claims))
	}
	named := make([]*access.Request, len(look))
	errs := make([]error, len(look))
	parallel.Do(len(look), readers, func(i int) {
		r, err := c.Table.Get(ctx, row.Claims[look[i]].RequestID)
		switch access.CodeOf(err) {
		case "":
			named[i] = &r
		case access.CodeNotFound:
		default:
			errs[i] = err
		}
	})
	for i, target := range look {
		switch holds := row.Claims[target].Holds(row.PrincipalID, target, named[i], now); {
		case errs[i] != nil:
			return nil, false, errs[i]
		case holds && target == key:
			return named[i], named[i] == nil, nil
		case !holds:
			delete(row.Claims, target)
		}
	}
	return nil, false, nil
}

// Free frees what is claimed for r, which must be decided or closed. Errors are
// those of the table; then the claim stays, and stands in nobody's way.
func (c *Claims) Free(ctx context.Context, r access.Request) error {
	if r.Requester.PrincipalID == "" {
		return nil
	}
	for range lostTries {
		row, err := c.Table.Claims(ctx, r.Requester.PrincipalID)
		if err != nil {
			return err
		}
		before := len(row.Claims)
		maps.DeleteFunc(row.Claims, func(_ string, claim access.Claim) bool { return claim.RequestID == r.ID })
		if len(row.Claims) == before {
			return nil
		}
		if err := c.Table.PutClaims(ctx, row, row.Version, c.Now().UTC()); access.CodeOf(err) != access.CodeLost {
			return err
		}
	}
	return access.Errorf(access.CodeUnavailable, "free the claim: others changed the row all the time")
}
