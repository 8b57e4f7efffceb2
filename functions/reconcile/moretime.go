package reconcile

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// offerMoreTime makes notify offer more time to the requesters whose access ends soon. It
// changes nothing itself. Its errors are only logged: the next look tries again.
func (s *Sweep) offerMoreTime(ctx context.Context, open []access.Due) {
	if s.ExtensionOffer == 0 {
		return
	}
	now := s.Now()
	// Granted access is due at its end. Others are read in vain.
	var soon []access.Due
	for _, d := range open {
		if now.Before(d.At) && !now.Before(d.At.Add(-s.ExtensionOffer)) {
			soon = append(soon, d)
		}
	}
	s.visit(ctx, &s.offers, soon, "more time could not be offered", s.offerTo)
}

// offerTo makes notify offer the requester more time, if it is time and notify hasn't done so.
// It returns when to look again; zero for never.
func (s *Sweep) offerTo(ctx context.Context, id string, now time.Time) (next time.Time, err error) {
	r, err := s.Table.Get(ctx, id)
	switch {
	case access.CodeOf(err) == access.CodeNotFound:
		return time.Time{}, nil // the index was behind
	case err != nil:
		return time.Time{}, err
	case r.Posts[access.PostMoreTime].TS != "":
		return time.Time{}, nil
	case !r.OffersMoreTime(s.ExtensionOffer, now):
		if at := r.MoreTimeAt(s.ExtensionOffer); r.WasGranted() && now.Before(at) {
			return at, nil
		}
		return now, nil
	}
	subject := r.Subject()
	lease, found, err := s.Table.Lease(ctx, subject.Key())
	if err != nil {
		return time.Time{}, err
	}
	if found && lease.IsKeptLonger(r.ID, r.End) {
		return now, nil
	}
	// The next look finds out whether notify could post it.
	return now, s.Notify(ctx, host.OperationMoreTime, id)
}
