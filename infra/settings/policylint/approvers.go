package policylint

import "fmt"

// findUnobtainable finds statements about what nobody can get: where they say
// neither who approves nor that nobody has to, and no other statement does.
// Approvers: [], in so many words, says that this is meant.
func (sp *space) findUnobtainable() []finding {
	const fix = "list some, or write Approvers: [] if nobody is to get it"
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		meant := sp.settings.HasValue(sp.path(i, "Approvers"))
		if len(st.Approvers) > 0 || meant || isSetTo(st.ApprovalIsNotRequired, true) {
			continue
		}
		restricts := isSetTo(st.ApprovalIsNotRequired, false)
		obtainable := false // can get some of it
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.isObtainable() {
				obtainable = true
				continue
			}
			if !restricts {
				found = append(found, finding{i, "", fmt.Sprintf("nobody can get %s: no statement lists approvers for it, or says ApprovalIsNotRequired: true; %s", sp.describeCell(resource, set), fix)})
				obtainable = true
				break
			}
			if v.noApproval.yes {
				found = append(found, finding{i, "ApprovalIsNotRequired", fmt.Sprintf("nobody can get %s: %s says that it needs no approval, this that it does, and no statement lists approvers for it; %s",
					sp.describeCell(resource, set), sp.path(sp.firstWithoutApproval(resource, set), ""), fix)})
				obtainable = true
				break
			}
		}
		if !obtainable {
			found = append(found, finding{i, "", "nobody can get anything that this is about: it restricts, and no statement lists approvers for it; " + fix})
		}
	}
	return found
}

// firstWithoutApproval is the first statement that says of a cell that it needs no approval.
func (sp *space) firstWithoutApproval(resource, set int) int {
	for i := range sp.statementsAffecting(resource, set) {
		if isSetTo(sp.statements[i].ApprovalIsNotRequired, true) {
			return i
		}
	}
	return rest
}

// findSoleApprovers finds statements whose one approver is the only one for
// something that they can't get themselves: one person, whose absence keeps
// everybody out, and who is kept out always.
func (sp *space) findSoleApprovers() []finding {
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		if len(st.Approvers) != 1 { // each stands there once
			continue
		}
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.several || v.noApproval.holds() || v.selfApproval.holds() {
				continue
			}
			fix := "list somebody else as well"
			if !v.selfApproval.no {
				fix += ", or say AllowSelfApproval: true"
			}
			found = append(found, finding{i, "Approvers", fmt.Sprintf("%s alone approves %s, so that they can't get it, and nobody can while they are away; %s", st.Approvers[0], sp.describeCell(resource, set), fix)})
			break
		}
	}
	return found
}
