package directory_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/directory"
)

// center is an Identity Center that finds users only by their exact email.
type center struct {
	users []access.User
	err   map[string]error // by call
	calls []string
}

func (c *center) UserByEmail(_ context.Context, email string) (access.User, bool, error) {
	c.calls = append(c.calls, "UserByEmail "+email)
	for _, try := range []string{email, access.NormalizeEmail(email)} {
		for _, u := range c.users {
			if slices.Contains(u.Emails, try) {
				return u, true, c.err["UserByEmail"]
			}
		}
	}
	return access.User{}, false, c.err["UserByEmail"]
}

func (c *center) User(_ context.Context, id string) (access.User, bool, error) {
	c.calls = append(c.calls, "User "+id)
	for _, u := range c.users {
		if u.ID == id {
			return u, true, c.err["User"]
		}
	}
	return access.User{}, false, c.err["User"]
}

// Pages have one user each.
func (c *center) UserPages(_ context.Context, each func([]access.User) bool) error {
	for i := range c.users {
		c.calls = append(c.calls, "page")
		if !each(c.users[i : i+1]) {
			return nil
		}
	}
	return c.err["UserPages"]
}

type index struct{ emails *catalog.Emails }

func (i index) Emails(context.Context) *catalog.Emails { return i.emails }

func user(id, email string) access.User {
	return access.User{ID: id, UserName: "name of " + id, Emails: []string{email}}
}

var (
	alice = user("u-alice", "alice@example.com")
	grace = user("u-grace", "Grace.Hopper@Example.com")
	twin  = user("u-twin", "grace.hopper@example.com")
	lina  = user("u-lina", "lina@example.com")
	off   = access.User{ID: "u-off", Emails: []string{"Off@Example.com"}, Disabled: true}
)

func find(t *testing.T, d *directory.Directory, email string) (string, access.Code) {
	t.Helper()
	u, found, err := d.UserByEmail(t.Context(), email)
	if found != (u.ID != "") {
		t.Errorf("found %t: %+v", found, u)
	}
	return u.ID, access.CodeOf(err)
}

func TestUserByEmail(t *testing.T) {
	everybody := []access.User{alice, grace, lina, off}
	outage := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name    string
		email   string
		now     []access.User // in Identity Center; everyone by default
		indexed []access.User // everyone by default
		noIndex bool
		err     map[string]error
		want    string
		code    access.Code
		calls   []string
	}{
		{name: "in lower case everywhere", email: "alice@example.com", want: "u-alice", calls: []string{"UserByEmail alice@example.com"}},
		{name: "with capitals in Slack", email: "Alice@example.com", want: "u-alice", calls: []string{"UserByEmail Alice@example.com"}},
		{name: "with capitals in Identity Center", email: "grace.hopper@example.com", want: "u-grace", calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "with the same capitals in both", email: "Grace.Hopper@Example.com", want: "u-grace", calls: []string{"UserByEmail Grace.Hopper@Example.com"}},
		{name: "with other capitals in both", email: "GRACE.HOPPER@EXAMPLE.COM", want: "u-grace", calls: []string{"UserByEmail GRACE.HOPPER@EXAMPLE.COM", "User u-grace"}},
		{name: "disabled, with capitals", email: "off@example.com", want: "u-off", calls: []string{"UserByEmail off@example.com", "User u-off"}},
		{name: "nobody", email: "bob@example.com", calls: []string{"UserByEmail bob@example.com"}},
		{name: "nobody, and no index", email: "bob@example.com", noIndex: true, calls: []string{"UserByEmail bob@example.com", "page", "page", "page", "page"}},
		{name: "with capitals, and no index", email: "grace.hopper@example.com", noIndex: true, want: "u-grace",
			calls: []string{"UserByEmail grace.hopper@example.com", "page", "page", "page", "page", "User u-grace"}},
		{name: "the index is old: gone since", email: "grace.hopper@example.com", now: []access.User{alice}, calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "the index is old: of another email since", email: "grace.hopper@example.com", now: []access.User{user("u-grace", "grace@example.com")},
			calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "the index is old: somebody else has the email now", email: "grace.hopper@example.com", now: []access.User{user("u-grace", "grace@example.com"), twin},
			want: "u-twin", calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "the index is old: the second came since", email: "grace.hopper@example.com", now: []access.User{grace, twin}, code: access.CodeAmbiguous,
			calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "two have it", email: "grace.hopper@example.com", now: []access.User{grace, twin}, indexed: []access.User{grace, twin}, code: access.CodeAmbiguous,
			calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "two have it, as the first spells it", email: "Grace.Hopper@Example.com", now: []access.User{grace, twin}, indexed: []access.User{grace, twin}, code: access.CodeAmbiguous,
			calls: []string{"UserByEmail Grace.Hopper@Example.com", "User u-twin"}},
		{name: "two have it, with capitals", email: "grace.hopper@example.com", now: []access.User{grace, user("u-third", "GRACE.hopper@example.com")},
			indexed: []access.User{grace, user("u-third", "GRACE.hopper@example.com")}, code: access.CodeAmbiguous,
			calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace", "User u-third"}},
		{name: "two have it, and no index", email: "grace.hopper@example.com", now: []access.User{grace, twin, alice}, noIndex: true, code: access.CodeAmbiguous,
			calls: []string{"UserByEmail grace.hopper@example.com", "page", "page", "User u-grace"}},
		{name: "one of the two is gone", email: "grace.hopper@example.com", now: []access.User{twin}, indexed: []access.User{grace, twin}, want: "u-twin",
			calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "users can't be listed", email: "alice@example.com", noIndex: true, err: map[string]error{"UserPages": outage}, code: access.CodeUnavailable,
			calls: []string{"UserByEmail alice@example.com", "page", "page", "page", "page"}},
		{name: "the exact email can't be asked for", email: "alice@example.com", err: map[string]error{"UserByEmail": outage}, code: access.CodeUnavailable, calls: []string{"UserByEmail alice@example.com"}},
		{name: "a user of the index can't be looked up", email: "grace.hopper@example.com", err: map[string]error{"User": outage}, code: access.CodeUnavailable,
			calls: []string{"UserByEmail grace.hopper@example.com", "User u-grace"}},
		{name: "a look-alike", email: "\u212aim@example.com"},
		{name: "no email", email: " "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.now == nil {
				test.now = everybody
			}
			if test.indexed == nil {
				test.indexed = everybody
			}
			c := &center{users: test.now, err: test.err}
			var emails *catalog.Emails
			if !test.noIndex {
				emails = catalog.NewEmails(test.indexed)
			}
			var log bytes.Buffer
			var counted []string
			d := &directory.Directory{Center: c, Index: index{emails}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				Count: func(name string, _ map[string]string) { counted = append(counted, name) }}
			if got, code := find(t, d, test.email); got != test.want || code != test.code {
				t.Errorf("got %q, code %q; want %q, %q", got, code, test.want, test.code)
			}
			if !slices.Equal(c.calls, test.calls) {
				t.Errorf("called %q, want %q", c.calls, test.calls)
			}
			// The operators learn who it is, and an alarm fires.
			if ambiguous := test.code == access.CodeAmbiguous; ambiguous != slices.Equal(counted, []string{metric.Misconfigured}) ||
				ambiguous != (strings.Contains(log.String(), "code=Misconfigured") && strings.Contains(log.String(), "u-grace") && strings.Contains(log.String(), "name of u-grace") &&
					(strings.Contains(log.String(), "name of u-twin") || strings.Contains(log.String(), "name of u-third"))) {
				t.Errorf("counted %q, and the log says %q", counted, &log)
			}
		})
	}
}

// The check at the request also applies at the grant, because someone else may have
// the email by then.
func TestUserStatus(t *testing.T) {
	tests := []struct {
		name    string
		id      string
		users   []access.User
		noIndex bool
		want    access.UserStatus
		code    access.Code
		calls   []string
	}{
		{name: "enabled", id: "u-alice", users: []access.User{alice, grace}, want: access.UserEnabled, calls: []string{"User u-alice"}},
		{name: "with capitals", id: "u-grace", users: []access.User{alice, grace}, want: access.UserEnabled, calls: []string{"User u-grace"}},
		{name: "disabled", id: "u-off", users: []access.User{off}, want: access.UserDisabled, calls: []string{"User u-off"}},
		{name: "deleted", id: "u-gone", want: access.UserDeleted, calls: []string{"User u-gone"}},
		{name: "another has the email", id: "u-twin", users: []access.User{grace, twin}, code: access.CodeAmbiguous, calls: []string{"User u-twin", "User u-grace"}},
		{name: "another has the email, and no index", id: "u-grace", users: []access.User{grace, alice, twin}, noIndex: true, code: access.CodeAmbiguous,
			calls: []string{"User u-grace", "page", "page", "page", "User u-twin"}},
		{name: "nobody else has it, and no index", id: "u-grace", users: []access.User{grace, alice}, noIndex: true, want: access.UserEnabled,
			calls: []string{"User u-grace", "page", "page"}},
		{name: "with an email that nobody can match", id: "u-1", users: []access.User{user("u-1", "\u212aim@example.com")}, want: access.UserEnabled, calls: []string{"User u-1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &center{users: test.users}
			var emails *catalog.Emails
			if !test.noIndex {
				emails = catalog.NewEmails(test.users)
			}
			d := &directory.Directory{Center: c, Index: index{emails}, Logger: slog.New(slog.DiscardHandler), Count: func(string, map[string]string) {}}
			got, err := d.UserStatus(t.Context(), test.id)
			if got != test.want || access.CodeOf(err) != test.code {
				t.Errorf("got %q, %v; want %q, code %q", got, err, test.want, test.code)
			}
			if !slices.Equal(c.calls, test.calls) {
				t.Errorf("called %q, want %q", c.calls, test.calls)
			}
		})
	}
}
