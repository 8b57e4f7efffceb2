package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"sso-elevator/functions/access"
)

// unitsAPI is the part of Organizations that the check of the organizational units
// uses.
type unitsAPI interface {
	DescribeOrganizationalUnit(context.Context, *organizations.DescribeOrganizationalUnitInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationalUnitOutput, error)
	ListRoots(context.Context, *organizations.ListRootsInput, ...func(*organizations.Options)) (*organizations.ListRootsOutput, error)
}

// checkUnits checks that the policy's organizational units and roots exist. Functions
// don't look up a root: any id of one stands for all accounts.
func checkUnits(ctx context.Context, api unitsAPI, p *access.Policy) ([]finding, error) {
	uses := usesOf(p.Accounts, func(s access.Statement) []string { return s.Resources })
	var gone, foreign []string
	var roots []string
	for _, id := range p.OUs() {
		item := fmt.Sprintf("%s (%s)", id, path("config", uses[id], "Resource"))
		if !access.IsRoot(id) {
			_, err := api.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &id})
			var none *types.OrganizationalUnitNotFoundException
			switch {
			case errors.As(err, &none):
				gone = append(gone, item)
			case err != nil:
				return nil, err
			}
			continue
		}
		if roots == nil {
			var err error
			if roots, err = listRoots(ctx, api); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(roots, id) {
			foreign = append(foreign, item)
		}
	}
	var out []finding
	if len(gone) > 0 {
		out = append(out, finding{Status: missing, Found: "the policy names organizational units that are not in the organization", Items: gone, Fix: "Correct the IDs, or remove them from the policy."})
	}
	if len(foreign) > 0 {
		out = append(out, finding{Status: missing, Found: fmt.Sprintf("the policy names a root that is not this organization's %v. It stands for all accounts anyway", roots), Items: foreign,
			Fix: `Correct the ID, or write Resource: "*".`})
	}
	if len(out) == 0 {
		found := fmt.Sprintf("all organizational units in the policy (%d) are in the organization", len(p.OUs()))
		if len(p.OUs()) == 0 {
			found = "the policy names no organizational units"
		}
		out = append(out, finding{Status: ready, Found: found})
	}
	return out, nil
}

func listRoots(ctx context.Context, api unitsAPI) ([]string, error) {
	ids := []string{}
	pages := organizations.NewListRootsPaginator(api, &organizations.ListRootsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Roots {
			ids = append(ids, aws.ToString(r.Id))
		}
	}
	return ids, nil
}
