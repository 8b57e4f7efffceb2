package reconcile

import (
	"context"
	"slices"
	"testing"

	"sso-elevator/functions/adapters/catalog"
)

type groupNames map[string]string

func (g groupNames) ApproverGroup(_ context.Context, id string) (string, catalog.Members) {
	return g[id], catalog.Members{}
}

func TestRunsNameGroups(t *testing.T) {
	n := namedRuns{groups: groupNames{"g-1": "Security\n\u202eTeam"}}
	got := n.names(t.Context(), []string{"ann@example.com", "group:g-1", "group:g-2"})
	if want := []string{"ann@example.com", "members of Security Team", "members of g-2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
