package policylint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sso-elevator/functions/access"
)

// powerfulWords occur in the names of permission sets that can change nearly
// everything in an account. Some are AWS's own names, some are customary. Policylint
// doesn't know what a permission set contains.
var powerfulWords = []string{"admin", "poweruser", "superuser", "fullaccess", "breakglass", "root", "owner"}

// soundsPowerful reports whether a permission set's name has one of powerfulWords.
func soundsPowerful(name string) bool {
	name = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
	return slices.ContainsFunc(powerfulWords, func(word string) bool { return strings.Contains(name, word) })
}

// How someone can get powerful access to this app.
const (
	byApproval  = 1 + iota // with an approval, but another statement could make it needless
	byOneself              // by approving their own request
	byEverybody            // without approval, as everyone can
)

// findPower finds statements that give powerful access to the account that this app
// runs in, or to the management account. With such access, someone can change the
// app, its policy, and its records. The setting protected_account_ids
// names these accounts, and then only statements that name them reach them. Without it,
// only "*" and the root are known to include them.
//
// If a statement requires a second person (ApprovalIsNotRequired: false, or
// ApprovalsNeeded) and nobody can approve their own request, there is no finding.
func (sp *space) findPower() []finding {
	type gift struct {
		level int
		text  string
	}
	worst := map[int]gift{}
	for _, resource := range sp.protectedResources() {
		for _, set := range sp.powerfulSets(resource) {
			level, people := sp.classifyPower(resource, set)
			for i := range sp.statementsAffecting(resource, set) {
				if level <= worst[i].level || !sp.contributes(i, level, people) {
					continue
				}
				worst[i] = gift{level, sp.describePower(resource, set, level, people)}
			}
		}
	}
	var found []finding
	// Put the worst first, because only some findings are written in full.
	for level := byEverybody; level >= byApproval; level-- {
		for _, i := range slices.Sorted(maps.Keys(worst)) {
			if worst[i].level == level {
				found = append(found, finding{i, "", worst[i].text})
			}
		}
	}
	return found
}

// protectedResources returns the resources in which powerful access is power over
// the app.
func (sp *space) protectedResources() []int {
	if sp.key == "group_config" || len(sp.settings.Policy.ProtectedAccounts) == 0 {
		return []int{rest} // what a group may do is not known
	}
	var all []int
	for resource := range sp.resourceNames {
		if sp.isProtected(resource) {
			all = append(all, resource)
		}
	}
	return all
}

// powerfulSets returns the powerful permission sets that can be requested in a
// resource. If all sets can be requested, rest may be powerful, too.
func (sp *space) powerfulSets(resource int) []int {
	all := map[int]bool{}
	for i := range sp.statementsAffecting(resource, rest) {
		if sp.sets[i].all {
			all[rest] = true
		}
	}
	for id, name := range sp.setNames {
		if soundsPowerful(name) {
			for range sp.statementsAffecting(resource, id) {
				all[id] = true
				break
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// classifyPower returns how someone can get a cell, and the people who can get it
// alone. 0 means not at all, or never without a second person.
func (sp *space) classifyPower(resource, set int) (level int, alone []string) {
	v := sp.verdict(resource, set)
	if v.personal {
		return sp.classifyPersonalPower(resource, set)
	}
	if v.noApproval.holds() {
		return byEverybody, nil
	}
	self := map[string]*switchValues{}
	for i := range sp.statementsAffecting(resource, set) {
		for _, a := range sp.statements[i].Approvers {
			if self[a] == nil {
				self[a] = &switchValues{}
			}
			self[a].add(sp.statements[i].AllowSelfApproval)
		}
	}
	for a, said := range self {
		if said.holds() {
			alone = append(alone, a)
		}
	}
	slices.Sort(alone)
	switch {
	case len(alone) > 0:
		return byOneself, alone
	case v.hasApprover() && !v.noApproval.no:
		return byApproval, nil
	}
	return 0, nil
}

// classifyPersonalPower is classifyPower for a cell about which decisions depend on the
// requester. It decides about people whom the statements name with as few entries as
// it takes to get the cell by one statement.
func (sp *space) classifyPersonalPower(resource, set int) (level int, alone []string) {
	decide := func(entries ...string) (d access.Decision) {
		if who, ok := personWith(entries...); ok {
			d, _ = sp.decide(resource, set, who)
		}
		if d.Outcome == access.DecideApproval && len(d.Requirements) == 0 {
			level = max(level, byApproval)
		}
		return d
	}
	if decide().Outcome == access.DecideAutomatic {
		return byEverybody, nil
	}
	waivable := true
	for i := range sp.statementsAffecting(resource, set) {
		st := &sp.statements[i]
		waivable = waivable && !isSetTo(st.ApprovalIsNotRequired, false)
		allowed := st.Allowed
		if len(allowed) == 0 {
			allowed = []string{somebody}
		}
		for _, entry := range allowed {
			if decide(entry).Outcome == access.DecideAutomatic {
				alone = append(alone, entry)
			}
			if !isSetTo(st.AllowSelfApproval, true) {
				continue
			}
			for _, a := range st.Approvers {
				if decide(entry, a).Outcome == access.DecideAutomatic {
					alone = append(alone, a)
				}
			}
		}
	}
	slices.Sort(alone)
	switch alone = slices.Compact(alone); {
	case len(alone) > 0:
		return byOneself, alone
	case level == byApproval && !waivable:
		return 0, nil
	}
	return level, nil
}

// contributes reports whether statement i is one of the statements that give access
// at this level.
func (sp *space) contributes(i, level int, alone []string) bool {
	st := &sp.statements[i]
	switch level {
	case byEverybody:
		return isSetTo(st.ApprovalIsNotRequired, true) && len(st.Allowed) == 0
	case byOneself:
		isAlone := func(entry string) bool {
			_, is := slices.BinarySearch(alone, entry)
			return is
		}
		return isSetTo(st.AllowSelfApproval, true) && slices.ContainsFunc(st.Approvers, isAlone) ||
			isSetTo(st.ApprovalIsNotRequired, true) && slices.ContainsFunc(st.Allowed, isAlone)
	}
	return level == byApproval && len(st.Approvers) > 0 && st.ApprovalsNeeded == 0
}

func (sp *space) describePower(resource, set, level int, alone []string) string {
	what := "every permission set"
	if set != rest {
		what = sp.setNames[set]
	}
	where := "in every account, including this app's own account and the management account"
	narrow := "Set protected_account_ids, name the accounts"
	switch {
	case sp.key == "group_config":
		what, where, narrow = "membership", "in every group, including those that administer this app's account", "Name the groups"
	case resource != rest:
		where, narrow = "in the protected account "+sp.resourceNames[resource], "Leave that account out"
	}
	fix := narrow + ", or require a second person (docs/reference/policy.md#power-over-this-app)"
	switch level {
	case byEverybody:
		return fmt.Sprintf("gives everyone %s %s, without approval. Anyone could then change this app and its policy. %s", what, where, fix)
	case byOneself:
		return fmt.Sprintf("lets %s take %s %s, without a second person. One person could then change this app and its policy. %s", nameSome(alone), what, where, fix)
	}
	return fmt.Sprintf("allows requests for %s %s. People with this access can change this app and its policy. Another statement could even grant it without approval. %s", what, where, fix)
}

// nameSome names the first few people or accounts, and counts the rest.
func nameSome(people []string) string {
	const most = 3
	people = slices.Clone(people)
	for i, entry := range people {
		if group, is := access.GroupOf(entry); is {
			people[i] = "members of group " + group
		}
	}
	if len(people) <= most {
		return strings.Join(people, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(people[:most], ", "), len(people)-most)
}
