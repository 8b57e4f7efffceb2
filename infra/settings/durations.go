package settings

import "time"

// smallSteps are the steps between the offered durations. Each applies to maximums of
// at least its from.
var smallSteps = []struct{ from, step time.Duration }{
	{30 * time.Minute, 30 * time.Minute},
	{2 * time.Minute, time.Minute},
	{20 * time.Second, 10 * time.Second},
	{0, time.Second},
}

// largeSteps are used when half-hour steps would give too many durations.
var largeSteps = []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day}

// durationsUpTo returns the offered durations up to most: ascending, at most
// maxDurations, ending with most. most must be between a second and
// maxAccessDuration.
func durationsUpTo(most time.Duration) []time.Duration {
	var step time.Duration
	for _, n := range smallSteps {
		if most >= n.from {
			step = n.step
			break
		}
	}
	for _, w := range largeSteps {
		if countSteps(most, step) <= maxDurations {
			break
		}
		step = w
	}
	var all []time.Duration
	for d := step; d < most; d += step {
		all = append(all, d)
	}
	return append(all, most)
}

// countSteps returns how many steps reach most.
func countSteps(most, step time.Duration) time.Duration { return (most + step - 1) / step }
