package e2e

import (
	"context"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

// ids are AWS's ids of the organization's accounts, permission sets and people.
// They are read once, because they don't change while the stack runs. If every
// check read them again, moto, which is one process, could not answer the functions
// in time.
type ids struct {
	mu    sync.Mutex
	known map[string]string
}

func (i *ids) get(kind, name string, ask func() string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	key := kind + " " + name
	if i.known[key] == "" {
		if i.known == nil {
			i.known = map[string]string{}
		}
		i.known[key] = ask()
	}
	return i.known[key]
}

// accountID returns the id of the account with that name.
func (s *stack) accountID(t *testing.T, name string) string {
	t.Helper()
	return s.ids.get("account", name, func() string {
		t.Helper()
		pages := organizations.NewListAccountsPaginator(s.org, &organizations.ListAccountsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Accounts {
				if *a.Name == name {
					return *a.Id
				}
			}
		}
		t.Fatalf("there is no account %q", name)
		return ""
	})
}

// permissionSetARN returns the ARN of the permission set with that name.
func (s *stack) permissionSetARN(t *testing.T, name string) string {
	t.Helper()
	return s.ids.get("permission set", name, func() string {
		t.Helper()
		out, err := s.sso.ListPermissionSets(context.Background(), &ssoadmin.ListPermissionSetsInput{InstanceArn: &s.instanceARN})
		if err != nil {
			t.Fatal(err)
		}
		for _, arn := range out.PermissionSets {
			d, err := s.sso.DescribePermissionSet(context.Background(), &ssoadmin.DescribePermissionSetInput{InstanceArn: &s.instanceARN, PermissionSetArn: &arn})
			if err != nil {
				t.Fatal(err)
			}
			if *d.PermissionSet.Name == name {
				return arn
			}
		}
		t.Fatalf("there is no permission set %q", name)
		return ""
	})
}

// principalID returns the id of a person in Identity Center.
func (s *stack) principalID(t *testing.T, person string) string {
	t.Helper()
	return s.ids.get("person", person, func() string {
		t.Helper()
		out, err := s.identity.GetUserId(context.Background(), &identitystore.GetUserIdInput{
			IdentityStoreId: &s.storeID,
			AlternateIdentifier: &idtypes.AlternateIdentifierMemberUniqueAttribute{Value: idtypes.UniqueAttribute{
				AttributePath: aws.String("emails.value"), AttributeValue: document.NewLazyDocument(emailOf(t, person)),
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return *out.UserId
	})
}
