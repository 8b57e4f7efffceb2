package access

import (
	"iter"
	"slices"
)

// Index gives the same answers as its policy, without reading every statement for
// each. Use it to ask one policy many questions. Several goroutines may use it at
// once.
type Index struct {
	policy           *Policy // its emails are normalized
	accounts, groups resourceIndex
}

// resourceIndex finds statements by their Resources.
type resourceIndex struct {
	named map[string][]int // indexes of the statements that name the resource, ascending
	all   []int            // indexes of those that match all, ascending; not in named
}

// NewIndex indexes p, which must not change after that.
func NewIndex(p *Policy) *Index {
	p = &Policy{Accounts: normalized(p.Accounts), Groups: normalized(p.Groups)}
	return &Index{policy: p, accounts: indexOf(p.Accounts), groups: indexOf(p.Groups)}
}

// normalized returns the statements with their emails normalized, so that no
// decision has to do it.
func normalized(statements []Statement) []Statement {
	statements = slices.Clone(statements)
	for i := range statements {
		approvers := slices.Clone(statements[i].Approvers)
		for j, a := range approvers {
			approvers[j] = NormalizeEmail(a)
		}
		statements[i].Approvers = approvers
	}
	return statements
}

func indexOf(statements []Statement) resourceIndex {
	x := resourceIndex{named: map[string][]int{}}
	for i, s := range statements {
		if slices.Contains(s.Resources, "*") {
			x.all = append(x.all, i)
			continue
		}
		for _, r := range s.Resources {
			// The statement may name a resource twice.
			if at := x.named[r]; len(at) == 0 || at[len(at)-1] != i {
				x.named[r] = append(at, i)
			}
		}
	}
	return x
}

// Decide is Policy.Decide.
func (x *Index) Decide(requester string, t Target) Decision {
	return decide(x.policy.statements(t.Kind), x.appendAffecting(t, make([]int, 0, usualCount)), NormalizeEmail(requester), unchanged)
}

// Permits is Policy.Permits.
func (x *Index) Permits(requester, approver string, t Target) bool {
	return permits(x.policy.statements(t.Kind), x.appendAffecting(t, nil), NormalizeEmail(requester), NormalizeEmail(approver), unchanged)
}

// Offers is Policy.Offers.
func (x *Index) Offers(t Target) bool {
	return offers(x.policy.statements(t.Kind), x.appendAffecting(t, nil))
}

// appendAffecting appends what Policy.appendAffecting does.
func (x *Index) appendAffecting(t Target, to []int) []int {
	if !t.isComplete() {
		return to
	}
	in, from := &x.accounts, x.policy.statements(t.Kind)
	if t.Kind == KindGroup {
		in = &x.groups
	}
	for i := range in.statementsFor(t.resource()) {
		if from[i].covers(&t) {
			to = append(to, i)
		}
	}
	return to
}

// statementsFor yields the indexes of the statements whose Resources match
// resource, ascending.
func (x *resourceIndex) statementsFor(resource string) iter.Seq[int] {
	return func(yield func(int) bool) {
		named, all := x.named[resource], x.all
		for len(named)+len(all) > 0 {
			next := &named
			if len(named) == 0 || len(all) > 0 && all[0] < named[0] {
				next = &all
			}
			i := (*next)[0]
			*next = (*next)[1:]
			if !yield(i) {
				return
			}
		}
	}
}
