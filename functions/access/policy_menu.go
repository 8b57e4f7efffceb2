package access

import (
	"fmt"
	"iter"
	"slices"
	"sync"
)

// Menu says which accounts to offer a person: those in which they could get one of
// the existing permission sets. And it says which permission sets they could get in
// any account. It gives the same answers as calling Offers for each account and
// permission set, but reads the statements about an account only once. Several
// goroutines may use it at once.
type Menu struct {
	index          *Index
	requester      Identity
	permissionSets []string // those that exist, by name

	mu      sync.Mutex
	unnamed map[string]bool // answers about accounts that no statement names, by the statements that match

	anywhere     sync.Once
	inAnyAccount map[string]bool // see OffersAnywhere
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

// OffersAnywhere returns the permission sets that the index offers the requester in at
// least one of the accounts, by name. ousOf returns the organizational units above an
// account. It computes them once: a menu must always be asked about the same accounts.
func (m *Menu) OffersAnywhere(accounts iter.Seq[string], ousOf func(accountID string) []string) map[string]bool {
	m.anywhere.Do(func() { m.inAnyAccount = m.offeredIn(accounts, ousOf) })
	return m.inAnyAccount
}

func (m *Menu) offeredIn(accounts iter.Seq[string], ousOf func(accountID string) []string) map[string]bool {
	offered, tried := map[string]bool{}, map[string]bool{}
	left := map[string]bool{} // those that no account has offered yet
	for _, name := range m.permissionSets {
		left[name] = true
	}
	in := &m.index.accounts
	for id := range accounts {
		if len(left) == 0 {
			break
		}
		ous := ousOf(id)
		matching := in.appendMatching(id, ous, m.index.protected[id], nil)
		// A decision depends on the statements that match, not on the account.
		key := fmt.Sprint(matching)
		if id == "" || tried[key] {
			continue
		}
		tried[key] = true
		c := Case{Requester: m.requester, OUs: ous, Target: Target{Kind: KindAccount, AccountID: id}}
		offers := func(name string) bool {
			c.Target.PermissionSet = name
			return m.index.Offers(&c)
		}
		named, hopeful := m.namedBy(matching)
		for name := range named {
			if left[name] && (hopeful[name] || hopeful["*"]) && offers(name) {
				offered[name] = true
				delete(left, name)
			}
		}
		if !hopeful["*"] {
			continue
		}
		// The policy decides about all permission sets that it doesn't name in the same way.
		triedOther := false
		for name := range left {
			if named[name] {
				continue
			}
			if !triedOther && !offers(name) {
				break
			}
			triedOther = true
			offered[name] = true
			delete(left, name)
		}
	}
	return offered
}

// namedBy returns the permission sets that the statements name, and among them those that
// a statement names which allows the requester. Without one, nothing is offered.
func (m *Menu) namedBy(statements []int) (named, hopeful map[string]bool) {
	named, hopeful = map[string]bool{}, map[string]bool{}
	r := rules{requester: m.requester.normalized()}
	for _, i := range statements {
		s := &m.index.policy.Accounts[i]
		applies := r.applies(s)
		for _, name := range s.PermissionSets {
			named[name] = true
			hopeful[name] = hopeful[name] || applies
		}
	}
	return named, hopeful
}
