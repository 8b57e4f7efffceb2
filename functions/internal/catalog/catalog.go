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
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/lambdaerr"
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

	mu        sync.Mutex
	lists     *lists // nil: no snapshot was ever read
	failed    error  // why the last look read none
	version   string
	checkedAt time.Time
	askedAt   time.Time
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
	l, err := c.snapshot(ctx)
	if err != nil {
		return ""
	}
	return l.managementAccount
}

// Accounts are the active accounts.
func (c *Catalog) Accounts(ctx context.Context) (*List[identitycenter.Account], error) {
	l, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return l.accounts, nil
}

// PermissionSets are the permission sets of the instance.
func (c *Catalog) PermissionSets(ctx context.Context) (*List[identitycenter.PermissionSet], error) {
	l, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return l.permissionSets, nil
}

// Groups are the groups of the identity store.
func (c *Catalog) Groups(ctx context.Context) (*List[identitycenter.Group], error) {
	l, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return l.groups, nil
}

// snapshot is the newest snapshot that could be had. NotReady: there is none yet,
// or it makes no sense and is made anew. A snapshot is used however old it is:
// what is granted in the end, grant checks for itself, and an alarm tells that the
// snapshot is old.
func (c *Catalog) snapshot(ctx context.Context) (*lists, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	every, timeout := CheckEvery, checkTimeout
	if c.lists == nil {
		every, timeout = CheckMissingEvery, firstTimeout
	}
	if c.checkedAt.IsZero() || now.Sub(c.checkedAt) >= every {
		c.look(ctx, now, timeout)
	}
	if c.lists == nil {
		return nil, c.failed
	}
	return c.lists, nil
}

// look reads the snapshot if there is a newer one.
func (c *Catalog) look(ctx context.Context, now time.Time, timeout time.Duration) {
	reading, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, version, err := c.Store.Get(reading, c.version)
	c.checkedAt = now // also where it failed: S3 is not waited for with every key
	switch code := access.CodeOf(err); {
	case err == nil && s != nil:
		c.lists, c.version = newLists(s), version
	case err == nil: // it is still the same
	case c.lists != nil:
		c.Logger.WarnContext(ctx, "the catalog could not be read again", "error", lambdaerr.Message(err))
	case code == access.CodeNotFound, code == access.CodeInvalid:
		c.failed = access.Wrap(access.CodeNotReady, err, "there is no catalog yet")
		c.ask(ctx, now)
	default:
		c.failed = err
		c.Logger.ErrorContext(ctx, "the catalog could not be read", "error", lambdaerr.Message(err))
	}
}

func (c *Catalog) ask(ctx context.Context, now time.Time) {
	if c.Ask == nil || !c.askedAt.IsZero() && now.Sub(c.askedAt) < AskEvery {
		return
	}
	c.askedAt = now
	c.Logger.InfoContext(ctx, "there is no catalog yet, asking for one")
	asking, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := c.Ask(asking); err != nil {
		c.Logger.WarnContext(ctx, "a first catalog could not be asked for", "error", lambdaerr.Message(err))
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
