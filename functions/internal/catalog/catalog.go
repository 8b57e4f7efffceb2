// Package catalog knows what can be asked for: the organization's accounts, the
// instance's permission sets, and the groups, by id and by name.
package catalog

import (
	"context"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/identitycenter"
)

// MaxAge is how long a list is offered before it is read again.
const MaxAge = 5 * time.Minute

// Directory is where the lists come from.
type Directory interface {
	Accounts(context.Context) ([]identitycenter.Account, error)
	PermissionSets(context.Context) ([]identitycenter.PermissionSet, error)
	Groups(context.Context) ([]identitycenter.Group, error)
}

var _ Directory = (*identitycenter.Client)(nil)

// Catalog keeps the lists for MaxAge each. It is safe for concurrent use: who
// asks for a list while it is being read waits for that reading.
type Catalog struct {
	accounts       list[identitycenter.Account]
	permissionSets list[identitycenter.PermissionSet]
	groups         list[identitycenter.Group]
}

// New makes a catalog of what directory lists. Nothing is read before the first
// question.
func New(directory Directory, now func() time.Time) *Catalog {
	return &Catalog{
		accounts:       list[identitycenter.Account]{read: directory.Accounts, now: now},
		permissionSets: list[identitycenter.PermissionSet]{read: directory.PermissionSets, now: now},
		groups:         list[identitycenter.Group]{read: directory.Groups, now: now},
	}
}

// Accounts are the active accounts. The slice is the catalog's own: callers
// must not change it; the same goes for the other lists.
func (c *Catalog) Accounts(ctx context.Context) ([]identitycenter.Account, error) {
	return c.accounts.get(ctx)
}

// PermissionSets are the permission sets of the instance.
func (c *Catalog) PermissionSets(ctx context.Context) ([]identitycenter.PermissionSet, error) {
	return c.permissionSets.get(ctx)
}

// Groups are the groups of the identity store.
func (c *Catalog) Groups(ctx context.Context) ([]identitycenter.Group, error) {
	return c.groups.get(ctx)
}

// Complete fills in the parts of t that the catalog knows: names for ids. A
// permission set is found by its ARN or, where that is empty, by its name. What
// the catalog does not know is NotFound; a part that is empty stays so.
func (c *Catalog) Complete(ctx context.Context, t access.Target) (access.Target, error) {
	if t.Kind == access.KindGroup {
		return c.completeGroup(ctx, t)
	}
	t.AccountName = ""
	if t.AccountID != "" {
		accounts, err := c.Accounts(ctx)
		if err != nil {
			return t, err
		}
		i := find(accounts, func(a identitycenter.Account) bool { return a.ID == t.AccountID })
		if i < 0 {
			return t, access.Errorf(access.CodeNotFound, "there is no active account %q", t.AccountID)
		}
		t.AccountName = accounts[i].Name
	}
	if t.PermissionSetARN != "" || t.PermissionSet != "" {
		sets, err := c.PermissionSets(ctx)
		if err != nil {
			return t, err
		}
		i := find(sets, func(s identitycenter.PermissionSet) bool {
			return s.ARN == t.PermissionSetARN || t.PermissionSetARN == "" && s.Name == t.PermissionSet
		})
		if i < 0 {
			return t, access.Errorf(access.CodeNotFound, "there is no such permission set")
		}
		t.PermissionSetARN, t.PermissionSet = sets[i].ARN, sets[i].Name
	}
	return t, nil
}

func (c *Catalog) completeGroup(ctx context.Context, t access.Target) (access.Target, error) {
	t.GroupName = ""
	if t.GroupID == "" {
		return t, nil
	}
	groups, err := c.Groups(ctx)
	if err != nil {
		return t, err
	}
	i := find(groups, func(g identitycenter.Group) bool { return g.ID == t.GroupID })
	if i < 0 {
		return t, access.Errorf(access.CodeNotFound, "there is no such group")
	}
	t.GroupName = groups[i].Name
	return t, nil
}

func find[T any](all []T, is func(T) bool) int {
	for i, one := range all {
		if is(one) {
			return i
		}
	}
	return -1
}

// list is one of the lists, read when it is asked for and too old. Where it
// can't be read again the old one is offered on: what is granted in the end,
// Grant checks for itself.
type list[T any] struct {
	read func(context.Context) ([]T, error)
	now  func() time.Time

	mu     sync.Mutex
	items  []T
	readAt time.Time
}

func (l *list[T]) get(ctx context.Context) ([]T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.readAt.IsZero() && now.Sub(l.readAt) < MaxAge {
		return l.items, nil
	}
	items, err := l.read(ctx)
	if err != nil {
		if !l.readAt.IsZero() {
			return l.items, nil
		}
		return nil, err
	}
	l.items, l.readAt = items, now
	return items, nil
}
