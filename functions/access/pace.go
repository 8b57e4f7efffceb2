package access

import "time"

// Identity Center allows 20 calls a second from all callers together (IAM Identity
// Center user guide, "Quotas", throttle limits). Scans share PaceRate of them. The rest
// is for requests, for which people wait, and for rechecks.
const (
	// PaceRate is how many calls a second all scans together make at most: drift checks,
	// however many run at once, and refreshes of the catalog.
	PaceRate = 15
	// paceFloor is the slowest rate. Slower scans would never finish.
	paceFloor = 1
	// paceRecovery is the time after which the rate grows by one call a second. From half
	// the rate it takes 40 s to PaceRate.
	paceRecovery = 5 * time.Second
	// paceSettles is how long one overload counts once: several calls notice it.
	paceSettles = time.Second
	// paceForgets is the time after which scans start at PaceRate again.
	paceForgets = time.Minute
	// PaceYield is how long scans stop after a call of a request was throttled.
	PaceYield = 2 * time.Second
	// paceYieldMost limits a stop, whatever the row says.
	paceYieldMost = 5 * PaceYield
)

// Pace is the shared state of all scans: when the next call may start, and how fast they
// go. Each scan reserves some turns at a time. So the number of scans doesn't change the
// rate of their calls.
type Pace struct {
	Next    time.Time `json:"next"`    // the first turn that nobody has reserved
	Rate    float64   `json:"rate"`    // calls a second
	Changed time.Time `json:"changed"` // when Rate changed
	Version int64     `json:"version"`
	// YieldUntil is set by the functions that handle requests, when Identity Center
	// throttles them. Scans stop until then.
	YieldUntil time.Time `json:"yield_until,omitzero"`
}

// Turns are the times at which calls may start: the first one, and the time from one to
// the next.
type Turns struct {
	First time.Time
	Every time.Duration
}

// Reserve returns the next n turns, and the state after them. isThrottled: Identity Center
// throttled a call of the scan that asks. That halves the rate, and so does a throttled
// call of a request.
func (p Pace) Reserve(now time.Time, n int, isThrottled bool) (Pace, Turns) {
	if p.Rate < paceFloor || p.Rate > PaceRate || now.Sub(p.Next) > paceForgets || p.Next.Sub(now) > paceForgets || p.Changed.Sub(now) > paceForgets {
		// Nobody scanned for a while, or the row is damaged: no turn is that far ahead.
		p.Rate, p.Changed, p.Next = PaceRate, now, now
	}
	yields := p.YieldUntil.After(now)
	switch {
	case (isThrottled || yields && p.YieldUntil.Add(-PaceYield).After(p.Changed)) && (p.Rate == PaceRate || now.Sub(p.Changed) >= paceSettles):
		p.Rate, p.Changed = max(paceFloor, p.Rate/2), now
	case p.Rate < PaceRate && now.Sub(p.Changed) >= paceRecovery:
		p.Rate, p.Changed = min(PaceRate, p.Rate+1), now
	}
	first := p.Next
	if first.Before(now) {
		first = now
	}
	if yields {
		until := p.YieldUntil
		if most := now.Add(paceYieldMost); until.After(most) {
			until = most
		}
		if first.Before(until) {
			first = until
		}
	}
	every := time.Duration(float64(time.Second) / p.Rate)
	p.Next = first.Add(time.Duration(n) * every)
	return p, Turns{first, every}
}
