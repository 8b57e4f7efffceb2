package policylint

import (
	"fmt"
	"slices"
)

// CompareWithReference warns about statements whose self-approval works differently
// in the Terraform module, or that have no effect in either.
func (l *Linter) CompareWithReference() []Warning {
	var all []Warning
	for _, sp := range l.spaces {
		all = append(all, sp.compareSelfApproval()...)
		all = append(all, notices(sp.warnings(sp.compareAllowed()))...)
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
			// With both, nobody can approve their own request. The module's
			// description promises the same, although the module doesn't do it.
		default:
			denied = append(denied, i)
		}
	}
	var withoutEffect, differing []finding
	for _, i := range nobody {
		withoutEffect = append(withoutEffect, finding{i, "AllowSelfApproval", "has no effect, here and in the Terraform module: it applies to this statement's Approvers, and there are none. Add Approvers, or remove it"})
	}
	for _, i := range denied {
		// Both statements prevent an automatic grant. In the Terraform module, the requester
		// would then press Approve.
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
			more = " (also where it overlaps " + sp.listStatements(with[1:]) + ")"
		}
		differing = append(differing, finding{i, "AllowSelfApproval", fmt.Sprintf("%s can't approve their own requests here where this statement overlaps %s, which sets true. In the Terraform module they can, by pressing Approve%s",
			nameSome(both), sp.path(with[0].statement, ""), more)})
	}
	return append(sp.warnings(withoutEffect), sp.warnings(differing)...)
}

// compareAllowed finds statements that allow only some people, and whose false counts
// for the others, too.
func (sp *space) compareAllowed() []finding {
	var found []finding
	for i, st := range sp.statements {
		const ignored = "The Terraform module ignores the statement for them"
		switch {
		case len(st.Allowed) == 0:
		case isSetTo(st.ApprovalIsNotRequired, false):
			found = append(found, finding{i, "ApprovalIsNotRequired", "false counts for everyone, including people whom this statement doesn't allow. " + ignored + ". In a statement without AllowedUsers and AllowedGroups, it means the same in both"})
		case isSetTo(st.AllowSelfApproval, false):
			// No other statement could say this: it would need the same Approvers, and so let
			// everyone request.
			found = append(found, finding{i, "AllowSelfApproval", "false counts for all approvers of this statement, including those whom it doesn't allow. " + ignored})
		}
	}
	return found
}

// common returns the values that are in both lists, in a's order.
func common(a, b []string) []string {
	var both []string
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both
}
