package access_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestExemption(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	account := access.Exemption{AccountID: "111122223333", PermissionSet: "Admin", Email: "kim@example.com", Until: now.Add(time.Hour), Reason: "x"}
	group := access.Exemption{GroupID: "g-1", Email: "kim@example.com", Until: now.Add(time.Hour), Reason: "x"}
	admin := access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "Admin", PermissionSetARN: "arn:1"}
	covers := []struct {
		name   string
		e      access.Exemption
		target access.Target
		want   bool
	}{
		{"the permission set in the account", account, admin, true},
		{"another account", account, access.Target{Kind: access.KindAccount, AccountID: "999999999999", PermissionSet: "Admin"}, false},
		{"another permission set", account, access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "admin"}, false},
		{"a permission set without a name", access.Exemption{AccountID: "111122223333"}, access.Target{Kind: access.KindAccount, AccountID: "111122223333"}, false},
		{"the group", group, access.Target{Kind: access.KindGroup, GroupID: "g-1"}, true},
		{"another group", group, access.Target{Kind: access.KindGroup, GroupID: "g-2"}, false},
		{"a group, of an account", group, admin, false},
		{"an account, of a group", account, access.Target{Kind: access.KindGroup, GroupID: "g-1"}, false},
		{"nothing", access.Exemption{}, access.Target{}, false},
	}
	for _, test := range covers {
		if got := test.e.Covers(test.target); got != test.want {
			t.Errorf("%s: covered %v, want %v", test.name, got, test.want)
		}
	}
	people := []struct {
		names []string
		want  bool
	}{
		{[]string{"kim@example.com"}, true},
		{[]string{"", "KIM@Example.COM"}, true},
		{[]string{"kim", "other@example.com", "Kim@example.com"}, true},
		{[]string{"\u212aim@example.com"}, false}, // the Kelvin sign
		{[]string{"kım@example.com"}, false},
		{[]string{"kim@example.com "}, false},
		{[]string{""}, false},
		{nil, false},
	}
	for _, test := range people {
		if got := account.IsFor(test.names...); got != test.want {
			t.Errorf("for %q: %v, want %v", test.names, got, test.want)
		}
	}
	if (access.Exemption{}).IsFor("") {
		t.Error("nobody has no name")
	}
	p := access.Policy{Exemptions: []access.Exemption{account, group}}
	for _, test := range []struct {
		at   time.Time
		want int
	}{{now, 1}, {account.Until.Add(-time.Nanosecond), 1}, {account.Until, 0}} {
		if got := p.ExemptionsOf(admin, test.at); len(got) != test.want {
			t.Errorf("at %v: %v, want %d", test.at, got, test.want)
		}
	}
}

// No exemption lasts longer than 72 hours after the deployment, whatever the document
// says.
func TestExemptionsEndAfterTheDeployment(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	short, long := access.Exemption{Email: "a", Until: at.Add(71 * time.Hour)}, access.Exemption{Email: "b", Until: at.Add(1000 * time.Hour)}
	p := access.Policy{Exemptions: []access.Exemption{short, long}}
	got := p.DeployedAt(at).Exemptions
	if len(got) != 2 || got[0] != short || got[1].Email != "b" || !got[1].Until.Equal(at.Add(72*time.Hour)) {
		t.Errorf("got %+v", got)
	}
	if !p.Exemptions[1].Until.Equal(long.Until) {
		t.Error("the document itself was changed")
	}
	if got := p.DeployedAt(time.Time{}).Exemptions; len(got) > 0 {
		t.Errorf("without the time of the deployment there are %+v", got)
	}
}

func TestExemptionsOfOtherContentAreOthers(t *testing.T) {
	until := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for _, e := range []access.Exemption{
		{}, {AccountID: "1"}, {PermissionSet: "1"}, {GroupID: "1"}, {Email: "1"}, {Reason: "1"}, {Until: until}, {Until: until.Add(time.Second)},
		{AccountID: `1" "2`}, {AccountID: "1", PermissionSet: "2"},
	} {
		if seen[e.Key()] {
			t.Errorf("%+v has the key of another one", e)
		}
		seen[e.Key()] = true
	}
	if a, b := (access.Exemption{Until: until}), (access.Exemption{Until: until.In(time.FixedZone("", 3600))}); a.Key() != b.Key() {
		t.Error("the same moment has two keys")
	}
}

// An exemption ends 72 hours after the access was first found, and never later than it
// says. If nobody knows when that was, it ends when it says.
func TestExemptionsEndAfterTheFirstSighting(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	const hour = time.Hour
	for _, test := range []struct {
		name        string
		seen, until time.Duration // since now
		unknown     bool
		want        time.Duration // 0: it is over
	}{
		{name: "found just now", until: 72 * hour, want: 72 * hour},
		{name: "short", seen: -hour, until: 2 * hour, want: 2 * hour},
		{name: "too long", seen: -70 * hour, until: 72 * hour, want: 2 * hour},
		{name: "used up", seen: -72 * hour, until: 72 * hour},
		{name: "used up long ago", seen: -1000 * hour, until: hour},
		{name: "found in the future", seen: 10 * hour, until: 72 * hour, want: 72 * hour},
		{name: "nobody knows when", unknown: true, until: 72 * hour, want: 72 * hour},
	} {
		until, seen := now.Add(test.until), now.Add(test.seen)
		if test.unknown {
			seen = time.Time{}
		}
		given := access.Spared{Key: "k", Until: until, Reason: "x"}
		f := access.Finding{FirstSeen: seen, Exemption: &given}
		f.LimitExemption(now)
		end := access.Exemption{Until: until}.EndFor(seen)
		switch {
		case f.ExemptionOver != (test.want == 0) || (f.Exemption == nil) != (test.want == 0) || now.Before(end) != (test.want > 0):
			t.Errorf("%s: over %t, exempt %+v, until %s", test.name, f.ExemptionOver, f.Exemption, end)
		case test.want > 0 && (!end.Equal(now.Add(test.want)) || *f.Exemption != access.Spared{Key: "k", Until: end, Reason: "x"}):
			t.Errorf("%s: exempt %+v, until %s; want %s", test.name, f.Exemption, end, now.Add(test.want))
		}
		if !given.Until.Equal(until) {
			t.Errorf("%s: the given exemption changed", test.name)
		}
		left := access.Finding{FirstSeen: seen, Exemption: &access.Spared{Until: until, By: &access.Person{}}}
		if left.LimitExemption(now); left.Exemption == nil || !left.Exemption.Until.Equal(until) || left.ExemptionOver {
			t.Errorf("%s: a leave is limited: %+v", test.name, left.Exemption)
		}
	}
}
