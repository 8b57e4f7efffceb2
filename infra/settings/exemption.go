package settings

import (
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
)

// Now is the time at which settings are read. An exemption must end after it, and
// within access.MaxExemption. Tests set it.
var Now = time.Now

// maxExemptions is more than an emergency needs. It is limited because each exemption
// costs an extra lookup.
const maxExemptions = 50

const (
	momentPattern     = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$`
	momentExpected    = "a time with a time zone, like 2026-03-01T18:00:00Z"
	exemptionExpected = "an exemption: account and permission_set, or group; and email, until and reason"
	reasonPattern     = `^[^\s]([^\n\r]{0,298}[^\s])?$`
)

// moment is a time in whole seconds. Without quotes, YAML reads it as a timestamp.
func moment() kind[time.Time] {
	return kind[time.Time]{schema{"type": "string", "pattern": momentPattern}, momentExpected, func(r *reader, n *yaml.Node, path string) (time.Time, bool) {
		if tag := n.ShortTag(); n.Kind == yaml.ScalarNode && (tag == "!!str" || tag == "!!timestamp") {
			if at, err := time.Parse("2006-01-02T15:04:05Z07:00", n.Value); err == nil {
				return at.UTC(), true
			}
		}
		r.mistake(n.Line, path, "must be %s, not %s", momentExpected, describe(n))
		return time.Time{}, false
	}}
}

// The keys of both kinds of exemption.
var (
	exemptionEmail = prop("email", convertKind(text(emailPattern, "an email address like ann@example.com"), access.NormalizeEmail), func(e *access.Exemption) *string { return &e.Email },
		"The person's email or user name in Identity Center.").require()
	exemptionUntil = prop("until", moment(), func(e *access.Exemption) *time.Time { return &e.Until },
		"When the exemption ends: at most 72 hours after the deployment. It also ends 72 hours after a reconciliation first found the access.").require()
	exemptionReason = prop("reason", text(reasonPattern, "up to 300 characters on one line"), func(e *access.Exemption) *string { return &e.Reason },
		"Why, for reports and audit records.").require()
)

const eitherAccountOrGroup = "an exemption has either account and permission_set, or group; remove the other"

var (
	accountExemption = object(exemptionExpected, map[string]string{"group": eitherAccountOrGroup},
		prop("account", accountID(), func(e *access.Exemption) *string { return &e.AccountID }, "The account's id.").require(),
		prop("permission_set", text(`^[A-Za-z0-9_+=,.@-]{1,32}$`, "the name of a permission set (up to 32 letters, digits and _+=,.@-)"),
			func(e *access.Exemption) *string { return &e.PermissionSet }, "The permission set's name.").require(),
		exemptionEmail, exemptionUntil, exemptionReason)
	groupExemption = object(exemptionExpected, map[string]string{"account": eitherAccountOrGroup, "permission_set": eitherAccountOrGroup},
		prop("group", groupIDKind, func(e *access.Exemption) *string { return &e.GroupID }, "The Identity Center group's id.").require(),
		exemptionEmail, exemptionUntil, exemptionReason)
)

// exemption is one item of reconcile_exemptions.
func exemption() kind[access.Exemption] {
	is := schema{"anyOf": []any{accountExemption.schema, groupExemption.schema}}
	return kind[access.Exemption]{is, exemptionExpected, func(r *reader, n *yaml.Node, path string) (access.Exemption, bool) {
		has := func(key string) bool {
			return n.Kind == yaml.MappingNode && slices.ContainsFunc(n.Content, func(k *yaml.Node) bool { return resolveAlias(k).Value == key })
		}
		of := accountExemption
		switch {
		case has("group"):
			of = groupExemption
		case n.Kind == yaml.MappingNode && len(n.Content) > 0 && !has("permission_set") && !has("account") && !has("<<"):
			r.mistake(n.Line, path, "must have account and permission_set, or group")
			return access.Exemption{}, false
		}
		e, ok := of.read(r, n, path)
		if !ok {
			return e, false
		}
		return e, r.checkUntil(e.Until, path+".until")
	}}
}

// checkUntil reports whether an exemption may end at that time, and records a mistake
// if not.
func (r *reader) checkUntil(until time.Time, path string) bool {
	now := Now().UTC()
	switch latest := now.Add(access.MaxExemption); {
	case !until.After(now):
		r.mistake(r.keys[path], path, "%s is in the past; remove the exemption, or choose a later time", until.Format(time.RFC3339))
	case until.After(latest):
		r.mistake(r.keys[path], path, "%s is too late: an exemption lasts at most 72 hours. Choose a time up to %s", until.Format(time.RFC3339), latest.Truncate(time.Second).Format(time.RFC3339))
	default:
		return true
	}
	return false
}

// warnOfRemovals warns about everything that the settings protect from removal.
func (s *Settings) warnOfRemovals(r *reader) {
	const allow = "allow_reconcile_removals"
	if !s.AllowRemovals && s.RevokeSchedule != "" && !r.policyOnly {
		r.warn(r.keys[allow], allow, "false: nothing is removed. Reconciliations on schedule_expression, %s, only report", s.RevokeSchedule)
	}
	for i, e := range s.Policy.Exemptions {
		path := "reconcile_exemptions[" + strconv.Itoa(i) + "]"
		what := "permission set " + e.PermissionSet + " in account " + e.AccountID
		if e.GroupID != "" {
			what = "membership in group " + e.GroupID
		}
		r.warn(r.keys[path], path, "no reconciliation removes the %s from %s until %s", what, e.Email, e.Until.Format(time.RFC3339))
	}
}
