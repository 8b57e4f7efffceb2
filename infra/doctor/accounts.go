package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"sso-elevator/functions/access"
)

// accountsAPI is the part of Organizations that the check of the accounts uses.
type accountsAPI interface {
	ListAccounts(context.Context, *organizations.ListAccountsInput, ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error)
}

type account struct {
	id, state string
	active    bool
}

func listAccounts(ctx context.Context, api accountsAPI) ([]account, error) {
	var all []account
	pages := organizations.NewListAccountsPaginator(api, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			// Status is the older field, and older answers have only this one.
			one := account{aws.ToString(a.Id), string(a.State), a.State == types.AccountStateActive}
			if a.State == "" {
				one.state, one.active = string(a.Status), a.Status == types.AccountStatusActive
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// checkAccounts compares the policy's accounts with those of the organization.
func checkAccounts(p *access.Policy, all []account, own, management string) []finding {
	byID := map[string]account{}
	active := 0
	for _, a := range all {
		byID[a.id] = a
		if a.active {
			active++
		}
	}
	uses := usesOf(p.Accounts, func(s access.Statement) []string {
		return slices.DeleteFunc(slices.Clone(s.Resources), func(id string) bool { return access.IsOU(id) || access.IsRoot(id) })
	})
	var gone, closed, managing []string
	for _, id := range slices.Sorted(maps.Keys(uses)) {
		a, there := byID[id]
		item := fmt.Sprintf("%s (%s)", id, path("config", uses[id], "Resource"))
		switch {
		case !there:
			gone = append(gone, item)
		case !a.active:
			closed = append(closed, item+" "+a.state)
		case id == management && own != management:
			managing = append(managing, item)
		}
	}
	var out []finding
	if len(gone) > 0 {
		out = append(out, finding{Status: missing, Found: "the policy names accounts that are not in the organization", Items: gone, Fix: "Correct the IDs, or remove them from the policy."})
	}
	if len(closed) > 0 {
		out = append(out, finding{Status: missing, Found: "the policy names accounts that are not active", Items: closed, Fix: "Remove them from the policy. Access to them can't be granted."})
	}
	if len(managing) > 0 {
		out = append(out, finding{Status: warning, Found: "the policy names the management account, but this account can't grant access to it", Items: managing, Fix: "Remove it from the policy. To offer access to it, put a group that has access there into group_config."})
	}
	if len(out) == 0 {
		out = append(out, finding{Status: ready, Found: fmt.Sprintf("all accounts in the policy (%d) are among the %d active accounts of the organization", len(uses), active)})
	}
	return out
}
