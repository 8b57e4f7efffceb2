package evaluate

import (
	"math"
	"time"

	"sso-elevator/functions/access"
)

// Reminders is the schedule of reminders to approvers: Initial after the request
// was created, then after intervals that are each Multiplier times as long as the
// one before.
type Reminders struct {
	Initial    time.Duration // zero: no reminders
	Multiplier float64       // less than 1 counts as 1
}

// Due returns how many reminders are due this long after the request was created.
func (r Reminders) Due(elapsed time.Duration) int {
	n, _ := r.walk(elapsed)
	return n
}

// After returns when the first reminder after elapsed is due, counted from the
// creation of the request. ok is false if there are no reminders.
func (r Reminders) After(elapsed time.Duration) (at time.Duration, ok bool) {
	_, at = r.walk(elapsed)
	return at, r.Initial > 0
}

// walk counts the reminders up to elapsed, and returns when the next one is due.
func (r Reminders) walk(elapsed time.Duration) (n int, next time.Duration) {
	if r.Initial <= 0 {
		return 0, 0
	}
	interval, longest := r.Initial, max(r.Initial, access.LongestReminderInterval)
	next = interval
	for next <= elapsed {
		n++
		longer := float64(interval) * math.Max(r.Multiplier, 1)
		interval = time.Duration(math.Min(longer, float64(longest)))
		next += interval
	}
	return n, next
}
