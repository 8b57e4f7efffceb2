package main

import (
	"context"
	"fmt"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// The organizations that are scanned. Each permission set has a group that has
// it in every account, and each user is in one of these groups: there is much to
// list either way, by user over several pages.
const (
	scanSets     = 20
	scanUsers    = 500
	scanFindings = 200
)

var scanAccounts = []int{10, 100, 1_000}

var scans = benchmark{
	name:   "scans",
	title:  fmt.Sprintf("A run that looks for access that nobody asked for: %d permission sets, %d users, %d findings", scanSets, scanUsers, scanFindings),
	header: []string{"accounts", "listed", "calls", "time", "batches", "longest call of the function", "findings"},
	notes: fmt.Sprintf(`"calls" are those of Identity Center and the Identity Store, every page counted: plan,
scans and collection, the second look at each finding included. They go through the AWS
SDK to a stub of both HTTP APIs in this process. "as deployed" is what the plan decides
by itself. Each permission set has a group that has it in every account, and each user is
in one of these groups: AWS lists that too, by user. "time" is by a virtual clock, at the
pace as deployed: one call every %s in each function, %d batches at once. It holds while
AWS answers fast enough to keep the pace, and leaves out starting functions, reading
leases, and what is not Identity Center.`, drift.CallEvery, drift.BatchesAtOnce),
	rows: measureScans,
}

func measureScans(ctx context.Context) ([][]string, error) {
	var rows [][]string
	for _, accounts := range scanAccounts {
		world := newIdentityCenter(accounts, scanSets, scanUsers, scanFindings)
		for _, by := range []string{"account", "user", ""} {
			m, err := drift.Measure(ctx, drift.Options{AWS: world.config(), ListBy: by, Policy: everything})
			if err != nil {
				return nil, err
			}
			if m.Unread > 0 || m.Findings != scanFindings {
				return nil, fmt.Errorf("%d accounts by %q: %d findings, %d parts unread; want %d and none", accounts, by, m.Findings, m.Unread, scanFindings)
			}
			listed := "by " + by
			if by == "" {
				listed = "as deployed: by account"
				if m.ByUser {
					listed = "as deployed: by user"
				}
			}
			rows = append(rows, []string{
				fmt.Sprint(accounts), listed, fmt.Sprint(m.Calls), m.Took.Round(time.Second).String(),
				fmt.Sprint(m.Batches), m.Longest.Round(time.Second).String(), fmt.Sprint(m.Findings),
			})
		}
	}
	return rows, nil
}

// everything is a policy that covers all accounts and permission sets.
var everything = access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"approver@example.com"}}}}
