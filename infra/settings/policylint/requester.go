package policylint

import (
	"iter"
	"slices"

	"sso-elevator/functions/access"
)

// mostWork limits the decisions that the checks of one list ask for, so that they stay
// fast: the number of entries in Allowed and Approvers that these decisions read. After
// that, the checks find nothing more where decisions depend on the requester.
const mostWork = 2_000_000

// somebody is the email of a person whom no statement names, and the name of an account,
// a group and a permission set that no statement names. None can have a space.
const somebody = " "

// decide returns the policy's decision about a cell. ok is false after mostWork.
func (sp *space) decide(resource, set int, requester access.Identity) (d access.Decision, ok bool) {
	if sp.work > mostWork {
		return access.Decision{}, false
	}
	name := somebody
	if resource != rest {
		name = sp.resourceNames[resource]
	}
	c := access.Case{Requester: requester, Target: access.Target{Kind: access.KindAccount, AccountID: name, PermissionSet: somebody}}
	switch {
	case sp.key == "group_config":
		c.Target = access.Target{Kind: access.KindGroup, GroupID: name}
	case access.IsOU(name):
		c.Target.AccountID, c.OUs = somebody, []string{name}
	}
	if set != rest {
		c.Target.PermissionSet = sp.setNames[set]
	}
	d = sp.index.Decide(&c)
	for _, i := range d.Statements {
		sp.work += 1 + len(sp.statements[i].Allowed) + len(sp.statements[i].Approvers)
	}
	return d, true
}

// personWith returns a person whom these entries of Allowed or Approvers name, and no
// others. ok is false if that would take two email addresses.
func personWith(entries ...string) (who access.Identity, ok bool) {
	who.Email = somebody
	for _, e := range entries {
		if group, is := access.GroupOf(e); is {
			who.Groups = append(who.Groups, group)
			continue
		}
		if who.Email != somebody && e != somebody && who.Email != e {
			return access.Identity{}, false
		}
		if e != somebody {
			who.Email = e
		}
	}
	return who, true
}

// requestersOf yields people to whom statement i applies. If anyone to whom it applies
// can get the cell, one of them can: a person named by more entries than needed only has
// more requirements to meet, and more statements that deny.
func (sp *space) requestersOf(i, resource, set int) iter.Seq[access.Identity] {
	return func(yield func(access.Identity) bool) {
		own := sp.statements[i].Allowed
		for _, entry := range own {
			if who, ok := personWith(entry); ok && !yield(who) {
				return
			}
		}
		if len(own) == 0 {
			own = []string{somebody}
			if !yield(access.Identity{Email: somebody}) {
				return
			}
		}
		for j := range sp.statementsAffecting(resource, set) {
			for _, other := range sp.statements[j].Allowed {
				for _, entry := range own {
					if who, ok := personWith(entry, other); ok && !yield(who) {
						return
					}
				}
			}
		}
	}
}

// findUnsatisfiable finds statements whose ApprovalsNeeded nobody's request can meet.
func (sp *space) findUnsatisfiable() []finding {
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		if sp.canSatisfy(st) {
			continue
		}
		found = append(found, finding{i, "ApprovalsNeeded", "this statement lists too few approvers other than the requester, so every request that it applies to is refused. List more approvers, or a group, or lower the number"})
	}
	return found
}

// canSatisfy reports whether s lists enough approvers for anyone whom it allows.
func (sp *space) canSatisfy(s *access.Statement) bool {
	if s.ApprovalsNeeded == 0 || slices.ContainsFunc(s.Approvers, isGroup) || len(s.Approvers) > s.ApprovalsNeeded {
		return true
	}
	isOther := func(entry string) bool { return !slices.Contains(s.Approvers, entry) }
	return len(s.Approvers) == s.ApprovalsNeeded && (len(s.Allowed) == 0 || slices.ContainsFunc(s.Allowed, isOther))
}

func isGroup(entry string) bool {
	_, is := access.GroupOf(entry)
	return is
}

// findUseless finds statements that apply only to people who can't get anything that
// the statement covers, unless another check finds them. Statements that name nobody only
// restrict others.
func (sp *space) findUseless() []finding {
	unobtainable := map[int]bool{}
	for _, f := range sp.findUnobtainable() {
		unobtainable[f.statement] = true
	}
	var found []finding
	for i := range sp.statements {
		st := &sp.statements[i]
		meant := len(st.Approvers) == 0 && (len(st.Allowed) == 0 || sp.settings.HasValue(sp.path(i, "Approvers")))
		if meant || unobtainable[i] || !sp.canSatisfy(st) || sp.helpsAnyone(i) {
			continue
		}
		found = append(found, finding{i, "", "nobody whom this statement applies to can get what it covers: they have no approver but themselves, or ApprovalsNeeded of another statement can't be met. Change the approvers, or whom the statements allow"})
	}
	return found
}

func (sp *space) helpsAnyone(i int) bool {
	for resource, set := range sp.cells(i) {
		if !sp.verdict(resource, set).personal {
			return true // an approver is enough
		}
		for who := range sp.requestersOf(i, resource, set) {
			if d, ok := sp.decide(resource, set, who); !ok || d.Outcome != access.DecideRefused {
				return true
			}
		}
	}
	return false
}

// findTooShort finds statements whose MaxDuration is below every duration that forms
// offer.
func (sp *space) findTooShort() []finding {
	var found []finding
	for i, st := range sp.statements {
		if shortest := sp.settings.ShortestDuration; st.MaxDuration > 0 && st.MaxDuration < int64(shortest.Seconds()) {
			found = append(found, finding{i, "MaxDuration", "is shorter than every duration that forms offer (the shortest is " + access.FormatDuration(shortest) + "), so nobody whom this statement applies to can get what it covers. Raise it, or offer shorter durations with permission_duration_list_override"})
		}
	}
	return found
}
