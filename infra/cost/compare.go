package cost

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// call is one operation of one caller, as in Calls.
type call struct{ caller, name string }

// either lists calls of which the system promises the sum, and not who makes
// them. The first one stands for all of them on the cost page.
//
// One SendTaskSuccess ends a wait. If the press finds the task's token in the row,
// ingress sends it. If the press was faster than the token, await finds the
// decision when it stores the token, and sends it itself. Both are writes to the
// same row, so exactly one of the two sees the other.
var either = [][]call{
	{{"ingress", "AWSStepFunctions.SendTaskSuccess"}, {"await approval", "AWSStepFunctions.SendTaskSuccess"}},
}

// polls are looks at an operation under way. How many there are depends on how
// fast this machine and Identity Center are; there is always one, the last.
func (c call) polls() bool {
	return strings.HasSuffix(c.name, "Status") && strings.Contains(c.name, ".Describe")
}

// Attribute returns the calls with those that several callers may make moved to
// the first of these callers.
func (c Calls) Attribute() Calls {
	moved := Calls{Transitions: c.Transitions, Calls: map[string]map[string]int{}}
	for caller, calls := range c.Calls {
		moved.Calls[caller] = maps.Clone(calls)
	}
	for _, callers := range either {
		first := callers[0]
		for _, other := range callers[1:] {
			n := moved.Calls[other.caller][other.name]
			if n == 0 {
				continue
			}
			delete(moved.Calls[other.caller], other.name)
			if moved.Calls[first.caller] == nil {
				moved.Calls[first.caller] = map[string]int{}
			}
			moved.Calls[first.caller][first.name] += n
		}
	}
	return moved
}

// Compare returns how the calls of one request differ from want, in words. A call
// more or less is no difference (a cache may have just expired); a call of another
// kind is one, and so is a call that is missing. Where a sum is promised, it is
// exact.
//
// If something was done again, because it did not answer in time, there may be
// more of everything, but still nothing may be missing.
func (c Calls) Compare(want Calls, again bool) (differences []string) {
	got, want := c.Attribute(), want.Attribute()
	differ := func(what string, n, least, most, of int) {
		if n < least || n > most && !again {
			differences = append(differences, fmt.Sprintf("%s: %d, and the cost is computed from %d", what, n, of))
		}
	}
	near := func(n int) (least, most int) {
		slack := max(2, n/4)
		return max(1, n-slack), n + slack
	}
	least, most := near(want.Transitions)
	differ("state transitions", got.Transitions, least, most, want.Transitions)
	for _, caller := range slices.Sorted(maps.Keys(want.Calls)) {
		for _, name := range slices.Sorted(maps.Keys(want.Calls[caller])) {
			n := want.Calls[caller][name]
			least, most := near(n)
			switch one := (call{caller, name}); {
			case slices.ContainsFunc(either, func(callers []call) bool { return callers[0] == one }):
				least, most = n, n
			case one.polls():
				least = 1
			}
			differ(caller+" "+name, got.Calls[caller][name], least, most, n)
		}
	}
	for _, caller := range slices.Sorted(maps.Keys(got.Calls)) {
		for _, name := range slices.Sorted(maps.Keys(got.Calls[caller])) {
			if n := got.Calls[caller][name]; n != 0 && want.Calls[caller][name] == 0 && !again {
				differences = append(differences, fmt.Sprintf("%s %s: %d, and the cost is computed from none", caller, name, n))
			}
		}
	}
	return differences
}
