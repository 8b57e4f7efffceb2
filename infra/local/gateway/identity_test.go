package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sso-elevator/infra/local/organization"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// seeded returns the organization of these tests, which is created once.
var seeded = sync.OnceValues(func() (organization.IDs, error) {
	o, err := organization.Parse([]byte(`
accounts: [{name: one}, {name: two}]
permission_sets: [{name: Read}, {name: Write}]
groups: [{name: Team}]
people:
  - {name: Ann Archer, email: Ann@example.com, slack_id: U0ANN}
  - {name: Ben Baker, email: ben@example.com, slack_id: U0BEN}
`))
	if err != nil {
		return organization.IDs{}, err
	}
	return o.Seed(context.Background(), stack.AWS())
})

func ids(t *testing.T) organization.IDs {
	t.Helper()
	got, err := seeded()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// target is an account, a permission set and a person.
type target struct{ account, permissionSet, person string }

func (x target) create(t *testing.T) (*types.AccountAssignmentOperationStatus, error) {
	t.Helper()
	out, err := ssoadmin.NewFromConfig(stack.AWS()).CreateAccountAssignment(context.Background(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: aws.String(ids(t).InstanceARN), TargetType: types.TargetTypeAwsAccount, PrincipalType: types.PrincipalTypeUser,
		TargetId: aws.String(x.account), PermissionSetArn: aws.String(x.permissionSet), PrincipalId: aws.String(x.person),
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentCreationStatus, nil
}

func (x target) delete(t *testing.T) (*types.AccountAssignmentOperationStatus, error) {
	t.Helper()
	out, err := ssoadmin.NewFromConfig(stack.AWS()).DeleteAccountAssignment(context.Background(), &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: aws.String(ids(t).InstanceARN), TargetType: types.TargetTypeAwsAccount, PrincipalType: types.PrincipalTypeUser,
		TargetId: aws.String(x.account), PermissionSetArn: aws.String(x.permissionSet), PrincipalId: aws.String(x.person),
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

// count returns how often the assignment is listed.
func (x target) count(t *testing.T) int {
	t.Helper()
	out, err := ssoadmin.NewFromConfig(stack.AWS()).ListAccountAssignments(context.Background(), &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: aws.String(ids(t).InstanceARN), AccountId: aws.String(x.account), PermissionSetArn: aws.String(x.permissionSet),
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range out.AccountAssignments {
		if aws.ToString(a.PrincipalId) == x.person {
			n++
		}
	}
	return n
}

// settle waits for the end of an operation and returns it.
func settle(t *testing.T, s *types.AccountAssignmentOperationStatus, creation bool) *types.AccountAssignmentOperationStatus {
	t.Helper()
	client := ssoadmin.NewFromConfig(stack.AWS())
	eventually(t, "the operation settles", func() bool {
		if creation {
			out, err := client.DescribeAccountAssignmentCreationStatus(context.Background(), &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
				InstanceArn: aws.String(ids(t).InstanceARN), AccountAssignmentCreationRequestId: s.RequestId,
			})
			if err != nil {
				t.Fatal(err)
			}
			s = out.AccountAssignmentCreationStatus
		} else {
			out, err := client.DescribeAccountAssignmentDeletionStatus(context.Background(), &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
				InstanceArn: aws.String(ids(t).InstanceARN), AccountAssignmentDeletionRequestId: s.RequestId,
			})
			if err != nil {
				t.Fatal(err)
			}
			s = out.AccountAssignmentDeletionStatus
		}
		return s.Status != types.StatusValuesInProgress
	})
	return s
}

// remove removes an assignment again, for later tests.
func (x target) remove(t *testing.T) {
	t.Helper()
	if x.count(t) == 0 {
		return
	}
	s, err := x.delete(t)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, s, false)
}

func TestAssignmentTakesTime(t *testing.T) {
	x := target{ids(t).Accounts["one"], ids(t).PermissionSets["Read"], ids(t).People["ben@example.com"]}
	created, err := x.create(t)
	if err != nil {
		t.Fatal(err)
	}
	if created.Status != types.StatusValuesInProgress || x.count(t) != 0 {
		t.Errorf("right after Create: %s, listed %d times; want IN_PROGRESS, 0", created.Status, x.count(t))
	}
	done := settle(t, created, true)
	if done.Status != types.StatusValuesSucceeded || x.count(t) != 1 || aws.ToString(done.PrincipalId) != x.person {
		t.Errorf("settled: %s for %s, listed %d times; want SUCCEEDED for %s, 1", done.Status, aws.ToString(done.PrincipalId), x.count(t), x.person)
	}
	deleted, err := x.delete(t)
	if err != nil {
		t.Fatal(err)
	}
	if deleted.Status != types.StatusValuesInProgress || aws.ToString(deleted.RequestId) == aws.ToString(created.RequestId) {
		t.Errorf("right after Delete: %s, request id %s; the creation had %s", deleted.Status, aws.ToString(deleted.RequestId), aws.ToString(created.RequestId))
	}
	if gone := settle(t, deleted, false); gone.Status != types.StatusValuesSucceeded || x.count(t) != 0 {
		t.Errorf("deletion %s, listed %d times", gone.Status, x.count(t))
	}
}

func TestCreateAssignmentTwice(t *testing.T) {
	x := target{ids(t).Accounts["one"], ids(t).PermissionSets["Write"], ids(t).People["ben@example.com"]}
	defer x.remove(t)
	for range 2 {
		s, err := x.create(t)
		if err != nil {
			t.Fatal(err)
		}
		if s = settle(t, s, true); s.Status != types.StatusValuesSucceeded {
			t.Errorf("status %s, want SUCCEEDED", s.Status)
		}
	}
	if n := x.count(t); n != 1 {
		t.Errorf("listed %d times, want once", n)
	}
}

func TestCreateAssignmentConflict(t *testing.T) {
	x := target{ids(t).Accounts["two"], ids(t).PermissionSets["Write"], ids(t).People["ben@example.com"]}
	defer x.remove(t)
	first, err := x.create(t)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.create(t)
	if code := errorCode(t, err); code != "ConflictException" {
		t.Errorf("second Create: %q, want ConflictException", code)
	}
	settle(t, first, true)
}

func TestCreateAssignmentValidation(t *testing.T) {
	good := target{ids(t).Accounts["one"], ids(t).PermissionSets["Read"], ids(t).People["ben@example.com"]}
	tests := []struct {
		name       string
		change     func(*target)
		wantCode   string // part of the response
		wantReason string // contained in the reason of the failed creation
	}{
		{name: "permission set", change: func(x *target) { x.permissionSet = ids(t).InstanceARN + "/ps-0000000000000000" }, wantCode: "ResourceNotFoundException"},
		{name: "no account id", change: func(x *target) { x.account = "12345" }, wantCode: "ValidationException"},
		{name: "no principal id", change: func(x *target) { x.person = "ben" }, wantCode: "ValidationException"},
		{name: "account", change: func(x *target) { x.account = "999999999999" }, wantReason: "account 999999999999"},
		{name: "principal", change: func(x *target) { x.person = "00000000-0000-0000-0000-000000000000" }, wantReason: "USER 00000000-0000-0000-0000-000000000000 not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := good
			tt.change(&x)
			s, err := x.create(t)
			if code := errorCode(t, err); code != tt.wantCode {
				t.Fatalf("code %q, want %q", code, tt.wantCode)
			}
			if err != nil {
				return
			}
			if s = settle(t, s, true); s.Status != types.StatusValuesFailed || !strings.Contains(aws.ToString(s.FailureReason), tt.wantReason) {
				t.Errorf("%s: %s; want FAILED: … %s …", s.Status, aws.ToString(s.FailureReason), tt.wantReason)
			}
			if x.count(t) != 0 {
				t.Error("the assignment was made all the same")
			}
		})
	}
}

func TestDeleteMissingAssignment(t *testing.T) {
	x := target{ids(t).Accounts["two"], ids(t).PermissionSets["Read"], ids(t).People["Ann@example.com"]}
	_, err := x.delete(t)
	if code := errorCode(t, err); code != "ResourceNotFoundException" {
		t.Errorf("code %q, want ResourceNotFoundException", code)
	}
}

func TestListAssignmentOperations(t *testing.T) {
	x := target{ids(t).Accounts["two"], ids(t).PermissionSets["Read"], ids(t).People["ben@example.com"]}
	defer x.remove(t)
	client := ssoadmin.NewFromConfig(stack.AWS())
	creations := func(status types.StatusValues) []string {
		t.Helper()
		out, err := client.ListAccountAssignmentCreationStatus(context.Background(), &ssoadmin.ListAccountAssignmentCreationStatusInput{
			InstanceArn: aws.String(ids(t).InstanceARN), Filter: &types.OperationStatusFilter{Status: status},
		})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, s := range out.AccountAssignmentsCreationStatus {
			found = append(found, aws.ToString(s.RequestId))
		}
		return found
	}
	created, err := x.create(t)
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(created.RequestId)
	if !slices.Contains(creations(types.StatusValuesInProgress), id) || slices.Contains(creations(types.StatusValuesSucceeded), id) {
		t.Error("a creation under way is not listed as IN_PROGRESS alone")
	}
	settle(t, created, true)
	if slices.Contains(creations(types.StatusValuesInProgress), id) || !slices.Contains(creations(types.StatusValuesSucceeded), id) {
		t.Error("a creation that succeeded is not listed as SUCCEEDED alone")
	}
	deleted, err := x.delete(t)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, deleted, false)
	out, err := client.ListAccountAssignmentDeletionStatus(context.Background(), &ssoadmin.ListAccountAssignmentDeletionStatusInput{
		InstanceArn: aws.String(ids(t).InstanceARN), MaxResults: aws.Int32(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.AccountAssignmentsDeletionStatus) != 1 || aws.ToString(out.AccountAssignmentsDeletionStatus[0].RequestId) != aws.ToString(deleted.RequestId) {
		t.Errorf("newest deletion %v, want %s", out.AccountAssignmentsDeletionStatus, aws.ToString(deleted.RequestId))
	}
}

// TestDescribeInstance checks DescribeInstance, which moto doesn't have.
func TestDescribeInstance(t *testing.T) {
	api := ssoadmin.NewFromConfig(stack.AWS())
	list, err := api.ListInstances(context.Background(), &ssoadmin.ListInstancesInput{})
	if err != nil || len(list.Instances) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	in := list.Instances[0]
	out, err := api.DescribeInstance(context.Background(), &ssoadmin.DescribeInstanceInput{InstanceArn: in.InstanceArn})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.InstanceArn) != aws.ToString(in.InstanceArn) || aws.ToString(out.IdentityStoreId) != aws.ToString(in.IdentityStoreId) || out.Status != types.InstanceStatusActive ||
		!aws.ToBool(out.PermissionSetsEnabled) || out.EncryptionConfigurationDetails == nil || out.EncryptionConfigurationDetails.KeyType != types.KmsKeyTypeAwsOwnedKmsKey {
		t.Errorf("got %+v", out)
	}
	_, err = api.DescribeInstance(context.Background(), &ssoadmin.DescribeInstanceInput{InstanceArn: aws.String("arn:aws:sso:::instance/ssoins-0000000000000000")})
	if code := errorCode(t, err); code != "ResourceNotFoundException" {
		t.Errorf("another instance: %q", code)
	}
}

// TestManagementAccount checks that callers outside the management account can't
// change access to it, but can learn which account it is.
func TestManagementAccount(t *testing.T) {
	manages := func() string {
		t.Helper()
		out, err := organizations.NewFromConfig(stack.AWS()).DescribeOrganization(context.Background(), &organizations.DescribeOrganizationInput{})
		if err != nil {
			t.Fatal(err)
		}
		id := aws.ToString(out.Organization.MasterAccountId)
		if arn := aws.ToString(out.Organization.MasterAccountArn); !strings.HasPrefix(arn, "arn:aws:organizations::"+id+":account/") || !strings.HasSuffix(arn, "/"+id) {
			t.Errorf("the account is %s, its ARN %s", id, arn)
		}
		all, err := organizations.NewFromConfig(stack.AWS()).ListAccounts(context.Background(), &organizations.ListAccountsInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all.Accounts {
			one, err := organizations.NewFromConfig(stack.AWS()).DescribeAccount(context.Background(), &organizations.DescribeAccountInput{AccountId: a.Id})
			if err != nil {
				t.Fatal(err)
			}
			for _, arn := range []string{aws.ToString(a.Arn), aws.ToString(one.Account.Arn)} {
				if !strings.HasPrefix(arn, "arn:aws:organizations::"+id+":account/") || !strings.HasSuffix(arn, "/"+aws.ToString(a.Id)) {
					t.Errorf("the account %s has the ARN %s, which does not name %s", aws.ToString(a.Id), arn, id)
				}
			}
		}
		return id
	}
	x := target{ids(t).Accounts["two"], ids(t).PermissionSets["Read"], ids(t).People["ben@example.com"]}
	defer x.remove(t)
	if got := manages(); got != "123456789012" {
		t.Errorf("the management account is %s", got)
	}
	created, err := x.create(t)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, created, true)

	stack.Gateway.SetManagementAccount(x.account)
	defer stack.Gateway.SetManagementAccount("") // before x is removed
	if got := manages(); got != x.account {
		t.Errorf("the management account is %s, want %s", got, x.account)
	}
	admins, err := organizations.NewFromConfig(stack.AWS()).ListDelegatedAdministrators(context.Background(), &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: aws.String("sso.amazonaws.com")})
	if err != nil || len(admins.DelegatedAdministrators) != 1 || aws.ToString(admins.DelegatedAdministrators[0].Id) != "123456789012" {
		t.Errorf("delegated administrators: %+v, %v", admins, err)
	}
	_, err = x.create(t)
	if code := errorCode(t, err); code != "AccessDeniedException" {
		t.Errorf("Create: %q, want AccessDeniedException", code)
	}
	_, err = x.delete(t)
	if code := errorCode(t, err); code != "AccessDeniedException" || x.count(t) != 1 {
		t.Errorf("Delete: %q, want AccessDeniedException; listed %d times", code, x.count(t))
	}
	_, err = ssoadmin.NewFromConfig(stack.AWS()).ListAccountAssignmentsForPrincipal(context.Background(), &ssoadmin.ListAccountAssignmentsForPrincipalInput{
		InstanceArn: aws.String(ids(t).InstanceARN), PrincipalId: &x.person, PrincipalType: types.PrincipalTypeUser,
	})
	if code := errorCode(t, err); code != "AccessDeniedException" {
		t.Errorf("what a user has: %q, want AccessDeniedException", code)
	}
	other := target{ids(t).Accounts["one"], x.permissionSet, x.person}
	defer other.remove(t)
	created, err = other.create(t)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, created, true)
}

// TestSCIMGroups checks that a group that an identity provider manages has an
// external identifier in every answer, and that other groups have none.
func TestSCIMGroups(t *testing.T) {
	client, store := identitystore.NewFromConfig(stack.AWS()), aws.String(ids(t).IdentityStoreID)
	made, err := client.CreateGroup(context.Background(), &identitystore.CreateGroupInput{IdentityStoreId: store, DisplayName: aws.String("Synced")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.DeleteGroup(context.Background(), &identitystore.DeleteGroupInput{IdentityStoreId: store, GroupId: made.GroupId})
	stack.Gateway.SetSCIMGroups([]string{*made.GroupId})
	defer stack.Gateway.SetSCIMGroups(nil)

	listed, err := client.ListGroups(context.Background(), &identitystore.ListGroupsInput{IdentityStoreId: store})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed.Groups) != 2 {
		t.Fatalf("%d groups are listed, want 2", len(listed.Groups))
	}
	for _, g := range listed.Groups {
		shown, err := client.DescribeGroup(context.Background(), &identitystore.DescribeGroupInput{IdentityStoreId: store, GroupId: g.GroupId})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(shown.DisplayName) != aws.ToString(g.DisplayName) {
			t.Errorf("group %s is shown as %q and as %q", *g.GroupId, aws.ToString(g.DisplayName), aws.ToString(shown.DisplayName))
		}
		want := 0
		if *g.GroupId == *made.GroupId {
			want = 1
		}
		for _, external := range [][]identitytypes.ExternalId{g.ExternalIds, shown.ExternalIds} {
			if len(external) != want {
				t.Errorf("group %q has the external identifiers %v, want %d", aws.ToString(g.DisplayName), external, want)
			} else if want == 1 && (aws.ToString(external[0].Issuer) == "" || aws.ToString(external[0].Id) == "") {
				t.Errorf("an external identifier without its parts: %v", external)
			}
		}
	}
}

func TestProvisioned(t *testing.T) {
	x := target{ids(t).Accounts["two"], ids(t).PermissionSets["Read"], ids(t).People["Ann@example.com"]}
	defer x.remove(t)
	client := ssoadmin.NewFromConfig(stack.AWS())
	look := func() (permissionSets, accounts []string) {
		t.Helper()
		a, err := client.ListPermissionSetsProvisionedToAccount(context.Background(), &ssoadmin.ListPermissionSetsProvisionedToAccountInput{
			InstanceArn: aws.String(ids(t).InstanceARN), AccountId: aws.String(x.account),
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := client.ListAccountsForProvisionedPermissionSet(context.Background(), &ssoadmin.ListAccountsForProvisionedPermissionSetInput{
			InstanceArn: aws.String(ids(t).InstanceARN), PermissionSetArn: aws.String(x.permissionSet),
		})
		if err != nil {
			t.Fatal(err)
		}
		return a.PermissionSets, b.AccountIds
	}
	if permissionSets, accounts := look(); len(permissionSets) != 0 || len(accounts) != 0 {
		t.Errorf("before: %v, %v; want nothing", permissionSets, accounts)
	}
	s, err := x.create(t)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, s, true)
	if permissionSets, accounts := look(); !slices.Equal(permissionSets, []string{x.permissionSet}) || !slices.Equal(accounts, []string{x.account}) {
		t.Errorf("after: %v, %v; want %s, %s", permissionSets, accounts, x.permissionSet, x.account)
	}
}

func TestMemberships(t *testing.T) {
	client := identitystore.NewFromConfig(stack.AWS())
	store, group, person := aws.String(ids(t).IdentityStoreID), aws.String(ids(t).Groups["Team"]), ids(t).People["ben@example.com"]
	member := &identitytypes.MemberIdMemberUserId{Value: person}
	create := func() (*identitystore.CreateGroupMembershipOutput, error) {
		return client.CreateGroupMembership(context.Background(), &identitystore.CreateGroupMembershipInput{IdentityStoreId: store, GroupId: group, MemberId: member})
	}
	isMember := func() bool {
		t.Helper()
		out, err := client.IsMemberInGroups(context.Background(), &identitystore.IsMemberInGroupsInput{IdentityStoreId: store, MemberId: member, GroupIds: []string{*group}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Results[0].MembershipExists
	}
	if isMember() {
		t.Fatal("a member before the test")
	}
	made, err := create()
	if err != nil {
		t.Fatal(err)
	}
	_, err = create()
	if code := errorCode(t, err); code != "ConflictException" {
		t.Errorf("second membership: %q, want ConflictException", code)
	}
	found, err := client.GetGroupMembershipId(context.Background(), &identitystore.GetGroupMembershipIdInput{IdentityStoreId: store, GroupId: group, MemberId: member})
	if err != nil || aws.ToString(found.MembershipId) != aws.ToString(made.MembershipId) || !isMember() {
		t.Errorf("membership %v, %v; want %s; is a member: %t", found, err, aws.ToString(made.MembershipId), isMember())
	}
	described, err := client.DescribeGroupMembership(context.Background(), &identitystore.DescribeGroupMembershipInput{IdentityStoreId: store, MembershipId: made.MembershipId})
	if err != nil || aws.ToString(described.GroupId) != *group {
		t.Errorf("described %v, %v; want group %s", described, err, *group)
	}
	remove := func() error {
		_, err := client.DeleteGroupMembership(context.Background(), &identitystore.DeleteGroupMembershipInput{IdentityStoreId: store, MembershipId: made.MembershipId})
		return err
	}
	if err := remove(); err != nil || isMember() {
		t.Errorf("removed: %v; is a member: %t", err, isMember())
	}
	if code := errorCode(t, remove()); code != "ResourceNotFoundException" {
		t.Errorf("removed again: %q, want ResourceNotFoundException", code)
	}
	_, err = client.GetGroupMembershipId(context.Background(), &identitystore.GetGroupMembershipIdInput{IdentityStoreId: store, GroupId: group, MemberId: member})
	if code := errorCode(t, err); code != "ResourceNotFoundException" {
		t.Errorf("looked for after: %q, want ResourceNotFoundException", code)
	}
}

// userWithoutEmail creates a user without an email. With a single such user, moto
// answers a lookup without a match with 500.
func userWithoutEmail(t *testing.T) {
	t.Helper()
	_, err := identitystore.NewFromConfig(stack.AWS()).CreateUser(context.Background(), &identitystore.CreateUserInput{
		IdentityStoreId: aws.String(ids(t).IdentityStoreID), UserName: aws.String(fmt.Sprintf("nomail-%d", time.Now().UnixNano())), DisplayName: aws.String("No Mail"),
		Name: &identitytypes.Name{GivenName: aws.String("No"), FamilyName: aws.String("Mail")},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGetUserID(t *testing.T) {
	userWithoutEmail(t)
	client := identitystore.NewFromConfig(stack.AWS())
	tests := []struct {
		name, path, value string
		want              string // email of the person found
		wantCode          string
	}{
		{name: "email", path: "emails.value", value: "ben@example.com", want: "ben@example.com"},
		{name: "email with capitals", path: "emails.value", value: "Ann@example.com", want: "Ann@example.com"},
		{name: "email in lower case", path: "emails.value", value: "ann@example.com", wantCode: "ResourceNotFoundException"},
		{name: "email in upper case", path: "emails.value", value: "BEN@EXAMPLE.COM", wantCode: "ResourceNotFoundException"},
		{name: "user name", path: "userName", value: "ben@example.com", want: "ben@example.com"},
		{name: "unknown email", path: "emails.value", value: "nobody@example.com", wantCode: "ResourceNotFoundException"},
		{name: "part of an email", path: "emails.value", value: "ben@example", wantCode: "ResourceNotFoundException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := client.GetUserId(context.Background(), &identitystore.GetUserIdInput{
				IdentityStoreId:     aws.String(ids(t).IdentityStoreID),
				AlternateIdentifier: &identitytypes.AlternateIdentifierMemberUniqueAttribute{Value: identitytypes.UniqueAttribute{AttributePath: aws.String(tt.path), AttributeValue: document.NewLazyDocument(tt.value)}},
			})
			if code := errorCode(t, err); code != tt.wantCode {
				t.Fatalf("code %q, want %q", code, tt.wantCode)
			}
			if err == nil && aws.ToString(out.UserId) != ids(t).People[tt.want] {
				t.Errorf("found %s, want %s", aws.ToString(out.UserId), ids(t).People[tt.want])
			}
		})
	}
}

func TestListUsersFilter(t *testing.T) {
	userWithoutEmail(t)
	client := identitystore.NewFromConfig(stack.AWS())
	tests := []struct {
		name, path, value string
		want              []string // user names
		wantCode          string
	}{
		{name: "email", path: "Emails.Value", value: "Ann@example.com", want: []string{"Ann@example.com"}},
		{name: "email in other case", path: "Emails.Value", value: "ann@example.com"},
		{name: "user name", path: "UserName", value: "ben@example.com", want: []string{"ben@example.com"}},
		{name: "user name in other case", path: "UserName", value: "BEN@example.com"},
		{name: "nobody", path: "Emails.Value", value: "nobody@example.com"},
		{name: "other attribute", path: "Title", value: "x", wantCode: "ValidationException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := client.ListUsers(context.Background(), &identitystore.ListUsersInput{
				IdentityStoreId: aws.String(ids(t).IdentityStoreID), Filters: []identitytypes.Filter{{AttributePath: aws.String(tt.path), AttributeValue: aws.String(tt.value)}},
			})
			if code := errorCode(t, err); code != tt.wantCode {
				t.Fatalf("code %q, want %q", code, tt.wantCode)
			}
			if err != nil {
				return
			}
			var got []string
			for _, u := range out.Users {
				got = append(got, aws.ToString(u.UserName))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %v, want %v", got, tt.want)
			}
		})
	}
}

// TestUserStatus checks that users have a status, as on AWS, which only the console
// or an identity provider changes.
func TestUserStatus(t *testing.T) {
	client := identitystore.NewFromConfig(stack.AWS())
	store, user := aws.String(ids(t).IdentityStoreID), ids(t).People["ben@example.com"]
	set := func(body string) int {
		w := httptest.NewRecorder()
		stack.Gateway.UserStatuses().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_users", strings.NewReader(body)))
		return w.Code
	}
	for _, tt := range []struct {
		status string
		want   identitytypes.UserStatus
	}{{"", identitytypes.UserStatusEnabled}, {"DISABLED", identitytypes.UserStatusDisabled}, {"NONE", ""}, {"ENABLED", identitytypes.UserStatusEnabled}} {
		if tt.status != "" {
			if code := set(fmt.Sprintf(`{"user_id":%q,"status":%q}`, user, tt.status)); code != http.StatusOK {
				t.Fatalf("%s: answered %d", tt.status, code)
			}
		}
		described, err := client.DescribeUser(context.Background(), &identitystore.DescribeUserInput{IdentityStoreId: store, UserId: &user})
		if err != nil || described.UserStatus != tt.want || aws.ToString(described.UserId) != user {
			t.Errorf("%s: described as %+v, %v; want %q", tt.status, described, err, tt.want)
		}
		for _, filters := range [][]identitytypes.Filter{nil, {{AttributePath: aws.String("UserName"), AttributeValue: aws.String("ben@example.com")}}} {
			listed, err := client.ListUsers(context.Background(), &identitystore.ListUsersInput{IdentityStoreId: store, Filters: filters})
			if err != nil {
				t.Fatal(err)
			}
			seen := false
			for _, u := range listed.Users {
				if aws.ToString(u.UserId) == user {
					seen = true
					if u.UserStatus != tt.want {
						t.Errorf("%s: listed as %q, want %q", tt.status, u.UserStatus, tt.want)
					}
				} else if u.UserStatus != identitytypes.UserStatusEnabled {
					t.Errorf("%s: another user is listed as %q", tt.status, u.UserStatus)
				}
			}
			if !seen {
				t.Errorf("%s: not listed", tt.status)
			}
		}
	}
	_, err := client.DescribeUser(context.Background(), &identitystore.DescribeUserInput{IdentityStoreId: store, UserId: aws.String("11111111-2222-3333-4444-555555555555")})
	if code := errorCode(t, err); code != "ResourceNotFoundException" {
		t.Errorf("somebody who is deleted: %q, want ResourceNotFoundException", code)
	}
	for _, body := range []string{"", "{}", `{"user_id":"x","status":"GONE"}`} {
		if code := set(body); code != http.StatusBadRequest {
			t.Errorf("%q: answered %d, want 400", body, code)
		}
	}
}
