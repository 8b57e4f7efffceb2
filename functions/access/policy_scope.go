package access

import (
	"maps"
	"slices"
)

// Covers reports whether any statement matches t. The reconciliation checks what
// the policy covers, whether or not someone could approve it.
func (x *Index) Covers(t Target) bool {
	return len(x.appendAffecting(t, nil)) > 0
}

// AllApprovers returns the emails of everyone who approves anything: lower case,
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

// Deciders returns the emails of those who may decide whether access to t that a
// run found is removed. They are the approvers of all statements that match t,
// whether or not it needs an approval. If there are none, they are the approvers
// of the statements about all accounts, or about all groups. Lower case, sorted,
// each once.
func (x *Index) Deciders(t Target) []string {
	from, affecting := x.policy.statements(t.Kind), x.appendAffecting(t, nil)
	if all := approversOf(from, affecting); len(all) > 0 {
		return all
	}
	switch t.Kind {
	case KindAccount:
		return approversOf(from, x.accounts.all)
	case KindGroup:
		return approversOf(from, x.groups.all)
	}
	return nil
}

// DecidersOfAny returns everyone who is a Decider of at least one of the targets, and
// how many targets have no Deciders.
func (x *Index) DecidersOfAny(targets []Target) (emails []string, without int) {
	all := map[string]bool{}
	for _, t := range targets {
		of := x.Deciders(t)
		if len(of) == 0 {
			without++
		}
		for _, email := range of {
			all[email] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), without
}

// MayDecide reports whether the person is one of t's Deciders.
func (x *Index) MayDecide(who Person, t Target) bool {
	return who.PrincipalID != "" && !who.SecondaryDomain && IsASCII(who.Email) &&
		slices.Contains(x.Deciders(t), NormalizeEmail(who.Email))
}

// approversOf returns the approvers in these statements, whose emails are
// normalized.
func approversOf(from []Statement, indexes []int) []string {
	all := map[string]bool{}
	for _, i := range indexes {
		for _, a := range from[i].Approvers {
			if IsASCII(a) { // others match nobody
				all[a] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}
