package identitycenter

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Each of the following lists everything, page by page. What is about an
// account, a permission set, a user or a group that does not exist (any more)
// is empty: nobody can have access through it.

// pager is a paginator of the SDK: of a service with options O, whose pages are P.
type pager[O, P any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (*P, error)
}

// list is what all pages have; items are those of one.
func list[O, P, T any](ctx context.Context, pages pager[O, P], doing string, items func(*P) []T) ([]T, error) {
	var all []T
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if notFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, host.AWSError(err, doing)
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// ProvisionedPermissionSets are the ARNs of the permission sets that are in an
// account.
func (c *Client) ProvisionedPermissionSets(ctx context.Context, accountID string) ([]string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := ssoadmin.NewListPermissionSetsProvisionedToAccountPaginator(c.admin, &ssoadmin.ListPermissionSetsProvisionedToAccountInput{
		InstanceArn: aws.String(in.arn), AccountId: aws.String(accountID), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, pages, "list the account's permission sets", func(page *ssoadmin.ListPermissionSetsProvisionedToAccountOutput) []string { return page.PermissionSets })
}

// AccountsWith are the ids of the accounts that a permission set is in.
func (c *Client) AccountsWith(ctx context.Context, permissionSetARN string) ([]string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := ssoadmin.NewListAccountsForProvisionedPermissionSetPaginator(c.admin, &ssoadmin.ListAccountsForProvisionedPermissionSetInput{
		InstanceArn: aws.String(in.arn), PermissionSetArn: aws.String(permissionSetARN), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, pages, "list the permission set's accounts", func(page *ssoadmin.ListAccountsForProvisionedPermissionSetOutput) []string { return page.AccountIds })
}

// UserAssignments are the users who have a permission set in an account.
func (c *Client) UserAssignments(ctx context.Context, accountID, permissionSetARN string) ([]access.Assignment, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := ssoadmin.NewListAccountAssignmentsPaginator(c.admin, &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: aws.String(in.arn), AccountId: aws.String(accountID), PermissionSetArn: aws.String(permissionSetARN), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, pages, "list the account's assignments", func(page *ssoadmin.ListAccountAssignmentsOutput) (of []access.Assignment) {
		for _, a := range page.AccountAssignments {
			if a.PrincipalType == types.PrincipalTypeUser {
				of = append(of, access.Assignment{AccountID: accountID, PermissionSetARN: permissionSetARN, UserID: aws.ToString(a.PrincipalId)})
			}
		}
		return of
	})
}

// AssignmentsOf are the assignments of a user's own, in every account. AWS also
// lists what the user has through groups, and lets only the management account
// ask (API reference, ListAccountAssignmentsForPrincipal): see Denied. calls is
// how many pages there were.
func (c *Client) AssignmentsOf(ctx context.Context, userID string) (all []access.Assignment, calls int, err error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, 0, err
	}
	pages := ssoadmin.NewListAccountAssignmentsForPrincipalPaginator(c.admin, &ssoadmin.ListAccountAssignmentsForPrincipalInput{
		InstanceArn: aws.String(in.arn), PrincipalId: aws.String(userID), PrincipalType: types.PrincipalTypeUser, MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	for pages.HasMorePages() {
		calls++
		page, err := pages.NextPage(ctx)
		if notFound(err) {
			return nil, calls, nil
		}
		if err != nil {
			return nil, calls, host.AWSError(err, "list the user's assignments")
		}
		for _, a := range page.AccountAssignments {
			if a.PrincipalType == types.PrincipalTypeUser && aws.ToString(a.PrincipalId) == userID {
				all = append(all, access.Assignment{AccountID: aws.ToString(a.AccountId), PermissionSetARN: aws.ToString(a.PermissionSetArn), UserID: userID})
			}
		}
	}
	return all, calls, nil
}

// Memberships are the members of a group.
func (c *Client) Memberships(ctx context.Context, groupID string) ([]access.Membership, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := identitystore.NewListGroupMembershipsPaginator(c.store, &identitystore.ListGroupMembershipsInput{
		IdentityStoreId: aws.String(in.identityStoreID), GroupId: aws.String(groupID), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, pages, "list the group's members", func(page *identitystore.ListGroupMembershipsOutput) (of []access.Membership) {
		for _, m := range page.GroupMemberships {
			if user, ok := m.MemberId.(*idtypes.MemberIdMemberUserId); ok {
				of = append(of, access.Membership{ID: aws.ToString(m.MembershipId), UserID: user.Value})
			}
		}
		return of
	})
}

// Group is the group with that id; found is false where there is none.
func (c *Client) Group(ctx context.Context, id string) (g access.Group, found bool, err error) {
	in, err := c.instance(ctx)
	if err != nil {
		return access.Group{}, false, err
	}
	out, err := c.store.DescribeGroup(ctx, &identitystore.DescribeGroupInput{IdentityStoreId: aws.String(in.identityStoreID), GroupId: aws.String(id)})
	if notFound(err) {
		return access.Group{}, false, nil
	}
	if err != nil {
		return access.Group{}, false, host.AWSError(err, "look at the group")
	}
	return access.Group{ID: id, Name: aws.ToString(out.DisplayName), Provisioned: len(out.ExternalIds) > 0}, true, nil
}

// UserPages gives the identity store's users to each, a page at a time, until
// there are no more or each says that it has enough.
func (c *Client) UserPages(ctx context.Context, each func([]access.User) (more bool)) error {
	in, err := c.instance(ctx)
	if err != nil {
		return err
	}
	pages := identitystore.NewListUsersPaginator(c.store, &identitystore.ListUsersInput{
		IdentityStoreId: aws.String(in.identityStoreID), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return host.AWSError(err, "list users")
		}
		var users []access.User
		for _, u := range page.Users {
			users = append(users, access.User{
				ID: aws.ToString(u.UserId), UserName: aws.ToString(u.UserName), DisplayName: aws.ToString(u.DisplayName), Emails: emailsOf(u.Emails),
				Disabled: u.UserStatus == idtypes.UserStatusDisabled,
			})
		}
		if !each(users) {
			return nil
		}
	}
	return nil
}

// UserNames are what the user with that id goes by: the user name and the emails.
// found is false where there is no such user.
func (c *Client) UserNames(ctx context.Context, id string) (names []string, found bool, err error) {
	user, found, err := c.User(ctx, id)
	if err != nil || !found {
		return nil, false, err
	}
	return append([]string{user.UserName}, user.Emails...), true, nil
}

// UserName is what the user with that id is called; found is false where there
// is none.
func (c *Client) UserName(ctx context.Context, id string) (name string, found bool, err error) {
	user, found, err := c.User(ctx, id)
	return user.UserName, found, err
}
