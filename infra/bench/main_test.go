package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
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
