package settings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// referenceChoices is where the reference cuts its list of durations, which goes
// by half hours.
const (
	referenceChoices = 99
	referenceLongest = referenceChoices * 30 * time.Minute
)

// longestReminder is how far the time between two reminders grows
// (functions/evaluate).
const longestReminder = day

// compare warns of what the reference would decide otherwise, and of what
// decides nothing in either. What the two never agree on is in
// docs/migration.md.
func (s *Settings) compare(r *reader) {
	compareStatements(r, "config", s.Policy.Accounts)
	compareStatements(r, "group_config", s.Policy.Groups)
	if r.policyOnly {
		return
	}
	const (
		expiration = "request_expiration_hours"
		longest    = "max_permissions_duration_time"
		initial    = "approver_renotification_initial_wait_time"
		multiplier = "approver_renotification_backoff_multiplier"
	)
	if s.RequestExpiration == 0 {
		r.warn(r.keys[expiration], expiration, "0 means 300 days here, the longest that a request can wait; in the reference it means for ever")
	}
	if len(s.durationList) == 0 && s.maxDuration > referenceLongest {
		r.warn(r.keys[longest], longest, "up to %s can be asked for here; the reference's list ends after %d half hours, at %s",
			access.FormatDuration(s.maxDuration), referenceChoices, access.FormatDuration(referenceLongest))
	}
	if s.remindersAreCapped() {
		key := expiration
		for _, k := range []string{initial, multiplier} {
			if _, given := r.keys[k]; given {
				key = k
			}
		}
		r.warn(r.keys[key], key, "reminders are never further apart than 24 hours here; in the reference the time between them grows on until the request expires")
	}
}

// remindersAreCapped says whether a request lives long enough for a reminder
// that the limit of the time between two makes come sooner.
func (s *Settings) remindersAreCapped() bool {
	expiration := s.RequestExpiration
	if expiration == 0 {
		expiration = maxExpiration
	}
	if s.ReminderInitialWait == 0 || s.ReminderMultiplier <= 1 {
		return false
	}
	wait := s.ReminderInitialWait
	for at := wait; at < expiration; at += wait {
		longer := float64(wait) * s.ReminderMultiplier
		if longer > float64(longestReminder) {
			return at+longestReminder < expiration
		}
		wait = time.Duration(longer)
	}
	return false
}

func compareStatements(r *reader, key string, all []access.Statement) {
	for i, s := range all {
		at := fmt.Sprintf("%s[%d].AllowSelfApproval", key, i)
		switch {
		case s.AllowSelfApproval == nil:
		case len(s.Approvers) == 0:
			r.warn(r.keys[at], at, "has no effect, here and in the reference: it is about those whom the statement lists as Approvers, and it lists nobody")
		case !*s.AllowSelfApproval:
			// Both keep the request from being granted automatically. Then
			// the requester presses Approve.
			for j, other := range all {
				if other.AllowSelfApproval == nil || !*other.AllowSelfApproval || !overlap(s, other) {
					continue
				}
				if both := common(s.Approvers, other.Approvers); len(both) > 0 {
					r.warn(r.keys[at], at, "%s can't approve their own requests here where this statement and %s[%d], which says true, meet; in the reference they can, by pressing Approve",
						strings.Join(both, ", "), key, j)
				}
			}
		}
	}
}

// overlap says whether there is something that both statements affect.
func overlap(a, b access.Statement) bool {
	meet := func(a, b []string) bool {
		return slices.Contains(a, "*") || slices.Contains(b, "*") || len(common(a, b)) > 0
	}
	// Statements about groups have no permission sets.
	return meet(a.Resources, b.Resources) && (a.PermissionSets == nil && b.PermissionSets == nil || meet(a.PermissionSets, b.PermissionSets))
}

// common is what is in both lists, in a's order.
func common(a, b []string) []string {
	var both []string
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both
}
