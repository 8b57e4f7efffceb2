package identitycentertest_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
)

// The sources are the pages of these references, by operation or type:
//
//   - SSO: IAM Identity Center API Reference,
//     https://docs.aws.amazon.com/singlesignon/latest/APIReference/
//   - Identity Store: Identity Store API Reference,
//     https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/
//   - Organizations: AWS Organizations API Reference,
//     https://docs.aws.amazon.com/organizations/latest/APIReference/

const (
	account = "111122223333"
	other   = "444455556666"
	set     = "arn:aws:sso:::permissionSet/ssoins-0123456789abcdef/ps-0000000000000001"
	another = "arn:aws:sso:::permissionSet/ssoins-0123456789abcdef/ps-0000000000000002"
)

var (
	assignment = access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSetARN: set}, PrincipalID: "u-1"}
	membership = access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "u-1"}
)

func newCenter() *identitycentertest.Center {
	c := &identitycentertest.Center{
		PermissionSets: []types.PermissionSet{{PermissionSetArn: aws.String(set), Name: aws.String("Admin")}, {PermissionSetArn: aws.String(another)}},
		Groups:         []idtypes.Group{{GroupId: aws.String("g-1"), DisplayName: aws.String("Team")}},
	}
	c.PutUser(idtypes.User{
		UserId: aws.String("u-1"), UserName: aws.String("ann"), UserStatus: idtypes.UserStatusEnabled,
		Emails: []idtypes.Email{{Value: aws.String("ann@example.com")}},
	})
	return c
}

func create(t *testing.T, c *identitycentertest.Center, s access.Subject) (*types.AccountAssignmentOperationStatus, error) {
	t.Helper()
	out, err := c.CreateAccountAssignment(t.Context(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: aws.String(identitycentertest.InstanceARN), TargetId: &s.AccountID, TargetType: types.TargetTypeAwsAccount,
		PermissionSetArn: &s.PermissionSetARN, PrincipalId: &s.PrincipalID, PrincipalType: types.PrincipalTypeUser,
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentCreationStatus, nil
}

func remove(t *testing.T, c *identitycentertest.Center, s access.Subject) (*types.AccountAssignmentOperationStatus, error) {
	t.Helper()
	out, err := c.DeleteAccountAssignment(t.Context(), &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: aws.String(identitycentertest.InstanceARN), TargetId: &s.AccountID, TargetType: types.TargetTypeAwsAccount,
		PermissionSetArn: &s.PermissionSetARN, PrincipalId: &s.PrincipalID, PrincipalType: types.PrincipalTypeUser,
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

func creation(t *testing.T, c *identitycentertest.Center, id string) (*types.AccountAssignmentOperationStatus, error) {
	t.Helper()
	out, err := c.DescribeAccountAssignmentCreationStatus(t.Context(), &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
		InstanceArn: aws.String(identitycentertest.InstanceARN), AccountAssignmentCreationRequestId: &id})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentCreationStatus, nil
}

func deletion(t *testing.T, c *identitycentertest.Center, id string) (*types.AccountAssignmentOperationStatus, error) {
	t.Helper()
	out, err := c.DescribeAccountAssignmentDeletionStatus(t.Context(), &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
		InstanceArn: aws.String(identitycentertest.InstanceARN), AccountAssignmentDeletionRequestId: &id})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

// listed reports whether ListAccountAssignments returns the assignment.
func listed(t *testing.T, c *identitycentertest.Center, s access.Subject) bool {
	t.Helper()
	out, err := c.ListAccountAssignments(t.Context(), &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: aws.String(identitycentertest.InstanceARN), AccountId: &s.AccountID, PermissionSetArn: &s.PermissionSetARN})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(out.AccountAssignments, func(a types.AccountAssignment) bool { return *a.PrincipalId == s.PrincipalID })
}

func do[Out any](t *testing.T) func(Out, error) Out {
	return func(out Out, err error) Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != want {
		t.Errorf("%s: error %v, want %s", what, err, want)
	}
}

// SSO, CreateAccountAssignment and AccountAssignmentOperationStatus.
func TestACreationIsInProgressAndThenSucceedsOrFailsWithAReason(t *testing.T) {
	for _, fails := range []bool{false, true} {
		c := newCenter()
		op := do[*types.AccountAssignmentOperationStatus](t)(create(t, c, assignment))
		id := *op.RequestId
		if op.Status != types.StatusValuesInProgress || *op.PrincipalId != "u-1" || *op.TargetId != account || *op.PermissionSetArn != set || listed(t, c, assignment) {
			t.Fatalf("begins as %+v", op)
		}
		if now := do[*types.AccountAssignmentOperationStatus](t)(creation(t, c, id)); now.Status != types.StatusValuesInProgress || now.FailureReason != nil {
			t.Errorf("under way as %+v", now)
		}
		want, reason := types.StatusValuesSucceeded, ""
		if fails {
			want, reason = types.StatusValuesFailed, "the role is protected"
			c.Fail(id, reason)
		} else {
			c.Succeed(id)
		}
		if now := do[*types.AccountAssignmentOperationStatus](t)(creation(t, c, id)); now.Status != want || aws.ToString(now.FailureReason) != reason {
			t.Errorf("ends as %+v, want %s %q", now, want, reason)
		}
		if listed(t, c, assignment) == fails {
			t.Errorf("fails: %v; listed: %v", fails, !fails)
		}
	}
}

// SSO, DeleteAccountAssignment and AccountAssignmentOperationStatus.
func TestADeletionIsInProgressAndThenSucceedsOrFailsWithAReason(t *testing.T) {
	for _, fails := range []bool{false, true} {
		c := newCenter()
		c.Add(assignment)
		op := do[*types.AccountAssignmentOperationStatus](t)(remove(t, c, assignment))
		id := *op.RequestId
		if now := do[*types.AccountAssignmentOperationStatus](t)(deletion(t, c, id)); op.Status != types.StatusValuesInProgress || now.Status != types.StatusValuesInProgress || !listed(t, c, assignment) {
			t.Fatalf("begins as %+v, then %+v", op, now)
		}
		want, reason := types.StatusValuesSucceeded, ""
		if fails {
			want, reason = types.StatusValuesFailed, "the role is protected"
			c.Fail(id, reason)
		} else {
			c.Succeed(id)
		}
		if now := do[*types.AccountAssignmentOperationStatus](t)(deletion(t, c, id)); now.Status != want || aws.ToString(now.FailureReason) != reason {
			t.Errorf("ends as %+v, want %s %q", now, want, reason)
		}
		if listed(t, c, assignment) != fails {
			t.Errorf("fails: %v; listed: %v", fails, !fails)
		}
	}
}

// SSO, ListAccountAssignmentCreationStatus, OperationStatusFilter and
// AccountAssignmentOperationStatusMetadata.
func TestCreationsAreListedByStatusWithTheirRequestIdsAlone(t *testing.T) {
	c := newCenter()
	var ids []string
	for i := range 4 {
		s := assignment
		s.AccountID = fmt.Sprintf("11112222333%d", i)
		ids = append(ids, *do[*types.AccountAssignmentOperationStatus](t)(create(t, c, s)).RequestId)
	}
	c.Succeed(ids[1])
	c.Fail(ids[2], "the role is protected")
	do[*types.AccountAssignmentOperationStatus](t)(remove(t, c, access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: "111122223331", PermissionSetARN: set}, PrincipalID: "u-1"}))
	for _, test := range []struct {
		filter *types.OperationStatusFilter
		want   []string
	}{
		{&types.OperationStatusFilter{Status: types.StatusValuesInProgress}, []string{ids[0], ids[3]}},
		{&types.OperationStatusFilter{Status: types.StatusValuesSucceeded}, []string{ids[1]}},
		{&types.OperationStatusFilter{Status: types.StatusValuesFailed}, []string{ids[2]}},
		{nil, ids},
	} {
		out := do[*ssoadmin.ListAccountAssignmentCreationStatusOutput](t)(c.ListAccountAssignmentCreationStatus(t.Context(),
			&ssoadmin.ListAccountAssignmentCreationStatusInput{InstanceArn: aws.String(identitycentertest.InstanceARN), Filter: test.filter}))
		var got []string
		for _, one := range out.AccountAssignmentsCreationStatus {
			got = append(got, *one.RequestId)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.filter, got, test.want)
		}
	}
}

// SSO, the errors of each operation: ResourceNotFoundException.
func TestWhatAnSSOCallNamesAndIsNotThereIsNotFound(t *testing.T) {
	c := newCenter()
	gone := assignment
	gone.PermissionSetARN = set + "-gone"
	_, err := create(t, c, gone)
	wantCode(t, "create with no permission set", err, "ResourceNotFoundException")
	_, err = remove(t, c, assignment)
	wantCode(t, "delete no assignment", err, "ResourceNotFoundException")
	_, err = creation(t, c, "op-9")
	wantCode(t, "describe no creation", err, "ResourceNotFoundException")
	_, err = deletion(t, c, "op-9")
	wantCode(t, "describe no deletion", err, "ResourceNotFoundException")
	_, err = c.DescribePermissionSet(t.Context(), &ssoadmin.DescribePermissionSetInput{InstanceArn: aws.String(identitycentertest.InstanceARN), PermissionSetArn: &gone.PermissionSetARN})
	wantCode(t, "describe no permission set", err, "ResourceNotFoundException")
	_, err = c.ListPermissionSets(t.Context(), &ssoadmin.ListPermissionSetsInput{InstanceArn: aws.String("arn:aws:sso:::instance/ssoins-ffffffffffffffff")})
	wantCode(t, "list of no instance", err, "ResourceNotFoundException")
}

// SSO, CreateAccountAssignment: "the specified permission set will automatically be
// provisioned to the account". AWS doesn't document when that ends.
func TestACreationProvisionsThePermissionSetToTheAccount(t *testing.T) {
	c := newCenter()
	lists := func() (sets, accounts []string) {
		bySet := do[*ssoadmin.ListPermissionSetsProvisionedToAccountOutput](t)(c.ListPermissionSetsProvisionedToAccount(t.Context(),
			&ssoadmin.ListPermissionSetsProvisionedToAccountInput{InstanceArn: aws.String(identitycentertest.InstanceARN), AccountId: aws.String(account)}))
		byAccount := do[*ssoadmin.ListAccountsForProvisionedPermissionSetOutput](t)(c.ListAccountsForProvisionedPermissionSet(t.Context(),
			&ssoadmin.ListAccountsForProvisionedPermissionSetInput{InstanceArn: aws.String(identitycentertest.InstanceARN), PermissionSetArn: aws.String(set)}))
		return bySet.PermissionSets, byAccount.AccountIds
	}
	if sets, accounts := lists(); sets != nil || accounts != nil {
		t.Errorf("before: %q, %q", sets, accounts)
	}
	c.Succeed(*do[*types.AccountAssignmentOperationStatus](t)(create(t, c, assignment)).RequestId)
	if sets, accounts := lists(); !slices.Equal(sets, []string{set}) || !slices.Equal(accounts, []string{account}) {
		t.Errorf("after: %q, %q", sets, accounts)
	}
}

// SSO, ListAccountAssignmentsForPrincipal: "accounts that the principal has
// access to".
func TestAssignmentsOfAPrincipalAreThoseInEveryAccount(t *testing.T) {
	c := newCenter()
	for _, s := range []access.Subject{
		{Target: access.Target{Kind: access.KindAccount, AccountID: other, PermissionSetARN: set}, PrincipalID: "u-1"},
		{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSetARN: another}, PrincipalID: "u-1"},
		{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSetARN: set}, PrincipalID: "u-2"},
		membership,
	} {
		c.Add(s)
	}
	out := do[*ssoadmin.ListAccountAssignmentsForPrincipalOutput](t)(c.ListAccountAssignmentsForPrincipal(t.Context(),
		&ssoadmin.ListAccountAssignmentsForPrincipalInput{InstanceArn: aws.String(identitycentertest.InstanceARN), PrincipalId: aws.String("u-1"), PrincipalType: types.PrincipalTypeUser}))
	var got []string
	for _, a := range out.AccountAssignments {
		got = append(got, *a.AccountId+" "+*a.PermissionSetArn)
	}
	if want := []string{account + " " + another, other + " " + set}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// MaxResults of the list operations is 1 to 100, in Organizations 1 to 20. A page may
// have fewer items. NextToken says whether there are more.
func TestListsHavePagesOfAtMostMaxResults(t *testing.T) {
	c := newCenter()
	var want []string
	for i := range 150 {
		id := fmt.Sprintf("v-%03d", i)
		want = append(want, id)
		c.PutUser(idtypes.User{UserId: &id})
	}
	want = append([]string{"u-1"}, want...)
	pages := func(size *int32) (lengths []int) {
		var got []string
		p := identitystore.NewListUsersPaginator(c, &identitystore.ListUsersInput{IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), MaxResults: size})
		for p.HasMorePages() {
			page := do[*identitystore.ListUsersOutput](t)(p.NextPage(t.Context()))
			lengths = append(lengths, len(page.Users))
			for _, u := range page.Users {
				got = append(got, *u.UserId)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("users %q", got)
		}
		return lengths
	}
	if got := pages(aws.Int32(100)); !slices.Equal(got, []int{100, 51}) {
		t.Errorf("pages of %d", got)
	}
	c.PageSize = 60
	if got := pages(aws.Int32(100)); !slices.Equal(got, []int{60, 60, 31}) {
		t.Errorf("pages of at most 60: %d", got)
	}
	_, err := c.ListUsers(t.Context(), &identitystore.ListUsersInput{IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), MaxResults: aws.Int32(101)})
	wantCode(t, "101 users", err, "ValidationException")
	_, err = c.ListInstances(t.Context(), &ssoadmin.ListInstancesInput{MaxResults: aws.Int32(0)})
	wantCode(t, "no instance", err, "ValidationException")
	_, err = c.ListInstances(t.Context(), &ssoadmin.ListInstancesInput{NextToken: aws.String("made up")})
	wantCode(t, "a made up token", err, "ValidationException")
	_, err = c.ListAccounts(t.Context(), &organizations.ListAccountsInput{MaxResults: aws.Int32(21)})
	wantCode(t, "21 accounts", err, "InvalidInputException")
}

// Identity Store, CreateGroupMembership (ConflictException: a uniqueness claim),
// GetGroupMembershipId and DeleteGroupMembership.
func TestAMembershipHasAnIDAndIsMadeOnce(t *testing.T) {
	c := newCenter()
	store, group, member := aws.String(identitycentertest.IdentityStoreID), aws.String("g-1"), &idtypes.MemberIdMemberUserId{Value: "u-1"}
	in := &identitystore.CreateGroupMembershipInput{IdentityStoreId: store, GroupId: group, MemberId: member}
	get := func() (*identitystore.GetGroupMembershipIdOutput, error) {
		return c.GetGroupMembershipId(t.Context(), &identitystore.GetGroupMembershipIdInput{IdentityStoreId: store, GroupId: group, MemberId: member})
	}
	_, err := get()
	wantCode(t, "the id of none", err, "ResourceNotFoundException")
	first := *do[*identitystore.CreateGroupMembershipOutput](t)(c.CreateGroupMembership(t.Context(), in)).MembershipId
	if got := *do[*identitystore.GetGroupMembershipIdOutput](t)(get()).MembershipId; got != first {
		t.Errorf("made as %s, and then %s", first, got)
	}
	_, err = c.CreateGroupMembership(t.Context(), in)
	wantCode(t, "made twice", err, "ConflictException")
	var conflict *idtypes.ConflictException
	if !errors.As(err, &conflict) || conflict.Reason != idtypes.ConflictExceptionReasonUniquenessConstraintViolation {
		t.Errorf("made twice: %v", err)
	}
	out := do[*identitystore.ListGroupMembershipsOutput](t)(c.ListGroupMemberships(t.Context(), &identitystore.ListGroupMembershipsInput{IdentityStoreId: store, GroupId: group}))
	if len(out.GroupMemberships) != 1 || *out.GroupMemberships[0].MembershipId != first || !reflect.DeepEqual(out.GroupMemberships[0].MemberId, idtypes.MemberId(member)) {
		t.Errorf("listed as %+v", out.GroupMemberships)
	}
	unmade := &identitystore.DeleteGroupMembershipInput{IdentityStoreId: store, MembershipId: &first}
	do[*identitystore.DeleteGroupMembershipOutput](t)(c.DeleteGroupMembership(t.Context(), unmade))
	if second := *do[*identitystore.CreateGroupMembershipOutput](t)(c.CreateGroupMembership(t.Context(), in)).MembershipId; second == first {
		t.Errorf("made anew with the same id, %s", second)
	}
	_, err = c.DeleteGroupMembership(t.Context(), unmade)
	wantCode(t, "deleted by the old id", err, "ResourceNotFoundException")
	do[*identitystore.GetGroupMembershipIdOutput](t)(get())
}

// Identity Store, IsMemberInGroups (GroupIds: 1 to 100 items; ResourceNotFoundException).
func TestMembershipsAreLookedUpInGroupsThatExist(t *testing.T) {
	c := newCenter()
	c.Add(access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "u-1"})
	look := func(user string, groups ...string) (*identitystore.IsMemberInGroupsOutput, error) {
		return c.IsMemberInGroups(t.Context(), &identitystore.IsMemberInGroupsInput{
			IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), MemberId: &idtypes.MemberIdMemberUserId{Value: user}, GroupIds: groups,
		})
	}
	out := do[*identitystore.IsMemberInGroupsOutput](t)(look("u-1", "g-1"))
	if len(out.Results) != 1 || *out.Results[0].GroupId != "g-1" || !out.Results[0].MembershipExists {
		t.Errorf("got %+v", out.Results)
	}
	_, err := look("u-1", "g-1", "g-gone")
	wantCode(t, "of a group that doesn't exist", err, "ResourceNotFoundException")
	_, err = look("u-gone", "g-1")
	wantCode(t, "of a user who doesn't exist", err, "ResourceNotFoundException")
	_, err = look("u-1", make([]string, 101)...)
	wantCode(t, "of too many groups", err, "ValidationException")
	_, err = look("u-1")
	wantCode(t, "of no group", err, "ValidationException")
}

// Identity Store, GetUserId: "the only valid paths are userName and
// emails.value".
func TestAUserIsFoundByNameOrEmailOnly(t *testing.T) {
	c := newCenter()
	for _, test := range []struct{ path, value, want string }{
		{"userName", "ann", ""},
		{"emails.value", "ann@example.com", ""},
		{"emails.value", "ben@example.com", "ResourceNotFoundException"},
		{"displayName", "ann", "ValidationException"},
	} {
		out, err := c.GetUserId(t.Context(), &identitystore.GetUserIdInput{
			IdentityStoreId: aws.String(identitycentertest.IdentityStoreID),
			AlternateIdentifier: &idtypes.AlternateIdentifierMemberUniqueAttribute{Value: idtypes.UniqueAttribute{
				AttributePath: &test.path, AttributeValue: document.NewLazyDocument(test.value),
			}},
		})
		if test.want != "" {
			wantCode(t, test.path+" "+test.value, err, test.want)
		} else if err != nil || *out.UserId != "u-1" {
			t.Errorf("%s %s: %+v, %v", test.path, test.value, out, err)
		}
	}
}

// Identity Store, User (UserStatus) and ResourceNotFoundException (ResourceType:
// GROUP, USER, IDENTITY_STORE, GROUP_MEMBERSHIP).
func TestAUserHasAStatusAndNotFoundSaysOfWhat(t *testing.T) {
	c := newCenter()
	describe := func(store, id string) (*identitystore.DescribeUserOutput, error) {
		return c.DescribeUser(t.Context(), &identitystore.DescribeUserInput{IdentityStoreId: &store, UserId: &id})
	}
	wantType := func(err error, want idtypes.ResourceType) {
		t.Helper()
		var none *idtypes.ResourceNotFoundException
		if !errors.As(err, &none) || none.ResourceType != want {
			t.Errorf("error %v, want that of a %s", err, want)
		}
	}
	if u := do[*identitystore.DescribeUserOutput](t)(describe(identitycentertest.IdentityStoreID, "u-1")); u.UserStatus != idtypes.UserStatusEnabled || *u.UserName != "ann" {
		t.Errorf("user %+v", u)
	}
	c.PutUser(idtypes.User{UserId: aws.String("u-1"), UserStatus: idtypes.UserStatusDisabled})
	if u := do[*identitystore.DescribeUserOutput](t)(describe(identitycentertest.IdentityStoreID, "u-1")); u.UserStatus != idtypes.UserStatusDisabled {
		t.Errorf("disabled user %+v", u)
	}
	c.DeleteUser("u-1")
	_, err := describe(identitycentertest.IdentityStoreID, "u-1")
	wantType(err, idtypes.ResourceTypeUser)
	_, err = describe("d-0000000000", "u-1")
	wantType(err, idtypes.ResourceTypeIdentityStore)
	_, err = c.DescribeGroup(t.Context(), &identitystore.DescribeGroupInput{IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), GroupId: aws.String("g-9")})
	wantType(err, idtypes.ResourceTypeGroup)
	_, err = c.DeleteGroupMembership(t.Context(), &identitystore.DeleteGroupMembershipInput{IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), MembershipId: aws.String("m-9")})
	wantType(err, idtypes.ResourceTypeGroupMembership)
}

// Organizations, ListDelegatedAdministrators (ServicePrincipal) and
// DescribeOrganization.
func TestDelegatedAdministratorsAreThoseOfAService(t *testing.T) {
	c := newCenter()
	c.ManagementAccount, c.DelegatedAdministrators = other, map[string][]string{"sso.amazonaws.com": {account}, "guardduty.amazonaws.com": {other}}
	out := do[*organizations.ListDelegatedAdministratorsOutput](t)(c.ListDelegatedAdministrators(t.Context(),
		&organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String("sso.amazonaws.com")}))
	if !reflect.DeepEqual(out.DelegatedAdministrators, []orgtypes.DelegatedAdministrator{{Id: aws.String(account)}}) {
		t.Errorf("delegated: %+v", out.DelegatedAdministrators)
	}
	if o := do[*organizations.DescribeOrganizationOutput](t)(c.DescribeOrganization(t.Context(), &organizations.DescribeOrganizationInput{})); *o.Organization.MasterAccountId != other {
		t.Errorf("organization %+v", o.Organization)
	}
}

// AWS documents ConflictException as a conflict "with a previous successful write",
// to be retried. Callers meet it while another operation on the same account and
// permission set is in progress, whoever it is for. AWS doesn't document that scope,
// nor which error wins if nothing is there to delete.
func TestUndocumentedOneOperationAtATimeForAnAccountAndPermissionSet(t *testing.T) {
	c := newCenter()
	id := *do[*types.AccountAssignmentOperationStatus](t)(create(t, c, assignment)).RequestId
	colleague, elsewhere := assignment, assignment
	colleague.PrincipalID, elsewhere.AccountID = "u-2", other
	_, err := create(t, c, colleague)
	wantCode(t, "of the same account and permission set", err, "ConflictException")
	do[*types.AccountAssignmentOperationStatus](t)(create(t, c, elsewhere))
	_, err = remove(t, c, assignment)
	wantCode(t, "nothing to delete, and busy", err, "ResourceNotFoundException")
	c.ConflictFirst = true
	_, err = remove(t, c, assignment)
	wantCode(t, "nothing to delete, and busy: the other error", err, "ConflictException")
	c.Succeed(id)
	do[*types.AccountAssignmentOperationStatus](t)(create(t, c, colleague))
}

// This is what the test sees of a call, and what it can do to the call.
func TestTheTestHasEveryCallAndEveryChange(t *testing.T) {
	c := newCenter()
	var told []string
	c.Accepted = func(op identitycentertest.Operation) {
		told = append(told, fmt.Sprint("accepted ", op.ID, " deletion ", op.Deletion, " by hand ", op.ByHand))
	}
	c.Changed = func(a identitycentertest.Access, exists bool) {
		_, is := c.Find(a.Subject.Key()) // calls to the fake are allowed here
		told = append(told, fmt.Sprint("changed ", a.Subject.Kind, " ", exists, is, " by hand ", a.ByHand))
	}
	c.Succeed(*do[*types.AccountAssignmentOperationStatus](t)(create(t, c, assignment)).RequestId)
	c.Succeed(*do[*types.AccountAssignmentOperationStatus](t)(remove(t, c, assignment)).RequestId)
	c.Add(assignment)
	c.Fail(*do[*types.AccountAssignmentOperationStatus](t)(remove(t, c, assignment)).RequestId, "")
	c.Remove(assignment)
	var effects []func() (any, error)
	c.Around = func(_ context.Context, call identitycentertest.Call, effect func() (any, error)) (any, error) {
		told = append(told, fmt.Sprintf("call %s %s %s, %d tries", call.Service, call.Operation, call.About, call.Retryer.MaxAttempts()))
		effects = append(effects, effect)
		return nil, errors.New("no answer")
	}
	_, err := c.CreateGroupMembership(t.Context(), &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), GroupId: aws.String("g-1"), MemberId: &idtypes.MemberIdMemberUserId{Value: "u-1"},
	}, func(o *identitystore.Options) { o.Retryer = retry.NewStandard() })
	if _, exists := c.Find(membership.Key()); err == nil || exists {
		t.Errorf("before its effect: %v, there %v", err, exists)
	}
	do[any](t)(effects[0]())
	if a, exists := c.Find(membership.Key()); !exists || a.ByHand || a.MembershipID == "" {
		t.Errorf("after its effect: %+v, there %v", a, exists)
	}
	want := []string{
		"accepted op-1 deletion false by hand false", "changed account true true by hand false",
		"accepted op-2 deletion true by hand false", "changed account false false by hand false",
		"accepted op-3 deletion true by hand true",
		"call identitystore CreateGroupMembership group#g-1#u-1, 3 tries", "changed group true true by hand false",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q,\nwant %q", told, want)
	}
	if n := c.Calls("DeleteAccountAssignment"); n != 2 {
		t.Errorf("%d deletions", n)
	}
}

// Identity Store, DeleteGroup and ListGroupMemberships.
func TestADeletedGroupIsNotFound(t *testing.T) {
	c := newCenter()
	c.Add(membership)
	c.DeleteGroup("g-1")
	_, err := c.ListGroupMemberships(t.Context(), &identitystore.ListGroupMembershipsInput{IdentityStoreId: aws.String(identitycentertest.IdentityStoreID), GroupId: aws.String("g-1")})
	wantCode(t, "its members", err, "ResourceNotFoundException")
	if _, found := c.Find(membership.Key()); found {
		t.Error("the membership is still there")
	}
}
