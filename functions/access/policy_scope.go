package access

import (
	"maps"
	"slices"
)

// Covers says whether any statement affects t: what the policy covers is what
// the reconciliation looks after, whether or not somebody could approve it.
func (x *Index) Covers(t Target) bool {
	return len(x.affecting(t, nil)) > 0
}

// AllApprovers are the emails of everybody who approves anything: lower case,
// sorted, each once.
func (p *Policy) AllApprovers() []string {
	all := map[string]bool{}
	for _, statements := range [][]Statement{p.Accounts, p.Groups} {
		for _, s := range statements {
			for _, a := range s.Approvers {
				if IsASCII(a) { // others match nobody
					all[NormalizeEmail(a)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// ApproversOf are the emails of everybody who is listed in a statement that
// affects t, whether or not it needs an approval: lower case, sorted, each once.
func (p *Policy) ApproversOf(t Target) []string {
	all := map[string]bool{}
	from := p.about(t.Kind)
	for _, i := range p.affecting(t, nil) {
		for _, a := range from[i].Approvers {
			all[NormalizeEmail(a)] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
