package policylint

import (
	"fmt"
	"slices"

	"sso-elevator/functions/access"
)

// findUnobtainable finds statements about something that nobody can get: no
// statement lists approvers for it or waives approval. Approvers: [] says that this
// is intended.
func (sp *space) findUnobtainable() []finding {
	const fix = "List approvers, or write Approvers: [] if nobody should get it"
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		meant := sp.settings.HasValue(sp.path(i, "Approvers"))
		if len(st.Approvers) > 0 || meant || isSetTo(st.ApprovalIsNotRequired, true) {
			continue
		}
		restricts := isSetTo(st.ApprovalIsNotRequired, false)
		obtainable := false // in part
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.isObtainable() {
				obtainable = true
				continue
			}
			if !restricts && addsConditions(st) {
				continue // it may cover more than people can get
			}
			if !restricts {
				found = append(found, finding{i, "", fmt.Sprintf("nobody can get %s: no statement lists approvers for it or sets ApprovalIsNotRequired: true. %s", sp.describeCell(resource, set), fix)})
				obtainable = true
				break
			}
			if v.noApproval.yes {
				found = append(found, finding{i, "ApprovalIsNotRequired", fmt.Sprintf("nobody can get %s: %s sets ApprovalIsNotRequired: true, this statement sets false, and no statement lists approvers for it. %s",
					sp.describeCell(resource, set), sp.path(sp.firstWithoutApproval(resource, set), ""), fix)})
				obtainable = true
				break
			}
		}
		if !obtainable {
			why := "it requires approval, and no statement lists approvers"
			if !restricts {
				why = "no statement lists approvers for it or sets ApprovalIsNotRequired: true"
			}
			found = append(found, finding{i, "", "nobody can get anything that this statement covers: " + why + ". " + fix})
		}
	}
	return found
}

// addsConditions reports whether s says how requests are handled, besides who approves.
func addsConditions(s *access.Statement) bool {
	return s.MaxDuration > 0 || s.Ticket != nil || s.Warning != "" || s.Channel != "" || s.Confirm
}

// firstWithoutApproval returns the first statement that waives approval for a cell,
// or one for rest if there is none.
func (sp *space) firstWithoutApproval(resource, set int) int {
	for i := range sp.statementsAffecting(resource, set) {
		if isSetTo(sp.statements[i].ApprovalIsNotRequired, true) {
			return i
		}
	}
	return rest
}

// findSoleApprovers finds statements that list a single approver, if some of their
// access has no other approver and self-approval is not allowed. While that person is
// away, nobody can get this access. That person never can.
func (sp *space) findSoleApprovers() []finding {
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		if len(st.Approvers) != 1 || isGroup(st.Approvers[0]) { // the list has no duplicates
			continue
		}
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.personal && !sp.hasSoleApprover(i, resource, set) || !v.personal && (v.several || v.noApproval.holds() || v.selfApproval.holds()) {
				continue
			}
			fix := "List a second approver"
			if !v.selfApproval.no && st.ApprovalsNeeded == 0 {
				fix += ", or set AllowSelfApproval: true"
			}
			found = append(found, finding{i, "Approvers", fmt.Sprintf("%s is the only approver of %s: they can't get it themselves, and nobody can while they are away. %s", st.Approvers[0], sp.describeCell(resource, set), fix)})
			break
		}
	}
	return found
}

// hasSoleApprover reports whether someone whom statement i allows needs its only
// approver, who can't get the cell.
func (sp *space) hasSoleApprover(i, resource, set int) bool {
	st := &sp.statements[i]
	entries := st.Allowed
	if len(entries) == 0 {
		entries = []string{somebody}
	}
	needed := false
	for _, entry := range entries {
		who, _ := personWith(entry)
		d, ok := sp.decide(resource, set, who)
		needed = needed || ok && d.Outcome == access.DecideApproval && needsApproverOf(&d, i, st.Approvers)
	}
	if !needed {
		return false
	}
	approver, _ := personWith(append(slices.DeleteFunc(slices.Clone(st.Allowed), func(e string) bool { return !isGroup(e) }), st.Approvers[0])...)
	d, ok := sp.decide(resource, set, approver)
	return ok && d.Outcome == access.DecideRefused
}

// needsApproverOf reports whether a request can't be approved without the only approver
// of statement i.
func needsApproverOf(d *access.Decision, i int, approver []string) bool {
	if len(d.Requirements) == 0 {
		return slices.Equal(d.Approvers, approver)
	}
	return slices.ContainsFunc(d.Requirements, func(q access.Requirement) bool { return q.Statement == i && slices.Equal(q.Approvers, approver) })
}
