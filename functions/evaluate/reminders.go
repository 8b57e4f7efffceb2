package evaluate

import (
	"math"
	"time"
)

// longestInterval is how far the time between two reminders grows.
const longestInterval = 24 * time.Hour

// Reminders is when approvers are reminded: Initial after the request was made,
// then after intervals each Multiplier times as long as the one before.
type Reminders struct {
	Initial    time.Duration // zero: there are no reminders
	Multiplier float64       // less than 1 counts as 1
}

// Due is the number, from 1, of the latest reminder that is due so long after
// the request was made; 0 for none.
func (r Reminders) Due(elapsed time.Duration) int {
	n, _ := r.walk(elapsed)
	return n
}

// After is when the first reminder after elapsed is due, since the request was
// made; ok is false where there are none.
func (r Reminders) After(elapsed time.Duration) (at time.Duration, ok bool) {
	_, at = r.walk(elapsed)
	return at, r.Initial > 0
}

// walk counts the reminders up to elapsed, and says when the one after is due.
func (r Reminders) walk(elapsed time.Duration) (n int, next time.Duration) {
	if r.Initial <= 0 {
		return 0, 0
	}
	interval, longest := r.Initial, max(r.Initial, longestInterval)
	next = interval
	for next <= elapsed {
		n++
		longer := float64(interval) * math.Max(r.Multiplier, 1)
		interval = time.Duration(math.Min(longer, float64(longest)))
		next += interval
	}
	return n, next
}
