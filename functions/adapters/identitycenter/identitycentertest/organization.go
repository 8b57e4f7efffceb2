package identitycentertest

import (
	"context"

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
