package access_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

var paceStart = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// Scans that reserve turns at the same moment get turns one after the other.
func TestPaceIsShared(t *testing.T) {
	var p access.Pace
	var starts []time.Time
	for range 40 {
		var turns access.Turns
		p, turns = p.Reserve(paceStart, 5, false)
		for i := range 5 {
			starts = append(starts, turns.First.Add(time.Duration(i)*turns.Every))
		}
	}
	for i := 1; i < len(starts); i++ {
		if gap := starts[i].Sub(starts[i-1]); gap < 66*time.Millisecond || gap > 67*time.Millisecond {
			t.Fatalf("turn %d comes %s after the one before, want 66.7 ms", i, gap)
		}
	}
	if !starts[0].Equal(paceStart) {
		t.Errorf("the first turn is at %s, want at once", starts[0])
	}
}

func TestPaceHalvesAndRecovers(t *testing.T) {
	now := paceStart
	reserve := func(p access.Pace, throttled bool) access.Pace {
		p.Next = now // nobody waits for turns
		p, _ = p.Reserve(now, 1, throttled)
		return p
	}
	var p access.Pace
	p = reserve(p, false)
	if p.Rate != access.PaceRate {
		t.Fatalf("starts at %g calls a second, want %d", p.Rate, access.PaceRate)
	}
	p = reserve(p, true)
	if p.Rate != 7.5 {
		t.Fatalf("throttled: %g calls a second, want 7.5", p.Rate)
	}
	now = now.Add(300 * time.Millisecond)
	if p = reserve(p, true); p.Rate != 7.5 {
		t.Errorf("another call of the same overload: %g calls a second, want 7.5", p.Rate)
	}
	now = now.Add(time.Second)
	if p = reserve(p, true); p.Rate != 3.75 {
		t.Errorf("throttled again after a second: %g calls a second, want 3.75", p.Rate)
	}
	for range 10 {
		now = now.Add(time.Second)
		p = reserve(p, true)
	}
	if p.Rate != 1 {
		t.Errorf("throttled all the time: %g calls a second, want 1", p.Rate)
	}
	began := now
	for p.Rate < access.PaceRate {
		before := p.Rate
		now = now.Add(time.Second)
		if p = reserve(p, false); p.Rate-before > 1 {
			t.Fatalf("the rate grew from %g to %g at once", before, p.Rate)
		}
	}
	if took := now.Sub(began); took != 70*time.Second {
		t.Errorf("it took %s to recover from 1 to 15 calls a second, want 70 s", took)
	}
	p = reserve(p, true)
	now = now.Add(2 * time.Minute)
	if p, _ = p.Reserve(now, 1, false); p.Rate != access.PaceRate {
		t.Errorf("two minutes without scans later: %g calls a second, want %d", p.Rate, access.PaceRate)
	}
}

// A throttled request stops all scans for two seconds, and halves their rate once.
func TestPaceYieldsToRequests(t *testing.T) {
	p, _ := access.Pace{}.Reserve(paceStart, 5, false)
	now := paceStart.Add(300 * time.Millisecond)
	p.YieldUntil = now.Add(access.PaceYield)
	p, turns := p.Reserve(now, 5, false)
	if !turns.First.Equal(p.YieldUntil) || p.Rate != 7.5 {
		t.Errorf("the next turn is at %s, at %g calls a second; want %s and 7.5", turns.First, p.Rate, p.YieldUntil)
	}
	p, turns = p.Reserve(now.Add(time.Millisecond), 5, false)
	if want := p.YieldUntil.Add(5 * turns.Every); turns.First.Before(want) || p.Rate != 7.5 {
		t.Errorf("another scan's turn is at %s, at %g calls a second; want after %s, at 7.5", turns.First, p.Rate, want)
	}
}

// No row stops the scans for long, however wrong it is.
func TestPaceOfADamagedRow(t *testing.T) {
	for name, p := range map[string]access.Pace{
		"turns of next year":    {Next: paceStart.AddDate(1, 0, 0), Rate: 15, Changed: paceStart},
		"a stop of a year":      {Next: paceStart, Rate: 15, Changed: paceStart, YieldUntil: paceStart.AddDate(1, 0, 0)},
		"a rate far too high":   {Next: paceStart, Rate: 1e9, Changed: paceStart},
		"a rate of zero":        {Next: paceStart},
		"a negative rate":       {Next: paceStart, Rate: -1},
		"changed in the future": {Next: paceStart, Rate: 15, Changed: paceStart.AddDate(1, 0, 0)},
	} {
		next, turns := p.Reserve(paceStart, 5, false)
		if wait := turns.First.Sub(paceStart); wait < 0 || wait > 10*time.Second {
			t.Errorf("%s: the next turn is in %s", name, wait)
		}
		if turns.Every < time.Second/access.PaceRate || turns.Every > time.Second {
			t.Errorf("%s: a turn every %s", name, turns.Every)
		}
		if !next.Next.Equal(turns.First.Add(5 * turns.Every)) {
			t.Errorf("%s: the next turn is %s, want %s", name, next.Next, turns.First.Add(5*turns.Every))
		}
	}
}
