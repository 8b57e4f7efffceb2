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
