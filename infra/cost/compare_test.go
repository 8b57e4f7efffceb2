package cost

import (
	"slices"
	"testing"
)

func TestCompare(t *testing.T) {
	const send, status = "AWSStepFunctions.SendTaskSuccess", "SWBExternalService.DescribeAccountAssignmentCreationStatus"
	calls := func(change func(map[string]map[string]int)) Calls {
		c := map[string]map[string]int{
			"ingress":        {send: 1, "DynamoDB.GetItem": 1},
			"await approval": {"DynamoDB.UpdateItem": 1},
			"grant confirm":  {status: 4, "DynamoDB.GetItem": 8},
		}
		if change != nil {
			change(c)
		}
		return Calls{Transitions: 21, Calls: c}
	}
	const (
		noToken = "ingress " + send + ": 0, and the cost is computed from 1"
		twice   = "ingress " + send + ": 2, and the cost is computed from 1"
	)
	for _, tt := range []struct {
		name        string
		transitions int // 0: as many
		change      func(map[string]map[string]int)
		want        []string
		again       []string // what is left of it where something was done again
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
			if differences := got.Compare(calls(nil), false); !slices.Equal(differences, tt.want) {
				t.Errorf("got %q, want %q", differences, tt.want)
			}
			if differences := got.Compare(calls(nil), true); !slices.Equal(differences, tt.again) {
				t.Errorf("done again: got %q, want %q", differences, tt.again)
			}
		})
	}
}

// Attributing leaves what was counted as it is.
func TestAttributeCopies(t *testing.T) {
	const send = "AWSStepFunctions.SendTaskSuccess"
	c := Calls{Calls: map[string]map[string]int{"await approval": {send: 1}}}
	if got := c.Attribute(); got.Calls["ingress"][send] != 1 || got.Calls["await approval"][send] != 0 || c.Calls["await approval"][send] != 1 || c.Calls["ingress"] != nil {
		t.Errorf("got %v, from %v", got, c)
	}
}
