package settings

import (
	"fmt"
	"slices"
	"strings"
)

// checkRepeated finds statements that say nothing that another one does not say
// of the same and more: without them every decision would be what it is.
func (s *Settings) checkRepeated(r *reader, sp *space) []finding {
	within := func(i, j int) bool {
		a, b := &sp.statements[i], &sp.statements[j]
		return silentOrSame(a.ApprovalIsNotRequired, b.ApprovalIsNotRequired) && silentOrSame(a.AllowSelfApproval, b.AllowSelfApproval) &&
			sp.covers(j, i) && sp.approvers[j].contains(sp.approvers[i])
	}
	var found []finding
	for i := range sp.statements {
		for _, j := range sp.about(i) {
			// Of two that say the same the later is the one too many.
			if i == j || !within(i, j) || j > i && within(j, i) {
				continue
			}
			found = append(found, finding{i, "", fmt.Sprintf("says nothing that %s does not say; remove it, or see whether it was meant to say something else", sp.path(j, ""))})
			break
		}
	}
	return found
}

// about are the statements that may cover statement i: of its resources they
// are about the first, at least.
func (sp *space) about(i int) []int {
	if ids := sp.resources[i].ids; len(ids) > 0 {
		all := slices.Concat(sp.everywhere, sp.named[ids[0]])
		slices.Sort(all)
		return all
	}
	return sp.everywhere
}

func silentOrSame(a, b *bool) bool { return a == nil || b != nil && *a == *b }

// checkNeverAutomatic finds statements whose ApprovalIsNotRequired: true never
// counts.
func (s *Settings) checkNeverAutomatic(r *reader, sp *space) []finding {
	var vetoes []int
	for i, st := range sp.statements {
		if says(st.ApprovalIsNotRequired, false) {
			vetoes = append(vetoes, i)
		}
	}
	var found []finding
	for i, st := range sp.statements {
		if !says(st.ApprovalIsNotRequired, true) {
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

// checkLetterCase finds names that differ from an earlier one in capital
// letters only. They count: one of the two can match nothing.
func (s *Settings) checkLetterCase(r *reader, sp *space) []finding {
	type place struct {
		name      string
		statement int
	}
	var found []finding
	first := map[string]place{}
	look := func(i int, key string, list []string) bool {
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
		_ = look(i, "PermissionSet", st.PermissionSets) || look(i, "Resource", st.Resources)
	}
	return found
}
