package ingress

import (
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// menus caches what is computed from a policy and a catalog until either
// changes. A person who types a query causes a request with every key.
type menus struct {
	mu       sync.Mutex
	digest   string
	indexed  *access.Index
	menuOf   *access.Index
	sets     *catalog.List[access.PermissionSet]
	prepared *access.Menu
}

// index returns the index of the policy with that digest.
func (m *menus) index(policy *access.Policy, digest string) *access.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.indexed == nil || m.digest != digest {
		m.indexed, m.digest = access.NewIndex(policy), digest
	}
	return m.indexed
}

// menu returns an index's menu for these permission sets.
func (m *menus) menu(index *access.Index, sets *catalog.List[access.PermissionSet]) *access.Menu {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.prepared == nil || m.menuOf != index || m.sets != sets {
		names := make([]string, 0, sets.Len())
		for s := range sets.All() {
			names = append(names, s.Name)
		}
		m.prepared, m.menuOf, m.sets = index.Menu(names), index, sets
	}
	return m.prepared
}
