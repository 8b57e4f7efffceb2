package catalog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/lambdaerr"
)

// The names of permission sets cost a call each, out of the 20 a second that
// Identity Center gives to everything that uses it (IAM Identity Center,
// "Quotas"): grants and revokes come first.
const (
	// DescribeEvery is the pause between two of these calls: 8 a second.
	DescribeEvery = time.Second / 8
	// describesAtOnce is how many of them may be waiting for their answer.
	describesAtOnce = 4
	// DescribeAgain is how many names that are known already are asked for
	// again in one run, the longest known first. Identity Center has no call
	// that renames a permission set; should it get one, 1,000 permission sets
	// are seen anew in ten runs, and up to 100 in every run.
	DescribeAgain = 100
	// ListUsersEvery is the pause between two pages of users, of 100 each: 50,000
	// users take about two minutes.
	ListUsersEvery = time.Second / 4
)

// writeTime is kept free of the function's time for writing what was read.
const writeTime = 15 * time.Second

// Lister is where a refresh gets its lists from.
type Lister interface {
	Accounts(context.Context) ([]identitycenter.Account, error)
	PermissionSetARNs(context.Context) ([]string, error)
	PermissionSetName(ctx context.Context, arn string) (string, error)
	Groups(context.Context) ([]identitycenter.Group, error)
	UserPages(ctx context.Context, each func([]identitycenter.User) (more bool)) error
}

var _ Lister = (*identitycenter.Client)(nil)

// Refresher makes the next snapshot, and the next index of emails.
type Refresher struct {
	Lister Lister
	Store  Store
	Emails EmailStore
	Now    func() time.Time
	// Pause waits, or returns ctx's error.
	Pause  func(context.Context, time.Duration) error
	Logger *slog.Logger
}

// Pause waits for d, or returns ctx's error when that ends first.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refresh reads the three lists and the users, side by side, and replaces the
// snapshot and the index of emails. What can't be read in full stays as it was;
// without a list of before no snapshot is written. An error says what was not
// read, whether or not the rest was written. What somebody else wrote meanwhile
// is as good, and is left alone.
func (r *Refresher) Refresh(ctx context.Context) error {
	before, version, err := r.Store.Get(ctx, "")
	switch access.CodeOf(err) {
	case "", access.CodeNotFound:
	case access.CodeInvalid:
		r.Logger.ErrorContext(ctx, "the catalog makes no sense and is made anew", "error", lambdaerr.Message(err))
	default:
		return err // it could not be written either
	}
	next := Snapshot{}
	if before != nil {
		next = *before
	}
	reading := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		reading, cancel = context.WithDeadline(ctx, deadline.Add(-writeTime))
		defer cancel()
	}

	var accounts, sets, groups, emails error
	now := r.Now().UTC()
	var all sync.WaitGroup
	all.Go(func() { accounts = r.accounts(reading, &next, now) })
	all.Go(func() { sets = r.permissionSets(reading, &next, now) })
	all.Go(func() { groups = r.groups(reading, &next, now) })
	all.Go(func() { emails = r.emails(ctx, reading) })
	all.Wait()
	failed := errors.Join(accounts, sets, groups, emails)
	fresh := next.AccountsAt.Equal(now) || next.PermissionSetsAt.Equal(now) || next.GroupsAt.Equal(now)
	whole := !next.AccountsAt.IsZero() && !next.PermissionSetsAt.IsZero() && !next.GroupsAt.IsZero()
	if !fresh || !whole {
		return failed
	}
	switch err := r.Store.Put(ctx, &next, version); access.CodeOf(err) {
	case "":
		r.Logger.InfoContext(ctx, "the catalog was refreshed", "accounts", len(next.Accounts), "permission_sets", len(next.PermissionSets), "groups", len(next.Groups))
	case access.CodeLost:
		r.Logger.InfoContext(ctx, "another refresh was faster")
	default:
		failed = errors.Join(failed, err)
	}
	return failed
}

// Each of the following changes its own part of next, and only if it has all of
// it.

func (r *Refresher) accounts(ctx context.Context, next *Snapshot, now time.Time) error {
	all, err := r.Lister.Accounts(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		// There is always the management account.
		return access.Errorf(access.CodeUnavailable, "list accounts: there are none")
	}
	next.Accounts, next.AccountsAt = sortedAccounts(all), now
	for _, a := range all {
		if a.Management {
			next.ManagementAccount = a.ID
		}
	}
	return nil
}

func (r *Refresher) groups(ctx context.Context, next *Snapshot, now time.Time) error {
	all, err := r.Lister.Groups(ctx)
	if err != nil {
		return err
	}
	next.Groups, next.GroupsAt = sortedGroups(all), now
	return nil
}

// emails replaces the index of emails, if it has changed. reading ends before
// ctx, so that there is time to write.
func (r *Refresher) emails(ctx, reading context.Context) error {
	before, version, err := r.Emails.GetEmails(ctx, "")
	switch access.CodeOf(err) {
	case "", access.CodeNotFound, access.CodeInvalid: // one that makes no sense is made anew
	default:
		return err
	}
	var users []identitycenter.User
	var paused error
	err = r.Lister.UserPages(reading, func(page []identitycenter.User) bool {
		users = append(users, page...)
		paused = r.Pause(reading, ListUsersEvery)
		return paused == nil
	})
	if err == nil && paused != nil {
		err = access.Wrap(access.CodeUnavailable, paused, "list users")
	}
	if err != nil {
		return err
	}
	next := NewEmails(users)
	r.warnOfShared(ctx, next, users)
	if before != nil && bytes.Equal(before.text, next.text) {
		return nil
	}
	switch err := r.Emails.PutEmails(ctx, next, version); access.CodeOf(err) {
	case "":
		r.Logger.InfoContext(ctx, "the index of emails was refreshed", "users", len(users), "emails", next.Len())
	case access.CodeLost:
		r.Logger.InfoContext(ctx, "another refresh of the index of emails was faster")
	default:
		return err
	}
	return nil
}

// warnOfShared logs which users can't use this app because they share an email.
func (r *Refresher) warnOfShared(ctx context.Context, e *Emails, users []identitycenter.User) {
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

// SharedEmail is what the log says of users who share an email.
const SharedEmail = "several users in IAM Identity Center have the same email address, apart from capital letters: none of them can request or approve access"

// permissionSets asks for the names of those that are new, and for some of the
// others' again. A known name that can't be had again is kept; that is an error
// nevertheless.
func (r *Refresher) permissionSets(ctx context.Context, next *Snapshot, now time.Time) error {
	arns, err := r.Lister.PermissionSetARNs(ctx)
	if err != nil {
		return err
	}
	names, namedAt := map[string]string{}, map[string]time.Time{}
	known := map[string]string{}
	for _, s := range next.PermissionSets {
		known[s.ARN] = s.Name
	}
	var ask, again []string
	for _, arn := range arns {
		if name, ok := known[arn]; ok {
			names[arn], namedAt[arn] = name, next.NamedAt[arn]
			again = append(again, arn)
		} else {
			ask = append(ask, arn)
		}
	}
	slices.SortFunc(again, func(a, b string) int {
		return cmp.Or(namedAt[a].Compare(namedAt[b]), strings.Compare(a, b))
	})
	again = again[:min(len(again), DescribeAgain)]

	described, err := r.describe(ctx, append(ask, again...))
	for arn, name := range described {
		if name == "" { // it was deleted after it had been listed
			delete(names, arn)
			continue
		}
		names[arn], namedAt[arn] = name, now
	}
	for _, arn := range ask {
		if _, ok := described[arn]; !ok {
			return err
		}
	}
	sets := make([]identitycenter.PermissionSet, 0, len(names))
	for arn, name := range names {
		sets = append(sets, identitycenter.PermissionSet{ARN: arn, Name: name})
	}
	next.PermissionSets, next.NamedAt, next.PermissionSetsAt = sortedPermissionSets(sets), namedAt, now
	return err
}

// describe asks for the names of permission sets, "" for those that do not
// exist. With an error the answer has those that were had before it: after an
// error that the client's retries did not get over, no more are asked for.
func (r *Refresher) describe(ctx context.Context, arns []string) (map[string]string, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu     sync.Mutex
		names  = map[string]string{}
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
	for i, arn := range arns {
		if i > 0 {
			if err := r.Pause(ctx, DescribeEvery); err != nil {
				fail(access.Wrap(access.CodeUnavailable, err, "look at the permission sets"))
				break
			}
		}
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			name, err := r.Lister.PermissionSetName(ctx, arn)
			if access.CodeOf(err) == access.CodeNotFound {
				name, err = "", nil
			}
			if err != nil {
				fail(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			names[arn] = name
		})
	}
	calls.Wait()
	return names, failed
}
