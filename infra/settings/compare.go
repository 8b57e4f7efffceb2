package settings

import (
	"time"

	"sso-elevator/functions/access"
)

// referenceChoices is where the reference cuts its list of durations, which goes
// by half hours.
const (
	referenceChoices = 99
	referenceLongest = referenceChoices * 30 * time.Minute
)

// enoughPerSecond lets a few people type at once: each makes some three requests
// a second.
const enoughPerSecond = 10

// longestReminder is how far the time between two reminders grows
// (functions/evaluate).
const longestReminder = day

// compare warns of what the reference would decide otherwise, and of what
// decides nothing in either. What the two never agree on is in
// docs/migration.md.
func (s *Settings) compareWithReference(r *reader) {
	if r.policyOnly {
		return
	}
	const (
		expiration = "request_expiration_hours"
		longest    = "max_permissions_duration_time"
		initial    = "approver_renotification_initial_wait_time"
		multiplier = "approver_renotification_backoff_multiplier"
		rate       = "api_gateway_throttling_rate_limit"
	)
	if s.SlackPerSecond < enoughPerSecond {
		r.warn(r.keys[rate], rate, "is little: the forms here ask as one types, which the reference's don't; below %d a second people see them fail", enoughPerSecond)
	}
	if s.RequestExpiration == 0 {
		r.warn(r.keys[expiration], expiration, "0 means 300 days here, the longest that a request can wait; in the reference it means for ever")
	}
	if len(s.durationList) == 0 && s.maxDuration > referenceLongest {
		r.warn(r.keys[longest], longest, "up to %s can be asked for here; the reference's list ends after %d half hours, at %s",
			access.FormatDuration(s.maxDuration), referenceChoices, access.FormatDuration(referenceLongest))
	}
	if _, given := r.keys[initial]; given && s.RequestExpiration > 0 && s.ReminderInitialWait >= s.RequestExpiration {
		r.warn(r.keys[initial], initial, "no reminder ever comes: requests expire after %s", access.FormatDuration(s.RequestExpiration))
	}
	if s.areRemindersCapped() {
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
func (s *Settings) areRemindersCapped() bool {
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
