package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// outcomeTexts describes each outcome.
var outcomeTexts = map[access.DecisionOutcome]string{
	access.DecideAutomatic: "Granted without approval",
	access.DecideApproval:  "Granted after approval",
	access.DecideRefused:   "Refused",
}

// reasonTexts describes each reason.
var reasonTexts = map[access.Reason]string{
	access.ReasonApprovalNotRequired: "at least one matching statement sets ApprovalIsNotRequired: true, and none sets it to false",
	access.ReasonSelfApproval:        "the requester is an approver in a matching statement with AllowSelfApproval: true, and in none with AllowSelfApproval: false",
	access.ReasonRequiresApproval:    "matching statements list approvers other than the requester",
	access.ReasonNoApprovers:         "matching statements list no approver other than the requester",
	access.ReasonNoStatements:        "no statement matches the request",
	access.ReasonProtectedAccount:    `the account is in protected_account_ids: only statements that name it match it, not "*" and organizational units`,
	access.ReasonNotAllowed:          "statements match the request, but none of them allows the requester",
	access.ReasonTicketMissing:       "a matching statement that allows the requester doesn't accept the ticket, or requires one",
	access.ReasonDurationTooLong:     "the duration is longer than the MaxDuration of a matching statement that allows the requester",
}

// unmetText describes ReasonNoApprovers if there are requirements.
const unmetText = "a statement needs more approvals than it lists approvers other than the requester"

// writeText writes one answer as text for people.
func writeText(w io.Writer, policy *access.Policy, q query, a answer) error {
	var b strings.Builder
	e := q.explain(policy, a)
	fmt.Fprintf(&b, "%s (%s)\n", e.Says, a.Outcome)
	fmt.Fprintf(&b, "  %s requests %s", access.NormalizeEmail(q.Requester), q.target())
	if seconds := q.request().Duration; seconds > 0 {
		fmt.Fprintf(&b, " for %s", formatSeconds(seconds))
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "  reason: %s: %s\n", a.Reason, e.Because)
	if len(a.Approvers) > 0 {
		fmt.Fprintf(&b, "  approvers: %s\n", namePeople(a.Approvers))
	}
	key, _ := q.statements(policy)
	for _, r := range a.Requirements {
		people := "nobody"
		if len(r.Approvers) > 0 {
			people = namePeople(r.Approvers)
		}
		fmt.Fprintf(&b, "  approvals needed for %s[%d]: %d, from %s\n", key, r.Statement, r.Needed, people)
	}
	if e.Longest != "" {
		fmt.Fprintf(&b, "  longest access: %s\n", e.Longest)
	}
	if a.TicketRequired {
		b.WriteString("  a ticket is required\n")
	}
	for _, warning := range a.Warnings {
		fmt.Fprintf(&b, "  warning: %s\n", warning)
	}
	if a.Channel != nil {
		fmt.Fprintf(&b, "  channel: %s\n", *a.Channel)
	}
	if a.Permitted != nil {
		can := "can't"
		if *a.Permitted {
			can = "can"
		}
		fmt.Fprintf(&b, "  %s %s approve this request\n", access.NormalizeEmail(q.Approver), can)
	}
	for n, m := range e.Matching {
		if n == 0 {
			b.WriteString("  matching statements:\n")
		}
		other := ""
		if !m.AllowsRequester {
			other = " (doesn't allow the requester)"
		}
		fmt.Fprintf(&b, "    %s %s%s\n", m.Path, m.Text, other)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// isAllowedBy reports whether a statement that matches the request allows the requester.
func (q query) isAllowedBy(s access.Statement) bool {
	alone := &access.Policy{Accounts: []access.Statement{s}, Groups: []access.Statement{s}}
	return access.NewIndex(alone).Decide(q.request()).Reason != access.ReasonNotAllowed
}

// namePeople names approvers in words.
func namePeople(entries []string) string {
	people := slices.Clone(entries)
	for i, e := range entries {
		if group, ok := access.GroupOf(e); ok {
			people[i] = "members of group " + group
		}
	}
	return strings.Join(people, ", ")
}

func formatSeconds(s int64) string { return access.FormatDuration(time.Duration(s) * time.Second) }

// formatStatement returns a statement as one line, with a space before each part.
func formatStatement(s access.Statement) string {
	var b strings.Builder
	writePart := func(key string, list []string) {
		if len(list) > 0 {
			fmt.Fprintf(&b, " %s: %s;", key, strings.Join(list, ", "))
		}
	}
	writePart("Resource", s.Resources)
	writePart("PermissionSet", s.PermissionSets)
	var users, groups []string
	for _, e := range s.Allowed {
		if group, ok := access.GroupOf(e); ok {
			groups = append(groups, group)
		} else {
			users = append(users, e)
		}
	}
	writePart("AllowedUsers", users)
	writePart("AllowedGroups", groups)
	writePart("Approvers", s.Approvers)
	if s.ApprovalsNeeded > 0 {
		fmt.Fprintf(&b, " ApprovalsNeeded: %d;", s.ApprovalsNeeded)
	}
	if s.AllowSelfApproval != nil {
		fmt.Fprintf(&b, " AllowSelfApproval: %v;", *s.AllowSelfApproval)
	}
	if s.ApprovalIsNotRequired != nil {
		fmt.Fprintf(&b, " ApprovalIsNotRequired: %v;", *s.ApprovalIsNotRequired)
	}
	if s.MaxDuration > 0 {
		fmt.Fprintf(&b, " MaxDuration: %s;", formatSeconds(s.MaxDuration))
	}
	if t := s.Ticket; t != nil {
		parts := []string{"optional"}
		if t.Required {
			parts[0] = "required"
		}
		if t.Pattern != "" {
			parts = append(parts, "matching "+t.Pattern)
		}
		writePart("Ticket", parts)
	}
	if s.Warning != "" {
		writePart("Warning", []string{s.Warning})
	}
	if s.Channel != "" {
		writePart("Channel", []string{s.Channel})
	}
	if s.Confirm {
		b.WriteString(" Confirm: true;")
	}
	return strings.TrimSuffix(b.String(), ";")
}
