package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/adapters/findings"
)

// TestScansTakeTheBetterWay checks that a deployed run needs hardly more calls than
// the better of the two ways, and that both find the same access.
func TestScansTakeTheBetterWay(t *testing.T) {
	for _, accounts := range []int{10, 60} {
		world := newIdentityCenter(accounts, scanSets, 50, 20)
		calls := map[string]int{}
		for _, by := range []string{"account", "user", ""} {
			m, err := measureDriftRun(t.Context(), world.config(), by, everything)
			if err != nil {
				t.Fatal(err)
			}
			if m.findings != 20 || m.unread != 0 || m.calls == 0 || m.took == 0 {
				t.Errorf("%d accounts by %q: %+v", accounts, by, m)
			}
			calls[by] = m.calls
		}
		// These calls choose the way: a sample of five users, and a list of where the
		// permission sets are assigned.
		if most := min(calls["account"], calls["user"]) + 5*2 + scanSets; calls[""] > most {
			t.Errorf("%d accounts: %v, want at most %d as deployed", accounts, calls, most)
		}
	}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"-only", "nothing"}, 2, `there is no measurement "nothing"`},
		{[]string{"-fast"}, 2, "-fast"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(test.args, &stdout, &stderr); code != test.code || !strings.Contains(stderr.String(), test.stderr) || stdout.Len() > 0 {
			t.Errorf("%q: code %d, %s", test.args, code, stderr.String())
		}
	}
	var out bytes.Buffer
	print(&out, []line{durationLine("short", 1500*time.Microsecond, 2*time.Millisecond), {measure: "a measure", figure: "7"}})
	const want = `measure    to reach  figure  reached
short      2.0 ms    1.5 ms  yes
a measure            7       
`
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// A later drift check makes no calls but those that list access, and the one that finds new
// permission sets.
func TestLaterDriftChecksMakeFewerCalls(t *testing.T) {
	const accounts, sets, speed = 3, 8, 20
	d := &driftCheck{world: newIdentityCenter(accounts, sets, 300, 0), store: &findings.Store{Objects: &findings.Memory{}}, table: &memoryTable{}}
	first, err := d.run(t.Context(), "first", speed)
	if err != nil {
		t.Fatal(err)
	}
	later, err := d.run(t.Context(), "later", speed)
	if err != nil {
		t.Fatal(err)
	}
	// Each of the two processes looks up the instance.
	if want := accounts*sets + 1 + 2; later.calls != want || first.calls <= want {
		t.Errorf("%d calls, then %d; want more than %d, then %d", first.calls, later.calls, want, want)
	}
	if first.throttled > 0 || later.throttled > 0 {
		t.Errorf("%d and %d calls were throttled", first.throttled, later.throttled)
	}
}

func TestQuotas(t *testing.T) {
	q, now := quota{rate: 5, burst: 8}, time.Now()
	taken := 0
	for range 100 {
		if q.take(now) {
			taken++
		}
	}
	if taken != 8 {
		t.Errorf("%d calls at once, want 8", taken)
	}
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		if q.take(now) {
			taken++
		}
	}
	if taken != 8+50 {
		t.Errorf("%d calls in ten seconds more, want 50", taken-8)
	}
}
