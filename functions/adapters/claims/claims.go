// Package claims limits a person's undecided requests: one for each target, and a
// fixed number in total. A person is a user in Identity Center, whichever Slack user
// submits the form.
//
// A submission claims its target in the person's row (access.Claims) before the
// request is created. A claim counts only while its request is undecided, and each
// submission checks that. So a forgotten claim blocks nobody. After a crash, a claim
// blocks for access.ClaimWait at most.
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
	FreeOnlyClaim(ctx context.Context, principalID, key, requestID string, denial *access.Denial, at time.Time) (row access.Claims, freed bool, err error)
}

var _ Table = (*table.Table)(nil)

const (
	// freshFor is how long an earlier attempt's claim is used unchanged. An older claim is
	// renewed, to leave time to create the request.
	freshFor = access.CreateWithin / 2
	// maxTries limits how often the row is read again after a conflicting write. One more
	// try is added for each request that the person may have.
	maxTries = 10
	// readers is how many requests are read at a time.
	readers = 10
)

// Claims claims targets for requests.
type Claims struct {
	Table Table
	// Limit is how many undecided requests a person may have.
	Limit int
	// Cooldown is how long after a denial the person can't claim the target again.
	Cooldown time.Duration
	Now      func() time.Time
}

// Result is the result of a claim. Exactly one of its fields is set.
type Result struct {
	// Until is set if the target is claimed: the deadline for creating the request.
	Until time.Time
	// Other is set if another undecided request has claimed the target.
	Other *access.Request
	// Pending reports that another request has claimed the target but is not created yet.
	Pending bool
	// Full reports that the person has as many undecided requests as they may
	// have.
	Full bool
	// Denied is set if a request of theirs for the target was denied less than Cooldown
	// ago.
	Denied *access.Denial
}

// Take claims the target of r for r, which need not exist yet. Calling it again for
// the same request changes nothing. Errors are the table's; Unavailable if other
// writers keep changing the row.
func (c *Claims) Take(ctx context.Context, r access.Request) (Result, error) {
	key := r.Target.Key()
	if c.Limit > 0 {
		// Most people have no undecided request, and then they have no row: no claim and no
		// denial. So the first write needs no read. If there is a row, the write is lost.
		now := c.Now().UTC()
		row := access.Claims{PrincipalID: r.Requester.PrincipalID, Claims: map[string]access.Claim{key: {RequestID: r.ID, At: now}}}
		if err := c.Table.PutClaims(ctx, row, 0, now); access.CodeOf(err) != access.CodeLost {
			return Result{Until: now.Add(access.CreateWithin)}, err
		}
	}
	for range c.Limit + maxTries {
		row, err := c.Table.Claims(ctx, r.Requester.PrincipalID)
		if err != nil {
			return Result{}, err
		}
		now := c.Now().UTC()
		claim, claimed := row.Claims[key]
		if !claimed || claim.RequestID != r.ID {
			other, pending, err := c.prune(ctx, &row, key, now)
			denial, denied := row.Denials[key]
			switch {
			case err != nil:
				return Result{}, err
			case denied && denial.RequestID != r.ID && now.Before(denial.At.Add(c.Cooldown)):
				return Result{Denied: &denial}, nil
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
		dropDenials(row.Denials, now)
		if err := c.Table.PutClaims(ctx, row, row.Version, now); access.CodeOf(err) != access.CodeLost {
			return Result{Until: now.Add(access.CreateWithin)}, err
		}
	}
	return Result{}, access.Errorf(access.CodeUnavailable, "claim the target: other writes kept changing the row")
}

// prune removes the claim of the target with that key if it is invalid. If the row is
// full, prune removes all invalid claims. If another request has claimed the target,
// prune returns it, or pending if it is not created yet.
func (c *Claims) prune(ctx context.Context, row *access.Claims, key string, now time.Time) (other *access.Request, pending bool, err error) {
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
		switch holds := row.Claims[target].IsValid(row.PrincipalID, target, named[i], now); {
		case errs[i] != nil:
			return nil, false, errs[i]
		case holds && target == key:
			return named[i], named[i] == nil, nil
		case !holds:
			drop(row, target, named[i], now)
		}
	}
	return nil, false, nil
}

// drop removes the invalid claim of the target with that key. r is its request, or nil if
// that doesn't exist. If the request was denied, the row gets the denial: the press that
// denied it may have stopped before it freed the claim.
func drop(row *access.Claims, key string, r *access.Request, now time.Time) {
	delete(row.Claims, key)
	if r == nil || r.Requester.PrincipalID != row.PrincipalID || r.Target.Key() != key {
		return
	}
	if d := denialOf(*r, now); d != nil {
		addDenial(row, key, *d)
	}
}

// addDenial adds a denial unless the row has a later one for the target.
func addDenial(row *access.Claims, key string, d access.Denial) {
	if row.Denials == nil {
		row.Denials = map[string]access.Denial{}
	}
	if has, ok := row.Denials[key]; !ok || !has.At.After(d.At) {
		row.Denials[key] = d
	}
}

// dropDenials removes denials that no longer count.
func dropDenials(denials map[string]access.Denial, now time.Time) {
	maps.DeleteFunc(denials, func(_ string, d access.Denial) bool { return !now.Before(d.At.Add(access.MaxDenyCooldown)) })
}

// Free frees the claims of r, which must be decided or closed. If r was denied, the same
// write records that. Errors are those of the table; then the claim stays, but is not
// valid, and the denial may not count.
//
// Most people have no other claim and no denial. So the first write reads nothing, and
// has that as its condition. If it isn't so, the answer has the row.
func (c *Claims) Free(ctx context.Context, r access.Request) error {
	if r.Requester.PrincipalID == "" {
		return nil
	}
	key, now := r.Target.Key(), c.Now().UTC()
	row, freed, err := c.Table.FreeOnlyClaim(ctx, r.Requester.PrincipalID, key, r.ID, denialOf(r, now), now)
	if err != nil || freed {
		return err
	}
	for range maxTries {
		before := len(row.Claims)
		maps.DeleteFunc(row.Claims, func(_ string, claim access.Claim) bool { return claim.RequestID == r.ID })
		if len(row.Claims) == before {
			return nil
		}
		now = c.Now().UTC()
		dropDenials(row.Denials, now)
		if denial := denialOf(r, now); denial != nil {
			addDenial(&row, key, *denial)
		}
		if err := c.Table.PutClaims(ctx, row, row.Version, now); access.CodeOf(err) != access.CodeLost {
			return err
		}
		if row, err = c.Table.Claims(ctx, r.Requester.PrincipalID); err != nil {
			return err
		}
	}
	return access.Errorf(access.CodeUnavailable, "free the claim: other writes kept changing the row")
}

// denialOf returns the denial of r, or nil if r was not denied, or so long ago that it
// doesn't count.
func denialOf(r access.Request, now time.Time) *access.Denial {
	o := r.Outcome
	if o == nil || o.Kind != access.OutcomeDenied || !now.Before(o.At.Add(access.MaxDenyCooldown)) {
		return nil
	}
	return &access.Denial{RequestID: r.ID, By: o.By, At: o.At}
}
