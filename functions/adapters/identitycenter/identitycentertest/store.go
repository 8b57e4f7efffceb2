package identitycentertest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
)

// PutUser adds the user to the directory, or replaces the one with that id.
func (c *Center) PutUser(u idtypes.User) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.users, *u.UserId, compareID)
	if found {
		c.users[i] = u
	} else {
		c.users = slices.Insert(c.users, i, u)
	}
}

// DeleteUser deletes the user from the directory, and keeps their memberships and
// assignments. AWS doesn't document whether and when it deletes those.
func (c *Center) DeleteUser(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, found := slices.BinarySearchFunc(c.users, id, compareID); found {
		c.users = slices.Delete(c.users, i, i+1)
	}
}

// DeleteGroup deletes the group and its memberships from the directory.
func (c *Center) DeleteGroup(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Groups = slices.DeleteFunc(c.Groups, func(g idtypes.Group) bool { return *g.GroupId == id })
	c.access = slices.DeleteFunc(c.access, func(a Access) bool { return a.Subject.Kind == access.KindGroup && a.Subject.GroupID == id })
}

func compareID(u idtypes.User, id string) int {
	if *u.UserId < id {
		return -1
	} else if *u.UserId > id {
		return 1
	}
	return 0
}

func storeCall(operation, about string, opts []func(*identitystore.Options)) Call {
	var o identitystore.Options
	for _, option := range opts {
		option(&o)
	}
	return Call{Service: "identitystore", Operation: operation, About: about, Retryer: o.Retryer}
}

func storeNotFound(kind idtypes.ResourceType) error {
	return &idtypes.ResourceNotFoundException{ResourceType: kind, Message: aws.String(string(kind) + " does not exist.")}
}

func (c *Center) store(id *string) error {
	for _, in := range c.instances() {
		if *in.IdentityStoreId == aws.ToString(id) {
			return nil
		}
	}
	return storeNotFound(idtypes.ResourceTypeIdentityStore)
}

func (c *Center) group(store, id *string) (idtypes.Group, error) {
	if err := c.store(store); err != nil {
		return idtypes.Group{}, err
	}
	i := slices.IndexFunc(c.Groups, func(g idtypes.Group) bool { return *g.GroupId == aws.ToString(id) })
	if i < 0 {
		return idtypes.Group{}, storeNotFound(idtypes.ResourceTypeGroup)
	}
	return c.Groups[i], nil
}

func (c *Center) GetUserId(ctx context.Context, in *identitystore.GetUserIdInput, opts ...func(*identitystore.Options)) (*identitystore.GetUserIdOutput, error) {
	var path, value string
	if unique, ok := in.AlternateIdentifier.(*idtypes.AlternateIdentifierMemberUniqueAttribute); ok {
		path = aws.ToString(unique.Value.AttributePath)
		if text, err := unique.Value.AttributeValue.MarshalSmithyDocument(); err != nil || json.Unmarshal(text, &value) != nil {
			path = ""
		}
	}
	return answer(ctx, c, storeCall("GetUserId", value, opts), func() (*identitystore.GetUserIdOutput, error) {
		if err := c.store(in.IdentityStoreId); err != nil {
			return nil, err
		}
		var has func(idtypes.User) bool
		switch path {
		case "userName":
			has = func(u idtypes.User) bool { return aws.ToString(u.UserName) == value }
		case "emails.value":
			has = func(u idtypes.User) bool {
				return slices.ContainsFunc(u.Emails, func(e idtypes.Email) bool { return aws.ToString(e.Value) == value })
			}
		default:
			return nil, refusal(centerListing.error, "The identifier must be a text at userName or emails.value.")
		}
		i := slices.IndexFunc(c.users, has)
		if i < 0 {
			return nil, storeNotFound(idtypes.ResourceTypeUser)
		}
		return &identitystore.GetUserIdOutput{UserId: c.users[i].UserId, IdentityStoreId: in.IdentityStoreId}, nil
	})
}

func (c *Center) DescribeUser(ctx context.Context, in *identitystore.DescribeUserInput, opts ...func(*identitystore.Options)) (*identitystore.DescribeUserOutput, error) {
	return answer(ctx, c, storeCall("DescribeUser", *in.UserId, opts), func() (*identitystore.DescribeUserOutput, error) {
		if err := c.store(in.IdentityStoreId); err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(c.users, *in.UserId, compareID)
		if !found {
			return nil, storeNotFound(idtypes.ResourceTypeUser)
		}
		u := c.users[i]
		return &identitystore.DescribeUserOutput{
			IdentityStoreId: in.IdentityStoreId, UserId: u.UserId, UserName: u.UserName, DisplayName: u.DisplayName, Emails: u.Emails, UserStatus: u.UserStatus, ExternalIds: u.ExternalIds,
		}, nil
	})
}

func (c *Center) ListUsers(ctx context.Context, in *identitystore.ListUsersInput, opts ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error) {
	return answer(ctx, c, storeCall("ListUsers", "", opts), func() (*identitystore.ListUsersOutput, error) {
		if err := c.store(in.IdentityStoreId); err != nil {
			return nil, err
		}
		items, next, err := page(c, centerListing, slices.Clone(c.users), in.MaxResults, in.NextToken)
		return &identitystore.ListUsersOutput{Users: items, NextToken: next}, err
	})
}

func (c *Center) DescribeGroup(ctx context.Context, in *identitystore.DescribeGroupInput, opts ...func(*identitystore.Options)) (*identitystore.DescribeGroupOutput, error) {
	return answer(ctx, c, storeCall("DescribeGroup", *in.GroupId, opts), func() (*identitystore.DescribeGroupOutput, error) {
		g, err := c.group(in.IdentityStoreId, in.GroupId)
		return &identitystore.DescribeGroupOutput{IdentityStoreId: in.IdentityStoreId, GroupId: g.GroupId, DisplayName: g.DisplayName, ExternalIds: g.ExternalIds}, err
	})
}

func (c *Center) ListGroups(ctx context.Context, in *identitystore.ListGroupsInput, opts ...func(*identitystore.Options)) (*identitystore.ListGroupsOutput, error) {
	return answer(ctx, c, storeCall("ListGroups", "", opts), func() (*identitystore.ListGroupsOutput, error) {
		if err := c.store(in.IdentityStoreId); err != nil {
			return nil, err
		}
		items, next, err := page(c, centerListing, c.Groups, in.MaxResults, in.NextToken)
		return &identitystore.ListGroupsOutput{Groups: items, NextToken: next}, err
	})
}

// member returns the subject of a membership that a call names.
func member(group *string, id idtypes.MemberId) access.Subject {
	return access.Subject{
		Target:      access.Target{Kind: access.KindGroup, GroupID: *group},
		PrincipalID: id.(*idtypes.MemberIdMemberUserId).Value,
	}
}

func (c *Center) ListGroupMemberships(ctx context.Context, in *identitystore.ListGroupMembershipsInput, opts ...func(*identitystore.Options)) (*identitystore.ListGroupMembershipsOutput, error) {
	return answer(ctx, c, storeCall("ListGroupMemberships", *in.GroupId, opts), func() (*identitystore.ListGroupMembershipsOutput, error) {
		if _, err := c.group(in.IdentityStoreId, in.GroupId); err != nil {
			return nil, err
		}
		var all []idtypes.GroupMembership
		for _, a := range c.access {
			if a.Subject.Kind == access.KindGroup && a.Subject.GroupID == *in.GroupId {
				all = append(all, idtypes.GroupMembership{
					IdentityStoreId: in.IdentityStoreId, MembershipId: &a.MembershipID, GroupId: &a.Subject.GroupID, MemberId: &idtypes.MemberIdMemberUserId{Value: a.Subject.PrincipalID}})
			}
		}
		items, next, err := page(c, centerListing, all, in.MaxResults, in.NextToken)
		return &identitystore.ListGroupMembershipsOutput{GroupMemberships: items, NextToken: next}, err
	})
}

func (c *Center) GetGroupMembershipId(ctx context.Context, in *identitystore.GetGroupMembershipIdInput, opts ...func(*identitystore.Options)) (*identitystore.GetGroupMembershipIdOutput, error) {
	of := member(in.GroupId, in.MemberId)
	return answer(ctx, c, storeCall("GetGroupMembershipId", of.Key(), opts), func() (*identitystore.GetGroupMembershipIdOutput, error) {
		if _, err := c.group(in.IdentityStoreId, in.GroupId); err != nil {
			return nil, err
		}
		i := c.index(of.Key())
		if i < 0 {
			return nil, storeNotFound(idtypes.ResourceTypeGroupMembership)
		}
		return &identitystore.GetGroupMembershipIdOutput{IdentityStoreId: in.IdentityStoreId, MembershipId: aws.String(c.access[i].MembershipID)}, nil
	})
}

// IsMemberInGroups fails if one of the groups doesn't exist. AWS documents the error, but
// not when it comes.
func (c *Center) IsMemberInGroups(ctx context.Context, in *identitystore.IsMemberInGroupsInput, opts ...func(*identitystore.Options)) (*identitystore.IsMemberInGroupsOutput, error) {
	user := in.MemberId.(*idtypes.MemberIdMemberUserId).Value
	return answer(ctx, c, storeCall("IsMemberInGroups", user, opts), func() (*identitystore.IsMemberInGroupsOutput, error) {
		if len(in.GroupIds) == 0 || len(in.GroupIds) > 100 {
			return nil, refusal(centerListing.error, "GroupIds must have 1 to 100 items.")
		}
		if err := c.store(in.IdentityStoreId); err != nil {
			return nil, err
		}
		if _, found := slices.BinarySearchFunc(c.users, user, compareID); !found {
			return nil, storeNotFound(idtypes.ResourceTypeUser)
		}
		out := &identitystore.IsMemberInGroupsOutput{}
		for _, id := range in.GroupIds {
			if _, err := c.group(in.IdentityStoreId, &id); err != nil {
				return nil, err
			}
			out.Results = append(out.Results, idtypes.GroupMembershipExistenceResult{
				GroupId: &id, MemberId: in.MemberId, MembershipExists: c.index(member(&id, in.MemberId).Key()) >= 0,
			})
		}
		return out, nil
	})
}

func (c *Center) CreateGroupMembership(ctx context.Context, in *identitystore.CreateGroupMembershipInput, opts ...func(*identitystore.Options)) (*identitystore.CreateGroupMembershipOutput, error) {
	of := member(in.GroupId, in.MemberId)
	return answer(ctx, c, storeCall("CreateGroupMembership", of.Key(), opts), func() (*identitystore.CreateGroupMembershipOutput, error) {
		if _, err := c.group(in.IdentityStoreId, in.GroupId); err != nil {
			return nil, err
		}
		if c.index(of.Key()) >= 0 {
			return nil, &idtypes.ConflictException{Reason: idtypes.ConflictExceptionReasonUniquenessConstraintViolation, Message: aws.String("The user is already a member.")}
		}
		a := c.put(of, false)
		c.tellChanged(a, true)
		return &identitystore.CreateGroupMembershipOutput{IdentityStoreId: in.IdentityStoreId, MembershipId: &a.MembershipID, ResultMetadata: requestID("create-" + a.MembershipID)}, nil
	})
}

func (c *Center) DeleteGroupMembership(ctx context.Context, in *identitystore.DeleteGroupMembershipInput, opts ...func(*identitystore.Options)) (*identitystore.DeleteGroupMembershipOutput, error) {
	return answer(ctx, c, storeCall("DeleteGroupMembership", *in.MembershipId, opts), func() (*identitystore.DeleteGroupMembershipOutput, error) {
		if err := c.store(in.IdentityStoreId); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(c.access, func(a Access) bool { return a.MembershipID == *in.MembershipId && a.MembershipID != "" })
		if i < 0 {
			return nil, storeNotFound(idtypes.ResourceTypeGroupMembership)
		}
		a := c.access[i]
		c.drop(a.Subject.Key())
		c.tellChanged(a, false)
		return &identitystore.DeleteGroupMembershipOutput{ResultMetadata: requestID("delete-" + *in.MembershipId)}, nil
	})
}
