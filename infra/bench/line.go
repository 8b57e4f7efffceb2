package main

import (
	"fmt"
	"slices"
	"time"
)

// line is one measure in the table.
type line struct {
	measure string
	toReach string // as the target is written; "" where there is none
	figure  string
	reached verdict
}

type verdict string

const (
	reached    verdict = "yes"
	notReached verdict = "NO"
	stated     verdict = "" // nothing is to be reached: the figure is stated
)

func judge(ok bool) verdict {
	if ok {
		return reached
	}
	return notReached
}

// within is a line whose figure has to be at most so long.
func durationLine(measure string, figure, most time.Duration) line {
	return line{measure, formatDuration(most), formatDuration(figure), judge(figure <= most)}
}

// span is a duration with three digits at most.
func formatDuration(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.2f µs", float64(d)/1e3)
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	}
}

// percentile is the p-th percentile by the nearest rank; p50 is the median.
func percentile(times []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

func median(times []time.Duration) time.Duration { return percentile(times, 50) }
