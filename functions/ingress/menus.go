package ingress

import (
	"fmt"
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
	accounts *catalog.List[access.Account]
	sets     *catalog.List[access.PermissionSet]
	names    []string                // of sets
	prepared map[string]*access.Menu // by requester
}

// maxMenus limits how many requesters' menus are kept.
const maxMenus = 100

// index returns the index of the policy with that digest.
func (m *menus) index(policy *access.Policy, digest string) *access.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.indexed == nil || m.digest != digest {
		m.indexed, m.digest = access.NewIndex(policy), digest
	}
	return m.indexed
}

// menu returns a requester's menu under an index for these accounts and permission sets.
func (m *menus) menu(index *access.Index, accounts *catalog.List[access.Account], sets *catalog.List[access.PermissionSet], requester access.Identity) *access.Menu {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.menuOf != index || m.accounts != accounts || m.sets != sets {
		m.prepared, m.menuOf, m.accounts, m.sets, m.names = nil, index, accounts, sets, nil
		for s := range sets.All() {
			m.names = append(m.names, s.Name)
		}
	}
	key := fmt.Sprintf("%#v", requester)
	if m.prepared[key] == nil {
		if m.prepared == nil || len(m.prepared) >= maxMenus {
			m.prepared = map[string]*access.Menu{}
		}
		m.prepared[key] = index.Menu(requester, m.names)
	}
	return m.prepared[key]
}
