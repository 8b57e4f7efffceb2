package identitycentertest

import (
	"context"
	"sync"
	"time"

	"sso-elevator/functions/access"
)

// Ledger is an identitycenter.Ledger in memory. The zero value is ready to use.
type Ledger struct {
	mu  sync.Mutex
	row access.Pace
}

// Pace returns the row.
func (l *Ledger) Pace(context.Context) (access.Pace, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row, nil
}

// PutPace writes the row if its version is still the same.
func (l *Ledger) PutPace(_ context.Context, p access.Pace) (access.Pace, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Version != l.row.Version {
		return access.Pace{}, false, nil
	}
	p.Version, p.YieldUntil = p.Version+1, l.row.YieldUntil
	l.row = p
	return p, true, nil
}

// AskToYield makes scans stop until then.
func (l *Ledger) AskToYield(_ context.Context, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row.YieldUntil = until
	return nil
}
