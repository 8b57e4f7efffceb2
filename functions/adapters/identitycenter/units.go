package identitycenter

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Parent returns the organizational unit or the root that is directly above an account
// or a unit. NotFound: it isn't in the organization.
func (c *Client) Parent(ctx context.Context, childID string) (string, error) {
	pages := organizations.NewListParentsPaginator(c.org, &organizations.ListParentsInput{ChildId: &childID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", host.AWSError(err, "find the parent of "+childID)
		}
		for _, p := range page.Parents {
			return aws.ToString(p.Id), nil // there is only one
		}
	}
	return "", access.Errorf(access.CodeNotFound, "find the parent of %s: it has none", childID)
}

// UnitsIn returns the organizational units directly below a unit or a root. NotFound:
// it isn't in the organization.
func (c *Client) UnitsIn(ctx context.Context, parentID string) (ids []string, _ error) {
	pages := organizations.NewListOrganizationalUnitsForParentPaginator(c.org, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parentID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, host.AWSError(err, "list the organizational units in "+parentID)
		}
		for _, u := range page.OrganizationalUnits {
			ids = append(ids, aws.ToString(u.Id))
		}
	}
	return ids, nil
}

// AccountsIn returns the ids of the accounts directly below an organizational unit or a
// root, whatever their state. NotFound: it isn't in the organization.
func (c *Client) AccountsIn(ctx context.Context, parentID string) (ids []string, _ error) {
	pages := organizations.NewListAccountsForParentPaginator(c.org, &organizations.ListAccountsForParentInput{ParentId: &parentID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, host.AWSError(err, "list the accounts in "+parentID)
		}
		for _, a := range page.Accounts {
			ids = append(ids, aws.ToString(a.Id))
		}
	}
	return ids, nil
}
