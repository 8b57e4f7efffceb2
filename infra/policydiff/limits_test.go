package policydiff

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// worst returns two policies that differ in every statement, of the shapes that take the
// most time: each of n statements about the same targets names its own group, whose
// members are not known, so any two groups may have a member in common.
func worst(shape string, n int) (before, after *access.Policy) {
	group := func(i int) string { return access.GroupEntry(fmt.Sprintf("%08d-0000-0000-0000-000000000000", i)) }
	before = &access.Policy{}
	for i := range n {
		s := access.Statement{Resources: list("*"), PermissionSets: list("*"), Approvers: list(fmt.Sprintf("person%d@example.com", i))}
		switch shape {
		case "groups request":
			s.Allowed = list(group(i))
		case "groups request different targets":
			s.Allowed = list(group(i))
			if i%2 == 0 {
				s.Resources = list(fmt.Sprintf("%012d", i))
			}
		case "groups approve":
			s.Approvers = append(s.Approvers, group(i))
		case "groups approve their own":
			s.Approvers, s.AllowSelfApproval = append(s.Approvers, group(i)), new(true)
		case "groups request and approve their own":
			s.Allowed, s.Approvers, s.AllowSelfApproval = list(group(i)), append(s.Approvers, group(i)), new(true)
		case "groups request, and all need tickets":
			s.Ticket = &access.Ticket{Required: true, Pattern: fmt.Sprintf(`(OPS|DEV)-\d+|%d`, i)}
			if i%2 == 0 {
				s.Allowed = list(group(i))
			}
		case "people request":
			s.Allowed = list(fmt.Sprintf("requester%d@example.com", i))
		}
		before.Accounts = append(before.Accounts, s)
	}
	after = clone(before)
	for i := range after.Accounts {
		after.Accounts[i].Approvers = append(after.Accounts[i].Approvers, "new@example.com")
	}
	return before, after
}

var shapes = []string{"groups request", "groups request different targets", "groups approve", "groups approve their own", "groups request and approve their own", "groups request, and all need tickets", "people request"}

func BenchmarkCompare(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{50, 100, 200, 400} {
			b.Run(fmt.Sprintf("%s/%d", shape, n), func(b *testing.B) {
				before, after := worst(shape, n)
				for b.Loop() {
					r, err := Compare(b.Context(), before, after, &Organization{}, nil)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(len(r.Changes)), "changes")
				}
			})
		}
	}
}

// TestWorstCases bounds the processor time of what takes longest: a second on a usual
// machine. A machine may be much slower.
func TestWorstCases(t *testing.T) {
	for _, tt := range []struct {
		shape string
		n     int
		limit time.Duration
	}{
		{"groups request", 100, 12 * time.Second},
		{"groups request different targets", 60, 12 * time.Second},
		{"groups approve", 200, 6 * time.Second},
		{"groups approve their own", 200, 6 * time.Second},
		{"groups request and approve their own", 100, 12 * time.Second},
		{"groups request, and all need tickets", 100, 12 * time.Second},
		{"people request", 500, 6 * time.Second},
	} {
		before, after := worst(tt.shape, tt.n)
		began := processorTime(t)
		r := compared(before, after, &Organization{})
		took := processorTime(t) - began
		t.Logf("%s: %s for %d changes", tt.shape, took.Round(time.Millisecond), len(r.Changes))
		if took > tt.limit || len(r.Changes) == 0 {
			t.Errorf("%s: it took %s, want at most %s; %d changes", tt.shape, took, tt.limit, len(r.Changes))
		}
	}
}

// A comparison that doesn't finish says nothing about the policies.
func TestUnfinished(t *testing.T) {
	before, after := worst("groups request different targets", 400)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began, last := processorTime(t), -1
	r, err := Compare(ctx, before, after, &Organization{}, func(done, all int) {
		if all != 202 || done < last {
			t.Errorf("report: %d of %d after %d", done, all, last)
		}
		last = done
	})
	if took := processorTime(t) - began; !errors.Is(err, context.DeadlineExceeded) || len(r.Changes) > 0 || took > 5*time.Second {
		t.Errorf("error %v, %d changes, after %s of processor time", err, len(r.Changes), took)
	}
	if last < 0 || last > 100 {
		t.Errorf("the last report has %d targets", last)
	}
	defer func(changes, names int) { maxChanges, maxNamed = changes, names }(maxChanges, maxNamed)
	before, after = worst("groups request", 60) // 1,770 pairs
	for _, limits := range [][2]int{{1000, maxNamed}, {maxChanges, 1000}} {
		maxChanges, maxNamed = limits[0], limits[1]
		if r, err := Compare(t.Context(), before, after, &Organization{}, nil); !errors.Is(err, ErrTooMany) || len(r.Changes) > 0 {
			t.Errorf("limits %v: error %v, %d changes", limits, err, len(r.Changes))
		}
	}
}

// processorTime returns what this process has used. Other processes don't matter.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
