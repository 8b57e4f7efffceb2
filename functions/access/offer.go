package access

import "time"

// PostMoreTime is the purpose of the direct message that offers more time.
const PostMoreTime = "dm-more_time"

// MoreTimeAt returns when to offer more time to the requester of granted access: the
// duration before ahead of the end, or when half of the access's duration is over, if that
// is later. So short access doesn't begin with the offer. The duration of an extension
// begins at the end of what it extends.
func (r *Request) MoreTimeAt(before time.Duration) time.Time {
	at, half := r.End.Add(-before), r.End.Add(-time.Duration(r.Duration)*time.Second/2)
	if at.Before(half) {
		return half
	}
	return at
}

// OffersMoreTime reports whether the requester is offered more time now: the access is
// usable, and the moment of the offer has come. If before is zero, there are no offers.
// Only the lease says whether another request keeps the access longer: Lease.IsKeptLonger.
func (r *Request) OffersMoreTime(before time.Duration, now time.Time) bool {
	return before > 0 && r.IsUsable(now) && !now.Before(r.MoreTimeAt(before))
}

// IsKeptLonger reports whether another request keeps the access longer than this one.
func (l Lease) IsKeptLonger(requestID string, end time.Time) bool {
	for id, holder := range l.Holders {
		if id != requestID && holder.IsConfirmed() && holder.End.After(end) {
			return true
		}
	}
	return false
}
