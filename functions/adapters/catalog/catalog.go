// Package catalog knows what can be asked for: the organization's accounts, the
// instance's permission sets, and the groups, by id and by name.
//
// Listing them takes minutes in a large organization (500 calls for 10,000
// accounts, one for each permission set's name), and a person who types has
// three seconds. So they are listed by schedule (Refresher) into one object in
// S3 (Object), and read from there (Catalog).
package catalog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
)

const (
	// CheckEvery is how long a snapshot is used before it is asked whether
	// there is a newer one.
	CheckEvery = time.Minute
	// CheckMissingEvery is the same where there is no snapshot yet.
	CheckMissingEvery = 5 * time.Second
	// AskEvery is how often a process asks for a first snapshot at most: not
	// before a run that it asked for has ended. Runs side by side would use up
	// the quota that grants need.
	AskEvery = 10 * time.Minute
)

// How long to wait for S3: Slack gives three seconds for everything. Who has a
// snapshot already waits little for a newer one.
const (
	firstTimeout = 1500 * time.Millisecond
	checkTimeout = 500 * time.Millisecond
)

// Store is where the snapshot is; see Object.
type Store interface {
	Get(ctx context.Context, version string) (*Snapshot, string, error)
	Put(ctx context.Context, s *Snapshot, version string) error
}

var _ Store = Object{}

// Catalog answers from the snapshot. Until there is one its errors are NotReady,
// and it asks for one. It is safe for concurrent use: who asks while something is
// being read waits for that reading.
type Catalog struct {
	Store  Store
	Ask    func(context.Context) error // for a first snapshot
	Now    func() time.Time
	Logger *slog.Logger

	lists newest[lists]

	mu      sync.Mutex
	askedAt time.Time
}

// lists are a snapshot, ready for being searched.
type lists struct {
	managementAccount string
	accounts          *List[identitycenter.Account]
	permissionSets    *List[identitycenter.PermissionSet]
	groups            *List[identitycenter.Group]
}

func newLists(s *Snapshot) *lists {
	return &lists{s.ManagementAccount, newList(s.Accounts, AccountText), newList(s.PermissionSets, PermissionSetText), newList(s.Groups, GroupText)}
}

// ManagementAccount is the id of the organization's management account, "" where
// it is not known: where there is no snapshot yet, or it could not be read.
func (c *Catalog) ManagementAccount(ctx context.Context) string {
	l, err := c.newestLists(ctx)
	if err != nil {
		return ""
	}
	return l.managementAccount
}

// Accounts are the active accounts.
func (c *Catalog) Accounts(ctx context.Context) (*List[identitycenter.Account], error) {
	l, err := c.newestLists(ctx)
	if err != nil {
		return nil, err
	}
	return l.accounts, nil
}

// PermissionSets are the permission sets of the instance.
func (c *Catalog) PermissionSets(ctx context.Context) (*List[identitycenter.PermissionSet], error) {
	l, err := c.newestLists(ctx)
	if err != nil {
		return nil, err
	}
	return l.permissionSets, nil
}

// Groups are the groups of the identity store.
func (c *Catalog) Groups(ctx context.Context) (*List[identitycenter.Group], error) {
	l, err := c.newestLists(ctx)
	if err != nil {
		return nil, err
	}
	return l.groups, nil
}

// newestLists returns the newest snapshot that could be had. NotReady: there is none yet,
// or it makes no sense and is made anew. A snapshot is used however old it is:
// what is granted in the end, grant checks for itself, and an alarm tells that the
// snapshot is old.
func (c *Catalog) newestLists(ctx context.Context) (*lists, error) {
	l, checked, err := c.lists.get(ctx, c.Now(), func(ctx context.Context, version string) (*lists, string, error) {
		s, version, err := c.Store.Get(ctx, version)
		if err != nil || s == nil {
			return nil, version, err
		}
		return newLists(s), version, nil
	})
	missing := access.CodeOf(err) == access.CodeNotFound || access.CodeOf(err) == access.CodeInvalid
	switch {
	case !checked || err == nil:
	case l != nil:
		c.Logger.WarnContext(ctx, "the catalog could not be read again", "error", host.ErrorMessage(err))
	case missing:
		c.askForSnapshot(ctx, c.Now())
	default:
		c.Logger.ErrorContext(ctx, "the catalog could not be read", "error", host.ErrorMessage(err))
	}
	switch {
	case l != nil:
		return l, nil
	case missing:
		return nil, access.Wrap(access.CodeNotReady, err, "there is no catalog yet")
	}
	return nil, err
}

// newest keeps an object of S3 in the newest version that could be read.
type newest[T any] struct {
	made sync.Once
	turn chan struct{} // has room for the one who reads

	value     *T    // nil: it was never read
	failed    error // of the last look
	version   string
	checkedAt time.Time
}

// get returns the object, nil if it was never read, after a look for a newer
// version if the last look is long ago. checked reports whether it checked now; err
// says why the last look failed. read returns nil if version is still the newest.
func (n *newest[T]) get(ctx context.Context, now time.Time, read func(ctx context.Context, version string) (*T, string, error)) (value *T, checked bool, err error) {
	n.made.Do(func() { n.turn = make(chan struct{}, 1) })
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return nil, false, access.Wrap(access.CodeUnavailable, ctx.Err(), "wait for the catalog")
	}
	every, timeout := CheckEvery, checkTimeout
	if n.value == nil {
		every, timeout = CheckMissingEvery, firstTimeout
	}
	if !n.checkedAt.IsZero() && now.Sub(n.checkedAt) < every {
		return n.value, false, n.failed
	}
	reading, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, version, err := read(reading, n.version)
	n.checkedAt, n.failed = now, err // also where it failed: S3 is not waited for with every key
	if err == nil && value != nil {
		n.value, n.version = value, version
	}
	return n.value, true, err
}

func (c *Catalog) askForSnapshot(ctx context.Context, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Ask == nil || !c.askedAt.IsZero() && now.Sub(c.askedAt) < AskEvery {
		return
	}
	c.askedAt = now
	c.Logger.InfoContext(ctx, "there is no catalog yet, asking for one")
	asking, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := c.Ask(asking); err != nil {
		c.Logger.WarnContext(ctx, "a first catalog could not be asked for", "error", host.ErrorMessage(err))
	}
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
		account, ok := accounts.find(func(a identitycenter.Account) bool { return a.ID == t.AccountID })
		if !ok {
			return t, access.Errorf(access.CodeNotFound, "there is no active account %q", t.AccountID)
		}
		t.AccountName = account.Name
	}
	if t.PermissionSetARN != "" || t.PermissionSet != "" {
		sets, err := c.PermissionSets(ctx)
		if err != nil {
			return t, err
		}
		set, ok := sets.find(func(s identitycenter.PermissionSet) bool {
			return s.ARN == t.PermissionSetARN || t.PermissionSetARN == "" && s.Name == t.PermissionSet
		})
		if !ok {
			return t, access.Errorf(access.CodeNotFound, "there is no such permission set")
		}
		t.PermissionSetARN, t.PermissionSet = set.ARN, set.Name
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
	group, ok := groups.find(func(g identitycenter.Group) bool { return g.ID == t.GroupID })
	if !ok {
		return t, access.Errorf(access.CodeNotFound, "there is no such group")
	}
	t.GroupName = group.Name
	return t, nil
}

// New makes a catalog that is read from store. It asks nobody for a first
// snapshot.
func New(store Store, p host.Process) *Catalog {
	return &Catalog{Store: store, Now: p.Now, Logger: p.Logger}
}
