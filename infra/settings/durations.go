package settings

import "time"

// narrow are the steps of the choice of durations, by the least maximum that
// each is used for.
var smallSteps = []struct{ from, step time.Duration }{
	{30 * time.Minute, 30 * time.Minute},
	{2 * time.Minute, time.Minute},
	{20 * time.Second, 10 * time.Second},
	{0, time.Second},
}

// wide are the steps that follow where half hours would be too many.
var largeSteps = []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day}

// durationsUpTo is the choice of durations up to most: ascending, at most
// maxDurations, most itself the last. most is between a second and
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

// steps is how many of step it takes to reach most.
func countSteps(most, step time.Duration) time.Duration { return (most + step - 1) / step }
