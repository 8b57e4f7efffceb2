package access

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxRuleApprovers is how many approvers a rule in words names.
const maxRuleApprovers = 5

// Rule returns the decision about a target of that kind in words, for the audit record:
// the statements that affect the request, as the settings name them, and what they
// require. The same decision always gives the same words.
func (d *Decision) Rule(k Kind) string {
	var statements []string
	for _, i := range d.Statements {
		statements = append(statements, statementPath(k, i))
	}
	words := d.ruleWords(k)
	if len(statements) == 0 {
		return words
	}
	return strings.Join(statements, ", ") + ": " + words
}

// statementPath names a statement as messages about the settings do: config[2].
func statementPath(k Kind, i int) string {
	if k == KindGroup {
		return "group_config[" + strconv.Itoa(i) + "]"
	}
	return "config[" + strconv.Itoa(i) + "]"
}

func (d *Decision) ruleWords(k Kind) string {
	switch d.Reason {
	case ReasonApprovalNotRequired:
		return "no approval needed"
	case ReasonSelfApproval:
		return "requesters may approve their own requests"
	case ReasonRequiresApproval:
		if d.ChainTooLong {
			return "extension too long without an approval; approval by " + eitherOf(d.Approvers)
		}
		if len(d.Requirements) == 0 {
			return "approval by " + eitherOf(d.Approvers)
		}
		var needed []string
		for _, q := range d.Requirements {
			approvals := "1 approval"
			if q.Needed != 1 {
				approvals = fmt.Sprintf("%d approvals", q.Needed)
			}
			needed = append(needed, fmt.Sprintf("%s by %s (%s)", approvals, eitherOf(q.Approvers), statementPath(k, q.Statement)))
		}
		return strings.Join(needed, "; ")
	case ReasonNoApprovers:
		if d.ChainTooLong {
			return "extension too long without an approval, but nobody else could approve"
		}
		if d.NeedsSeveral() {
			return "several approvals needed, but too few others could approve"
		}
		return "approval needed, but nobody else could approve"
	case ReasonNoStatements:
		return "no statement allows this access"
	case ReasonProtectedAccount:
		return "no statement names this protected account"
	case ReasonNotAllowed:
		return "the requester is not allowed to request this"
	case ReasonDurationTooLong:
		return "at most " + FormatDuration(time.Duration(d.MaxDuration)*time.Second)
	case ReasonTicketMissing:
		return "a ticket is needed"
	}
	return string(d.Reason)
}

// eitherOf lists approvers, and counts those that are too many to name.
func eitherOf(approvers []string) string {
	named := approvers
	if len(named) > maxRuleApprovers {
		named = append(append([]string{}, named[:maxRuleApprovers]...), fmt.Sprintf("%d others", len(approvers)-maxRuleApprovers))
	}
	if n := len(named); n > 1 {
		return strings.Join(named[:n-1], ", ") + " or " + named[n-1]
	}
	return strings.Join(named, "")
}
