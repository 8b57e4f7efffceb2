// Package directory finds people in IAM Identity Center by their email, in
// any case of the letters A to Z. It refuses emails that several users share.
//
// The catalog's index of emails says which users have an email. Each of them is
// looked up and must still have it. Only if none of them does, Identity Center is
// asked for the email: it may find only the exact spelling. While there is no index,
// the other users with the email come from a list of all users.
package directory

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
)

// Center is the part of Identity Center that finds users.
type Center interface {
	UserByEmail(ctx context.Context, email string) (access.User, bool, error)
	User(ctx context.Context, id string) (access.User, bool, error)
	UserPages(ctx context.Context, each func([]access.User) (more bool)) error
}

// Index returns the index of emails, or nil while there is none.
type Index interface {
	Emails(ctx context.Context) *catalog.Emails
}

var (
	_ Center = (*identitycenter.Client)(nil)
	_ Index  = (*catalog.EmailIndex)(nil)
)

// Directory finds users. It is safe for concurrent use.
type Directory struct {
	Center Center
	Index  Index
	Count  func(name string, dimensions map[string]string)
	Logger *slog.Logger
}

// Warm reads the index of emails, unless it was read a moment ago. UserByEmail needs it
// first, so callers warm it while they wait for something else.
func (d *Directory) Warm(ctx context.Context) { d.Index.Emails(ctx) }

// UserByEmail finds the one user who has the email, even if disabled. If
// several users have it, the error is Ambiguous and the log names them.
//
// A user who got the email after the index was made is found only if nobody in the index
// still has it. So a newcomer can't take an email over, and the next index makes it
// Ambiguous.
func (d *Directory) UserByEmail(ctx context.Context, email string) (user access.User, found bool, err error) {
	folded := access.NormalizeEmail(email)
	if folded == "" || !access.IsASCII(folded) {
		return access.User{}, false, nil
	}
	index := d.Index.Emails(ctx)
	if index != nil {
		users, err := d.addHolders(ctx, index.IDs(folded), folded, nil)
		if err != nil || len(users) > 0 {
			return d.only(ctx, users, err)
		}
	}
	user, found, err = d.Center.UserByEmail(ctx, email)
	if err != nil {
		return access.User{}, false, err
	}
	var users []access.User
	if found {
		users = append(users, user)
	}
	if index == nil { // otherwise, nobody in the index has the email
		users, err = d.addOthers(ctx, nil, folded, users)
	}
	return d.only(ctx, users, err)
}

// only returns the one user of users. It returns err if that isn't nil, and Ambiguous if
// there are several.
func (d *Directory) only(ctx context.Context, users []access.User, err error) (user access.User, found bool, _ error) {
	switch {
	case err != nil:
		return access.User{}, false, err
	case len(users) == 0:
		return access.User{}, false, nil
	case len(users) > 1:
		return access.User{}, false, d.reportAmbiguous(ctx, users)
	}
	return users[0], true, nil
}

// UserStatus looks up the user with that id. If another user has the same email,
// the error is Ambiguous.
func (d *Directory) UserStatus(ctx context.Context, principalID string) (access.UserStatus, error) {
	var index *catalog.Emails
	var wait sync.WaitGroup
	wait.Go(func() { index = d.Index.Emails(ctx) })
	user, found, err := d.Center.User(ctx, principalID)
	wait.Wait()
	if err != nil {
		return "", err
	}
	status := access.StatusOf(user, found)
	if status.Gone() {
		return status, nil
	}
	for _, email := range user.Emails {
		if !access.IsASCII(email) {
			continue
		}
		users, err := d.addOthers(ctx, index, access.NormalizeEmail(email), []access.User{user})
		if err != nil {
			return "", err
		}
		if len(users) > 1 {
			return "", d.reportAmbiguous(ctx, users)
		}
	}
	return status, nil
}

// addOthers adds to users the others with the email, according to the index
// or the list of all users. users must have the email. It stops at the second
// user.
func (d *Directory) addOthers(ctx context.Context, index *catalog.Emails, email string, users []access.User) ([]access.User, error) {
	var ids []string
	if index != nil {
		ids = index.IDs(email)
	} else if err := d.Center.UserPages(ctx, func(page []access.User) bool {
		for _, u := range page {
			if u.HasEmail(email) {
				ids = append(ids, u.ID)
			}
		}
		return len(ids) < 2
	}); err != nil {
		return nil, err
	}
	return d.addHolders(ctx, ids, email, users)
}

// addHolders looks up the users with these ids, and adds to users those who have the
// email now. It stops at the second user.
func (d *Directory) addHolders(ctx context.Context, ids []string, email string, users []access.User) ([]access.User, error) {
	for _, id := range ids {
		if len(users) > 1 {
			break
		}
		if slices.ContainsFunc(users, func(u access.User) bool { return u.ID == id }) {
			continue
		}
		u, found, err := d.Center.User(ctx, id)
		if err != nil {
			return nil, err
		}
		if found && u.HasEmail(email) {
			users = append(users, u)
		}
	}
	return users, nil
}

// reportAmbiguous logs and counts users who share an email, for the people
// who run this app. It returns the error Ambiguous.
func (d *Directory) reportAmbiguous(ctx context.Context, users []access.User) error {
	var ids, names []string
	for _, u := range users {
		ids, names = append(ids, u.ID), append(names, u.UserName)
	}
	d.Logger.ErrorContext(ctx, catalog.SharedEmail, "code", access.CodeMisconfigure, "user_ids", ids, "user_names", names)
	d.Count(metric.Misconfigured, nil)
	return access.Errorf(access.CodeAmbiguous, "several users in IAM Identity Center have this email address")
}

// New returns a directory with the index of emails in store.
func New(center Center, store catalog.EmailStore, p host.Process) *Directory {
	return &Directory{
		Center: center,
		Index:  &catalog.EmailIndex{Store: store, Now: p.Now, Logger: p.Logger},
		Count:  p.Metrics.Count,
		Logger: p.Logger,
	}
}
