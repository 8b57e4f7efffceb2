package drift

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"sso-elevator/functions/access"
)

// gaps gathers what could not be read. It is safe for concurrent use.
type gaps struct {
	mu           sync.Mutex
	why          map[string]string // by what
	unmanageable map[string]bool
}

func (g *gaps) add(what string, err error) {
	why := access.ErrorMessage(err)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		why = "time ran out"
	}
	g.addText(what, why)
}

func (g *gaps) addText(what, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == nil {
		g.why = map[string]string{}
	}
	if _, there := g.why[what]; !there {
		g.why[what] = why
	}
}

// addAccount adds an account that could not be read. AWS does not let a delegated
// administrator's account manage the management account (IAM Identity Center user
// guide, "Delegated administration"). That is a fact about the deployment, not a
// failure of the run. Any other account that AWS denies should be readable.
func (g *gaps) addAccount(a Named, err error) {
	if a.Management && access.IsDenied(err) {
		g.addUnmanageable(a.ID)
		return
	}
	g.add(accountText(a), err)
}

func (g *gaps) addUnmanageable(accountID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unmanageable == nil {
		g.unmanageable = map[string]bool{}
	}
	g.unmanageable[accountID] = true
}

func (g *gaps) unread() []access.Unread {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []access.Unread
	for what, why := range g.why {
		all = append(all, access.Unread{What: what, Why: why})
	}
	slices.SortFunc(all, func(a, b access.Unread) int {
		return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.Why, b.Why))
	})
	return all
}

func (g *gaps) listUnmanageable() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return sortedKeys(g.unmanageable)
}

func sortedKeys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func accountText(a Named) string { return "account " + a.ID }
func groupText(g Named) string   { return "group " + g.ID }
