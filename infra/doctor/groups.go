package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
)

// groupsAPI is the part of the Identity Store that the check of the groups uses.
type groupsAPI interface {
	DescribeGroup(context.Context, *identitystore.DescribeGroupInput, ...func(*identitystore.Options)) (*identitystore.DescribeGroupOutput, error)
	ListGroups(context.Context, *identitystore.ListGroupsInput, ...func(*identitystore.Options)) (*identitystore.ListGroupsOutput, error)
}

// decisionUses returns where the policy names each group whose members may request,
// approve, or block people.
func decisionUses(p *access.Policy) map[string][]string {
	uses := map[string][]string{}
	for key, statements := range map[string][]access.Statement{"config": p.Accounts, "group_config": p.Groups} {
		for field, entries := range map[string]func(access.Statement) []string{
			"AllowedGroups": func(s access.Statement) []string { return groupsIn(s.Allowed) },
			"Approvers":     func(s access.Statement) []string { return groupsIn(s.Approvers) },
		} {
			for id, at := range usesOf(statements, entries) {
				uses[id] = append(uses[id], path(key, at, field))
			}
		}
	}
	for i, entry := range p.IncidentResponders {
		if id, ok := access.GroupOf(entry); ok {
			uses[id] = append(uses[id], fmt.Sprintf("incident_responders[%d]", i))
		}
	}
	for _, where := range uses {
		slices.Sort(where)
	}
	return uses
}

func groupsIn(entries []string) (ids []string) {
	for _, e := range entries {
		if id, ok := access.GroupOf(e); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkGroups compares the policy's groups with those of the identity store.
func checkGroups(ctx context.Context, api groupsAPI, store string, p *access.Policy) ([]finding, error) {
	resources := func(s access.Statement) []string { return s.Resources }
	uses := usesOf(p.Groups, resources)
	var gone, provisioned []string
	for _, id := range slices.Sorted(maps.Keys(uses)) {
		where := path("group_config", uses[id], "Resource")
		g, err := api.DescribeGroup(ctx, &identitystore.DescribeGroupInput{IdentityStoreId: &store, GroupId: &id})
		var none *types.ResourceNotFoundException
		switch {
		case errors.As(err, &none):
			gone = append(gone, fmt.Sprintf("%s (%s)", id, where))
		case err != nil:
			return nil, err
		case len(g.ExternalIds) > 0:
			provisioned = append(provisioned, fmt.Sprintf("%s (%s)", aws.ToString(g.DisplayName), where))
		}
	}
	decide := decisionUses(p)
	for _, id := range slices.Sorted(maps.Keys(decide)) {
		if len(uses[id]) > 0 {
			continue // described already
		}
		_, err := api.DescribeGroup(ctx, &identitystore.DescribeGroupInput{IdentityStoreId: &store, GroupId: &id})
		var none *types.ResourceNotFoundException
		switch {
		case errors.As(err, &none):
			gone = append(gone, fmt.Sprintf("%s (%s)", id, strings.Join(decide[id], ", ")))
		case err != nil:
			return nil, err
		}
	}
	if all(p.Groups, resources) {
		pages := identitystore.NewListGroupsPaginator(api, &identitystore.ListGroupsInput{IdentityStoreId: &store, MaxResults: aws.Int32(pageSize)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, g := range page.Groups {
				if len(g.ExternalIds) > 0 && len(uses[aws.ToString(g.GroupId)]) == 0 {
					provisioned = append(provisioned, aws.ToString(g.DisplayName)+` ("*")`)
				}
			}
		}
	}
	var out []finding
	if len(gone) > 0 {
		out = append(out, finding{Status: missing, Found: "the policy names groups that are not in Identity Center", Items: gone, Fix: "Correct the IDs, or remove them from the policy."})
	}
	if len(provisioned) > 0 {
		out = append(out, finding{Status: warning, Found: "the identity provider (SCIM) manages these groups. It may undo memberships that this app grants, and reconciliations skip these groups", Items: provisioned,
			Fix: "Use groups that were created in Identity Center itself."})
	}
	if len(out) == 0 {
		for id := range uses {
			decide[id] = nil
		}
		found := fmt.Sprintf("all groups in the policy (%d) are in Identity Center", len(decide))
		if len(p.Groups) == 0 && len(decide) == 0 {
			found = "the policy names no groups"
		}
		out = append(out, finding{Status: ready, Found: found})
	}
	return out, nil
}
