package policylint

import "fmt"

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
			found = append(found, finding{i, "", "nobody can get anything that this statement covers: it requires approval, and no statement lists approvers. " + fix})
		}
	}
	return found
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
		if len(st.Approvers) != 1 { // the list has no duplicates
			continue
		}
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.several || v.noApproval.holds() || v.selfApproval.holds() {
				continue
			}
			fix := "List a second approver"
			if !v.selfApproval.no {
				fix += ", or set AllowSelfApproval: true"
			}
			found = append(found, finding{i, "Approvers", fmt.Sprintf("%s is the only approver of %s: they can't get it themselves, and nobody can while they are away. %s", st.Approvers[0], sp.describeCell(resource, set), fix)})
			break
		}
	}
	return found
}
