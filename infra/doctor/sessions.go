package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"sso-elevator/functions/access"
)

// defaultSession is the session of a permission set without a session duration
// (AWS API, CreatePermissionSet, "SessionDuration").
const defaultSession = time.Hour

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
		session, err := parseSession(s.session)
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

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// parseSession parses a session's duration, like "PT8H" or "PT1H30M"; "" is the
// default.
func parseSession(s string) (time.Duration, error) {
	if s == "" {
		return defaultSession, nil
	}
	parts := isoDuration.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("can't read the session duration %q", s)
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if text := parts[i+1]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return 0, fmt.Errorf("can't read the session duration %q", s)
			}
			d += time.Duration(n) * unit
		}
	}
	if d <= 0 {
		return 0, fmt.Errorf("can't read the session duration %q", s)
	}
	return d, nil
}
