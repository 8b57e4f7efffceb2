package policylint

import (
	"fmt"
	"slices"
)

// CompareWithReference warns of what the reference would decide otherwise about
// who approves their own requests, and of what decides nothing in either.
func (l *Linter) CompareWithReference() []Warning {
	var all []Warning
	for _, sp := range l.spaces {
		all = append(all, sp.compareSelfApproval()...)
	}
	return all
}

func (sp *space) compareSelfApproval() []Warning {
	var allowing, nobody, denied []int
	for i, st := range sp.statements {
		switch {
		case st.AllowSelfApproval == nil:
		case len(st.Approvers) == 0:
			nobody = append(nobody, i)
		case *st.AllowSelfApproval:
			allowing = append(allowing, i)
		case isSetTo(st.ApprovalIsNotRequired, false):
			// Both in one: that nobody can approve their own there is what the
			// reference's description promises, if not what it does.
		default:
			denied = append(denied, i)
		}
	}
	var withoutEffect, differing []finding
	for _, i := range nobody {
		withoutEffect = append(withoutEffect, finding{i, "AllowSelfApproval", "has no effect, here and in the reference: it is about those whom the statement lists as Approvers, and it lists nobody"})
	}
	for _, i := range denied {
		// Both keep the request from being granted automatically. Then the
		// requester presses Approve.
		var with []finding
		for _, j := range allowing {
			if sp.approvers[i].intersects(sp.approvers[j]) && sp.overlap(i, j) {
				with = append(with, finding{statement: j})
			}
		}
		if len(with) == 0 {
			continue
		}
		both := common(sp.statements[i].Approvers, sp.statements[with[0].statement].Approvers)
		more := ""
		if len(with) > 1 {
			more = " (the same kind of thing with " + sp.listStatements(with[1:]) + ")"
		}
		differing = append(differing, finding{i, "AllowSelfApproval", fmt.Sprintf("%s can't approve their own requests here where this statement and %s, which says true, meet; in the reference they can, by pressing Approve%s",
			nameSome(both), sp.path(with[0].statement, ""), more)})
	}
	return append(sp.warnings(withoutEffect), sp.warnings(differing)...)
}

// common is what is in both lists, in a's order.
func common(a, b []string) []string {
	var both []string
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both
}
