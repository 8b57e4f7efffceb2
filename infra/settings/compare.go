package settings

import (
	"time"

	"sso-elevator/functions/access"
)

// referenceChoices is how many durations the Terraform module offers at most, in steps of
// half an hour.
const (
	referenceChoices = 99
	referenceLongest = referenceChoices * 30 * time.Minute
)

// enoughPerSecond lets a few people type at once: each makes about three requests a
// second.
const enoughPerSecond = 10

// compareWithReference warns about settings that behave differently in the Terraform
// module, or that have no effect in either. docs/guides/migrate.md has the
// differences that always apply.
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
		r.warn(r.keys[rate], rate, "is too low: forms send about three requests a second while a person types, and below %d their lists fail to load. The Terraform module's forms don't do that", enoughPerSecond)
	}
	if s.RequestExpiration == 0 {
		r.warn(r.keys[expiration], expiration, "0 means 300 days here, the longest possible wait. In the Terraform module it means forever")
	}
	if len(s.durationList) == 0 && s.maxDuration > referenceLongest {
		r.warn(r.keys[longest], longest, "people can request up to %s here. The Terraform module's list ends after %d half hours, at %s",
			access.FormatDuration(s.maxDuration), referenceChoices, access.FormatDuration(referenceLongest))
	}
	if _, given := r.keys[initial]; given && s.RequestExpiration > 0 && s.ReminderInitialWait >= s.RequestExpiration {
		r.warn(r.keys[initial], initial, "no reminder is ever sent: requests expire after %s. Choose a shorter wait, or 0 for no reminders", access.FormatDuration(s.RequestExpiration))
	}
	if s.areRemindersCapped() {
		key := expiration
		for _, k := range []string{initial, multiplier} {
			if _, given := r.keys[k]; given {
				key = k
			}
		}
		r.warn(r.keys[key], key, "reminders are at most 24 hours apart here. In the Terraform module, the time between them keeps growing until the request expires")
	}
}

// areRemindersCapped reports whether any reminder comes earlier than the settings say.
// access.LongestReminderInterval limits the time between reminders, but a request may
// expire before that matters.
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
