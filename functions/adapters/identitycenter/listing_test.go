package identitycenter_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// listAdmin and listStore answer every list in two pages, or with an error.
type listAdmin struct {
	*mockAdmin
	err error
}

type listStore struct {
	identitycenter.IdentityStoreAPI
	err error
}

func second(token *string) bool { return aws.ToString(token) == "2" }

func next(token *string) *string {
	if second(token) {
		return nil
	}
	return aws.String("2")
}

func checkPage(size *int32) error {
	if aws.ToInt32(size) != 100 {
		return fmt.Errorf("asked for pages of %d", aws.ToInt32(size))
	}
	return nil
}

func (m listAdmin) ListPermissionSetsProvisionedToAccount(_ context.Context, in *ssoadmin.ListPermissionSetsProvisionedToAccountInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListPermissionSetsProvisionedToAccountOutput, error) {
	set := map[bool]string{false: "arn:1", true: "arn:2"}[second(in.NextToken)]
	return &ssoadmin.ListPermissionSetsProvisionedToAccountOutput{PermissionSets: []string{set + " in " + *in.AccountId}, NextToken: next(in.NextToken)}, errors.Join(m.err, checkPage(in.MaxResults))
}

func (m listAdmin) ListAccountsForProvisionedPermissionSet(_ context.Context, in *ssoadmin.ListAccountsForProvisionedPermissionSetInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountsForProvisionedPermissionSetOutput, error) {
	account := map[bool]string{false: "1", true: "2"}[second(in.NextToken)]
	return &ssoadmin.ListAccountsForProvisionedPermissionSetOutput{AccountIds: []string{account + " with " + *in.PermissionSetArn}, NextToken: next(in.NextToken)}, errors.Join(m.err, checkPage(in.MaxResults))
}

func (m listAdmin) ListAccountAssignments(_ context.Context, in *ssoadmin.ListAccountAssignmentsInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsOutput, error) {
	user := map[bool]string{false: "u-1", true: "u-2"}[second(in.NextToken)]
	return &ssoadmin.ListAccountAssignmentsOutput{NextToken: next(in.NextToken), AccountAssignments: []types.AccountAssignment{
		{PrincipalType: types.PrincipalTypeGroup, PrincipalId: aws.String("g-1")},
		{PrincipalType: types.PrincipalTypeUser, PrincipalId: &user},
	}}, errors.Join(m.err, checkPage(in.MaxResults))
}

func (m listAdmin) ListAccountAssignmentsForPrincipal(_ context.Context, in *ssoadmin.ListAccountAssignmentsForPrincipalInput, _ ...func(*ssoadmin.Options)) (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error) {
	if in.PrincipalType != types.PrincipalTypeUser {
		return nil, fmt.Errorf("asked for a %s", in.PrincipalType)
	}
	account := map[bool]string{false: "1", true: "2"}[second(in.NextToken)]
	return &ssoadmin.ListAccountAssignmentsForPrincipalOutput{NextToken: next(in.NextToken), AccountAssignments: []types.AccountAssignmentForPrincipal{
		{AccountId: &account, PermissionSetArn: aws.String("arn:group"), PrincipalType: types.PrincipalTypeGroup, PrincipalId: aws.String("g-1")},
		{AccountId: &account, PermissionSetArn: aws.String("arn:other"), PrincipalType: types.PrincipalTypeUser, PrincipalId: aws.String("u-9")},
		{AccountId: &account, PermissionSetArn: aws.String("arn:own"), PrincipalType: types.PrincipalTypeUser, PrincipalId: in.PrincipalId},
	}}, errors.Join(m.err, checkPage(in.MaxResults))
}

func (m listStore) ListGroupMemberships(_ context.Context, in *identitystore.ListGroupMembershipsInput, _ ...func(*identitystore.Options)) (*identitystore.ListGroupMembershipsOutput, error) {
	n := map[bool]string{false: "1", true: "2"}[second(in.NextToken)]
	return &identitystore.ListGroupMembershipsOutput{NextToken: next(in.NextToken), GroupMemberships: []idtypes.GroupMembership{
		{MembershipId: aws.String("m-" + n), GroupId: in.GroupId, MemberId: &idtypes.MemberIdMemberUserId{Value: "u-" + n}},
	}}, errors.Join(m.err, checkPage(in.MaxResults))
}

func (m listStore) ListUsers(_ context.Context, in *identitystore.ListUsersInput, _ ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error) {
	n := map[bool]string{false: "1", true: "2"}[second(in.NextToken)]
	return &identitystore.ListUsersOutput{NextToken: next(in.NextToken), Users: []idtypes.User{{
		UserId: aws.String("u-" + n), UserName: aws.String("user" + n), UserStatus: map[string]idtypes.UserStatus{"2": idtypes.UserStatusDisabled}[n],
		Emails: []idtypes.Email{{Value: aws.String("U" + n + "@example.com")}},
	}}}, errors.Join(m.err, checkPage(in.MaxResults))
}

func (m listStore) DescribeGroup(_ context.Context, in *identitystore.DescribeGroupInput, _ ...func(*identitystore.Options)) (*identitystore.DescribeGroupOutput, error) {
	out := &identitystore.DescribeGroupOutput{GroupId: in.GroupId, DisplayName: aws.String("Team")}
	if *in.GroupId == "g-scim" {
		out.ExternalIds = []idtypes.ExternalId{{Issuer: aws.String("https://scim.example.com/x"), Id: aws.String("1")}}
	}
	return out, m.err
}

func (m listStore) DescribeUser(_ context.Context, in *identitystore.DescribeUserInput, _ ...func(*identitystore.Options)) (*identitystore.DescribeUserOutput, error) {
	return &identitystore.DescribeUserOutput{UserName: aws.String("name of " + *in.UserId), Emails: []idtypes.Email{
		{Value: aws.String(*in.UserId + "@example.com")}, {Value: aws.String("U-1@example.org")},
	}}, m.err
}

func TestLists(t *testing.T) {
	a := func(account, set, user string) access.Assignment {
		return access.Assignment{AccountID: account, PermissionSetARN: set, UserID: user}
	}
	lists := []struct {
		name string
		list func(*identitycenter.Client) (any, error)
		want any
		none any // of a target that doesn't exist
	}{
		{"permission sets of an account", func(c *identitycenter.Client) (any, error) { return c.ProvisionedPermissionSets(ctx, "1") }, []string{"arn:1 in 1", "arn:2 in 1"}, []string(nil)},
		{"accounts of a permission set", func(c *identitycenter.Client) (any, error) { return c.AccountsWith(ctx, "arn:1") }, []string{"1 with arn:1", "2 with arn:1"}, []string(nil)},
		{"assignments of an account", func(c *identitycenter.Client) (any, error) { return c.UserAssignments(ctx, "1", "arn:1") },
			[]access.Assignment{a("1", "arn:1", "u-1"), a("1", "arn:1", "u-2")}, []access.Assignment(nil)},
		{"assignments of a user", func(c *identitycenter.Client) (any, error) {
			all, calls, err := c.AssignmentsOf(ctx, "u-1")
			if err == nil && len(all) > 0 && calls != 2 {
				t.Errorf("%d calls, want 2", calls)
			}
			return all, err
		}, []access.Assignment{a("1", "arn:own", "u-1"), a("2", "arn:own", "u-1")}, []access.Assignment(nil)},
		{"members", func(c *identitycenter.Client) (any, error) { return c.Memberships(ctx, "g-1") },
			[]access.Membership{{ID: "m-1", UserID: "u-1"}, {ID: "m-2", UserID: "u-2"}}, []access.Membership(nil)},
		{"a group", func(c *identitycenter.Client) (any, error) { g, _, err := c.Group(ctx, "g-1"); return g, err },
			access.Group{ID: "g-1", Name: "Team"}, access.Group{}},
		{"a group of SCIM's", func(c *identitycenter.Client) (any, error) { g, _, err := c.Group(ctx, "g-scim"); return g, err },
			access.Group{ID: "g-scim", Name: "Team", Provisioned: true}, access.Group{}},
		{"a user's name", func(c *identitycenter.Client) (any, error) { u, _, err := c.User(ctx, "u-1"); return u.UserName, err }, "name of u-1", ""},
		{"what a user goes by", func(c *identitycenter.Client) (any, error) { n, _, err := c.UserNames(ctx, "u-1"); return n, err },
			[]string{"name of u-1", "u-1@example.com", "U-1@example.org"}, []string(nil)},
	}
	for _, test := range lists {
		t.Run(test.name, func(t *testing.T) {
			for _, answer := range []struct {
				admin, store error
				want         any
				code         access.Code
				denied       bool
			}{
				{nil, nil, test.want, "", false},
				{&types.ResourceNotFoundException{}, &idtypes.ResourceNotFoundException{}, test.none, "", false},
				{&types.ThrottlingException{}, &idtypes.ThrottlingException{}, test.none, access.CodeThrottled, false},
				{&types.AccessDeniedException{}, &idtypes.AccessDeniedException{}, test.none, access.CodeMisconfigure, true},
			} {
				c := identitycenter.New(listAdmin{admin(), answer.admin}, listStore{err: answer.store}, nil, "")
				got, err := test.list(c)
				wantCode(t, err, answer.code)
				if !reflect.DeepEqual(got, answer.want) || access.IsDenied(err) != answer.denied {
					t.Errorf("after %v: got %v, %v; want %v", answer.admin, got, err, answer.want)
				}
			}
		})
	}
}

func TestUserPages(t *testing.T) {
	for _, test := range []struct {
		more bool
		want []string
	}{{true, []string{"u-1 user1 [U1@example.com] false", "u-2 user2 [U2@example.com] true"}}, {false, []string{"u-1 user1 [U1@example.com] false"}}} {
		var got []string
		err := identitycenter.New(admin(), listStore{}, nil, "").UserPages(ctx, func(page []access.User) bool {
			for _, u := range page {
				got = append(got, fmt.Sprint(u.ID, " ", u.UserName, " ", u.Emails, " ", u.Disabled))
			}
			return test.more
		})
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("got %q, %v, want %q", got, err, test.want)
		}
	}
	err := identitycenter.New(admin(), listStore{err: &idtypes.ThrottlingException{}}, nil, "").UserPages(ctx, func([]access.User) bool { return true })
	wantCode(t, err, access.CodeThrottled)
}

type managementOrg struct {
	identitycenter.OrganizationsAPI
}

func (managementOrg) ListAccounts(context.Context, *organizations.ListAccountsInput, ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error) {
	account := func(id string) orgtypes.Account {
		return orgtypes.Account{Id: &id, Arn: aws.String("arn:aws:organizations::111111111111:account/o-1/" + id), State: orgtypes.AccountStateActive}
	}
	return &organizations.ListAccountsOutput{Accounts: []orgtypes.Account{account("222222222222"), account("111111111111")}}, nil
}

func TestManagementAccount(t *testing.T) {
	got, err := identitycenter.New(admin(), nil, managementOrg{}, "").Accounts(ctx)
	if want := []access.Account{{ID: "222222222222"}, {ID: "111111111111", Management: true}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
