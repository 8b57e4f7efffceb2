package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// organizationAPI is the part of Organizations that the check of the account's role
// in the organization uses.
type organizationAPI interface {
	DescribeOrganization(context.Context, *organizations.DescribeOrganizationInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error)
	ListDelegatedAdministrators(context.Context, *organizations.ListDelegatedAdministratorsInput, ...func(*organizations.Options)) (*organizations.ListDelegatedAdministratorsOutput, error)
}

// ssoPrincipal is Identity Center's service principal.
const ssoPrincipal = "sso.amazonaws.com"

// managementAccount returns the id of the organization's management account.
func managementAccount(ctx context.Context, api organizationAPI) (string, error) {
	out, err := api.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil {
		return "", err
	}
	if out.Organization == nil || aws.ToString(out.Organization.MasterAccountId) == "" {
		return "", errors.New("AWS didn't return the organization's management account")
	}
	return aws.ToString(out.Organization.MasterAccountId), nil
}

// checkOrganization checks that the account may administer Identity Center: as the
// management account or as a delegated administrator.
func checkOrganization(ctx context.Context, api organizationAPI, account string) ([]finding, error) {
	management, err := managementAccount(ctx, api)
	var none *types.AWSOrganizationsNotInUseException
	register := "Deploy to the management account, or run this there: aws organizations register-delegated-administrator --service-principal " + ssoPrincipal + " --account-id " + account
	switch {
	case errors.As(err, &none):
		return []finding{{Status: missing, Found: "account " + account + " is not in an organization", Fix: "Use an account of the organization that has Identity Center."}}, nil
	case err != nil:
		return nil, err
	case management == account:
		return []finding{{Status: warning, Found: "this is the management account. Anyone who can change this system can get access to the management account",
			Fix: "This is fine for a trial. For production, deploy to a delegated administrator account of Identity Center."}}, nil
	}
	pages := organizations.NewListDelegatedAdministratorsPaginator(api, &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String(ssoPrincipal)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if denied(err) {
			// Organizations allows this call only to the management account and to
			// delegated administrators.
			return []finding{{Status: missing, Found: fmt.Sprintf("account %s is not a delegated administrator (the management account is %s), or these credentials may not call ListDelegatedAdministrators", account, management), Fix: register}}, nil
		}
		if err != nil {
			return nil, err
		}
		for _, d := range page.DelegatedAdministrators {
			if aws.ToString(d.Id) == account {
				return []finding{{Status: ready, Found: fmt.Sprintf("this is Identity Center's delegated administrator account, so nobody can request access to the management account %s", management)}}, nil
			}
		}
	}
	return []finding{{Status: missing, Found: fmt.Sprintf("account %s is not Identity Center's delegated administrator (the management account is %s)", account, management), Fix: register}}, nil
}
