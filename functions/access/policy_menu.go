package access

import (
	"slices"
	"sync"
)

// Menu says which accounts are worth offering: those in which somebody could
// get one of the permission sets that exist. It gives the answer that asking
// Offers about each permission set would give, in the time that reading the
// statements about the account takes. Several goroutines may ask at once.
type Menu struct {
	index          *Index
	permissionSets map[string]bool // permission sets, by name
	offersUnnamed  func() bool     // the answer for accounts that no statement names
}

// Menu is the menu of an index, given the names of the permission sets that
// exist.
func (x *Index) Menu(permissionSets []string) *Menu {
	m := &Menu{index: x, permissionSets: make(map[string]bool, len(permissionSets))}
	for _, name := range permissionSets {
		m.permissionSets[name] = true
	}
	delete(m.permissionSets, "") // a target without a permission set's name is none
	// No statement names the account "".
	m.offersUnnamed = sync.OnceValue(func() bool { return m.offers("") })
	return m
}

// Offers says whether the index offers any permission set in the account.
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

// offers sorts what the statements about the account say by the permission sets
// they say it of. Approvers in one of them settle the matter; a grant without
// approval can still be vetoed by another.
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
	// What is left are permission sets that no statement names.
	return ofAll.isYes() && len(ofOne) < len(m.permissionSets)
}
