package identitycenter

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// PermissionSetName returns the name of the permission set with that ARN.
func (c *Client) PermissionSetName(ctx context.Context, arn string) (string, error) {
	set, err := c.PermissionSet(ctx, arn)
	return set.Name, err
}

// PermissionSet returns the permission set with that ARN. A session duration that can't
// be read counts as unknown.
func (c *Client) PermissionSet(ctx context.Context, arn string) (access.PermissionSet, error) {
	none := access.PermissionSet{ARN: arn}
	in, err := c.instance(ctx)
	if err != nil {
		return none, err
	}
	out, err := c.admin.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{
		InstanceArn:      aws.String(in.arn),
		PermissionSetArn: aws.String(arn),
	})
	if err != nil {
		return none, host.AWSError(c.verified(ctx, err), "look at the permission set")
	}
	if out.PermissionSet == nil {
		return none, nil
	}
	session, _ := access.ParseSession(aws.ToString(out.PermissionSet.SessionDuration))
	description := []rune(aws.ToString(out.PermissionSet.Description))
	if len(description) > access.MaxDescriptionLength {
		description = append(description[:access.MaxDescriptionLength-1], '…')
	}
	return access.PermissionSet{
		ARN: arn, Name: aws.ToString(out.PermissionSet.Name), Session: session,
		Description: string(description),
	}, nil
}

// PortalURL returns the address that AWS gives the instance's access portal, "" if we
// don't know it (access.DefaultPortalURL).
func (c *Client) PortalURL(ctx context.Context) (string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return "", err
	}
	return access.DefaultPortalURL(in.arn, in.identityStoreID), nil
}

// Accounts returns the organization's active accounts, in the order of
// Organizations.
func (c *Client) Accounts(ctx context.Context) ([]access.Account, error) {
	var accounts []access.Account
	err := c.AccountPages(ctx, func(page []access.Account) { accounts = append(accounts, page...) })
	if err != nil {
		return nil, err
	}
	return accounts, nil
}

// AccountPages calls each with the organization's active accounts, a page at a time.
// Organizations lists at most 20 accounts in a page (API reference, ListAccounts).
func (c *Client) AccountPages(ctx context.Context, each func([]access.Account)) error {
	pages := organizations.NewListAccountsPaginator(c.org, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return host.AWSError(err, "list accounts")
		}
		var accounts []access.Account
		for _, a := range page.Accounts {
			if a.State == orgtypes.AccountStateActive || a.State == "" && a.Status == orgtypes.AccountStatusActive {
				accounts = append(accounts, access.Account{
					ID: aws.ToString(a.Id), Name: aws.ToString(a.Name), Management: isManagement(aws.ToString(a.Arn), aws.ToString(a.Id)),
					JoinedAt: aws.ToTime(a.JoinedTimestamp).UTC(),
				})
			}
		}
		each(accounts)
	}
	return nil
}

// isManagement reports whether the account is the management account, which every
// account's ARN names: arn:aws:organizations::<management>:account/<org>/<id>.
func isManagement(arn, id string) bool {
	parts := strings.Split(arn, ":")
	return len(parts) > 4 && id != "" && parts[4] == id
}

// PermissionSetARNs returns the ARNs of the instance's permission sets. Identity
// Center lists nothing else about them.
func (c *Client) PermissionSetARNs(ctx context.Context) ([]string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	var arns []string
	pages := ssoadmin.NewListPermissionSetsPaginator(c.admin, &ssoadmin.ListPermissionSetsInput{
		InstanceArn: aws.String(in.arn),
		MaxResults:  aws.Int32(access.DirectoryPageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, host.AWSError(err, "list permission sets")
		}
		arns = append(arns, page.PermissionSets...)
	}
	return arns, nil
}

// Groups returns the identity store's groups.
func (c *Client) Groups(ctx context.Context) ([]access.Group, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	var groups []access.Group
	pages := identitystore.NewListGroupsPaginator(c.store, &identitystore.ListGroupsInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		MaxResults:      aws.Int32(access.DirectoryPageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, host.AWSError(err, "list groups")
		}
		for _, g := range page.Groups {
			groups = append(groups, access.Group{ID: aws.ToString(g.GroupId), Name: aws.ToString(g.DisplayName), Provisioned: len(g.ExternalIds) > 0})
		}
	}
	return groups, nil
}
