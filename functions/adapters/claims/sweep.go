package claims

import (
	"context"
	"errors"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/table"
)

const (
	// sweepEvery is every how many minutes of the hour left claims are freed. They
	// stand in nobody's way.
	sweepEvery = 10
	// sweepTimeout bounds a sweep: what it does not come to has time.
	sweepTimeout = 10 * time.Second
	// mostSwept is how many people's claims a sweep looks at, those first that were
	// written longest ago.
	mostSwept = 500
)

// SweepTable is the part of the requests table that a sweep uses.
type SweepTable interface {
	Table
	OpenClaims(ctx context.Context) ([]access.Due, error)
}

var _ SweepTable = (*table.Table)(nil)

// Sweep frees claims that were left: of a function that died between the claim and
// the request's row, or of a form that was delivered twice.
type Sweep struct {
	Table SweepTable
	Now   func() time.Time
}

// Look frees what was left, in every tenth minute of the hour; in the others it
// does nothing. Errors are those of the table; the next look tries again.
func (s *Sweep) Look(ctx context.Context) error {
	now := s.Now().UTC()
	if now.Minute()%sweepEvery != 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	open, err := s.Table.OpenClaims(ctx)
	if err != nil {
		return err
	}
	var due []string
	for _, d := range open {
		if !d.At.After(now) && len(due) < mostSwept {
			due = append(due, d.ID)
		}
	}
	errs := make([]error, len(due))
	parallel.Do(len(due), readers, func(i int) { errs[i] = s.free(ctx, due[i], now) })
	return errors.Join(errs...)
}

// free takes the claims that do not count out of a person's row. Somebody who
// writes it at the same time is left to it.
func (s *Sweep) free(ctx context.Context, principalID string, now time.Time) error {
	row, err := s.Table.Claims(ctx, principalID)
	if err != nil || len(row.Claims) == 0 {
		return err
	}
	before := len(row.Claims)
	for target, claim := range row.Claims {
		r, err := s.Table.Get(ctx, claim.RequestID)
		named := &r
		if access.CodeOf(err) == access.CodeNotFound {
			named, err = nil, nil
		}
		if err != nil {
			return err
		}
		if !claim.Holds(principalID, target, named, now) {
			delete(row.Claims, target)
		}
	}
	if len(row.Claims) == before {
		return nil
	}
	if err := s.Table.PutClaims(ctx, row, row.Version, now); access.CodeOf(err) != access.CodeLost {
		return err
	}
	return nil
}
