package identitycenter_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

var (
	ctx     = context.Background()
	account = access.Subject{
		Target:      access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSetARN: "arn:ps-1"},
		PrincipalID: "p-1",
	}
	group = access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "p-1"}
)

// mockAdmin and mockStore panic if a test makes a call that it didn't set up.
type mockAdmin struct {
	identitycenter.SSOAdminAPI
	instances   []string
	listed      int
	set         func(arn string) (string, error)
	assignments func(token string) (*ssoadmin.ListAccountAssignmentsOutput, error)
	create      func(*ssoadmin.CreateAccountAssignmentInput) (*ssoadmin.CreateAccountAssignmentOutput, error)
	remove      func(*ssoadmin.DeleteAccountAssignmentInput) (*ssoadmin.DeleteAccountAssignmentOutput, error)
	creation    func(id string) (*types.AccountAssignmentOperationStatus, error)
	deletion    func(id string) (*types.AccountAssignmentOperationStatus, error)
	pending     [][]string // pages of ids
}

func (m *mockAdmin) ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error) {
	m.listed++
	out := &ssoadmin.ListInstancesOutput{}
	for _, arn := range m.instances {
		out.Instances = append(out.Instances, types.InstanceMetadata{InstanceArn: aws.String(arn), IdentityStoreId: aws.String("store of " + arn)})
	}
	return out, nil
}

func (m *mockAdmin) DescribePermissionSet(_ context.Context, in *ssoadmin.DescribePermissionSetInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribePermissionSetOutput, error) {
	name, err := m.set(*in.PermissionSetArn)
	return &ssoadmin.DescribePermissionSetOutput{PermissionSet: &types.PermissionSet{Name: &name}}, err
}

func (m *mockAdmin) ListPermissionSets(_ context.Context, in *ssoadmin.ListPermissionSetsInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsOutput, error) {
	if in.NextToken == nil {
		return &ssoadmin.ListPermissionSetsOutput{PermissionSets: []string{"arn:1"}, NextToken: aws.String("2")}, nil
	}
	return &ssoadmin.ListPermissionSetsOutput{PermissionSets: []string{"arn:2"}}, nil
}

func (m *mockAdmin) ListAccountAssignments(_ context.Context, in *ssoadmin.ListAccountAssignmentsInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsOutput, error) {
	if *in.AccountId != "111122223333" || *in.PermissionSetArn != "arn:ps-1" || *in.InstanceArn != "i-1" {
		return nil, fmt.Errorf("asked about %s, %s, %s", *in.AccountId, *in.PermissionSetArn, *in.InstanceArn)
	}
	return m.assignments(aws.ToString(in.NextToken))
}

func (m *mockAdmin) CreateAccountAssignment(_ context.Context, in *ssoadmin.CreateAccountAssignmentInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.CreateAccountAssignmentOutput, error) {
	return m.create(in)
}

func (m *mockAdmin) DeleteAccountAssignment(_ context.Context, in *ssoadmin.DeleteAccountAssignmentInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DeleteAccountAssignmentOutput, error) {
	return m.remove(in)
}

func (m *mockAdmin) DescribeAccountAssignmentCreationStatus(_ context.Context, in *ssoadmin.DescribeAccountAssignmentCreationStatusInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error) {
	status, err := m.creation(*in.AccountAssignmentCreationRequestId)
	return &ssoadmin.DescribeAccountAssignmentCreationStatusOutput{AccountAssignmentCreationStatus: status}, err
}

func (m *mockAdmin) DescribeAccountAssignmentDeletionStatus(_ context.Context, in *ssoadmin.DescribeAccountAssignmentDeletionStatusInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error) {
	status, err := m.deletion(*in.AccountAssignmentDeletionRequestId)
	return &ssoadmin.DescribeAccountAssignmentDeletionStatusOutput{AccountAssignmentDeletionStatus: status}, err
}

func (m *mockAdmin) ListAccountAssignmentCreationStatus(_ context.Context, in *ssoadmin.ListAccountAssignmentCreationStatusInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentCreationStatusOutput, error) {
	if in.Filter == nil || in.Filter.Status != types.StatusValuesInProgress {
		return nil, errors.New("asked for more than what is under way")
	}
	page := 0
	fmt.Sscan(aws.ToString(in.NextToken), &page)
	out := &ssoadmin.ListAccountAssignmentCreationStatusOutput{}
	for _, id := range m.pending[page] {
		out.AccountAssignmentsCreationStatus = append(out.AccountAssignmentsCreationStatus, types.AccountAssignmentOperationStatusMetadata{RequestId: aws.String(id)})
	}
	if page+1 < len(m.pending) {
		out.NextToken = aws.String(fmt.Sprint(page + 1))
	}
	return out, nil
}

type mockStore struct {
	identitycenter.IdentityStoreAPI
	asked   []string          // emails
	ids     map[string]string // users by exact email
	users   map[string]*identitystore.DescribeUserOutput
	members map[string]string // "group user" to membership id
	err     error
	userErr error // results of DescribeUser
}

func (m *mockStore) GetUserId(_ context.Context, in *identitystore.GetUserIdInput, _ ...func(*identitystore.Options)) (*identitystore.GetUserIdOutput, error) {
	attribute := in.AlternateIdentifier.(*idtypes.AlternateIdentifierMemberUniqueAttribute).Value
	text, err := attribute.AttributeValue.MarshalSmithyDocument()
	if err != nil || *attribute.AttributePath != "emails.value" || *in.IdentityStoreId != "store of i-1" {
		return nil, fmt.Errorf("asked for %s in %s: %v", *attribute.AttributePath, *in.IdentityStoreId, err)
	}
	email := strings.Trim(string(text), `"`)
	m.asked = append(m.asked, email)
	id, found := m.ids[email]
	if m.err != nil {
		return nil, m.err
	}
	if !found {
		return nil, &idtypes.ResourceNotFoundException{}
	}
	return &identitystore.GetUserIdOutput{UserId: &id}, nil
}

func (m *mockStore) DescribeUser(_ context.Context, in *identitystore.DescribeUserInput, _ ...func(*identitystore.Options)) (*identitystore.DescribeUserOutput, error) {
	if m.userErr != nil {
		return nil, m.userErr
	}
	user, found := m.users[*in.UserId]
	if !found {
		return nil, &idtypes.ResourceNotFoundException{}
	}
	return user, nil
}

func (m *mockStore) ListGroups(_ context.Context, in *identitystore.ListGroupsInput, _ ...func(*identitystore.Options)) (*identitystore.ListGroupsOutput, error) {
	if in.NextToken == nil {
		return &identitystore.ListGroupsOutput{Groups: []idtypes.Group{{GroupId: aws.String("g-1"), DisplayName: aws.String("One")}}, NextToken: aws.String("2")}, nil
	}
	return &identitystore.ListGroupsOutput{Groups: []idtypes.Group{{GroupId: aws.String("g-2"), DisplayName: aws.String("Two")}}}, nil
}

func memberKey(group *string, member idtypes.MemberId) string {
	return *group + " " + member.(*idtypes.MemberIdMemberUserId).Value
}

func (m *mockStore) GetGroupMembershipId(_ context.Context, in *identitystore.GetGroupMembershipIdInput, _ ...func(*identitystore.Options)) (*identitystore.GetGroupMembershipIdOutput, error) {
	id, found := m.members[memberKey(in.GroupId, in.MemberId)]
	if !found {
		return nil, &idtypes.ResourceNotFoundException{}
	}
	return &identitystore.GetGroupMembershipIdOutput{MembershipId: &id}, nil
}

func (m *mockStore) CreateGroupMembership(_ context.Context, in *identitystore.CreateGroupMembershipInput, _ ...func(*identitystore.Options)) (*identitystore.CreateGroupMembershipOutput, error) {
	m.members[memberKey(in.GroupId, in.MemberId)] = "m-1"
	out := &identitystore.CreateGroupMembershipOutput{MembershipId: aws.String("m-1")}
	awsmiddleware.SetRequestIDMetadata(&out.ResultMetadata, "aws-create")
	return out, nil
}

func (m *mockStore) DeleteGroupMembership(_ context.Context, in *identitystore.DeleteGroupMembershipInput, _ ...func(*identitystore.Options)) (*identitystore.DeleteGroupMembershipOutput, error) {
	for key, id := range m.members {
		if id == *in.MembershipId {
			delete(m.members, key)
			out := &identitystore.DeleteGroupMembershipOutput{}
			awsmiddleware.SetRequestIDMetadata(&out.ResultMetadata, "aws-delete")
			return out, nil
		}
	}
	return nil, &idtypes.ResourceNotFoundException{}
}

func admin() *mockAdmin { return &mockAdmin{instances: []string{"i-1"}} }

func wantCode(t *testing.T, err error, want access.Code) {
	t.Helper()
	if got := access.CodeOf(err); got != want {
		t.Fatalf("error = %v (%q), want %q", err, got, want)
	}
}

func TestInstance(t *testing.T) {
	tests := []struct {
		name string
		have []string
		want string
		code access.Code
	}{
		{name: "the only one", have: []string{"i-1"}},
		{name: "the one that is named", have: []string{"i-0", "i-1"}, want: "i-1"},
		{name: "none", code: access.CodeMisconfigure},
		{name: "several", have: []string{"i-1", "i-2"}, code: access.CodeMisconfigure},
		{name: "another one is named", have: []string{"i-1"}, want: "i-9", code: access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &mockAdmin{instances: test.have, set: func(string) (string, error) { return "ReadOnly", nil }}
			c := identitycenter.New(a, nil, nil, test.want)
			for range 2 {
				_, err := c.PermissionSetName(ctx, "arn:ps-1")
				wantCode(t, err, test.code)
			}
			if test.code == "" && a.listed != 1 {
				t.Errorf("looked for the instance %d times, want once", a.listed)
			}
		})
	}
}

func TestUserByEmail(t *testing.T) {
	user := &identitystore.DescribeUserOutput{
		UserId: aws.String("p-1"), UserName: aws.String("alice"), DisplayName: aws.String("Alice A."),
		Emails: []idtypes.Email{{Value: aws.String("other@example.com")}, {Value: aws.String("Alice@Example.com")}},
	}
	disabled := &identitystore.DescribeUserOutput{UserId: aws.String("p-2"), Emails: user.Emails, UserStatus: idtypes.UserStatusDisabled}
	alice := access.User{ID: "p-1", UserName: "alice", DisplayName: "Alice A.", Emails: []string{"other@example.com", "Alice@Example.com"}}
	tests := []struct {
		name  string
		email string
		ids   map[string]string
		err   error
		want  access.User
		found bool
		code  access.Code
		asked []string
	}{
		{"exact", "Alice@Example.com", map[string]string{"Alice@Example.com": "p-1"}, nil, alice, true, "", []string{"Alice@Example.com"}},
		{"lower case there", " Alice@Example.com ", map[string]string{"alice@example.com": "p-1"}, nil, alice, true, "", []string{"Alice@Example.com", "alice@example.com"}},
		{"nobody", "bob@example.com", nil, nil, access.User{}, false, "", []string{"bob@example.com"}},
		{"no email", " ", nil, nil, access.User{}, false, "", nil},
		{"somebody who does not have that email", "bob@example.com", map[string]string{"bob@example.com": "p-1"}, nil, access.User{}, false, "", []string{"bob@example.com"}},
		{"somebody who is gone", "bob@example.com", map[string]string{"bob@example.com": "p-9"}, nil, access.User{}, false, "", []string{"bob@example.com"}},
		{"disabled", "alice@example.com", map[string]string{"alice@example.com": "p-2"}, nil, access.User{ID: "p-2", Emails: alice.Emails, Disabled: true}, true, "", []string{"alice@example.com"}},
		{"throttled", "alice@example.com", nil, &idtypes.ThrottlingException{}, access.User{}, false, access.CodeThrottled, []string{"alice@example.com"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := &mockStore{ids: test.ids, err: test.err, users: map[string]*identitystore.DescribeUserOutput{"p-1": user, "p-2": disabled}}
			got, found, err := identitycenter.New(admin(), store, nil, "").UserByEmail(ctx, test.email)
			wantCode(t, err, test.code)
			if !reflect.DeepEqual(got, test.want) || found != test.found || !slices.Equal(store.asked, test.asked) {
				t.Errorf("got %+v, %v, asked %q", got, found, store.asked)
			}
		})
	}
}

// A user counts as gone only if Identity Center says so explicitly.
func TestUserStatus(t *testing.T) {
	store := identitystore.DescribeUserOutput{}
	with := func(s idtypes.UserStatus) *identitystore.DescribeUserOutput {
		out := store
		out.UserStatus = s
		return &out
	}
	for _, tt := range []struct {
		name string
		user *identitystore.DescribeUserOutput // nil if not found
		err  error
		want access.UserStatus
		gone bool
		code access.Code
	}{
		{name: "enabled", user: with(idtypes.UserStatusEnabled), want: access.UserEnabled},
		{name: "without a status", user: with(""), want: access.UserEnabled},
		{name: "with a status that nobody knows yet", user: with("SUSPENDED"), want: access.UserEnabled},
		{name: "disabled", user: with(idtypes.UserStatusDisabled), want: access.UserDisabled, gone: true},
		{name: "deleted", want: access.UserDeleted, gone: true},
		{name: "the identity store is not found", err: &idtypes.ResourceNotFoundException{ResourceType: idtypes.ResourceTypeIdentityStore}, code: access.CodeNotFound},
		{name: "throttled", err: &idtypes.ThrottlingException{}, code: access.CodeThrottled},
		{name: "not permitted", err: &idtypes.AccessDeniedException{}, code: access.CodeMisconfigure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &mockStore{users: map[string]*identitystore.DescribeUserOutput{}, userErr: tt.err}
			if tt.user != nil {
				m.users["p-1"] = tt.user
			}
			got, err := identitycenter.New(admin(), m, nil, "").UserStatus(ctx, "p-1")
			wantCode(t, err, tt.code)
			if got != tt.want || got.Gone() != tt.gone {
				t.Errorf("got %q, gone %v; want %q, %v", got, got.Gone(), tt.want, tt.gone)
			}
		})
	}
}

func TestExists(t *testing.T) {
	assignment := func(kind types.PrincipalType, id string) types.AccountAssignment {
		return types.AccountAssignment{PrincipalType: kind, PrincipalId: aws.String(id)}
	}
	user, ofGroup := types.PrincipalTypeUser, types.PrincipalTypeGroup
	tests := []struct {
		name  string
		pages [][]types.AccountAssignment
		err   error
		want  bool
		code  access.Code
	}{
		{name: "none", pages: [][]types.AccountAssignment{{}}},
		{name: "there", pages: [][]types.AccountAssignment{{assignment(user, "p-0"), assignment(user, "p-1")}}, want: true},
		{name: "on the last page", pages: [][]types.AccountAssignment{{assignment(user, "p-0")}, {}, {assignment(user, "p-1")}}, want: true},
		{name: "others only", pages: [][]types.AccountAssignment{{assignment(user, "p-0")}, {assignment(user, "p-11")}}},
		{name: "a group of that id", pages: [][]types.AccountAssignment{{assignment(ofGroup, "p-1")}}},
		{name: "account or permission set gone", err: &types.ResourceNotFoundException{}},
		{name: "no permission", err: &types.AccessDeniedException{}, code: access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := admin()
			a.assignments = func(token string) (*ssoadmin.ListAccountAssignmentsOutput, error) {
				if test.err != nil {
					return nil, test.err
				}
				page := 0
				fmt.Sscan(token, &page)
				out := &ssoadmin.ListAccountAssignmentsOutput{AccountAssignments: test.pages[page]}
				if page+1 < len(test.pages) {
					out.NextToken = aws.String(fmt.Sprint(page + 1))
				}
				return out, nil
			}
			got, err := identitycenter.New(a, nil, nil, "").Exists(ctx, account)
			wantCode(t, err, test.code)
			if got != test.want {
				t.Errorf("exists = %v", got)
			}
		})
	}
}

func TestCreateAndDelete(t *testing.T) {
	a := admin()
	a.create = func(in *ssoadmin.CreateAccountAssignmentInput) (*ssoadmin.CreateAccountAssignmentOutput, error) {
		want := ssoadmin.CreateAccountAssignmentInput{
			InstanceArn: aws.String("i-1"), PermissionSetArn: aws.String("arn:ps-1"), PrincipalId: aws.String("p-1"),
			PrincipalType: types.PrincipalTypeUser, TargetId: aws.String("111122223333"), TargetType: types.TargetTypeAwsAccount,
		}
		if !reflect.DeepEqual(*in, want) {
			t.Errorf("create %+v", *in)
		}
		out := &ssoadmin.CreateAccountAssignmentOutput{AccountAssignmentCreationStatus: &types.AccountAssignmentOperationStatus{RequestId: aws.String("op-1")}}
		awsmiddleware.SetRequestIDMetadata(&out.ResultMetadata, "aws-1")
		return out, nil
	}
	a.remove = func(in *ssoadmin.DeleteAccountAssignmentInput) (*ssoadmin.DeleteAccountAssignmentOutput, error) {
		want := ssoadmin.DeleteAccountAssignmentInput{
			InstanceArn: aws.String("i-1"), PermissionSetArn: aws.String("arn:ps-1"), PrincipalId: aws.String("p-1"),
			PrincipalType: types.PrincipalTypeUser, TargetId: aws.String("111122223333"), TargetType: types.TargetTypeAwsAccount,
		}
		if !reflect.DeepEqual(*in, want) {
			t.Errorf("delete %+v", *in)
		}
		return nil, &types.ResourceNotFoundException{}
	}
	c := identitycenter.New(a, nil, nil, "")
	if made, err := c.Create(ctx, account); made != (identitycenter.Call{ID: "op-1", RequestID: "aws-1"}) || err != nil {
		t.Errorf("Create = %+v, %v", made, err)
	}
	_, err := c.Delete(ctx, account, "")
	wantCode(t, err, access.CodeNotFound)
}

func TestOperations(t *testing.T) {
	reason := "no such user"
	tests := []struct {
		name   string
		status *types.AccountAssignmentOperationStatus
		err    error
		want   identitycenter.Operation
		code   access.Code
	}{
		{name: "under way", status: &types.AccountAssignmentOperationStatus{Status: types.StatusValuesInProgress}, want: identitycenter.Operation{Status: identitycenter.StatusInProgress}},
		{name: "done", status: &types.AccountAssignmentOperationStatus{Status: types.StatusValuesSucceeded}, want: identitycenter.Operation{Status: identitycenter.StatusSucceeded}},
		{name: "failed", status: &types.AccountAssignmentOperationStatus{Status: types.StatusValuesFailed, FailureReason: &reason}, want: identitycenter.Operation{Status: identitycenter.StatusFailed, Reason: reason}},
		{name: "not known", err: &types.ResourceNotFoundException{}},
		{name: "throttled", err: &types.ThrottlingException{}, code: access.CodeThrottled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := admin()
			look := func(id string) (*types.AccountAssignmentOperationStatus, error) {
				if id != "op-1" {
					t.Errorf("asked about %s", id)
				}
				return test.status, test.err
			}
			a.creation, a.deletion = look, look
			c := identitycenter.New(a, nil, nil, "")
			for _, call := range []func(context.Context, access.Subject, string) (identitycenter.Operation, error){c.Creation, c.Deletion} {
				got, err := call(ctx, account, "op-1")
				wantCode(t, err, test.code)
				if got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			}
		})
	}
}

func TestPendingCreation(t *testing.T) {
	status := func(account, set, principal string, s types.StatusValues) *types.AccountAssignmentOperationStatus {
		return &types.AccountAssignmentOperationStatus{TargetId: &account, PermissionSetArn: &set, PrincipalId: &principal, Status: s}
	}
	under := types.StatusValuesInProgress
	operations := map[string]*types.AccountAssignmentOperationStatus{
		"ours":           status("111122223333", "arn:ps-1", "p-1", under),
		"done meanwhile": status("111122223333", "arn:ps-1", "p-1", types.StatusValuesSucceeded),
		"other account":  status("999922223333", "arn:ps-1", "p-1", under),
		"other set":      status("111122223333", "arn:ps-2", "p-1", under),
		"other user":     status("111122223333", "arn:ps-1", "p-2", under),
	}
	tests := []struct {
		name  string
		pages [][]string
		want  bool
	}{
		{"none", [][]string{{}}, false},
		{"ours", [][]string{{"ours"}}, true},
		{"ours on the second page", [][]string{{"other account", "other set"}, {"ours"}}, true},
		{"others", [][]string{{"other account", "other set", "other user", "done meanwhile", "gone"}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := admin()
			a.pending = test.pages
			a.creation = func(id string) (*types.AccountAssignmentOperationStatus, error) {
				if op, found := operations[id]; found {
					return op, nil
				}
				return nil, &types.ResourceNotFoundException{}
			}
			got, err := identitycenter.New(a, nil, nil, "").PendingCreation(ctx, account)
			if got != test.want || err != nil {
				t.Errorf("pending = %v, %v", got, err)
			}
		})
	}
}

func TestVanished(t *testing.T) {
	there := map[string]*identitystore.DescribeUserOutput{"p-1": {}}
	tests := []struct {
		name    string
		users   map[string]*identitystore.DescribeUserOutput
		subject access.Subject
		set     error
		want    bool
		code    access.Code
	}{
		{"there", there, account, nil, false, ""},
		{"user gone", nil, account, nil, true, ""},
		{"permission set gone", there, account, &types.ResourceNotFoundException{}, true, ""},
		{"permission set not readable", there, account, &types.ThrottlingException{}, false, access.CodeThrottled},
		{"member there", there, group, nil, false, ""},
		{"member gone", nil, group, nil, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := admin()
			a.set = func(string) (string, error) { return "ReadOnly", test.set }
			got, err := identitycenter.New(a, &mockStore{users: test.users}, nil, "").Vanished(ctx, test.subject)
			wantCode(t, err, test.code)
			if got != test.want {
				t.Errorf("vanished = %v", got)
			}
		})
	}
}

func TestMembership(t *testing.T) {
	store := &mockStore{members: map[string]string{"g-1 p-2": "m-2"}}
	c := identitycenter.New(admin(), store, nil, "")
	exists := func(want bool) {
		t.Helper()
		if got, err := c.Exists(ctx, group); got != want || err != nil {
			t.Fatalf("exists = %v, %v", got, err)
		}
	}
	exists(false)
	_, err := c.Delete(ctx, group, "")
	wantCode(t, err, access.CodeNotFound)
	made, err := c.Create(ctx, group)
	if made != (identitycenter.Call{ID: "m-1", RequestID: "aws-create"}) || err != nil {
		t.Fatalf("Create = %+v, %v", made, err)
	}
	exists(true)
	if id, err := c.MembershipID(ctx, group); id != "m-1" || err != nil {
		t.Errorf("MembershipID = %q, %v", id, err)
	}
	if op, err := c.Creation(ctx, group, made.ID); op.Status != identitycenter.StatusSucceeded || err != nil {
		t.Errorf("Creation = %+v, %v", op, err)
	}
	// Another membership is there. It stays.
	_, err = c.Delete(ctx, group, "m-0")
	wantCode(t, err, access.CodeNotFound)
	exists(true)
	if made, err = c.Delete(ctx, group, "m-1"); made != (identitycenter.Call{ID: "m-1", RequestID: "aws-delete"}) || err != nil {
		t.Fatalf("Delete = %+v, %v", made, err)
	}
	exists(false)
	if id, err := c.MembershipID(ctx, group); id != "" || err != nil {
		t.Errorf("MembershipID = %q, %v of a membership that is gone", id, err)
	}
	if !reflect.DeepEqual(store.members, map[string]string{"g-1 p-2": "m-2"}) {
		t.Errorf("memberships = %v", store.members)
	}
}

type mockOrg struct {
	identitycenter.OrganizationsAPI
}

func (mockOrg) ListAccounts(_ context.Context, in *organizations.ListAccountsInput, _ ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error) {
	a := func(id string, state orgtypes.AccountState, status orgtypes.AccountStatus) orgtypes.Account {
		return orgtypes.Account{Id: aws.String(id), Name: aws.String("Name " + id), State: state, Status: status}
	}
	if in.NextToken == nil {
		return &organizations.ListAccountsOutput{NextToken: aws.String("2"), Accounts: []orgtypes.Account{
			a("1", orgtypes.AccountStateActive, orgtypes.AccountStatusActive), a("2", orgtypes.AccountStateSuspended, ""),
		}}, nil
	}
	return &organizations.ListAccountsOutput{Accounts: []orgtypes.Account{
		a("3", "", orgtypes.AccountStatusActive), a("4", "", orgtypes.AccountStatusSuspended),
		a("5", orgtypes.AccountStatePendingClosure, orgtypes.AccountStatusActive),
	}}, nil
}

func TestCatalog(t *testing.T) {
	a := admin()
	a.set = func(arn string) (string, error) { return "name of " + arn, nil }
	c := identitycenter.New(a, &mockStore{}, mockOrg{}, "")
	accounts, err := c.Accounts(ctx)
	if want := []access.Account{{ID: "1", Name: "Name 1"}, {ID: "3", Name: "Name 3"}}; err != nil || !slices.Equal(accounts, want) {
		t.Errorf("accounts = %v, %v", accounts, err)
	}
	sets, err := c.PermissionSetARNs(ctx)
	if want := []string{"arn:1", "arn:2"}; err != nil || !slices.Equal(sets, want) {
		t.Errorf("permission sets = %v, %v", sets, err)
	}
	if url, err := c.PortalURL(ctx); err != nil || url != "" {
		t.Errorf("the portal of an unknown partition is %q, %v", url, err)
	}
	if set, err := c.PermissionSet(ctx, "arn:1"); err != nil || set != (access.PermissionSet{ARN: "arn:1", Name: "name of arn:1", Session: time.Hour}) {
		t.Errorf("the permission set is %+v, %v", set, err)
	}
	if name, err := c.PermissionSetName(ctx, "arn:1"); err != nil || name != "name of arn:1" {
		t.Errorf("its name is %q, %v", name, err)
	}
	groups, err := c.Groups(ctx)
	if want := []access.Group{{ID: "g-1", Name: "One"}, {ID: "g-2", Name: "Two"}}; err != nil || !slices.Equal(groups, want) {
		t.Errorf("groups = %v, %v", groups, err)
	}
}
