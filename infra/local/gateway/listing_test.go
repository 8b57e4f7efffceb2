package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// TestAssignmentsForPrincipal checks that access that a user has through a group is
// listed, with the group as its principal.
func TestAssignmentsForPrincipal(t *testing.T) {
	ctx := context.Background()
	person, group := ids(t).People["Ann@example.com"], ids(t).Groups["Team"]
	own := target{ids(t).Accounts["one"], ids(t).PermissionSets["Read"], person}
	s, err := own.create(t)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, s, true)
	defer own.remove(t)
	admin, store := ssoadmin.NewFromConfig(stack.AWS()), identitystore.NewFromConfig(stack.AWS())
	ofGroup := &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: aws.String(ids(t).InstanceARN), TargetType: types.TargetTypeAwsAccount, PrincipalType: types.PrincipalTypeGroup,
		TargetId: aws.String(ids(t).Accounts["two"]), PermissionSetArn: aws.String(ids(t).PermissionSets["Write"]), PrincipalId: &group,
	}
	created, err := admin.CreateAccountAssignment(ctx, ofGroup)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, created.AccountAssignmentCreationStatus, true)
	defer func() {
		out, err := admin.DeleteAccountAssignment(ctx, &ssoadmin.DeleteAccountAssignmentInput{
			InstanceArn: ofGroup.InstanceArn, TargetType: ofGroup.TargetType, PrincipalType: ofGroup.PrincipalType,
			TargetId: ofGroup.TargetId, PermissionSetArn: ofGroup.PermissionSetArn, PrincipalId: ofGroup.PrincipalId,
		})
		if err != nil {
			t.Fatal(err)
		}
		settle(t, out.AccountAssignmentDeletionStatus, false)
	}()
	m, err := store.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: aws.String(ids(t).IdentityStoreID), GroupId: &group, MemberId: &identitytypes.MemberIdMemberUserId{Value: person},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{IdentityStoreId: aws.String(ids(t).IdentityStoreID), MembershipId: m.MembershipId})

	list := func(kind types.PrincipalType, id, account string, page int32) (all []string) {
		t.Helper()
		in := &ssoadmin.ListAccountAssignmentsForPrincipalInput{InstanceArn: aws.String(ids(t).InstanceARN), PrincipalId: &id, PrincipalType: kind, MaxResults: aws.Int32(page)}
		if account != "" {
			in.Filter = &types.ListAccountAssignmentsFilter{AccountId: &account}
		}
		pages := ssoadmin.NewListAccountAssignmentsForPrincipalPaginator(admin, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.AccountAssignments {
				all = append(all, fmt.Sprint(a.PrincipalType, " ", aws.ToString(a.PrincipalId), " ", aws.ToString(a.AccountId), " ", aws.ToString(a.PermissionSetArn)))
			}
		}
		return all
	}
	itself := fmt.Sprint("USER ", person, " ", own.account, " ", own.permissionSet)
	through := fmt.Sprint("GROUP ", group, " ", *ofGroup.TargetId, " ", *ofGroup.PermissionSetArn)
	for _, test := range []struct {
		name string
		got  []string
		want []string
	}{
		{"a user", list(types.PrincipalTypeUser, person, "", 100), []string{itself, through}},
		{"a user, page by page", list(types.PrincipalTypeUser, person, "", 1), []string{itself, through}},
		{"a user, in one account", list(types.PrincipalTypeUser, person, *ofGroup.TargetId, 100), []string{through}},
		{"a group", list(types.PrincipalTypeGroup, group, "", 100), []string{through}},
		{"somebody else", list(types.PrincipalTypeUser, ids(t).People["ben@example.com"], "", 100), nil},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

func TestListMemberships(t *testing.T) {
	ctx := context.Background()
	store := identitystore.NewFromConfig(stack.AWS())
	id := aws.String(ids(t).IdentityStoreID)
	group, err := store.CreateGroup(ctx, &identitystore.CreateGroupInput{IdentityStoreId: id, DisplayName: aws.String("Listed")})
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, name := range []string{"lea", "leo", "gone"} {
		u, err := store.CreateUser(ctx, &identitystore.CreateUserInput{
			IdentityStoreId: id, UserName: aws.String(name), DisplayName: aws.String(name),
			Name:   &identitytypes.Name{GivenName: aws.String(name), FamilyName: aws.String("L")},
			Emails: []identitytypes.Email{{Value: aws.String(name + "@example.com"), Primary: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, aws.ToString(u.UserId))
		if _, err := store.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{IdentityStoreId: id, GroupId: group.GroupId, MemberId: &identitytypes.MemberIdMemberUserId{Value: aws.ToString(u.UserId)}}); err != nil {
			t.Fatal(err)
		}
		defer store.DeleteUser(ctx, &identitystore.DeleteUserInput{IdentityStoreId: id, UserId: u.UserId})
	}
	if _, err := store.DeleteUser(ctx, &identitystore.DeleteUserInput{IdentityStoreId: id, UserId: &users[2]}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int32{1, 100} {
		var got []string
		pages := identitystore.NewListGroupMembershipsPaginator(store, &identitystore.ListGroupMembershipsInput{IdentityStoreId: id, GroupId: group.GroupId, MaxResults: aws.Int32(size)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.GroupMemberships {
				if aws.ToString(m.MembershipId) == "" {
					t.Error("a membership without an id")
				}
				got = append(got, m.MemberId.(*identitytypes.MemberIdMemberUserId).Value)
			}
		}
		if !slices.Equal(got, users[:2]) {
			t.Errorf("in pages of %d: %q, want %q", size, got, users[:2])
		}
	}
	_, err = store.ListGroupMemberships(ctx, &identitystore.ListGroupMembershipsInput{IdentityStoreId: id, GroupId: aws.String("00000000-0000-0000-0000-000000000000")})
	if code := errorCode(t, err); code != "ResourceNotFoundException" {
		t.Errorf("a group that is none: %q, want ResourceNotFoundException", code)
	}
}

// TestListAccounts checks that a page has 20 accounts. moto's pages have 100.
func TestListAccounts(t *testing.T) {
	client := organizations.NewFromConfig(stack.AWS())
	ids(t) // makes the organization
	for i := range 21 {
		name := fmt.Sprintf("page-%02d", i)
		if _, err := client.CreateAccount(context.Background(), &organizations.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := client.ListAccounts(context.Background(), &organizations.ListAccountsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Accounts) != 20 || first.NextToken == nil {
		t.Errorf("the first page has %d accounts, and a next one: %t; want 20 and one", len(first.Accounts), first.NextToken != nil)
	}
	seen := map[string]int{}
	pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{MaxResults: aws.Int32(10)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Accounts) > 10 {
			t.Errorf("a page has %d accounts, want 10 at the most", len(page.Accounts))
		}
		for _, a := range page.Accounts {
			seen[aws.ToString(a.Name)]++
		}
	}
	for i := range 21 {
		if name := fmt.Sprintf("page-%02d", i); seen[name] != 1 {
			t.Errorf("account %s is listed %d times, want once", name, seen[name])
		}
	}
	_, err = client.ListAccounts(context.Background(), &organizations.ListAccountsInput{MaxResults: aws.Int32(21)})
	if code := errorCode(t, err); code != "InvalidInputException" {
		t.Errorf("21 accounts at once: %q, want InvalidInputException", code)
	}
}
