package access

import (
	"slices"
	"sync"
)

// Menu says which accounts to offer: those in which someone could get one of the
// existing permission sets. It gives the same answer as calling Offers for each
// permission set, but reads the statements about the account only once. Several
// goroutines may use it at once.
type Menu struct {
	index          *Index
	permissionSets map[string]bool // those that exist, by name
	offersUnnamed  func() bool     // whether accounts that no statement names are offered
}

// Menu returns what the forms can offer under this policy. permissionSets are the
// names of the permission sets that exist.
func (x *Index) Menu(permissionSets []string) *Menu {
	m := &Menu{index: x, permissionSets: make(map[string]bool, len(permissionSets))}
	for _, name := range permissionSets {
		m.permissionSets[name] = true
	}
	delete(m.permissionSets, "") // no target has it
	// No statement names the account "".
	m.offersUnnamed = sync.OnceValue(func() bool { return m.offers("") })
	return m
}

// Offers reports whether the index offers any permission set in the account.
func (m *Menu) Offers(accountID string) bool {
	switch {
	case accountID == "":
		return false
	case len(m.index.accounts.named[accountID]) == 0:
		return m.offersUnnamed()
	default:
		return m.offers(accountID)
	}
}

// offers groups the statements about the account by their permission sets. An
// approver in one of them is enough. A grant without approval can still be vetoed
// by another statement.
func (m *Menu) offers(accountID string) bool {
	var ofAll rule
	ofOne := map[string]rule{}
	for i := range m.index.accounts.statementsFor(accountID) {
		s := &m.index.policy.Accounts[i]
		if slices.Contains(s.PermissionSets, "*") {
			if slices.ContainsFunc(s.Approvers, IsASCII) && len(m.permissionSets) > 0 {
				return true
			}
			ofAll.add(s.ApprovalIsNotRequired)
			continue
		}
		for _, name := range s.PermissionSets {
			if !m.permissionSets[name] {
				continue
			}
			if slices.ContainsFunc(s.Approvers, IsASCII) {
				return true
			}
			said := ofOne[name]
			said.add(s.ApprovalIsNotRequired)
			ofOne[name] = said
		}
	}
	for _, said := range ofOne {
		if (rule{yes: said.yes || ofAll.yes, no: said.no || ofAll.no}).isYes() {
			return true
		}
	}
	// No statement names the remaining permission sets.
	return ofAll.isYes() && len(ofOne) < len(m.permissionSets)
}
