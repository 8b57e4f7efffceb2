package catalog

import (
	"context"
	"sync"
	"time"

	"sso-elevator/functions/internal/identitycenter"
)

// MaxAge is how long a list that was read from the services themselves is
// offered before it is read again.
const MaxAge = 5 * time.Minute

// Directory is where the lists come from.
type Directory interface {
	Accounts(context.Context) ([]identitycenter.Account, error)
	PermissionSets(context.Context) ([]identitycenter.PermissionSet, error)
	Groups(context.Context) ([]identitycenter.Group, error)
}

var _ Directory = (*identitycenter.Client)(nil)

// Live is the lists as the services give them, kept for MaxAge each. It serves
// until there is a snapshot; in a large organization it does not answer in
// time.
type Live struct {
	accounts       live[identitycenter.Account]
	permissionSets live[identitycenter.PermissionSet]
	groups         live[identitycenter.Group]
}

// NewLive reads nothing before the first question.
func NewLive(directory Directory, now func() time.Time) *Live {
	return &Live{
		accounts: live[identitycenter.Account]{now: now, read: func(ctx context.Context) (*List[identitycenter.Account], error) {
			all, err := directory.Accounts(ctx)
			return newList(sortedAccounts(all), AccountText), err
		}},
		permissionSets: live[identitycenter.PermissionSet]{now: now, read: func(ctx context.Context) (*List[identitycenter.PermissionSet], error) {
			all, err := directory.PermissionSets(ctx)
			return newList(sortedPermissionSets(all), PermissionSetText), err
		}},
		groups: live[identitycenter.Group]{now: now, read: func(ctx context.Context) (*List[identitycenter.Group], error) {
			all, err := directory.Groups(ctx)
			return newList(sortedGroups(all), GroupText), err
		}},
	}
}

// live is one of the lists, read when it is asked for and too old. Where it
// can't be read again the old one is offered on.
type live[T any] struct {
	read func(context.Context) (*List[T], error)
	now  func() time.Time

	mu     sync.Mutex
	list   *List[T]
	readAt time.Time
}

func (l *live[T]) get(ctx context.Context) (*List[T], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.list != nil && now.Sub(l.readAt) < MaxAge {
		return l.list, nil
	}
	list, err := l.read(ctx)
	if err != nil {
		if l.list != nil {
			return l.list, nil
		}
		return nil, err
	}
	l.list, l.readAt = list, now
	return list, nil
}
