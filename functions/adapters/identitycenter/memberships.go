package identitycenter

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// groupsPerCall is how many groups IsMemberInGroups takes (API reference).
const groupsPerCall = 100

// MemberOf returns those of the groups that the user is a member of. A user or a group
// that doesn't exist has no memberships.
func (c *Client) MemberOf(ctx context.Context, userID string, groups []string) ([]string, error) {
	in, err := c.instance(ctx)
	if err != nil {
		return nil, err
	}
	var member []string
	for some := range slices.Chunk(groups, groupsPerCall) {
		of, err := c.memberOf(ctx, in, userID, some)
		if err != nil {
			return nil, err
		}
		member = append(member, of...)
	}
	return member, nil
}

// memberOf makes one call if all groups exist. AWS documents that the call can fail with
// "not found", but not whether one group is enough for that. So memberOf then asks
// about each half of the groups, until the missing ones are alone.
func (c *Client) memberOf(ctx context.Context, in instance, userID string, groups []string) ([]string, error) {
	const doing = "look up the memberships"
	out, err := c.store.IsMemberInGroups(ctx, &identitystore.IsMemberInGroupsInput{
		IdentityStoreId: aws.String(in.identityStoreID),
		MemberId:        &idtypes.MemberIdMemberUserId{Value: userID},
		GroupIds:        groups,
	})
	err = c.verified(ctx, err)
	var missing *idtypes.ResourceNotFoundException
	switch {
	case errors.As(err, &missing) && missing.ResourceType == idtypes.ResourceTypeIdentityStore:
		return nil, access.Wrap(access.CodeMisconfigure, err, doing)
	case errors.As(err, &missing) && (missing.ResourceType == idtypes.ResourceTypeUser || len(groups) == 1):
		return nil, nil
	case errors.As(err, &missing):
		half := len(groups) / 2
		first, err := c.memberOf(ctx, in, userID, groups[:half])
		if err != nil {
			return nil, err
		}
		second, err := c.memberOf(ctx, in, userID, groups[half:])
		return append(first, second...), err
	case err != nil:
		return nil, host.AWSError(err, doing)
	}
	var member []string
	for _, r := range out.Results {
		if r.MembershipExists {
			member = append(member, aws.ToString(r.GroupId))
		}
	}
	return member, nil
}

// EachMember calls each with the ids of the group's members, until there are no more or
// each returns false or an error. A group that doesn't exist has none.
func (c *Client) EachMember(ctx context.Context, groupID string, each func(userID string) (more bool, err error)) error {
	in, err := c.instance(ctx)
	if err != nil {
		return err
	}
	pages := identitystore.NewListGroupMembershipsPaginator(c.store, &identitystore.ListGroupMembershipsInput{
		IdentityStoreId: aws.String(in.identityStoreID), GroupId: aws.String(groupID), MaxResults: aws.Int32(access.DirectoryPageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		err = c.verified(ctx, err)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return host.AWSError(err, "list the group's members")
		}
		for _, m := range page.GroupMemberships {
			user, ok := m.MemberId.(*idtypes.MemberIdMemberUserId)
			if !ok {
				continue
			}
			if more, err := each(user.Value); err != nil || !more {
				return err
			}
		}
	}
	return nil
}
