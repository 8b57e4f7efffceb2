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
	// sweepEvery is the minutes between two sweeps. Leftover claims block nobody
	// meanwhile.
	sweepEvery = 10
	// sweepTimeout bounds a sweep. The next one continues.
	sweepTimeout = 10 * time.Second
	// mostSwept is how many people's claims a sweep reads, those that were
	// written longest ago first.
	mostSwept = 500
)

// SweepTable is the part of the requests table that a sweep uses.
type SweepTable interface {
	Table
	OpenClaims(ctx context.Context) ([]access.Due, error)
}

var _ SweepTable = (*table.Table)(nil)

// Sweep frees claims that were left behind: by a function that crashed between
// the claim and the request's row, or between a decision and freeing the claim, or by a
// form that was delivered twice.
type Sweep struct {
	Table SweepTable
	Now   func() time.Time
}

// Look frees claims that were left behind, in every tenth minute of the hour. In
// other minutes it does nothing. Errors are those of the table; the next call
// tries again.
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

// free removes invalid claims from a person's row. If someone else writes the
// row at the same time, it leaves the row as it is.
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
		if !claim.IsValid(principalID, target, named, now) {
			drop(&row, target, named, now)
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
