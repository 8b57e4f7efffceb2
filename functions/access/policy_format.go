package access

import "slices"

// Formats of a policy in JSON. JSON fields that a release doesn't know are ignored, and
// the policy without them may allow more. So a policy has the lowest format whose
// releases know all that it uses, and a release refuses formats that it doesn't know.
// If you add a field, or a new form of a value, add a format.
const (
	FirstFormat = 1 // of releases up to 0.1
	// groupsFormat adds Allowed, groups in Approvers, ApprovalsNeeded, MaxDuration,
	// organizational units, ProtectedAccounts and AllowManagedDecisionGroups.
	groupsFormat = 2
	// ticketFormat adds Ticket, Warning, Channel and Confirm.
	ticketFormat = 3
)

// NewestFormat is the newest format that this release knows.
const NewestFormat = ticketFormat

// Format returns the format of p.
func (p *Policy) Format() int {
	hasExtras := func(s Statement) bool { return s.hasExtras() }
	if slices.ContainsFunc(p.Accounts, hasExtras) || slices.ContainsFunc(p.Groups, hasExtras) {
		return ticketFormat
	}
	if len(p.ProtectedAccounts) > 0 || p.AllowManagedDecisionGroups ||
		slices.ContainsFunc(p.Accounts, needsGroupsFormat) || slices.ContainsFunc(p.Groups, needsGroupsFormat) {
		return groupsFormat
	}
	return FirstFormat
}

func needsGroupsFormat(s Statement) bool {
	return len(s.Allowed) > 0 || s.ApprovalsNeeded != 0 || s.MaxDuration != 0 || slices.ContainsFunc(s.Approvers, isGroup) ||
		slices.ContainsFunc(s.Resources, func(r string) bool { return IsOU(r) || IsRoot(r) })
}
