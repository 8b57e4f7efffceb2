package policylint

import (
	"fmt"
	"slices"
	"strings"
)

// findRedundant finds statements that say nothing that another one does not say
// of the same and more: without them every decision would be what it is.
func (sp *space) findRedundant() []finding {
	isContained := func(i, j int) bool {
		a, b := &sp.statements[i], &sp.statements[j]
		return isSilentOrSame(a.ApprovalIsNotRequired, b.ApprovalIsNotRequired) && isSilentOrSame(a.AllowSelfApproval, b.AllowSelfApproval) &&
			sp.covers(j, i) && sp.approvers[j].contains(sp.approvers[i])
	}
	var found []finding
	for i := range sp.statements {
		for _, j := range sp.mayCover(i) {
			// Of two that say the same the later is the one too many.
			if i == j || !isContained(i, j) || j > i && isContained(j, i) {
				continue
			}
			found = append(found, finding{i, "", fmt.Sprintf("says nothing that %s does not say; remove it, or see whether it was meant to say something else", sp.path(j, ""))})
			break
		}
	}
	return found
}

// mayCover are the statements that may cover statement i: of its resources they
// are about the first, at least.
func (sp *space) mayCover(i int) []int {
	if ids := sp.resources[i].ids; len(ids) > 0 {
		all := slices.Concat(sp.everywhere, sp.named[ids[0]])
		slices.Sort(all)
		return all
	}
	return sp.everywhere
}

func isSilentOrSame(a, b *bool) bool { return a == nil || b != nil && *a == *b }

// findNeverAutomatic finds statements whose ApprovalIsNotRequired: true never
// counts.
func (sp *space) findNeverAutomatic() []finding {
	var vetoes []int
	for i, st := range sp.statements {
		if isSetTo(st.ApprovalIsNotRequired, false) {
			vetoes = append(vetoes, i)
		}
	}
	var found []finding
	for i, st := range sp.statements {
		if !isSetTo(st.ApprovalIsNotRequired, true) {
			continue
		}
		for _, j := range vetoes {
			if sp.covers(j, i) {
				found = append(found, finding{i, "ApprovalIsNotRequired", fmt.Sprintf("has no effect: %s says false of everything that this is about, and one false outweighs every true; remove one of them", sp.path(j, ""))})
				break
			}
		}
	}
	return found
}

// findLetterCase finds names that differ from an earlier one in capital
// letters only. They count: one of the two can match nothing.
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
				found = append(found, finding{i, key, fmt.Sprintf("%s is %s in %s: capital letters count, so that one of the two is never asked for; write both alike", name, at.name, sp.path(at.statement, ""))})
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
