package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var rate = regexp.MustCompile(`^([0-9]+) (minute|hour|day)s?$`)

var units = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// maxRate is our own limit: AWS documents no longest rate. A schedule that fires
// less than once in ten years is a mistake.
const maxRate = 10 * 366 * 24 * time.Hour

// parseRate parses the text between the parentheses. EventBridge Scheduler takes
// the singular and the plural of a unit with any number (API reference,
// CreateSchedule). The older rules of EventBridge do not.
func parseRate(inner string) (time.Duration, error) {
	m := rate.FindStringSubmatch(inner)
	if m == nil {
		return 0, fmt.Errorf("rate(…) must have a whole number and minutes, hours or days, such as rate(2 hours), not %q", inner)
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	unit := units[m[2]]
	switch {
	case err != nil || n > int64(maxRate/unit):
		return 0, fmt.Errorf("rate(%s) is longer than ten years", inner)
	case n == 0:
		return 0, fmt.Errorf("rate(%s) is too short: the shortest is one minute", inner)
	}
	return time.Duration(n) * unit, nil
}
