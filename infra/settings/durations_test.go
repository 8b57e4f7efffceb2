package settings

import (
	"slices"
	"testing"
	"time"
)

func TestDurationsUpTo(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, tt := range []struct {
		most  time.Duration
		first []time.Duration // the first durations
		count int
	}{
		{1 * s, []time.Duration{s}, 1},
		{5 * s, []time.Duration{s, 2 * s, 3 * s, 4 * s, 5 * s}, 5},
		{20 * s, []time.Duration{10 * s, 20 * s}, 2},
		{90 * s, []time.Duration{10 * s, 20 * s, 30 * s}, 9},
		{119 * s, []time.Duration{10 * s}, 12},
		{2 * m, []time.Duration{m, 2 * m}, 2},
		{29 * m, []time.Duration{m, 2 * m}, 29},
		{30 * m, []time.Duration{30 * m}, 1},
		{h, []time.Duration{30 * m, h}, 2},
		{100 * m, []time.Duration{30 * m, h, 90 * m, 100 * m}, 4},
		{24 * h, []time.Duration{30 * m, h}, 48},
		{50 * h, []time.Duration{30 * m, h}, 100},
		{50*h + m, []time.Duration{h, 2 * h}, 51},
		{100 * h, []time.Duration{h, 2 * h}, 100},
		{101 * h, []time.Duration{2 * h, 4 * h}, 51},
		{201 * h, []time.Duration{3 * h}, 67},
		{301 * h, []time.Duration{6 * h}, 51},
		{601 * h, []time.Duration{12 * h}, 51},
		{1201 * h, []time.Duration{24 * h}, 51},
		{maxAccessDuration, []time.Duration{24 * h, 48 * h}, 60},
	} {
		t.Run(tt.most.String(), func(t *testing.T) {
			got := durationsUpTo(tt.most)
			if len(got) != tt.count || !slices.Equal(got[:len(tt.first)], tt.first) || got[len(got)-1] != tt.most {
				t.Errorf("%d choices: %v; want %d, beginning with %v, ending with %v", len(got), got, tt.count, tt.first, tt.most)
			}
		})
	}
}

func TestDurationsUpToAlwaysFit(t *testing.T) {
	for most := time.Second; most <= maxAccessDuration; most += 97 * time.Second {
		all := durationsUpTo(most)
		if len(all) < 1 || len(all) > maxDurations || all[len(all)-1] != most || !slices.IsSorted(all) || all[0] <= 0 {
			t.Fatalf("up to %v: %d choices from %v to %v", most, len(all), all[0], all[len(all)-1])
		}
	}
}
