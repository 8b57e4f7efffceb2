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
		{name: "in lower case everywhere", email: "alice@example.com", want: "u-alice", calls: []string{"User u-alice"}},
		{name: "with capitals in Slack", email: "Alice@example.com", want: "u-alice", calls: []string{"User u-alice"}},
		{name: "with capitals in Identity Center", email: "grace.hopper@example.com", want: "u-grace", calls: []string{"User u-grace"}},
		{name: "with the same capitals in both", email: "Grace.Hopper@Example.com", want: "u-grace", calls: []string{"User u-grace"}},
		{name: "with other capitals in both", email: "GRACE.HOPPER@EXAMPLE.COM", want: "u-grace", calls: []string{"User u-grace"}},
		{name: "disabled, with capitals", email: "off@example.com", want: "u-off", calls: []string{"User u-off"}},
		{name: "nobody", email: "bob@example.com", calls: []string{"UserByEmail bob@example.com"}},
		{name: "nobody, and no index", email: "bob@example.com", noIndex: true, calls: []string{"UserByEmail bob@example.com", "page", "page", "page", "page"}},
		{name: "in lower case, and no index", email: "alice@example.com", noIndex: true, want: "u-alice",
			calls: []string{"UserByEmail alice@example.com", "page", "page", "page", "page"}},
		{name: "with capitals, and no index", email: "grace.hopper@example.com", noIndex: true, want: "u-grace",
			calls: []string{"UserByEmail grace.hopper@example.com", "page", "page", "page", "page", "User u-grace"}},
		{name: "the index is old: came since", email: "alice@example.com", indexed: []access.User{grace}, want: "u-alice", calls: []string{"UserByEmail alice@example.com"}},
		{name: "the index is old: gone since", email: "grace.hopper@example.com", now: []access.User{alice}, calls: []string{"User u-grace", "UserByEmail grace.hopper@example.com"}},
		{name: "the index is old: of another email since", email: "grace.hopper@example.com", now: []access.User{user("u-grace", "grace@example.com")},
			calls: []string{"User u-grace", "UserByEmail grace.hopper@example.com"}},
		{name: "the index is old: somebody else has the email now", email: "grace.hopper@example.com", now: []access.User{user("u-grace", "grace@example.com"), twin},
			want: "u-twin", calls: []string{"User u-grace", "UserByEmail grace.hopper@example.com"}},
		{name: "the index is old: deleted and created again", email: "alice@example.com", now: []access.User{user("u-new", "alice@example.com")},
			want: "u-new", calls: []string{"User u-alice", "UserByEmail alice@example.com"}},
		// A newcomer doesn't take the email over, however Slack spells it.
		{name: "the index is old: the second came since", email: "grace.hopper@example.com", now: []access.User{grace, twin}, want: "u-grace",
			calls: []string{"User u-grace"}},
		{name: "the index is old: the second came since, as Slack spells it", email: "Alice@Example.com", now: []access.User{alice, user("u-new", "Alice@Example.com")},
			want: "u-alice", calls: []string{"User u-alice"}},
		{name: "the index is old: the second came since the first was disabled", email: "off@example.com", now: []access.User{user("u-new", "off@example.com"), off},
			want: "u-off", calls: []string{"User u-off"}},
		{name: "the index is old: both of two came since", email: "bob@example.com", now: []access.User{user("u-bob", "bob@example.com"), user("u-bob2", "Bob@example.com")},
			want: "u-bob", calls: []string{"UserByEmail bob@example.com"}},
		{name: "the next index", email: "grace.hopper@example.com", now: []access.User{grace, twin}, indexed: []access.User{grace, twin}, code: access.CodeAmbiguous,
			calls: []string{"User u-grace", "User u-twin"}},
		{name: "the next index, as the first spells it", email: "Grace.Hopper@Example.com", now: []access.User{grace, twin}, indexed: []access.User{grace, twin}, code: access.CodeAmbiguous,
			calls: []string{"User u-grace", "User u-twin"}},
		{name: "two have it, in lower case", email: "grace.hopper@example.com", now: []access.User{user("u-grace", "grace.hopper@example.com"), twin},
			indexed: []access.User{user("u-grace", "grace.hopper@example.com"), twin}, code: access.CodeAmbiguous, calls: []string{"User u-grace", "User u-twin"}},
		{name: "two have it, with capitals", email: "grace.hopper@example.com", now: []access.User{grace, user("u-third", "GRACE.hopper@example.com")},
			indexed: []access.User{grace, user("u-third", "GRACE.hopper@example.com")}, code: access.CodeAmbiguous,
			calls: []string{"User u-grace", "User u-third"}},
		{name: "two have it, and no index", email: "grace.hopper@example.com", now: []access.User{grace, twin, alice}, noIndex: true, code: access.CodeAmbiguous,
			calls: []string{"UserByEmail grace.hopper@example.com", "page", "page", "User u-grace"}},
		{name: "two of three still have it", email: "grace.hopper@example.com", now: []access.User{grace, twin},
			indexed: []access.User{grace, twin, user("u-a", "grace.hopper@example.com")}, code: access.CodeAmbiguous, calls: []string{"User u-a", "User u-grace", "User u-twin"}},
		{name: "one of the two is gone", email: "grace.hopper@example.com", now: []access.User{twin}, indexed: []access.User{grace, twin}, want: "u-twin",
			calls: []string{"User u-grace", "User u-twin"}},
		{name: "both of the two are gone", email: "grace.hopper@example.com", now: []access.User{alice}, indexed: []access.User{grace, twin},
			calls: []string{"User u-grace", "User u-twin", "UserByEmail grace.hopper@example.com"}},
		{name: "users can't be listed", email: "alice@example.com", noIndex: true, err: map[string]error{"UserPages": outage}, code: access.CodeUnavailable,
			calls: []string{"UserByEmail alice@example.com", "page", "page", "page", "page"}},
		{name: "the exact email can't be asked for", email: "alice@example.com", indexed: []access.User{grace}, err: map[string]error{"UserByEmail": outage}, code: access.CodeUnavailable,
			calls: []string{"UserByEmail alice@example.com"}},
		// Identity Center isn't asked for the email then: nothing is known.
		{name: "a user of the index can't be looked up", email: "grace.hopper@example.com", err: map[string]error{"User": outage}, code: access.CodeUnavailable,
			calls: []string{"User u-grace"}},
		{name: "a forged index: an id without the email", email: "alice@example.com", indexed: []access.User{user("u-lina", "alice@example.com")}, want: "u-alice",
			calls: []string{"User u-lina", "UserByEmail alice@example.com"}},
		{name: "a forged index: an id without the email, beside the right one", email: "alice@example.com",
			indexed: []access.User{user("u-lina", "alice@example.com"), user("u-alice", "alice@example.com")}, want: "u-alice", calls: []string{"User u-alice", "User u-lina"}},
		{name: "a forged index: nobody's id", email: "alice@example.com", indexed: []access.User{user("u-none", "alice@example.com")}, want: "u-alice",
			calls: []string{"User u-none", "UserByEmail alice@example.com"}},
		{name: "a forged index: a look-alike has the id", email: "kim@example.com", now: []access.User{user("u-kelvin", "\u212aim@example.com")},
			indexed: []access.User{user("u-kelvin", "kim@example.com")}, calls: []string{"User u-kelvin", "UserByEmail kim@example.com"}},
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

// Identity Center may find the newcomer by the exact spelling. The user who had the email
// before counts until the next index, and then neither.
func TestNewcomerTakesNoEmailOver(t *testing.T) {
	for _, newcomer := range []string{"grace.hopper@example.com", "Grace.Hopper@Example.com", "GRACE.HOPPER@EXAMPLE.COM"} {
		for _, spelling := range []string{"grace.hopper@example.com", "Grace.Hopper@Example.com", newcomer} {
			users := []access.User{user("u-new", newcomer), grace} // Identity Center finds the first
			c := &center{users: users}
			i := &index{catalog.NewEmails([]access.User{grace})}
			d := &directory.Directory{Center: c, Index: i, Logger: slog.New(slog.DiscardHandler), Count: func(string, map[string]string) {}}
			if got, code := find(t, d, spelling); got != "u-grace" || code != "" {
				t.Errorf("%q beside %q: got %q, code %q", spelling, newcomer, got, code)
			}
			// Nothing is granted to the newcomer, even before the next index.
			if status, err := d.UserStatus(t.Context(), "u-new"); access.CodeOf(err) != access.CodeAmbiguous {
				t.Errorf("the newcomer is %q, %v", status, err)
			}
			i.emails = catalog.NewEmails(users)
			if got, code := find(t, d, spelling); got != "" || code != access.CodeAmbiguous {
				t.Errorf("with the next index, %q beside %q: got %q, code %q", spelling, newcomer, got, code)
			}
			for _, id := range []string{"u-new", "u-grace"} {
				if status, err := d.UserStatus(t.Context(), id); access.CodeOf(err) != access.CodeAmbiguous {
					t.Errorf("with the next index, %s is %q, %v", id, status, err)
				}
			}
		}
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
