package settings

import (
	"strings"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/schedule"
)

const (
	// schedulePattern matches what looks like an expression. Package schedule
	// checks the rest, which a pattern can't.
	schedulePattern  = `^$|^rate\([0-9]+ (minute|hour|day)s?\)$|^cron\( *([0-9*,/-]+ +){2}[0-9LWlw*?,/-]+ +[0-9A-Za-z*,/-]+ +[0-9A-Za-z*?,/#-]+ +[0-9*,/-]+ *\)$`
	scheduleExpected = "an EventBridge schedule like rate(2 hours) or cron(0 23 * * ? *), or empty"

	// scheduleNamePattern is EventBridge Scheduler's (API reference,
	// CreateSchedule, Name).
	scheduleNamePattern = `^[0-9A-Za-z_.-]{1,64}$`
)

// scheduleExpression is a schedule, or empty for none.
func scheduleExpression() kind[string] {
	is := schema{"type": "string", "pattern": schedulePattern}
	return kind[string]{is, scheduleExpected, func(r *reader, n *yaml.Node, path string) (string, bool) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			r.mistake(n.Line, path, "must be %s, not %s", scheduleExpected, describe(n))
			return "", false
		}
		if n.Value == "" {
			return "", true
		}
		if _, err := schedule.Parse(n.Value); err != nil {
			r.mistake(n.Line, path, "%s is not valid: %v", quote(n.Value), err)
			return "", false
		}
		return n.Value, true
	}}
}

// scheduleName is the name of a schedule, or empty for one of our names.
func scheduleName() kind[string] {
	return textOrEmpty(scheduleNamePattern, "the name of a schedule: up to 64 letters, digits, hyphens, dots and underscores")
}

// scheduleGroup is the name of a group of schedules, which has the same form.
func scheduleGroup() kind[string] {
	return textOrEmpty(scheduleNamePattern, "the name of a group of schedules: up to 64 letters, digits, hyphens, dots and underscores")
}

// completeSchedules gives names to schedules without one, and reports duplicates. Two
// schedules with the same name would be one schedule, and one of the two would never
// run.
func (s *Settings) completeSchedules(r *reader) {
	s.WarnScheduleName = r.mergeSpellings("event_brige_check_on_inconsistency_rule_name", s.WarnScheduleName, "event_bridge_check_on_inconsistency_rule_name", s.warnScheduleAlias)
	s.RevokeScheduleName = r.mergeSpellings("event_brige_scheduled_revocation_rule_name", s.RevokeScheduleName, "event_bridge_scheduled_revocation_rule_name", s.revokeScheduleAlias)
	taken := map[string]string{ // value: the owner of the name
		s.NamePrefix + "-catalog": "the schedule that refreshes the catalog",
		s.NamePrefix + "-sweep":   "the schedule of the minute check",
	}
	type named struct {
		key, suffix string
		name        *string
	}
	warn := named{"event_brige_check_on_inconsistency_rule_name", "-warn", &s.WarnScheduleName}
	revoke := named{"event_brige_scheduled_revocation_rule_name", "-revoke", &s.RevokeScheduleName}
	order := []named{warn, revoke}
	if *revoke.name == "" { // our own names first, so that the mistake is at the name in the file
		order = []named{revoke, warn}
	}
	for _, one := range order {
		if *one.name == "" {
			*one.name = s.NamePrefix + one.suffix
		}
		if other, twice := taken[*one.name]; twice {
			key := one.key
			if line := r.keys[key]; line == 0 {
				key = strings.Replace(key, "brige", "bridge", 1)
			}
			r.mistake(r.keys[key], key, "%s is already the name of %s; choose another name", quote(*one.name), other)
		}
		taken[*one.name] = "the schedule of " + one.key
	}
}

// mergeSpellings returns the value of a setting that has two names. Setting both is
// a mistake.
func (r *reader) mergeSpellings(key, value, other, otherValue string) string {
	if value != "" && otherValue != "" {
		r.mistake(r.keys[other], other, "is the same setting as %s; remove one of them", key)
	}
	if value != "" {
		return value
	}
	return otherValue
}
