package reconcile

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// namedRuns is the table. In the rows of runs, it names the groups that can answer as
// people see them. A question in Slack depends on its row alone.
type namedRuns struct {
	*table.Table
	groups interface {
		ApproverGroup(ctx context.Context, id string) (name string, m catalog.Members)
	}
}

// CreateRun is Table.CreateRun.
func (n namedRuns) CreateRun(ctx context.Context, r access.Run) error {
	r.Approvers = n.names(ctx, r.Approvers)
	return n.Table.CreateRun(ctx, r)
}

func (n namedRuns) names(ctx context.Context, approvers []string) (names []string) {
	for _, a := range approvers {
		if id, ok := access.GroupOf(a); ok {
			name, _ := n.groups.ApproverGroup(ctx, id)
			a = slack.GroupMembers(name, id)
		}
		names = append(names, a)
	}
	return names
}
