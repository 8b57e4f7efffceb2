package settings

import "fmt"

// checkNobody finds statements about what nobody can get: where they say
// neither who approves nor that nobody has to, and no other statement does.
// Approvers: [], in so many words, says that this is meant.
func (s *Settings) checkNobody(r *reader, sp *space) []finding {
	const mend = "list some, or write Approvers: [] if nobody is to get it"
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		_, meant := r.keys[sp.path(i, "Approvers")]
		if len(st.Approvers) > 0 || meant || says(st.ApprovalIsNotRequired, true) {
			continue
		}
		restricts := says(st.ApprovalIsNotRequired, false)
		somebody := false // can get some of it
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.offers() {
				somebody = true
				continue
			}
			if !restricts {
				found = append(found, finding{i, "", fmt.Sprintf("nobody can get %s: no statement lists approvers for it, or says ApprovalIsNotRequired: true; %s", sp.words(resource, set), mend)})
				somebody = true
				break
			}
			if v.free.yes {
				found = append(found, finding{i, "ApprovalIsNotRequired", fmt.Sprintf("nobody can get %s: %s says that it needs no approval, this that it does, and no statement lists approvers for it; %s",
					sp.words(resource, set), sp.path(sp.freeFor(resource, set), ""), mend)})
				somebody = true
				break
			}
		}
		if !somebody {
			found = append(found, finding{i, "", "nobody can get anything that this is about: it restricts, and no statement lists approvers for it; " + mend})
		}
	}
	return found
}

// freeFor is the first statement that says of a cell that it needs no approval.
func (sp *space) freeFor(resource, set int) int {
	for i := range sp.affecting(resource, set) {
		if says(sp.statements[i].ApprovalIsNotRequired, true) {
			return i
		}
	}
	return rest
}

// checkOnlyApprover finds statements whose one approver is the only one for
// something that they can't get themselves: one person, whose absence keeps
// everybody out, and who is kept out always.
func (s *Settings) checkOnlyApprover(r *reader, sp *space) []finding {
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		if len(st.Approvers) != 1 { // each stands there once
			continue
		}
		for resource, set := range sp.cells(i) {
			v := sp.verdict(resource, set)
			if v.several || v.free.hold() || v.self.hold() {
				continue
			}
			mend := "list somebody else as well"
			if !v.self.no {
				mend += ", or say AllowSelfApproval: true"
			}
			found = append(found, finding{i, "Approvers", fmt.Sprintf("%s alone approves %s, so that they can't get it, and nobody can while they are away; %s", st.Approvers[0], sp.words(resource, set), mend)})
			break
		}
	}
	return found
}
