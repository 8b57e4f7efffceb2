package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// callCounts are state transitions, with retries, and calls. The calls are by
// caller, like "grant start", and then by service and operation, like
// "DynamoDB.GetItem". The caller "" is Slack or Step Functions.
type callCounts struct {
	Transitions int                       `json:"transitions"`
	Calls       map[string]map[string]int `json:"calls"`
}

// requestCalls is a file with the calls of one request that is approved, granted,
// and ends on time. docs/reference/cost.md is computed from it.
const requestCalls = "testdata/request.json"

// readCallCounts reads requestCalls.
func readCallCounts() (c callCounts, err error) {
	text, err := os.ReadFile(requestCalls)
	if err != nil {
		return callCounts{}, err
	}
	err = json.Unmarshal(text, &c)
	return c, err
}

// call is one operation of one caller, as in callCounts.
type call struct{ caller, name string }

// promisedSums lists calls that several callers can make. The system promises their
// sum, but not which caller makes them. The cost page counts them all for the first
// caller.
//
// One SendTaskSuccess ends a wait. If the press finds the task's token in the row,
// ingress sends it. If the press comes before the token, await finds the decision
// when it stores the token, and sends it itself. Both write to the same row, so
// exactly one of the two sees the other.
var promisedSums = [][]call{
	{{"ingress", "AWSStepFunctions.SendTaskSuccess"}, {"await approval", "AWSStepFunctions.SendTaskSuccess"}},
}

// isPoll reports whether the call checks an operation that is under way. The number
// of polls depends on the speed of this machine and of Identity Center. There is
// always one, the last.
func (c call) isPoll() bool {
	return strings.HasSuffix(c.name, "Status") && strings.Contains(c.name, ".Describe")
}

// attribute returns the counts with promised sums moved to their first callers.
func (c callCounts) attribute() callCounts {
	moved := callCounts{Transitions: c.Transitions, Calls: map[string]map[string]int{}}
	for caller, calls := range c.Calls {
		moved.Calls[caller] = maps.Clone(calls)
	}
	for _, callers := range promisedSums {
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

// compare describes how the calls of one request differ from want. One call more or
// less is no difference, because a cache may have expired. An unexpected kind of
// call is a difference, and so is a missing call. Promised sums must be exact.
//
// again means that something was repeated because it did not answer in time. Then
// there may be more of everything, but nothing may be missing.
func (c callCounts) compare(want callCounts, again bool) (differences []string) {
	got, want := c.attribute(), want.attribute()
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
			case slices.ContainsFunc(promisedSums, func(callers []call) bool { return callers[0] == one }):
				least, most = n, n
			case one.isPoll():
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

func TestCompareCalls(t *testing.T) {
	const send, status = "AWSStepFunctions.SendTaskSuccess", "SWBExternalService.DescribeAccountAssignmentCreationStatus"
	calls := func(change func(map[string]map[string]int)) callCounts {
		c := map[string]map[string]int{
			"ingress":        {send: 1, "DynamoDB.GetItem": 1},
			"await approval": {"DynamoDB.UpdateItem": 1},
			"grant confirm":  {status: 4, "DynamoDB.GetItem": 8},
		}
		if change != nil {
			change(c)
		}
		return callCounts{Transitions: 21, Calls: c}
	}
	const (
		noToken = "ingress " + send + ": 0, and the cost is computed from 1"
		twice   = "ingress " + send + ": 2, and the cost is computed from 1"
	)
	for _, tt := range []struct {
		name        string
		transitions int // 0 for the same number
		change      func(map[string]map[string]int)
		want        []string
		again       []string // the differences that remain if something was repeated
	}{
		{name: "the same"},
		{name: "the press was faster than the token", change: func(c map[string]map[string]int) { delete(c["ingress"], send); c["await approval"][send] = 1 }},
		{name: "nobody sends the token", change: func(c map[string]map[string]int) { delete(c["ingress"], send) }, want: []string{noToken}, again: []string{noToken}},
		{name: "both send the token", change: func(c map[string]map[string]int) { c["await approval"][send] = 1 }, want: []string{twice}},
		{name: "ingress sends the token twice", change: func(c map[string]map[string]int) { c["ingress"][send] = 2 }, want: []string{twice}},
		{name: "the operation has ended at the first look", change: func(c map[string]map[string]int) { c["grant confirm"][status] = 1 }},
		{name: "nobody looks at the operation", change: func(c map[string]map[string]int) { c["grant confirm"][status] = 0 },
			want:  []string{"grant confirm " + status + ": 0, and the cost is computed from 4"},
			again: []string{"grant confirm " + status + ": 0, and the cost is computed from 4"}},
		{name: "looks without end", change: func(c map[string]map[string]int) { c["grant confirm"][status] = 7 }, want: []string{"grant confirm " + status + ": 7, and the cost is computed from 4"}},
		{name: "two more", change: func(c map[string]map[string]int) { c["grant confirm"]["DynamoDB.GetItem"] = 10 }},
		{name: "three more", change: func(c map[string]map[string]int) { c["grant confirm"]["DynamoDB.GetItem"] = 11 }, want: []string{"grant confirm DynamoDB.GetItem: 11, and the cost is computed from 8"}},
		{name: "three fewer", change: func(c map[string]map[string]int) { c["grant confirm"]["DynamoDB.GetItem"] = 5 },
			want: []string{"grant confirm DynamoDB.GetItem: 5, and the cost is computed from 8"}, again: []string{"grant confirm DynamoDB.GetItem: 5, and the cost is computed from 8"}},
		{name: "none of one", change: func(c map[string]map[string]int) { delete(c["ingress"], "DynamoDB.GetItem") },
			want: []string{"ingress DynamoDB.GetItem: 0, and the cost is computed from 1"}, again: []string{"ingress DynamoDB.GetItem: 0, and the cost is computed from 1"}},
		{name: "another operation", change: func(c map[string]map[string]int) { c["ingress"]["DynamoDB.Scan"] = 1 }, want: []string{"ingress DynamoDB.Scan: 1, and the cost is computed from none"}},
		{name: "another caller", change: func(c map[string]map[string]int) { c["notify remind"] = map[string]int{"DynamoDB.GetItem": 1} },
			want: []string{"notify remind DynamoDB.GetItem: 1, and the cost is computed from none"}},
		{name: "what was done before is taken off", change: func(c map[string]map[string]int) { c["ingress"]["DynamoDB.Scan"] = 0 }},
		{name: "more transitions", transitions: 27, want: []string{"state transitions: 27, and the cost is computed from 21"}},
		{name: "fewer transitions", transitions: 15, want: []string{"state transitions: 15, and the cost is computed from 21"}, again: []string{"state transitions: 15, and the cost is computed from 21"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := calls(tt.change)
			if tt.transitions != 0 {
				got.Transitions = tt.transitions
			}
			if differences := got.compare(calls(nil), false); !slices.Equal(differences, tt.want) {
				t.Errorf("got %q, want %q", differences, tt.want)
			}
			if differences := got.compare(calls(nil), true); !slices.Equal(differences, tt.again) {
				t.Errorf("done again: got %q, want %q", differences, tt.again)
			}
		})
	}
}

// attribute does not change its receiver.
func TestAttributeCallsCopies(t *testing.T) {
	const send = "AWSStepFunctions.SendTaskSuccess"
	c := callCounts{Calls: map[string]map[string]int{"await approval": {send: 1}}}
	if got := c.attribute(); got.Calls["ingress"][send] != 1 || got.Calls["await approval"][send] != 0 || c.Calls["await approval"][send] != 1 || c.Calls["ingress"] != nil {
		t.Errorf("got %v, from %v", got, c)
	}
}
