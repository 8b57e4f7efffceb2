package main

import (
	"fmt"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// affecting is how many statements affect the request, unless all do.
const affecting = 10

// decisionRuns is how often each benchmark runs. The median counts.
const decisionRuns = 3

// measureDecision measures the policy's decision about a request.
func measureDecision() []line {
	c := access.Case{
		Requester: access.Identity{Email: "requester@example.com"},
		Target:    access.Target{Kind: access.KindAccount, AccountID: smallAccount, PermissionSet: "Developer"},
	}
	var few, all, once []line
	var allocations []int64
	for _, size := range []struct {
		statements int
		most       time.Duration
	}{{10, time.Microsecond}, {1_000, 2 * time.Microsecond}, {10_000, 5 * time.Microsecond}} {
		policy := makePolicy(size.statements, affecting)
		index := access.NewIndex(&policy)
		took, allocs := benchmark(func() { index.Decide(&c) })
		l := durationLine(fmt.Sprintf("policy decision, %d statements, %d apply", size.statements, affecting), took, size.most)
		l.figure += fmt.Sprintf(", %d allocations", allocs)
		few, allocations = append(few, l), append(allocations, allocs)

		made, _ := benchmark(func() { access.NewIndex(&policy) })
		once = append(once, line{measure: fmt.Sprintf("building the index, %d statements", size.statements), figure: formatDuration(made)})

		every := makePolicy(size.statements, size.statements)
		everyIndex := access.NewIndex(&every)
		took, allocs = benchmark(func() { everyIndex.Decide(&c) })
		all = append(all, line{measure: fmt.Sprintf("policy decision, %d statements, all apply", size.statements), figure: fmt.Sprintf("%s, %d allocations", formatDuration(took), allocs)})
	}
	grows := allocations[len(allocations)-1] > allocations[0]
	few = append(few, line{"policy decision: allocations with 10 and with 10000 statements", "the same",
		fmt.Sprintf("%d, %d", allocations[0], allocations[len(allocations)-1]), judge(!grows)})
	lines := append(few, all...)
	return append(lines, once...)
}

// makePolicy returns a policy with that many statements. affect of them, spread
// evenly, affect a request for smallAccount. Each has two approvers.
func makePolicy(statements, affect int) access.Policy {
	var p access.Policy
	for i := range statements {
		s := access.Statement{
			Resources: []string{largeAccount(i)}, PermissionSets: []string{"Developer"},
			Approvers: []string{"ann@example.com", "bob@example.com"},
		}
		if i%(statements/affect) == 0 {
			s.Resources = []string{smallAccount}
		}
		p.Accounts = append(p.Accounts, s)
	}
	return p
}

// benchmark returns the time and the allocations of one call of f.
func benchmark(f func()) (took time.Duration, allocations int64) {
	var times []time.Duration
	for range decisionRuns {
		result := testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
		times = append(times, time.Duration(result.NsPerOp()))
		allocations = result.AllocsPerOp()
	}
	return median(times), allocations
}
