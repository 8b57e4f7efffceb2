package policy

import (
	"fmt"
	"io"
	"strings"

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
}

// writeText writes one answer as text for people.
func writeText(w io.Writer, policy *access.Policy, q query, a answer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", outcomeTexts[a.Outcome], a.Outcome)
	fmt.Fprintf(&b, "  %s requests %s\n", access.NormalizeEmail(q.Requester), q.target())
	fmt.Fprintf(&b, "  reason: %s: %s\n", a.Reason, reasonTexts[a.Reason])
	if len(a.Approvers) > 0 {
		fmt.Fprintf(&b, "  approvers: %s\n", strings.Join(a.Approvers, ", "))
	}
	if a.Permitted != nil {
		can := "can't"
		if *a.Permitted {
			can = "can"
		}
		fmt.Fprintf(&b, "  %s %s approve this request\n", access.NormalizeEmail(q.Approver), can)
	}
	for n, i := range a.Statements {
		if n == 0 {
			b.WriteString("  matching statements:\n")
		}
		key, s := "config", policy.Accounts
		if q.Group != "" {
			key, s = "group_config", policy.Groups
		}
		fmt.Fprintf(&b, "    %s[%d]%s\n", key, i, formatStatement(s[i]))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

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
	writePart("Approvers", s.Approvers)
	if s.AllowSelfApproval != nil {
		fmt.Fprintf(&b, " AllowSelfApproval: %v;", *s.AllowSelfApproval)
	}
	if s.ApprovalIsNotRequired != nil {
		fmt.Fprintf(&b, " ApprovalIsNotRequired: %v;", *s.ApprovalIsNotRequired)
	}
	return strings.TrimSuffix(b.String(), ";")
}
