// Package catalog keeps what people can request: the organization's accounts, the
// instance's permission sets, and the groups, by id and by name.
//
// Listing them takes minutes in a large organization: 500 calls for 10,000 accounts,
// and one call for the name of each permission set. Slack gives a person who types
// three seconds. So a schedule lists them (Refresher) into one object in S3 (Object),
// and forms read that object (Catalog).
package catalog

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

const (
	// CheckEvery is how long a snapshot is used before S3 is asked for a newer one.
	CheckEvery = time.Minute
	// CheckMissingEvery is the time between two checks while there is no snapshot.
	CheckMissingEvery = 5 * time.Second
	// If there is no snapshot yet, or it lacks an organizational unit that the policy
	// names, a process asks for a refresh at most once per AskEvery. It is longer than a refresh takes. Concurrent refreshes would use up the
	// quota that grants need.
	AskEvery = 10 * time.Minute
)

// Limits for a read of S3. Slack gives three seconds for everything. If there is a
// snapshot already, we wait only briefly for a newer one.
const (
	firstTimeout = 1500 * time.Millisecond
	checkTimeout = 500 * time.Millisecond
)

// Store stores snapshots; see Object.
type Store interface {
	Get(ctx context.Context, version string) (*Snapshot, string, error)
	Put(ctx context.Context, s *Snapshot, version string) error
}

var _ Store = Object{}

// Catalog answers from the snapshot. Until there is a snapshot, it returns NotReady
// and asks for one. It is safe for concurrent use: a call waits while another call
// reads the snapshot.
type Catalog struct {
	Store Store
	Ask   func(context.Context) error // asks for a snapshot; may be nil
	// Partial are the lists that Accounts, PermissionSets, Groups and Complete use until
	// there is a snapshot. nil: none. Nothing else uses them.
	Partial PartialStore
	Now     func() time.Time
	Logger  *slog.Logger

	lists   newest[lists]
	partial newest[partialLists]

	mu      sync.Mutex
	askedAt time.Time
}

// lists are a snapshot, prepared for searches.
type lists struct {
	managementAccount string
	portalURL         string
	accounts          *List[access.Account]
	permissionSets    *List[access.PermissionSet]
	groups            *List[access.Group]
	members           map[string]Members
	ous               *OUs
}

func newLists(s *Snapshot) *lists {
	return &lists{s.ManagementAccount, s.PortalURL, newList(s.Accounts, AccountText), newList(s.PermissionSets, PermissionSetText), newList(s.Groups, GroupText), s.Members, NewOUs(s.Units)}
}

// ManagementAccount returns the id of the organization's management account. It
// returns "" if the snapshot is missing, unreadable, or doesn't say. If a partial list has
// that account, it is known, too.
func (c *Catalog) ManagementAccount(ctx context.Context) string {
	l, _, err := c.offered(ctx)
	if err != nil {
		return ""
	}
	return l.managementAccount
}

// PortalURL returns the address that AWS gives the access portal. It returns "" if the
// snapshot is missing, unreadable, or doesn't say.
func (c *Catalog) PortalURL(ctx context.Context) string {
	l, err := c.newestLists(ctx)
	if err != nil {
		return ""
	}
	return l.portalURL
}

// Description returns a permission set's description. It returns "" if the snapshot is
// missing, unreadable, or doesn't say.
func (c *Catalog) Description(ctx context.Context, permissionSetARN string) string {
	l, err := c.newestLists(ctx)
	if err != nil {
		return ""
	}
	set, _ := l.permissionSets.find(func(s access.PermissionSet) bool { return s.ARN == permissionSetARN })
	return set.Description
}

// Session returns how long a session with a permission set lasts. It returns zero if the
// snapshot is missing, unreadable, or doesn't say.
func (c *Catalog) Session(ctx context.Context, permissionSetARN string) time.Duration {
	l, err := c.newestLists(ctx)
	if err != nil {
		return 0
	}
	set, _ := l.permissionSets.find(func(s access.PermissionSet) bool { return s.ARN == permissionSetARN })
	return set.Session
}

// Accounts returns the active accounts.
func (c *Catalog) Accounts(ctx context.Context) (*List[access.Account], error) {
	l, _, err := c.offered(ctx)
	if err != nil {
		return nil, err
	}
	return l.accounts, nil
}

// PermissionSets returns the permission sets of the instance.
func (c *Catalog) PermissionSets(ctx context.Context) (*List[access.PermissionSet], error) {
	l, _, err := c.offered(ctx)
	if err != nil {
		return nil, err
	}
	return l.permissionSets, nil
}

// Groups returns the groups of the identity store.
func (c *Catalog) Groups(ctx context.Context) (*List[access.Group], error) {
	l, _, err := c.offered(ctx)
	if err != nil {
		return nil, err
	}
	return l.groups, nil
}

// ApproverGroup returns the name of a group, and its members if it approves requests.
// Both are empty if the catalog doesn't have them. The members are up to one refresh old,
// so only what is shown may depend on them.
func (c *Catalog) ApproverGroup(ctx context.Context, id string) (name string, m Members) {
	l, err := c.newestLists(ctx)
	if err != nil {
		return "", Members{}
	}
	g, _ := l.groups.find(func(g access.Group) bool { return strings.EqualFold(g.ID, id) })
	m, m.Known = l.members[id]
	return g.Name, m
}

// newestLists returns the newest snapshot that it can read. NotReady: there is no
// snapshot, or it is invalid and will be replaced. An old snapshot is used, too,
// because grant itself checks everything that it grants. An alarm reports an old
// snapshot.
func (c *Catalog) newestLists(ctx context.Context) (*lists, error) {
	l, checked, err := c.lists.get(ctx, c.Now(), CheckEvery, func(ctx context.Context, version string) (*lists, string, error) {
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
		c.Logger.WarnContext(ctx, "catalog could not be read again; an older copy is used", "error", access.ErrorMessage(err))
	case missing:
		c.askForSnapshot(ctx, c.Now())
	default:
		c.Logger.ErrorContext(ctx, "catalog could not be read", "error", access.ErrorMessage(err))
	}
	switch {
	case l != nil:
		return l, nil
	case missing:
		return nil, access.Wrap(access.CodeNotReady, err, "there is no catalog yet")
	}
	return nil, err
}

// newest keeps the newest version of an object in S3 that it could read.
type newest[T any] struct {
	made sync.Once
	turn *semaphore.Weighted // who reads holds 1

	value     *T    // nil until the first successful read
	failed    error // of the last check
	version   string
	checkedAt time.Time
}

// get returns the object, or nil if it was never read. It first checks for a newer
// version, unless the last check was less than every ago. checked reports whether it checked now.
// A check that the caller canceled doesn't count. err is the error of the last check. read
// returns nil if version is still the newest.
func (n *newest[T]) get(ctx context.Context, now time.Time, every time.Duration, read func(ctx context.Context, version string) (*T, string, error)) (value *T, checked bool, err error) {
	n.made.Do(func() { n.turn = semaphore.NewWeighted(1) })
	if err := n.turn.Acquire(ctx, 1); err != nil {
		return nil, false, access.Wrap(access.CodeUnavailable, err, "read the catalog")
	}
	defer n.turn.Release(1)
	timeout := checkTimeout
	if n.value == nil {
		every, timeout = CheckMissingEvery, firstTimeout
	}
	if !n.checkedAt.IsZero() && now.Sub(n.checkedAt) < every {
		return n.value, false, n.failed
	}
	reading, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, version, err := read(reading, n.version)
	if err != nil && ctx.Err() == context.Canceled {
		// The caller gave up, which says nothing about the object. The next caller asks again.
		return n.value, false, err
	}
	n.checkedAt, n.failed = now, err // after a failure too: don't wait for S3 on every keystroke
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
	c.Logger.InfoContext(ctx, "no catalog yet, or an incomplete one; requested one")
	asking, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := c.Ask(asking); err != nil {
		c.Logger.WarnContext(ctx, "catalog refresh could not be requested", "error", access.ErrorMessage(err))
	}
}

// Complete fills in the names of t by their ids. It finds a permission set by its ARN
// or, if that is empty, by its name. Empty parts of t stay empty. NotFound: the
// catalog doesn't have a part of t. NotReady: there is no catalog yet, or the part may
// still come, because the lists are partial.
func (c *Catalog) Complete(ctx context.Context, t access.Target) (access.Target, error) {
	if t.Kind == access.KindGroup {
		return c.completeGroup(ctx, t)
	}
	t.AccountName = ""
	if t.AccountID == "" && t.PermissionSetARN == "" && t.PermissionSet == "" {
		return t, nil
	}
	l, partial, err := c.offered(ctx)
	if err != nil {
		return t, err
	}
	if t.AccountID != "" {
		account, ok := l.accounts.find(func(a access.Account) bool { return a.ID == t.AccountID })
		if !ok {
			return t, errMissing(partial, "there is no active account %q", t.AccountID)
		}
		t.AccountName = account.Name
	}
	if t.PermissionSetARN != "" || t.PermissionSet != "" {
		set, ok := l.permissionSets.find(func(s access.PermissionSet) bool {
			return s.ARN == t.PermissionSetARN || t.PermissionSetARN == "" && s.Name == t.PermissionSet
		})
		if !ok {
			return t, errMissing(partial, "there is no such permission set")
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
	l, partial, err := c.offered(ctx)
	if err != nil {
		return t, err
	}
	group, ok := l.groups.find(func(g access.Group) bool { return g.ID == t.GroupID })
	if !ok {
		return t, errMissing(partial, "there is no such group")
	}
	t.GroupName = group.Name
	return t, nil
}

// New returns a catalog that reads from store. It doesn't ask for snapshots.
func New(store Store, p host.Process) *Catalog {
	return &Catalog{Store: store, Now: p.Now, Logger: p.Logger}
}
