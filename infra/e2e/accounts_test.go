package e2e

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// accountID is the id of the account with that name.
func accountID(t *testing.T, name string) string {
	t.Helper()
	pages := organizations.NewListAccountsPaginator(local.org, &organizations.ListAccountsInput{})
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
}
