package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

const (
	instanceARN     = "arn:aws:sso:::instance/ssoins-0123456789abcdef"
	identityStoreID = "d-1234567890"
)

// center is Identity Center with its Identity Store.
type center struct {
	world  *world
	source *source

	assignments map[assignment]*made
	memberships map[string]*membership // by id
	operations  map[string]*operation
	count       int
}

type assignment struct{ account, set, principal string }

func (a assignment) key() string { return "account#" + a.account + "#" + a.set + "#" + a.principal }

// made is how something came to be there.
type made struct {
	byHand bool
	at     time.Time
}

type membership struct {
	id, group, user string
	made
}

func (m *membership) key() string { return "group#" + m.group + "#" + m.user }

// operation is a creation or deletion under way, or over.
type operation struct {
	id       string
	of       assignment
	deletion bool
	status   types.StatusValues
	reason   string
}

func (c *center) id(prefix string) string {
	c.count++
	return fmt.Sprintf("%s-%06d", prefix, c.count)
}

// ListInstances is answered at once: the client holds a lock meanwhile, for
// which others of the same function wait, and the clock would wait for them.
func (c *center) ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error) {
	return &ssoadmin.ListInstancesOutput{Instances: []types.InstanceMetadata{{InstanceArn: ptr(instanceARN), IdentityStoreId: ptr(identityStoreID)}}}, nil
}

func ptr[T any](v T) *T { return &v }

func (c *center) DescribePermissionSet(ctx context.Context, in *ssoadmin.DescribePermissionSetInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribePermissionSetOutput, error) {
	return call(ctx, c.world, "sso", "DescribePermissionSet", *in.PermissionSetArn, func() (*ssoadmin.DescribePermissionSetOutput, error) {
		for _, set := range permissionSets {
			if set.ARN == *in.PermissionSetArn {
				return &ssoadmin.DescribePermissionSetOutput{PermissionSet: &types.PermissionSet{Name: &set.Name, PermissionSetArn: &set.ARN}}, nil
			}
		}
		return nil, &types.ResourceNotFoundException{}
	})
}

func (c *center) ListPermissionSets(ctx context.Context, _ *ssoadmin.ListPermissionSetsInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsOutput, error) {
	return call(ctx, c.world, "sso", "ListPermissionSets", "", func() (*ssoadmin.ListPermissionSetsOutput, error) {
		out := &ssoadmin.ListPermissionSetsOutput{}
		for _, set := range permissionSets {
			out.PermissionSets = append(out.PermissionSets, set.ARN)
		}
		return out, nil
	})
}

func (c *center) ListAccountsForProvisionedPermissionSet(ctx context.Context, in *ssoadmin.ListAccountsForProvisionedPermissionSetInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error) {
	return call(ctx, c.world, "sso", "ListAccountsForProvisionedPermissionSet", *in.PermissionSetArn, func() (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error) {
		out := &ssoadmin.ListAccountsForProvisionedPermissionSetOutput{}
		for _, account := range accounts {
			for a := range c.assignments {
				if a.account == account.ID && a.set == *in.PermissionSetArn {
					out.AccountIds = append(out.AccountIds, account.ID)
					break
				}
			}
		}
		return out, nil
	})
}

func (c *center) ListAccountAssignments(ctx context.Context, in *ssoadmin.ListAccountAssignmentsInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsOutput, error) {
	return call(ctx, c.world, "sso", "ListAccountAssignments", *in.AccountId+(*in.PermissionSetArn)[len(*in.PermissionSetArn)-4:], func() (*ssoadmin.ListAccountAssignmentsOutput, error) {
		out := &ssoadmin.ListAccountAssignmentsOutput{}
		for a := range c.assignments {
			if a.account == *in.AccountId && a.set == *in.PermissionSetArn {
				out.AccountAssignments = append(out.AccountAssignments, types.AccountAssignment{
					AccountId: &a.account, PermissionSetArn: &a.set, PrincipalId: &a.principal, PrincipalType: types.PrincipalTypeUser})
			}
		}
		sort.Slice(out.AccountAssignments, func(i, j int) bool {
			return *out.AccountAssignments[i].PrincipalId < *out.AccountAssignments[j].PrincipalId
		})
		return out, nil
	})
}

// begin starts an operation, unless another one for the same account and
// permission set is under way.
func (c *center) begin(of assignment, deletion bool) (*operation, error) {
	for _, op := range c.operations {
		if op.status == types.StatusValuesInProgress && op.of.account == of.account && op.of.set == of.set {
			return nil, &types.ConflictException{Message: ptr("There is another operation on the assignment")}
		}
	}
	op := &operation{id: c.id("op"), of: of, deletion: deletion, status: types.StatusValuesInProgress}
	c.operations[op.id] = op
	d := c.source.dice("operation")
	t := c.world.trouble
	length, fails := d.between(100*time.Millisecond, 4*time.Second), false
	if t.during(c.world.clock.now()) {
		if d.chance(t.slow) {
			length = d.between(2*time.Second, 90*time.Second)
		}
		fails = d.chance(t.failed)
	}
	at := c.world.clock.now().Add(length)
	go func() {
		c.world.clock.until(at, d.next())
		_, there := c.assignments[of]
		switch {
		case fails:
			op.status, op.reason = types.StatusValuesFailed, "Identity Center could not do it"
		case deletion:
			op.status = types.StatusValuesSucceeded
			if there {
				c.world.ledger.gone(of.key(), false)
			}
			delete(c.assignments, of)
		default:
			op.status = types.StatusValuesSucceeded
			if !there {
				c.assignments[of] = &made{at: c.world.clock.now()}
				c.world.ledger.appeared(of.key())
			}
		}
		c.world.clock.say("  Identity Center: %s of %s is %s", op.kind(), of.key(), op.status)
	}()
	return op, nil
}

// failedToDelete reports whether a deletion of the assignment failed.
func (c *center) failedToDelete(key string) bool {
	for _, op := range c.operations {
		if op.deletion && op.status == types.StatusValuesFailed && op.of.key() == key {
			return true
		}
	}
	return false
}

func (op *operation) kind() string {
	if op.deletion {
		return "deletion"
	}
	return "creation"
}

func (op *operation) report() *types.AccountAssignmentOperationStatus {
	status := &types.AccountAssignmentOperationStatus{
		RequestId: &op.id, Status: op.status, PrincipalId: &op.of.principal, TargetId: &op.of.account, PermissionSetArn: &op.of.set,
		PrincipalType: types.PrincipalTypeUser, TargetType: types.TargetTypeAwsAccount,
	}
	if op.reason != "" {
		status.FailureReason = &op.reason
	}
	return status
}

func (c *center) CreateAccountAssignment(ctx context.Context, in *ssoadmin.CreateAccountAssignmentInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.CreateAccountAssignmentOutput, error) {
	of := assignment{*in.TargetId, *in.PermissionSetArn, *in.PrincipalId}
	return call(ctx, c.world, "sso", "CreateAccountAssignment", of.key(), func() (*ssoadmin.CreateAccountAssignmentOutput, error) {
		op, err := c.begin(of, false)
		if err != nil {
			return nil, err
		}
		c.world.ledger.creates(of.key())
		return &ssoadmin.CreateAccountAssignmentOutput{AccountAssignmentCreationStatus: op.report()}, nil
	})
}

func (c *center) DeleteAccountAssignment(ctx context.Context, in *ssoadmin.DeleteAccountAssignmentInput, opts ...func(*ssoadmin.Options)) (*ssoadmin.DeleteAccountAssignmentOutput, error) {
	var o ssoadmin.Options
	for _, option := range opts {
		option(&o)
	}
	var again func(error) bool
	if o.Retryer != nil {
		again = o.Retryer.IsErrorRetryable
	}
	of := assignment{*in.TargetId, *in.PermissionSetArn, *in.PrincipalId}
	return call(ctx, c.world, "sso", "DeleteAccountAssignment", of.key(), func() (*ssoadmin.DeleteAccountAssignmentOutput, error) {
		have, there := c.assignments[of]
		if !there {
			return nil, &types.ResourceNotFoundException{}
		}
		op, err := c.begin(of, true)
		if err != nil {
			return nil, err
		}
		c.world.ledger.deletes(of.key(), "", have.byHand)
		return &ssoadmin.DeleteAccountAssignmentOutput{AccountAssignmentDeletionStatus: op.report()}, nil
	}, options{again: again})
}

func (c *center) DescribeAccountAssignmentCreationStatus(ctx context.Context, in *ssoadmin.DescribeAccountAssignmentCreationStatusInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error) {
	return call(ctx, c.world, "sso", "DescribeAccountAssignmentCreationStatus", *in.AccountAssignmentCreationRequestId, func() (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error) {
		op := c.operations[*in.AccountAssignmentCreationRequestId]
		if op == nil || op.deletion {
			return nil, &types.ResourceNotFoundException{}
		}
		return &ssoadmin.DescribeAccountAssignmentCreationStatusOutput{AccountAssignmentCreationStatus: op.report()}, nil
	})
}

func (c *center) DescribeAccountAssignmentDeletionStatus(ctx context.Context, in *ssoadmin.DescribeAccountAssignmentDeletionStatusInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error) {
	return call(ctx, c.world, "sso", "DescribeAccountAssignmentDeletionStatus", *in.AccountAssignmentDeletionRequestId, func() (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error) {
		op := c.operations[*in.AccountAssignmentDeletionRequestId]
		if op == nil || !op.deletion {
			return nil, &types.ResourceNotFoundException{}
		}
		return &ssoadmin.DescribeAccountAssignmentDeletionStatusOutput{AccountAssignmentDeletionStatus: op.report()}, nil
	})
}

func (c *center) ListAccountAssignmentCreationStatus(ctx context.Context, in *ssoadmin.ListAccountAssignmentCreationStatusInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentCreationStatusOutput, error) {
	return call(ctx, c.world, "sso", "ListAccountAssignmentCreationStatus", "", func() (*ssoadmin.ListAccountAssignmentCreationStatusOutput, error) {
		out := &ssoadmin.ListAccountAssignmentCreationStatusOutput{}
		for _, op := range c.operations {
			if !op.deletion && op.status == in.Filter.Status {
				out.AccountAssignmentsCreationStatus = append(out.AccountAssignmentsCreationStatus,
					types.AccountAssignmentOperationStatusMetadata{RequestId: &op.id, Status: op.status})
			}
		}
		sort.Slice(out.AccountAssignmentsCreationStatus, func(i, j int) bool {
			return *out.AccountAssignmentsCreationStatus[i].RequestId < *out.AccountAssignmentsCreationStatus[j].RequestId
		})
		return out, nil
	})
}

func (c *center) ListPermissionSetsProvisionedToAccount(ctx context.Context, in *ssoadmin.ListPermissionSetsProvisionedToAccountInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error) {
	return call(ctx, c.world, "sso", "ListPermissionSetsProvisionedToAccount", *in.AccountId, func() (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error) {
		out := &ssoadmin.ListPermissionSetsProvisionedToAccountOutput{}
		for _, set := range permissionSets {
			for a := range c.assignments {
				if a.account == *in.AccountId && a.set == set.ARN {
					out.PermissionSets = append(out.PermissionSets, set.ARN)
					break
				}
			}
		}
		return out, nil
	})
}

func (c *center) ListAccountAssignmentsForPrincipal(ctx context.Context, in *ssoadmin.ListAccountAssignmentsForPrincipalInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error) {
	return call(ctx, c.world, "sso", "ListAccountAssignmentsForPrincipal", *in.PrincipalId, func() (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error) {
		out := &ssoadmin.ListAccountAssignmentsForPrincipalOutput{}
		for a := range c.assignments {
			if a.principal == *in.PrincipalId {
				out.AccountAssignments = append(out.AccountAssignments, types.AccountAssignmentForPrincipal{
					AccountId: &a.account, PermissionSetArn: &a.set, PrincipalId: &a.principal, PrincipalType: types.PrincipalTypeUser})
			}
		}
		sort.Slice(out.AccountAssignments, func(i, j int) bool {
			return *out.AccountAssignments[i].AccountId+*out.AccountAssignments[i].PermissionSetArn <
				*out.AccountAssignments[j].AccountId+*out.AccountAssignments[j].PermissionSetArn
		})
		return out, nil
	})
}

// The Identity Store.

func (c *center) GetUserId(ctx context.Context, in *identitystore.GetUserIdInput, _ ...func(*identitystore.Options)) (*identitystore.GetUserIdOutput, error) {
	attribute := in.AlternateIdentifier.(*idtypes.AlternateIdentifierMemberUniqueAttribute).Value
	var email string
	if text, err := attribute.AttributeValue.MarshalSmithyDocument(); err != nil || json.Unmarshal(text, &email) != nil {
		panic("an email that is none")
	}
	return call(ctx, c.world, "identitystore", "GetUserId", email, func() (*identitystore.GetUserIdOutput, error) {
		for _, p := range people {
			if p.Email == email && c.world.absent.kind(p.PrincipalID) != idtypesDeleted {
				return &identitystore.GetUserIdOutput{UserId: &p.PrincipalID}, nil
			}
		}
		return nil, &idtypes.ResourceNotFoundException{}
	})
}

func (c *center) DescribeUser(ctx context.Context, in *identitystore.DescribeUserInput, _ ...func(*identitystore.Options)) (*identitystore.DescribeUserOutput, error) {
	return call(ctx, c.world, "identitystore", "DescribeUser", *in.UserId, func() (*identitystore.DescribeUserOutput, error) {
		for _, p := range people {
			kind := c.world.absent.kind(p.PrincipalID)
			if p.PrincipalID == *in.UserId && kind != idtypesDeleted {
				return &identitystore.DescribeUserOutput{UserId: &p.PrincipalID, UserName: &p.Email, DisplayName: &p.Name, UserStatus: kind,
					Emails: []idtypes.Email{{Value: &p.Email}}}, nil
			}
		}
		return nil, &idtypes.ResourceNotFoundException{}
	})
}

func (c *center) DescribeGroup(ctx context.Context, in *identitystore.DescribeGroupInput, _ ...func(*identitystore.Options)) (*identitystore.DescribeGroupOutput, error) {
	return call(ctx, c.world, "identitystore", "DescribeGroup", *in.GroupId, func() (*identitystore.DescribeGroupOutput, error) {
		for _, g := range groups {
			if g.ID == *in.GroupId {
				return &identitystore.DescribeGroupOutput{GroupId: &g.ID, DisplayName: &g.Name}, nil
			}
		}
		return nil, &idtypes.ResourceNotFoundException{}
	})
}

func (c *center) ListUsers(ctx context.Context, _ *identitystore.ListUsersInput, _ ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error) {
	return call(ctx, c.world, "identitystore", "ListUsers", "", func() (*identitystore.ListUsersOutput, error) {
		out := &identitystore.ListUsersOutput{}
		for _, p := range people {
			if kind := c.world.absent.kind(p.PrincipalID); kind != idtypesDeleted {
				out.Users = append(out.Users, idtypes.User{UserId: &p.PrincipalID, UserName: &p.Email, DisplayName: &p.Name, UserStatus: kind, Emails: []idtypes.Email{{Value: &p.Email}}})
			}
		}
		return out, nil
	})
}

func (c *center) ListGroups(ctx context.Context, _ *identitystore.ListGroupsInput, _ ...func(*identitystore.Options)) (*identitystore.ListGroupsOutput, error) {
	return call(ctx, c.world, "identitystore", "ListGroups", "", func() (*identitystore.ListGroupsOutput, error) {
		out := &identitystore.ListGroupsOutput{}
		for _, g := range groups {
			out.Groups = append(out.Groups, idtypes.Group{GroupId: &g.ID, DisplayName: &g.Name})
		}
		return out, nil
	})
}

func (c *center) ListGroupMemberships(ctx context.Context, in *identitystore.ListGroupMembershipsInput, _ ...func(*identitystore.Options)) (*identitystore.ListGroupMembershipsOutput, error) {
	return call(ctx, c.world, "identitystore", "ListGroupMemberships", *in.GroupId, func() (*identitystore.ListGroupMembershipsOutput, error) {
		out := &identitystore.ListGroupMembershipsOutput{}
		for _, m := range c.memberships {
			if m.group == *in.GroupId {
				out.GroupMemberships = append(out.GroupMemberships, idtypes.GroupMembership{MembershipId: &m.id, GroupId: &m.group, MemberId: &idtypes.MemberIdMemberUserId{Value: m.user}})
			}
		}
		sort.Slice(out.GroupMemberships, func(i, j int) bool {
			return *out.GroupMemberships[i].MembershipId < *out.GroupMemberships[j].MembershipId
		})
		return out, nil
	})
}

func (c *center) member(group, user string) *membership {
	for _, m := range c.memberships {
		if m.group == group && m.user == user {
			return m
		}
	}
	return nil
}

func (c *center) GetGroupMembershipId(ctx context.Context, in *identitystore.GetGroupMembershipIdInput, _ ...func(*identitystore.Options)) (*identitystore.GetGroupMembershipIdOutput, error) {
	user := in.MemberId.(*idtypes.MemberIdMemberUserId).Value
	return call(ctx, c.world, "identitystore", "GetGroupMembershipId", *in.GroupId+user, func() (*identitystore.GetGroupMembershipIdOutput, error) {
		if m := c.member(*in.GroupId, user); m != nil {
			return &identitystore.GetGroupMembershipIdOutput{MembershipId: &m.id}, nil
		}
		return nil, &idtypes.ResourceNotFoundException{}
	})
}

func (c *center) CreateGroupMembership(ctx context.Context, in *identitystore.CreateGroupMembershipInput, opts ...func(*identitystore.Options)) (*identitystore.CreateGroupMembershipOutput, error) {
	user := in.MemberId.(*idtypes.MemberIdMemberUserId).Value
	var o identitystore.Options
	for _, option := range opts {
		option(&o)
	}
	once := o.Retryer != nil && o.Retryer.MaxAttempts() == 1
	return call(ctx, c.world, "identitystore", "CreateGroupMembership", *in.GroupId+user, func() (*identitystore.CreateGroupMembershipOutput, error) {
		if c.member(*in.GroupId, user) != nil {
			return nil, &idtypes.ConflictException{}
		}
		m := &membership{id: c.id("m"), group: *in.GroupId, user: user, made: made{at: c.world.clock.now()}}
		c.memberships[m.id] = m
		c.world.ledger.creates(m.key())
		c.world.ledger.appeared(m.key())
		return &identitystore.CreateGroupMembershipOutput{MembershipId: &m.id}, nil
	}, options{once: once})
}

func (c *center) DeleteGroupMembership(ctx context.Context, in *identitystore.DeleteGroupMembershipInput, opts ...func(*identitystore.Options)) (*identitystore.DeleteGroupMembershipOutput, error) {
	var o identitystore.Options
	for _, option := range opts {
		option(&o)
	}
	var again func(error) bool
	if o.Retryer != nil {
		again = o.Retryer.IsErrorRetryable
	}
	return call(ctx, c.world, "identitystore", "DeleteGroupMembership", *in.MembershipId, func() (*identitystore.DeleteGroupMembershipOutput, error) {
		m := c.memberships[*in.MembershipId]
		if m == nil {
			return nil, &idtypes.ResourceNotFoundException{}
		}
		c.world.ledger.deletes(m.key(), m.id, m.byHand)
		delete(c.memberships, m.id)
		c.world.ledger.gone(m.key(), false)
		return &identitystore.DeleteGroupMembershipOutput{}, nil
	}, options{again: again})
}

// organization is AWS Organizations.
type organization struct{ world *world }

func (o *organization) ListAccounts(ctx context.Context, _ *organizations.ListAccountsInput, _ ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error) {
	return call(ctx, o.world, "organizations", "ListAccounts", "", func() (*organizations.ListAccountsOutput, error) {
		out := &organizations.ListAccountsOutput{}
		for _, a := range accounts {
			out.Accounts = append(out.Accounts, orgtypes.Account{Id: &a.ID, Name: &a.Name, State: orgtypes.AccountStateActive, Status: orgtypes.AccountStatusActive})
		}
		return out, nil
	})
}

// has says whether the access that a lease would be about is there, and whether
// it was made by hand.
func (c *center) has(key string) (there, byHand bool) {
	if strings.HasPrefix(key, "group#") {
		for _, m := range c.memberships {
			if m.key() == key {
				return true, m.byHand
			}
		}
		return false, false
	}
	for a, m := range c.assignments {
		if a.key() == key {
			return true, m.byHand
		}
	}
	return false, false
}
