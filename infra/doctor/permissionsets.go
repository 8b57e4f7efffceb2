package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
)

// permissionSetsAPI is the part of Identity Center that lists permission sets.
type permissionSetsAPI interface {
	ListPermissionSets(context.Context, *ssoadmin.ListPermissionSetsInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsOutput, error)
	DescribePermissionSet(context.Context, *ssoadmin.DescribePermissionSetInput, ...func(*ssoadmin.Options)) (*ssoadmin.DescribePermissionSetOutput, error)
}

// provisionedAPI is the part of Identity Center that lists what an account uses.
type provisionedAPI interface {
	ListPermissionSetsProvisionedToAccount(context.Context, *ssoadmin.ListPermissionSetsProvisionedToAccountInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error)
}

type permissionSet struct {
	arn, name string
	session   string // duration of a session, ISO 8601
}

// pageSize is the largest page of these lists.
const pageSize = 100

func permissionSets(s access.Statement) []string { return s.PermissionSets }

// named returns the permission sets that the policy names, or nil if it says "*".
func named(p *access.Policy) map[string][]int {
	if all(p.Accounts, permissionSets) {
		return nil
	}
	return usesOf(p.Accounts, permissionSets)
}

// listPermissionSets reads the instance's permission sets, with a call for each,
// until it has found all wanted names; nil means all.
func listPermissionSets(ctx context.Context, api permissionSetsAPI, instanceARN string, wanted map[string][]int) ([]permissionSet, error) {
	var sets []permissionSet
	left := len(wanted)
	pages := ssoadmin.NewListPermissionSetsPaginator(api, &ssoadmin.ListPermissionSetsInput{InstanceArn: &instanceARN, MaxResults: aws.Int32(pageSize)})
	for pages.HasMorePages() && (wanted == nil || left > 0) {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range page.PermissionSets {
			if wanted != nil && left == 0 {
				break
			}
			out, err := api.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{InstanceArn: &instanceARN, PermissionSetArn: aws.String(arn)})
			if err != nil {
				return nil, err
			}
			if out.PermissionSet == nil {
				return nil, fmt.Errorf("AWS returned nothing for the permission set %s", arn)
			}
			one := permissionSet{arn: arn, name: aws.ToString(out.PermissionSet.Name), session: aws.ToString(out.PermissionSet.SessionDuration)}
			sets = append(sets, one)
			if _, ok := wanted[one.name]; ok {
				left--
			}
		}
	}
	return sets, nil
}

// checkPermissionSets compares the policy's permission sets with those of the
// instance.
func checkPermissionSets(p *access.Policy, sets []permissionSet) []finding {
	there := map[string]bool{}
	for _, s := range sets {
		there[s.name] = true
	}
	uses := usesOf(p.Accounts, permissionSets)
	var gone []string
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if !there[name] {
			gone = append(gone, fmt.Sprintf("%s (%s)", name, path("config", uses[name], "PermissionSet")))
		}
	}
	if len(gone) > 0 {
		return []finding{{Status: missing, Found: "the policy names permission sets that are not in Identity Center", Items: gone, Fix: "Create them (aws sso-admin create-permission-set), correct their names (case matters), or remove them from the policy."}}
	}
	return []finding{{Status: ready, Found: fmt.Sprintf("all permission sets in the policy (%d) are in Identity Center", len(uses))}}
}

// checkProvisioned finds the policy's permission sets that are in use in the
// management account. AWS lets nobody assign these from another account, not even
// to a third account.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/delegated-admin.html
func checkProvisioned(ctx context.Context, api provisionedAPI, instanceARN string, p *access.Policy, sets []permissionSet, own, management string) ([]finding, error) {
	if own == management {
		return []finding{{Status: ready, Found: "this is the management account, which may assign all permission sets"}}, nil
	}
	inManagement := map[string]bool{}
	pages := ssoadmin.NewListPermissionSetsProvisionedToAccountPaginator(api, &ssoadmin.ListPermissionSetsProvisionedToAccountInput{
		InstanceArn: &instanceARN, AccountId: &management, MaxResults: aws.Int32(pageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range page.PermissionSets {
			inManagement[arn] = true
		}
	}
	uses := usesOf(p.Accounts, permissionSets)
	var byName, byAll []string
	for _, s := range sets {
		indices := uses[s.name]
		switch {
		case !inManagement[s.arn]:
		case len(indices) > 0:
			byName = append(byName, fmt.Sprintf("%s (%s)", s.name, path("config", indices, "PermissionSet")))
		case all(p.Accounts, permissionSets):
			byAll = append(byAll, s.name)
		}
	}
	slices.Sort(byName)
	slices.Sort(byAll)
	const fix = "Copy them under other names for the policy, or end their assignments in the management account."
	var out []finding
	if len(byName) > 0 {
		out = append(out, finding{Status: missing, Found: "these are in use in the management account, so AWS refuses assignments of them from this account", Items: byName, Fix: fix})
	}
	if len(byAll) > 0 {
		out = append(out, finding{Status: warning, Found: `"*" covers these, but they are in use in the management account, so AWS refuses assignments of them from this account`, Items: byAll, Fix: fix})
	}
	if len(out) == 0 {
		out = append(out, finding{Status: ready, Found: "no permission set in the policy is in use in the management account"})
	}
	return out, nil
}
