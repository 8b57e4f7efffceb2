package policylint

import (
	"fmt"
	"slices"
	"strings"
)

// findRedundant finds statements that another one contains: without them every
// decision would be the same.
func (sp *space) findRedundant() []finding {
	isContained := func(i, j int) bool {
		a, b := &sp.statements[i], &sp.statements[j]
		return isSilentOrSame(a.ApprovalIsNotRequired, b.ApprovalIsNotRequired) && isSilentOrSame(a.AllowSelfApproval, b.AllowSelfApproval) &&
			(a.ApprovalsNeeded == 0 || a.ApprovalsNeeded <= b.ApprovalsNeeded && sp.approvers[i].contains(sp.approvers[j])) &&
			(a.MaxDuration == 0 || b.MaxDuration > 0 && b.MaxDuration <= a.MaxDuration) &&
			(a.Ticket == nil || b.Ticket != nil && *a.Ticket == *b.Ticket) && (a.Warning == "" || a.Warning == b.Warning) &&
			(a.Channel == "" || a.Channel == b.Channel && j < i) && (!a.Confirm || b.Confirm) &&
			sp.appliesWherever(j, i) && sp.approvers[j].contains(sp.approvers[i])
	}
	var found []finding
	for i := range sp.statements {
		for _, j := range sp.mayCover(i) {
			// Of two equal statements, the later one is redundant.
			if i == j || !isContained(i, j) || j > i && isContained(j, i) {
				continue
			}
			found = append(found, finding{i, "", fmt.Sprintf("redundant: %s already covers it. Remove this statement, or check what it was meant to do", sp.path(j, ""))})
			break
		}
	}
	return found
}

// mayCover returns the statements that may cover statement i: those that match its
// first resource.
func (sp *space) mayCover(i int) []int {
	if ids := sp.resources[i].ids; len(ids) > 0 {
		all := slices.Concat(sp.everywhere, sp.named[ids[0]])
		slices.Sort(all)
		return all
	}
	return sp.everywhere
}

func isSilentOrSame(a, b *bool) bool { return a == nil || b != nil && *a == *b }

// findNeverAutomatic finds statements whose ApprovalIsNotRequired: true never takes
// effect.
func (sp *space) findNeverAutomatic() []finding {
	var vetoes, demands []int
	for i, st := range sp.statements {
		if isSetTo(st.ApprovalIsNotRequired, false) {
			vetoes = append(vetoes, i)
		}
		if st.ApprovalsNeeded > 0 {
			demands = append(demands, i)
		}
	}
	var found []finding
	for i, st := range sp.statements {
		if !isSetTo(st.ApprovalIsNotRequired, true) {
			continue
		}
		if j := slices.IndexFunc(vetoes, func(j int) bool { return sp.covers(j, i) }); j >= 0 {
			found = append(found, finding{i, "ApprovalIsNotRequired", fmt.Sprintf("has no effect: %s sets false for everything that this statement covers, and one false overrides every true. Remove one of them", sp.path(vetoes[j], ""))})
		} else if j := slices.IndexFunc(demands, func(j int) bool { return sp.appliesWherever(j, i) }); j >= 0 {
			found = append(found, finding{i, "ApprovalIsNotRequired", fmt.Sprintf("has no effect: %s sets ApprovalsNeeded for everything that this statement covers, so nothing is automatic. Remove one of them", sp.path(demands[j], ""))})
		}
	}
	return found
}

// findLetterCase finds names that differ from an earlier one only in case. Case
// counts, so one of the two can match nothing.
func (sp *space) findLetterCase() []finding {
	type place struct {
		name      string
		statement int
	}
	var found []finding
	first := map[string]place{}
	findIn := func(i int, key string, list []string) bool {
		for _, name := range list {
			at, seen := first[key+strings.ToLower(name)]
			if !seen {
				first[key+strings.ToLower(name)] = place{name, i}
			} else if at.name != name {
				found = append(found, finding{i, key, fmt.Sprintf("%s and %s in %s differ only in capital letters. Names are case-sensitive, so one of the two matches nothing. Use the same spelling", name, at.name, sp.path(at.statement, ""))})
				return true
			}
		}
		return false
	}
	for i, st := range sp.statements {
		_ = findIn(i, "PermissionSet", st.PermissionSets) || findIn(i, "Resource", st.Resources)
	}
	return found
}
