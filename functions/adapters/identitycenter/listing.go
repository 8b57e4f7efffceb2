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

// Each of the following functions reads all pages. If the account, permission set,
// user or group doesn't exist, the list is empty, because nobody can have access
// through it.

// pager is a paginator of the SDK for a service with options O and pages P.
type pager[O, P any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (*P, error)
}

// list returns the items of all pages; items returns those of one page.
func list[O, P, T any](ctx context.Context, c *Client, pages pager[O, P], doing string, items func(*P) []T) ([]T, error) {
	var all []T
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		err = c.verified(ctx, err)
		if isNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, host.AWSError(err, doing)
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// ProvisionedPermissionSets returns the ARNs of the permission sets that are
// provisioned to an account.
func (c *Client) ProvisionedPermissionSets(ctx context.Context, accountID string) ([]string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := ssoadmin.NewListPermissionSetsProvisionedToAccountPaginator(c.admin, &ssoadmin.ListPermissionSetsProvisionedToAccountInput{
		InstanceArn: aws.String(in.arn), AccountId: aws.String(accountID), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, c, pages, "list the account's permission sets", func(page *ssoadmin.ListPermissionSetsProvisionedToAccountOutput) []string { return page.PermissionSets })
}

// AccountsWith returns the ids of the accounts that a permission set is provisioned
// to.
func (c *Client) AccountsWith(ctx context.Context, permissionSetARN string) ([]string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := ssoadmin.NewListAccountsForProvisionedPermissionSetPaginator(c.admin, &ssoadmin.ListAccountsForProvisionedPermissionSetInput{
		InstanceArn: aws.String(in.arn), PermissionSetArn: aws.String(permissionSetARN), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, c, pages, "list the permission set's accounts", func(page *ssoadmin.ListAccountsForProvisionedPermissionSetOutput) []string { return page.AccountIds })
}

// UserAssignments returns the direct assignments of users to a permission set in an
// account.
func (c *Client) UserAssignments(ctx context.Context, accountID, permissionSetARN string) ([]access.Assignment, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := ssoadmin.NewListAccountAssignmentsPaginator(c.admin, &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: aws.String(in.arn), AccountId: aws.String(accountID), PermissionSetArn: aws.String(permissionSetARN), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, c, pages, "list the account's assignments", func(page *ssoadmin.ListAccountAssignmentsOutput) (of []access.Assignment) {
		for _, a := range page.AccountAssignments {
			if a.PrincipalType == types.PrincipalTypeUser {
				of = append(of, access.Assignment{AccountID: accountID, PermissionSetARN: permissionSetARN, UserID: aws.ToString(a.PrincipalId)})
			}
		}
		return of
	})
}

// AssignmentsOf returns a user's direct assignments in all accounts. AWS also lists
// access through groups, which AssignmentsOf omits, and allows the call from the
// management account only (API reference, ListAccountAssignmentsForPrincipal): see
// IsDenied. calls is the number of pages.
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
		err = c.verified(ctx, err)
		if isNotFound(err) {
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

// Memberships returns the members of a group.
func (c *Client) Memberships(ctx context.Context, groupID string) ([]access.Membership, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	pages := identitystore.NewListGroupMembershipsPaginator(c.store, &identitystore.ListGroupMembershipsInput{
		IdentityStoreId: aws.String(in.identityStoreID), GroupId: aws.String(groupID), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	return list(ctx, c, pages, "list the group's members", func(page *identitystore.ListGroupMembershipsOutput) (of []access.Membership) {
		for _, m := range page.GroupMemberships {
			if user, ok := m.MemberId.(*idtypes.MemberIdMemberUserId); ok {
				of = append(of, access.Membership{ID: aws.ToString(m.MembershipId), UserID: user.Value})
			}
		}
		return of
	})
}

// Group returns the group with that id; found is false if there is none.
func (c *Client) Group(ctx context.Context, id string) (g access.Group, found bool, err error) {
	in, err := c.instance(ctx)
	if err != nil {
		return access.Group{}, false, err
	}
	out, err := c.store.DescribeGroup(ctx, &identitystore.DescribeGroupInput{IdentityStoreId: aws.String(in.identityStoreID), GroupId: aws.String(id)})
	err = c.verified(ctx, err)
	if isNotFound(err) {
		return access.Group{}, false, nil
	}
	if err != nil {
		return access.Group{}, false, host.AWSError(err, "look up the group")
	}
	return access.Group{ID: id, Name: aws.ToString(out.DisplayName), Provisioned: len(out.ExternalIds) > 0}, true, nil
}

// UserPages calls each with the identity store's users, a page at a time, until
// there are no more or each returns false.
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

// UserNames returns the user name and the emails of the user with that id; found is
// false if there is no such user.
func (c *Client) UserNames(ctx context.Context, id string) (names []string, found bool, err error) {
	user, found, err := c.User(ctx, id)
	if err != nil || !found {
		return nil, false, err
	}
	return append([]string{user.UserName}, user.Emails...), true, nil
}
