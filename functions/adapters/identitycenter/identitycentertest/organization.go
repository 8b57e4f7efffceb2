package identitycentertest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func organizationCall(operation, about string, opts []func(*organizations.Options)) Call {
	var o organizations.Options
	for _, option := range opts {
		option(&o)
	}
	return Call{Service: "organizations", Operation: operation, About: about, Retryer: o.Retryer}
}

func (c *Center) ListAccounts(ctx context.Context, in *organizations.ListAccountsInput, opts ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error) {
	return answer(ctx, c, organizationCall("ListAccounts", "", opts), func() (*organizations.ListAccountsOutput, error) {
		items, next, err := page(c, organizationListing, c.Accounts, in.MaxResults, in.NextToken)
		return &organizations.ListAccountsOutput{Accounts: items, NextToken: next}, err
	})
}

// Root is the root of the organization.
const Root = "r-test"

// Move moves an account to an organizational unit or to Root.
func (c *Center) Move(accountID, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.UnitOf == nil {
		c.UnitOf = map[string]string{}
	}
	c.UnitOf[accountID] = to
}

func (c *Center) ListParents(ctx context.Context, in *organizations.ListParentsInput, opts ...func(*organizations.Options)) (*organizations.ListParentsOutput, error) {
	id := aws.ToString(in.ChildId)
	return answer(ctx, c, organizationCall("ListParents", id, opts), func() (*organizations.ListParentsOutput, error) {
		parent, found := c.Units[id]
		if slices.ContainsFunc(c.Accounts, func(a orgtypes.Account) bool { return aws.ToString(a.Id) == id }) {
			parent, found = c.parentOf(id), true
		}
		if !found {
			return nil, &orgtypes.ChildNotFoundException{Message: aws.String("You specified a child that doesn't exist.")}
		}
		return &organizations.ListParentsOutput{Parents: []orgtypes.Parent{{Id: &parent}}}, nil
	})
}

func (c *Center) parentOf(accountID string) string { return cmp.Or(c.UnitOf[accountID], Root) }

func (c *Center) checkParent(id string) error {
	if _, found := c.Units[id]; found || id == Root {
		return nil
	}
	return &orgtypes.ParentNotFoundException{Message: aws.String("You specified a parent that doesn't exist.")}
}

func (c *Center) ListOrganizationalUnitsForParent(ctx context.Context, in *organizations.ListOrganizationalUnitsForParentInput, opts ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	id := aws.ToString(in.ParentId)
	return answer(ctx, c, organizationCall("ListOrganizationalUnitsForParent", id, opts), func() (*organizations.ListOrganizationalUnitsForParentOutput, error) {
		if err := c.checkParent(id); err != nil {
			return nil, err
		}
		var all []orgtypes.OrganizationalUnit
		for _, unit := range slices.Sorted(maps.Keys(c.Units)) {
			if c.Units[unit] == id {
				all = append(all, orgtypes.OrganizationalUnit{Id: &unit})
			}
		}
		items, next, err := page(c, organizationListing, all, in.MaxResults, in.NextToken)
		return &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: items, NextToken: next}, err
	})
}

func (c *Center) ListAccountsForParent(ctx context.Context, in *organizations.ListAccountsForParentInput, opts ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error) {
	id := aws.ToString(in.ParentId)
	return answer(ctx, c, organizationCall("ListAccountsForParent", id, opts), func() (*organizations.ListAccountsForParentOutput, error) {
		if err := c.checkParent(id); err != nil {
			return nil, err
		}
		all := slices.DeleteFunc(slices.Clone(c.Accounts), func(a orgtypes.Account) bool { return c.parentOf(aws.ToString(a.Id)) != id })
		items, next, err := page(c, organizationListing, all, in.MaxResults, in.NextToken)
		return &organizations.ListAccountsForParentOutput{Accounts: items, NextToken: next}, err
	})
}

// DescribeOrganizationalUnit is for the doctor.
func (c *Center) DescribeOrganizationalUnit(ctx context.Context, in *organizations.DescribeOrganizationalUnitInput, opts ...func(*organizations.Options)) (*organizations.DescribeOrganizationalUnitOutput, error) {
	id := aws.ToString(in.OrganizationalUnitId)
	return answer(ctx, c, organizationCall("DescribeOrganizationalUnit", id, opts), func() (*organizations.DescribeOrganizationalUnitOutput, error) {
		if _, found := c.Units[id]; !found {
			return nil, &orgtypes.OrganizationalUnitNotFoundException{Message: aws.String("You specified an organizational unit that doesn't exist.")}
		}
		return &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: &orgtypes.OrganizationalUnit{Id: &id}}, nil
	})
}

// ListRoots is for the doctor.
func (c *Center) ListRoots(ctx context.Context, in *organizations.ListRootsInput, opts ...func(*organizations.Options)) (*organizations.ListRootsOutput, error) {
	return answer(ctx, c, organizationCall("ListRoots", "", opts), func() (*organizations.ListRootsOutput, error) {
		return &organizations.ListRootsOutput{Roots: []orgtypes.Root{{Id: aws.String(Root)}}}, nil
	})
}

// DescribeOrganization is for the doctor.
func (c *Center) DescribeOrganization(ctx context.Context, _ *organizations.DescribeOrganizationInput, opts ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error) {
	return answer(ctx, c, organizationCall("DescribeOrganization", "", opts), func() (*organizations.DescribeOrganizationOutput, error) {
		return &organizations.DescribeOrganizationOutput{Organization: &orgtypes.Organization{MasterAccountId: &c.ManagementAccount}}, nil
	})
}

// ListDelegatedAdministrators is for the doctor.
func (c *Center) ListDelegatedAdministrators(ctx context.Context, in *organizations.ListDelegatedAdministratorsInput, opts ...func(*organizations.Options)) (*organizations.ListDelegatedAdministratorsOutput, error) {
	service := aws.ToString(in.ServicePrincipal)
	return answer(ctx, c, organizationCall("ListDelegatedAdministrators", service, opts), func() (*organizations.ListDelegatedAdministratorsOutput, error) {
		var all []orgtypes.DelegatedAdministrator
		for _, id := range c.DelegatedAdministrators[service] {
			all = append(all, orgtypes.DelegatedAdministrator{Id: &id})
		}
		items, next, err := page(c, organizationListing, all, in.MaxResults, in.NextToken)
		return &organizations.ListDelegatedAdministratorsOutput{DelegatedAdministrators: items, NextToken: next}, err
	})
}
