// Package identitycenter calls IAM Identity Center: it finds users, and it reads,
// creates and deletes account assignments and group memberships. It doesn't know
// requests or leases. Package identitycentertest has a fake for tests.
//
// Errors have the codes of functions/access: Throttled (most operations allow 20
// calls a second), Conflict (another operation on the same account and permission set
// is in progress), NotFound, Unavailable, Misconfigured, Internal.
package identitycenter

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// SSOAdminAPI is the part of Identity Center's API that the client uses.
type SSOAdminAPI interface {
	ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error)
	DescribePermissionSet(context.Context, *ssoadmin.DescribePermissionSetInput, ...func(*ssoadmin.Options)) (*ssoadmin.DescribePermissionSetOutput, error)
	ListPermissionSets(context.Context, *ssoadmin.ListPermissionSetsInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsOutput, error)
	ListAccountAssignments(context.Context, *ssoadmin.ListAccountAssignmentsInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsOutput, error)
	CreateAccountAssignment(context.Context, *ssoadmin.CreateAccountAssignmentInput, ...func(*ssoadmin.Options)) (*ssoadmin.CreateAccountAssignmentOutput, error)
	DeleteAccountAssignment(context.Context, *ssoadmin.DeleteAccountAssignmentInput, ...func(*ssoadmin.Options)) (*ssoadmin.DeleteAccountAssignmentOutput, error)
	DescribeAccountAssignmentCreationStatus(context.Context, *ssoadmin.DescribeAccountAssignmentCreationStatusInput, ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error)
	DescribeAccountAssignmentDeletionStatus(context.Context, *ssoadmin.DescribeAccountAssignmentDeletionStatusInput, ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error)
	ListPermissionSetsProvisionedToAccount(context.Context, *ssoadmin.ListPermissionSetsProvisionedToAccountInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error)
	ListAccountsForProvisionedPermissionSet(context.Context, *ssoadmin.ListAccountsForProvisionedPermissionSetInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error)
	ListAccountAssignmentsForPrincipal(context.Context, *ssoadmin.ListAccountAssignmentsForPrincipalInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error)
	ListAccountAssignmentCreationStatus(context.Context, *ssoadmin.ListAccountAssignmentCreationStatusInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentCreationStatusOutput, error)
}

// IdentityStoreAPI is the part of the Identity Store's API that the client uses.
type IdentityStoreAPI interface {
	GetUserId(context.Context, *identitystore.GetUserIdInput, ...func(*identitystore.Options)) (*identitystore.GetUserIdOutput, error)
	DescribeUser(context.Context, *identitystore.DescribeUserInput, ...func(*identitystore.Options)) (*identitystore.DescribeUserOutput, error)
	DescribeGroup(context.Context, *identitystore.DescribeGroupInput, ...func(*identitystore.Options)) (*identitystore.DescribeGroupOutput, error)
	ListUsers(context.Context, *identitystore.ListUsersInput, ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error)
	ListGroupMemberships(context.Context, *identitystore.ListGroupMembershipsInput, ...func(*identitystore.Options)) (*identitystore.ListGroupMembershipsOutput, error)
	ListGroups(context.Context, *identitystore.ListGroupsInput, ...func(*identitystore.Options)) (*identitystore.ListGroupsOutput, error)
	GetGroupMembershipId(context.Context, *identitystore.GetGroupMembershipIdInput, ...func(*identitystore.Options)) (*identitystore.GetGroupMembershipIdOutput, error)
	IsMemberInGroups(context.Context, *identitystore.IsMemberInGroupsInput, ...func(*identitystore.Options)) (*identitystore.IsMemberInGroupsOutput, error)
	CreateGroupMembership(context.Context, *identitystore.CreateGroupMembershipInput, ...func(*identitystore.Options)) (*identitystore.CreateGroupMembershipOutput, error)
	DeleteGroupMembership(context.Context, *identitystore.DeleteGroupMembershipInput, ...func(*identitystore.Options)) (*identitystore.DeleteGroupMembershipOutput, error)
}

// OrganizationsAPI is the part of Organizations' API that the client uses. It may
// be nil if no method about accounts and their organizational units is called.
type OrganizationsAPI interface {
	ListParents(context.Context, *organizations.ListParentsInput, ...func(*organizations.Options)) (*organizations.ListParentsOutput, error)
	ListOrganizationalUnitsForParent(context.Context, *organizations.ListOrganizationalUnitsForParentInput, ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error)
	ListAccountsForParent(context.Context, *organizations.ListAccountsForParentInput, ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error)
	ListAccounts(context.Context, *organizations.ListAccountsInput, ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error)
}

var (
	_ SSOAdminAPI      = (*ssoadmin.Client)(nil)
	_ IdentityStoreAPI = (*identitystore.Client)(nil)
	_ OrganizationsAPI = (*organizations.Client)(nil)
)

// Client calls one instance of Identity Center. It is safe for concurrent use.
type Client struct {
	admin SSOAdminAPI
	store IdentityStoreAPI
	org   OrganizationsAPI
	want  string // the configured instance; "": the only one

	mu       sync.Mutex
	resolved *instance
	assumed  bool // resolved comes from the settings and was not looked up yet
}

type instance struct{ arn, identityStoreID string }

// New returns a client of the instance with that ARN, or of the only instance if
// instanceARN is empty. The first call that needs the instance looks it up.
func New(admin SSOAdminAPI, store IdentityStoreAPI, org OrganizationsAPI, instanceARN string) *Client {
	return &Client{admin: admin, store: store, org: org, want: instanceARN}
}

// NewFromSettings is New for the instance in the settings. If they name its identity
// store, too, the client uses both without looking the instance up.
func NewFromSettings(admin SSOAdminAPI, store IdentityStoreAPI, org OrganizationsAPI, s Settings) *Client {
	c := New(admin, store, org, s.InstanceARN)
	if s.InstanceARN != "" && s.IdentityStore != "" {
		c.resolved, c.assumed = &instance{s.InstanceARN, s.IdentityStore}, true
	}
	return c
}

// instance returns the instance and its identity store. If the settings don't name both,
// it looks them up once.
func (c *Client) instance(ctx context.Context) (instance, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resolved != nil {
		return *c.resolved, nil
	}
	found, err := c.find(ctx)
	if err == nil {
		c.resolved = &found
	}
	return found, err
}

// verified returns err, the error of a call. But if Identity Center did not find
// something, and the instance comes from the settings, verified first looks the instance
// up, once. If there is no such instance, the error is Misconfigured. So a "not found" is
// never about the instance.
func (c *Client) verified(ctx context.Context, err error) error {
	if !isNotFound(err) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.assumed {
		return err
	}
	found, failed := c.find(ctx)
	if failed != nil {
		return failed
	}
	if found != *c.resolved {
		return access.Errorf(access.CodeMisconfigure, "the identity store of %s is %s, not %s; deploy again", found.arn, found.identityStoreID, c.resolved.identityStoreID)
	}
	c.assumed = false
	return err
}

// find looks the instance up.
func (c *Client) find(ctx context.Context) (instance, error) {
	const doing = "find Identity Center instance"
	var found []instance
	pages := ssoadmin.NewListInstancesPaginator(c.admin, &ssoadmin.ListInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return instance{}, host.AWSError(err, doing)
		}
		for _, i := range page.Instances {
			if c.want == "" || c.want == aws.ToString(i.InstanceArn) {
				found = append(found, instance{aws.ToString(i.InstanceArn), aws.ToString(i.IdentityStoreId)})
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return instance{}, access.Errorf(access.CodeMisconfigure, "%s: this region has %d; set sso_instance_arn to one of them", doing, len(found))
	case c.want != "":
		return instance{}, access.Errorf(access.CodeMisconfigure, "%s: this region has no instance %s", doing, c.want)
	default:
		return instance{}, access.Errorf(access.CodeMisconfigure, "%s: this region has none", doing)
	}
}

// isNotFound reports whether Identity Center returned err because something that
// the call names doesn't exist.
func isNotFound(err error) bool {
	var admin *types.ResourceNotFoundException
	var store *idtypes.ResourceNotFoundException
	return errors.As(err, &admin) || errors.As(err, &store)
}
