package settings

import (
	"time"

	"sso-elevator/functions/access"
)

// referenceChoices is how many durations the reference offers at most, in steps of
// half an hour.
const (
	referenceChoices = 99
	referenceLongest = referenceChoices * 30 * time.Minute
)

// enoughPerSecond lets a few people type at once: each makes about three requests a
// second.
const enoughPerSecond = 10

// compareWithReference warns where the reference would behave differently, and of
// settings without effect in either. docs/guides/migrate.md has the differences that
// always apply.
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

// areRemindersCapped reports whether a request lives long enough for
// access.LongestReminderInterval to bring a reminder forward.
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
		if longer > float64(access.LongestReminderInterval) {
			return at+access.LongestReminderInterval < expiration
		}
		wait = time.Duration(longer)
	}
	return false
}
