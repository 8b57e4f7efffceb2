package catalog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

const (
	// describesAtOnce is the number of permission sets that are read at the same time. The
	// name of each one costs a call. At the pace of scans, 15 calls a second, calls may take
	// 0.4 s.
	describesAtOnce = 6
	// DescribeAgain is the number of known permission sets that one refresh reads again, the
	// oldest first. Ten refreshes notice new session durations and descriptions of 1,000
	// permission sets.
	// Identity Center has no call that renames one. If AWS adds it, the same holds for names.
	DescribeAgain = 100
)

// writeTime is the part of the function's time that is reserved for writing.
const writeTime = 15 * time.Second

// Lister reads the lists from AWS. It keeps to the quotas by itself
// (identitycenter.Pace).
type Lister interface {
	AccountPages(ctx context.Context, each func([]access.Account)) error
	PermissionSetARNs(context.Context) ([]string, error)
	PermissionSet(ctx context.Context, arn string) (access.PermissionSet, error)
	PortalURL(context.Context) (string, error)
	Groups(context.Context) ([]access.Group, error)
	UserPages(ctx context.Context, each func([]access.User) (more bool)) error
	EachMember(ctx context.Context, groupID string, each func(userID string) (more bool, err error)) error
	Tree
}

var _ Lister = (*identitycenter.Client)(nil)

// Refresher replaces the snapshot and the index of emails.
type Refresher struct {
	Lister Lister
	Store  Store
	Emails EmailStore
	// Partials gets what is known while there is no snapshot yet; nil: nobody gets it.
	Partials PartialStore
	// Policy returns the policy in force, which names the groups that approve and the
	// organizational units that matter.
	Policy func(context.Context) (access.Policy, error)
	Now    func() time.Time
	Logger *slog.Logger
}

// Refresh reads the three lists and the users at the same time, and replaces the
// snapshot and the index of emails. The snapshot doesn't wait for the users, whose
// list may take minutes. A list that can't be read completely keeps its old
// content. If it has none, no snapshot is written. The error says what was not read,
// even if the rest was written. If someone else wrote a snapshot or an index
// meanwhile, Refresh keeps it.
//
// At the end it writes the members of the groups that approve requests into the
// snapshot, if they have changed.
func (r *Refresher) Refresh(ctx context.Context) error {
	before, version, err := r.Store.Get(ctx, "")
	switch access.CodeOf(err) {
	case "", access.CodeNotFound:
	case access.CodeInvalid:
		r.Logger.ErrorContext(ctx, "catalog is invalid and will be replaced", "error", access.ErrorMessage(err))
	default:
		return err // a write would fail too
	}
	reading := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		reading, cancel = context.WithDeadline(ctx, deadline.Add(-writeTime))
		defer cancel()
	}

	var users []access.User
	indexed := make(chan error, 1)
	go func() {
		var err error
		users, err = r.refreshEmails(ctx, reading)
		indexed <- err
	}()
	listed := r.refreshSnapshot(ctx, reading, before, version)
	failed := errors.Join(listed, <-indexed)
	if users == nil {
		return failed
	}
	return errors.Join(failed, r.refreshMembers(ctx, reading, before, users))
}

// MaxMembers is how many members of a group the snapshot has at most.
const MaxMembers = 100

// refreshMembers replaces the members in the snapshot if they have changed. If the
// members of a group can't be listed, all of them stay as they are.
func (r *Refresher) refreshMembers(ctx, reading context.Context, before *Snapshot, users []access.User) error {
	policy, err := r.Policy(reading)
	if err != nil {
		return err
	}
	groups := policy.ApproverGroups()
	if len(groups) == 0 && (before == nil || before.Members == nil) {
		return nil
	}
	var next map[string]Members
	if len(groups) > 0 {
		if next, err = r.listMembers(reading, groups, users); err != nil {
			return err
		}
	}
	s, version, err := r.Store.Get(ctx, "")
	switch {
	case access.CodeOf(err) == access.CodeNotFound, access.CodeOf(err) == access.CodeInvalid:
		return nil // the error of the lists says why
	case err != nil:
		return err
	case reflect.DeepEqual(s.Members, next):
		return nil
	}
	s.Members = next
	if err := r.Store.Put(ctx, s, version); access.CodeOf(err) != access.CodeLost {
		return err
	}
	return nil
}

func (r *Refresher) listMembers(ctx context.Context, groups []string, users []access.User) (map[string]Members, error) {
	enabled := map[string]access.User{}
	for _, u := range users {
		if !u.Disabled {
			enabled[u.ID] = u
		}
	}
	all := map[string]Members{}
	for _, group := range groups {
		var m Members
		listed := 0
		err := r.Lister.EachMember(ctx, group, func(id string) (more bool, err error) {
			if listed == MaxMembers {
				m.More = true
				return false, nil
			}
			listed++
			if u, ok := enabled[id]; ok {
				member := Member{UserID: id}
				if len(u.Emails) > 0 {
					member.Email = access.NormalizeEmail(u.Emails[0])
				}
				m.Users = append(m.Users, member)
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		all[group] = m
	}
	return all, nil
}

// refreshSnapshot reads the three lists and replaces the snapshot before. reading ends
// before ctx does, so that there is time to write.
func (r *Refresher) refreshSnapshot(ctx, reading context.Context, before *Snapshot, version string) error {
	next := Snapshot{}
	if before != nil {
		next = *before
	}
	var first *progress
	if before == nil && r.Partials != nil {
		first = &progress{refresher: r}
	}
	var accounts, sets, groups error
	now := r.Now().UTC()
	var all sync.WaitGroup
	all.Go(func() { accounts = r.refreshAccounts(reading, &next, now, first) })
	all.Go(func() { sets = r.refreshPermissionSets(reading, &next, now, first) })
	all.Go(func() { groups = r.refreshGroups(reading, &next, now, first) })
	all.Wait()
	failed := errors.Join(accounts, sets, groups)
	fresh := next.AccountsAt.Equal(now) || next.PermissionSetsAt.Equal(now) || next.GroupsAt.Equal(now)
	whole := !next.AccountsAt.IsZero() && !next.PermissionSetsAt.IsZero() && !next.GroupsAt.IsZero()
	if !fresh || !whole {
		return failed
	}
	switch err := r.Store.Put(ctx, &next, version); access.CodeOf(err) {
	case "":
		r.Logger.InfoContext(ctx, "catalog refreshed", "accounts", len(next.Accounts), "permission_sets", len(next.PermissionSets), "groups", len(next.Groups))
	case access.CodeLost:
		r.Logger.InfoContext(ctx, "catalog kept: another refresh wrote it first")
	default:
		failed = errors.Join(failed, err)
	}
	return failed
}

// Each of the following methods changes its own part of next, and only if it could
// read everything.

// refreshAccounts reads the units after the accounts, so that they are known of every
// account in the snapshot. If it can't read the units, it keeps the accounts, too, or
// drops the units if some are unknown anyway.
//
// Both take two minutes for 10,000 accounts. So the first refresh reads them at the same
// time, and leaves out the accounts that came meanwhile.
func (r *Refresher) refreshAccounts(ctx context.Context, next *Snapshot, now time.Time, first *progress) error {
	type unitsRead struct {
		units  map[string][]string
		wanted []string
		err    error
	}
	readUnits := func() (u unitsRead) {
		u.units, u.wanted, u.err = r.readUnits(ctx)
		return u
	}
	early := make(chan unitsRead, 1)
	isFirst := next.AccountsAt.IsZero()
	if isFirst {
		go func() { early <- readUnits() }()
	}
	all, err := r.listAccounts(ctx, first)
	var u unitsRead
	if isFirst {
		u = <-early
	}
	if err != nil {
		return err
	}
	if len(all) == 0 {
		// The management account always exists.
		return access.Errorf(access.CodeUnavailable, "list accounts: the organization has none")
	}
	if !isFirst {
		u = readUnits()
	}
	if u.err != nil && next.Units != nil && NewOUs(next.Units).Check(u.wanted) == nil {
		return u.err
	}
	if isFirst && len(u.wanted) > 0 {
		all = leaveOutNew(all, now)
	}
	next.Accounts, next.AccountsAt, next.Units = sortedAccounts(all), now, u.units
	for _, a := range all {
		if a.Management {
			next.ManagementAccount = a.ID
		}
	}
	return u.err
}

// clockSkew is how much the clocks of AWS and of the function may differ at most.
const clockSkew = 5 * time.Minute

// leaveOutNew leaves out the accounts that may have joined since then: the list of the
// accounts in a unit may have been read before. The next refresh has them.
func leaveOutNew(all []access.Account, then time.Time) []access.Account {
	var kept []access.Account // the partial lists still use all
	for _, a := range all {
		if !a.JoinedAt.After(then.Add(-clockSkew)) {
			kept = append(kept, a)
		}
	}
	return kept
}

// listAccounts returns all accounts, and tells first which ones are known so far.
func (r *Refresher) listAccounts(ctx context.Context, first *progress) ([]access.Account, error) {
	var all []access.Account
	err := r.Lister.AccountPages(ctx, func(page []access.Account) {
		all = append(all, page...)
		first.add(ctx, func(p *Partial) {
			p.Accounts = all
			for _, a := range page {
				if a.Management {
					p.ManagementAccount = a.ID
				}
			}
		})
	})
	if err == nil {
		first.add(ctx, func(p *Partial) { p.HasAllAccounts = true })
	}
	return all, err
}

// readUnits returns the accounts below the organizational units that the policy names.
// If that fails, it returns the units that it wanted; none if it doesn't know them.
func (r *Refresher) readUnits(ctx context.Context) (units map[string][]string, wanted []string, err error) {
	policy, err := r.Policy(ctx)
	if err != nil {
		return nil, nil, err
	}
	wanted = access.NewIndex(&policy).OUs()
	if len(wanted) == 0 {
		return nil, nil, nil
	}
	units, missing, err := ReadUnits(ctx, r.Lister, wanted)
	if len(missing) > 0 {
		r.Logger.WarnContext(ctx, "the policy names organizational units that don't exist", "units", missing)
	}
	return units, wanted, err
}

func (r *Refresher) refreshGroups(ctx context.Context, next *Snapshot, now time.Time, first *progress) error {
	all, err := r.Lister.Groups(ctx)
	if err != nil {
		return err
	}
	first.add(ctx, func(p *Partial) { p.Groups, p.HasAllGroups = all, true })
	next.Groups, next.GroupsAt = sortedGroups(all), now
	return nil
}

// refreshEmails replaces the index of emails if it has changed. It returns the users, or
// nil if it can't list them. reading ends before ctx does, so that there is time to write.
func (r *Refresher) refreshEmails(ctx, reading context.Context) ([]access.User, error) {
	before, version, err := r.Emails.GetEmails(ctx, "")
	switch access.CodeOf(err) {
	case "", access.CodeNotFound, access.CodeInvalid: // an invalid one is replaced
	default:
		return nil, err
	}
	users := []access.User{}
	err = r.Lister.UserPages(reading, func(page []access.User) bool {
		users = append(users, page...)
		return true
	})
	if err != nil {
		return nil, err
	}
	next := NewEmails(users)
	r.warnOfShared(ctx, next, users)
	if before != nil && bytes.Equal(before.text, next.text) {
		return users, nil
	}
	switch err := r.Emails.PutEmails(ctx, next, version); access.CodeOf(err) {
	case "":
		r.Logger.InfoContext(ctx, "email index refreshed", "users", len(users), "emails", next.Len())
	case access.CodeLost:
		r.Logger.InfoContext(ctx, "email index kept: another refresh wrote it first")
	default:
		return users, err
	}
	return users, nil
}

// warnOfShared logs the users who can't use this app because they share an email.
func (r *Refresher) warnOfShared(ctx context.Context, e *Emails, users []access.User) {
	for _, ids := range e.Shared {
		var names []string
		for _, u := range users {
			if slices.Contains(ids, u.ID) {
				names = append(names, u.UserName)
			}
		}
		r.Logger.WarnContext(ctx, SharedEmail, "user_ids", ids, "user_names", names)
	}
}

// SharedEmail is the log message about users who share an email.
const SharedEmail = "several users in IAM Identity Center have the same email address, ignoring case: none of them can request or approve access"

// refreshPermissionSets reads new permission sets, and reads some of the known ones
// again. If a known one can't be read again, it is kept, and refreshPermissionSets
// returns an error.
func (r *Refresher) refreshPermissionSets(ctx context.Context, next *Snapshot, now time.Time, first *progress) error {
	arns, err := r.Lister.PermissionSetARNs(ctx)
	if err != nil {
		return err
	}
	portal, err := r.Lister.PortalURL(ctx)
	if err != nil {
		return err
	}
	sets, namedAt := map[string]access.PermissionSet{}, map[string]time.Time{}
	old := map[string]access.PermissionSet{}
	for _, s := range next.PermissionSets {
		old[s.ARN] = s
	}
	var newARNs, oldARNs []string
	for _, arn := range arns {
		if set, ok := old[arn]; ok {
			sets[arn], namedAt[arn] = set, next.NamedAt[arn]
			oldARNs = append(oldARNs, arn)
		} else {
			newARNs = append(newARNs, arn)
		}
	}
	slices.SortFunc(oldARNs, func(a, b string) int {
		return cmp.Or(namedAt[a].Compare(namedAt[b]), strings.Compare(a, b))
	})
	oldARNs = oldARNs[:min(len(oldARNs), DescribeAgain)]

	described, err := r.describe(ctx, append(newARNs, oldARNs...), first)
	for arn, set := range described {
		if set.Name == "" { // it was deleted after it was listed
			delete(sets, arn)
			continue
		}
		sets[arn], namedAt[arn] = set, now
	}
	if err == nil {
		first.add(ctx, func(p *Partial) { p.HasAllPermissionSets = true })
	}
	for _, arn := range newARNs {
		if _, ok := described[arn]; !ok {
			return err
		}
	}
	next.PermissionSets = sortedPermissionSets(slices.Collect(maps.Values(sets)))
	next.NamedAt, next.PermissionSetsAt, next.PortalURL = namedAt, now, portal
	return err
}

// describe returns permission sets by ARN, without a name if they do not exist. It stops
// at the first error that remains after the client's retries, and returns what it has
// by then.
func (r *Refresher) describe(ctx context.Context, arns []string, first *progress) (map[string]access.PermissionSet, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu     sync.Mutex
		sets   = map[string]access.PermissionSet{}
		failed error
		calls  sync.WaitGroup
		slots  = make(chan struct{}, describesAtOnce)
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = err
		}
		stop()
	}
	for _, arn := range arns {
		slots <- struct{}{}
		if err := ctx.Err(); err != nil {
			fail(access.Wrap(access.CodeUnavailable, err, "read the permission sets"))
			<-slots
			break
		}
		calls.Go(func() {
			defer func() { <-slots }()
			set, err := r.Lister.PermissionSet(ctx, arn)
			if access.CodeOf(err) == access.CodeNotFound {
				set, err = access.PermissionSet{}, nil
			}
			if err != nil {
				fail(err)
				return
			}
			if set.Name != "" {
				first.add(ctx, func(p *Partial) { p.PermissionSets = append(p.PermissionSets, set) })
			}
			mu.Lock()
			defer mu.Unlock()
			sets[arn] = set
		})
	}
	calls.Wait()
	return sets, failed
}
