package ingress

import (
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// menus keeps what is worked out of a policy and a catalog until one of them
// changes: somebody who types asks about the same ones with every key.
type menus struct {
	mu       sync.Mutex
	digest   string
	indexed  *access.Index
	menuOf   *access.Index
	sets     *catalog.List[access.PermissionSet]
	prepared *access.Menu
}

// index is the index of the policy with that digest.
func (m *menus) index(policy *access.Policy, digest string) *access.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.indexed == nil || m.digest != digest {
		m.indexed, m.digest = access.NewIndex(policy), digest
	}
	return m.indexed
}

// menu is the menu of an index for these permission sets.
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
