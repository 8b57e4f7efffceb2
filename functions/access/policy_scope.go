package access

import (
	"maps"
	"slices"
)

// Covers reports whether any statement matches t; ous are the organizational units
// above its account. The reconciliation checks what the policy covers, whether or not
// someone could request or approve it, and whether or not the account is protected.
func (x *Index) Covers(t Target, ous []string) bool {
	return len(x.appendAffecting(&t, ous, false, nil)) > 0
}

// Affecting returns the statements that match t, by index in Accounts or Groups, ascending;
// ous are the organizational units above its account. The policy's decision about t depends
// on these statements and the requester only, apart from the reason of a refusal.
func (x *Index) Affecting(t Target, ous []string) []int {
	return x.appendAffecting(&t, ous, t.Kind == KindAccount && x.protected[t.AccountID], nil)
}

// CoversByName reports whether the reconciliation may remove access to t: the policy
// covers t, and if the account is protected, a statement names it.
func (x *Index) CoversByName(t Target, ous []string) bool {
	return len(x.Affecting(t, ous)) > 0
}

// AllApprovers returns the emails of everyone who approves anything: lower case,
// sorted, each once. It doesn't include the members of groups.
func (p *Policy) AllApprovers() []string {
	return p.collect(func(s *Statement, add func(string)) {
		for _, a := range s.Approvers {
			if IsASCII(a) && !isGroup(a) { // others match nobody
				add(NormalizeEmail(a))
			}
		}
	})
}

// DecisionGroups is Policy.DecisionGroups.
func (x *Index) DecisionGroups() []string { return x.policy.DecisionGroups() }

// ApproverGroups returns the ids of all groups whose members approve anything, sorted,
// each once.
func (p *Policy) ApproverGroups() []string {
	return p.collect(func(s *Statement, add func(string)) { addGroups(s.Approvers, add) })
}

// DecisionGroups returns the ids of all groups whose members may request or approve
// anything, sorted, each once.
func (p *Policy) DecisionGroups() []string { return p.collect((*Statement).addDecisionGroups) }

// CountsManagedMemberships is Policy.AllowManagedDecisionGroups.
func (x *Index) CountsManagedMemberships() bool { return x.policy.AllowManagedDecisionGroups }

// GroupsAffecting returns those DecisionGroups that are named by statements that match
// t: the groups that an Identity needs for a decision about t. nil if there are none.
func (x *Index) GroupsAffecting(t Target, ous []string) []string {
	all := map[string]bool{}
	from := x.policy.statements(t.Kind)
	for _, i := range x.appendAffecting(&t, ous, false, nil) {
		from[i].addDecisionGroups(func(id string) { all[id] = true })
	}
	return slices.Sorted(maps.Keys(all))
}

// OUs returns the ids of all organizational units that statements name, sorted, each
// once; nil if there are none. Roots are left out: they are above every account.
func (x *Index) OUs() []string { return slices.Sorted(maps.Keys(x.accounts.ous)) }

// OUsAffecting returns the organizational units that a decision about t depends on,
// sorted, each once: it may change with whether the account is below them. nil if
// there are none. A unit doesn't matter if its statements match t in another way, or
// can't match t.
func (x *Index) OUsAffecting(t Target) []string {
	if x.accounts.ous == nil || t.Kind != KindAccount || !t.isComplete() {
		return nil
	}
	matching := x.appendAffecting(&t, nil, false, nil)
	if x.protected[t.AccountID] && len(matching) > 0 {
		return nil // without any, units decide between ProtectedAccount and NoStatements
	}
	var all []string
	for ou, statements := range x.accounts.ous {
		if slices.ContainsFunc(statements, func(i int) bool {
			return !slices.Contains(matching, i) && x.policy.Accounts[i].covers(&t)
		}) {
			all = append(all, ou)
		}
	}
	slices.Sort(all)
	return all
}

// OUs returns the ids of all organizational units and roots that statements name,
// sorted, each once.
func (p *Policy) OUs() []string {
	return p.collect(func(s *Statement, add func(string)) {
		for _, r := range s.Resources {
			if IsOU(r) || IsRoot(r) {
				add(r)
			}
		}
	})
}

func (s *Statement) addDecisionGroups(add func(id string)) {
	addGroups(s.Allowed, add)
	addGroups(s.Approvers, add)
}

func addGroups(entries []string, add func(id string)) {
	for _, e := range entries {
		if id, ok := GroupOf(e); ok {
			add(id)
		}
	}
}

// collect returns what add was called with for any statement, sorted, each once.
func (p *Policy) collect(from func(s *Statement, add func(string))) []string {
	all := map[string]bool{}
	for _, statements := range [][]Statement{p.Accounts, p.Groups} {
		for i := range statements {
			from(&statements[i], func(v string) { all[v] = true })
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Deciders returns those who may decide whether access to t that a run found is
// removed: emails, and groups in the form of GroupEntry. They are the approvers of
// all statements that match t, whether or not it needs an approval. If there are none,
// they are the approvers of the statements about all accounts, or about all groups.
// Lower case, sorted, each once.
func (x *Index) Deciders(t Target, ous []string) []string {
	from, affecting := x.policy.statements(t.Kind), x.appendAffecting(&t, ous, false, nil)
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
// how many targets have no Deciders. ousOf returns the organizational units above an
// account; nil if none are known.
func (x *Index) DecidersOfAny(targets []Target, ousOf func(accountID string) []string) (deciders []string, without int) {
	all := map[string]bool{}
	for _, t := range targets {
		var ous []string
		if ousOf != nil && t.Kind == KindAccount {
			ous = ousOf(t.AccountID)
		}
		of := x.Deciders(t, ous)
		if len(of) == 0 {
			without++
		}
		for _, decider := range of {
			all[decider] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), without
}

// Listed returns everyone whom a statement that applies to the requester lists, the
// requester included: emails, and groups in the form of GroupEntry. They are in lower case
// and sorted. They may deny the request and end the access; the requester only as
// PermitsDenial says.
func (x *Index) Listed(c *Case) []string {
	r := x.rulesFor(c, nil)
	return approversOf(r.from, slices.DeleteFunc(r.affecting, func(i int) bool { return !r.applies(&r.from[i]) }))
}

// MayDecide reports whether the person is one of t's Deciders, or a member of a group
// that is. groups are those that the person is a member of.
func (x *Index) MayDecide(who Person, groups []string, t Target, ous []string) bool {
	if who.PrincipalID == "" || who.SecondaryDomain || !IsASCII(who.Email) {
		return false
	}
	i := Identity{Email: NormalizeEmail(who.Email), Groups: groups}
	return slices.ContainsFunc(x.Deciders(t, ous), i.isNamedBy)
}

// isNamedBy reports whether an approver, whose email is normalized like i's, is this
// person or a group of theirs.
func (i *Identity) isNamedBy(approver string) bool {
	if group, ok := GroupOf(approver); ok {
		return i.isMemberOf(group)
	}
	return approver == i.Email
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
