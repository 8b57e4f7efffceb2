package main

import (
	"context"
	"fmt"
	"time"

	"sso-elevator/functions/access"
)

// The scanned organizations. Each permission set is assigned in every account to a
// group of its own, and each user is in one of these groups. So both ways of listing
// have a lot to list, and listing by user takes several pages.
const (
	scanSets     = 20
	scanUsers    = 500
	scanFindings = 200
)

var scanAccounts = []int{10, 100, 1_000}

// maxExtraCalls is how many more calls a deployed run may make than the cheaper of
// the two ways of listing, as a fraction.
const maxExtraCalls = 0.05

// measureScans measures runs of the reconciliation. They call, through the AWS SDK,
// a stub of the HTTP APIs in this process. Times are from a virtual clock, at the
// deployed pace.
func measureScans(ctx context.Context) ([]line, error) {
	var lines []line
	for _, accounts := range scanAccounts {
		world := newIdentityCenter(accounts, scanSets, scanUsers, scanFindings)
		calls := map[string]int{}
		for _, by := range []string{"account", "user", ""} {
			m, err := measureDriftRun(ctx, world.config(), by, everything)
			if err != nil {
				return nil, err
			}
			if m.unread > 0 || m.findings != scanFindings {
				return nil, fmt.Errorf("%d accounts, listed by %q: got %d findings and %d unread parts, want %d findings and no unread part", accounts, by, m.findings, m.unread, scanFindings)
			}
			calls[by] = m.calls
			l := line{measure: fmt.Sprintf("reconcile, %d accounts, listed by %s", accounts, by)}
			if by == "" {
				smaller := min(calls["account"], calls["user"])
				most := int(float64(smaller) * (1 + maxExtraCalls))
				l = line{measure: fmt.Sprintf("reconcile, %d accounts, as deployed: calls, time", accounts),
					toReach: fmt.Sprintf("%d calls (%d + 5 %%)", most, smaller), reached: judge(m.calls <= most)}
			}
			l.figure = fmt.Sprintf("%d calls, %s", m.calls, m.took.Round(time.Second))
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// everything is a policy that covers all accounts and permission sets.
var everything = access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"approver@example.com"}}}}
