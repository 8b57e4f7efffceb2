package access

import (
	"fmt"
	"slices"
	"sync"
)

// Menu says which accounts to offer a person: those in which they could get one of
// the existing permission sets. It gives the same answer as calling Offers for each
// permission set, but reads the statements about the account only once. Several
// goroutines may use it at once.
type Menu struct {
	index          *Index
	requester      Identity
	permissionSets []string // those that exist, by name

	mu      sync.Mutex
	unnamed map[string]bool // answers about accounts that no statement names, by the statements that match
}

// Menu returns what the form can offer the requester under this policy.
// permissionSets are the names of the permission sets that exist.
func (x *Index) Menu(requester Identity, permissionSets []string) *Menu {
	sets := slices.DeleteFunc(slices.Clone(permissionSets), func(name string) bool { return name == "" }) // no target has it
	return &Menu{index: x, requester: requester, permissionSets: sets, unnamed: map[string]bool{}}
}

// Offers reports whether the index offers the requester any permission set in the
// account. ous are the organizational units above it.
func (m *Menu) Offers(accountID string, ous []string) bool {
	if accountID == "" {
		return false
	}
	in := &m.index.accounts
	matching := in.appendMatching(accountID, ous, m.index.protected[accountID], nil)
	if len(in.named[accountID]) > 0 {
		return m.offers(accountID, ous, matching)
	}
	key := fmt.Sprint(matching)
	m.mu.Lock()
	defer m.mu.Unlock()
	offered, known := m.unnamed[key]
	if !known {
		offered = m.offers(accountID, ous, matching)
		m.unnamed[key] = offered
	}
	return offered
}

// offers tries the permission sets that the statements name, and one that they don't:
// the policy decides about all others in the same way.
func (m *Menu) offers(accountID string, ous []string, matching []int) bool {
	c := Case{Requester: m.requester, OUs: ous, Target: Target{Kind: KindAccount, AccountID: accountID}}
	named := map[string]bool{}
	for _, i := range matching {
		for _, name := range m.index.policy.Accounts[i].PermissionSets {
			named[name] = true
		}
	}
	triedOther := false
	for _, name := range m.permissionSets {
		if !named[name] {
			if triedOther || !named["*"] {
				continue
			}
			triedOther = true
		}
		c.Target.PermissionSet = name
		if m.index.Offers(&c) {
			return true
		}
	}
	return false
}
