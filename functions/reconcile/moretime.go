package reconcile

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

// offerTimeout bounds how long a look searches for access that ends soon.
const offerTimeout = 4 * time.Second

// offerMoreTime makes notify offer more time to the requesters whose access ends soon. It
// changes nothing itself. Its errors are only logged: the next look tries again.
func (s *Sweep) offerMoreTime(ctx context.Context, open []access.Due) {
	if s.ExtensionOffer == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	now := s.Now()
	s.mu.Lock()
	before := s.offers
	s.mu.Unlock()
	// Granted access is due at its end. Others are read in vain.
	after := map[string]time.Time{}
	var ids []string
	for _, d := range open {
		if !now.Before(d.At) || now.Before(d.At.Add(-s.ExtensionOffer)) {
			continue
		}
		next, known := before[d.ID]
		if known {
			after[d.ID] = next
		}
		if !known || !next.IsZero() && !now.Before(next) {
			ids = append(ids, d.ID)
		}
	}
	next, errs := make([]time.Time, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), atOnce, func(i int) { next[i], errs[i] = s.offerTo(ctx, ids[i], now) })
	for i, id := range ids {
		if errs[i] != nil {
			s.Logger.WarnContext(ctx, "more time could not be offered", "request_id", id, "code", access.CodeOf(errs[i]), "error", access.ErrorMessage(errs[i]))
			continue
		}
		after[id] = next[i]
	}
	s.mu.Lock()
	s.offers = after
	s.mu.Unlock()
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
	return now, s.Offer(ctx, id)
}
