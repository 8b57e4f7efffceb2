package doctor

import (
	"fmt"
	"slices"
	"time"

	"sso-elevator/functions/access"
)

// shortestSession is the shortest session that a permission set can have (AWS API,
// CreatePermissionSet, "SessionDuration": one to twelve hours).
const shortestSession = time.Hour

// checkSessions finds the policy's permission sets with sessions that may outlast
// the longest access: removing an assignment does not end a session.
func checkSessions(p *access.Policy, sets []permissionSet, durations []time.Duration) ([]finding, error) {
	longest := slices.Max(durations)
	uses, everything := usesOf(p.Accounts, permissionSets), all(p.Accounts, permissionSets)
	var over []string
	looked, most := 0, time.Duration(0)
	for _, s := range sets {
		if len(uses[s.name]) == 0 && !everything {
			continue
		}
		looked++
		session, err := access.ParseSession(s.session)
		if err != nil {
			return nil, fmt.Errorf("permission set %s: %w", s.name, err)
		}
		if session > longest {
			most = max(most, session)
			over = append(over, fmt.Sprintf("%s (%s)", s.name, access.FormatDuration(session)))
		}
	}
	slices.Sort(over)
	if len(over) > 0 {
		fix := "Shorten the sessions (aws sso-admin update-permission-set --session-duration PT1H, then provision-permission-set), or offer only permission sets with short sessions."
		if most <= shortestSession {
			fix = "AWS allows no shorter session. Assume that access can last an hour, even if less was granted."
		}
		return []finding{{Status: warning, Found: fmt.Sprintf("sessions can outlast the longest access (%s), because removing access does not end a session", access.FormatDuration(longest)), Items: over, Fix: fix}}, nil
	}
	return []finding{{Status: ready, Found: fmt.Sprintf("none of %d permission sets has sessions longer than the longest access (%s)", looked, access.FormatDuration(longest))}}, nil
}
