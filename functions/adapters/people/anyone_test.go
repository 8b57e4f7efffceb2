package people_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/slack"
)

// Anyone finds people who can't do anything here, and nobody's user by an address that
// may be somebody else's.
func TestAnyone(t *testing.T) {
	member := func(id, email string) slack.User { return slack.User{ID: id, TeamID: "T1", Email: email, Name: "Name"} }
	guest := member("UGUEST", "guest@example.com")
	guest.Guest = true
	w := &world{
		members: []slack.User{member("UJANE", "Jane@example.com"), guest, member("UOFF", "off@example.com"), member("UFALL", "fall@example.com"),
			member("UNEW", "jane@example.com"), member("UTWO", "shared@example.com"), member("UNONE", ""), member("UK", "\u212aim@example.com")},
		users: map[string]string{"Jane@example.com": "p-jane", "jane@example.com": "p-jane", "guest@example.com": "p-guest", "off@example.com": "p-off", "fall@corp.example": "p-fall"},
		off:   map[string]bool{"p-off": true}, unconfirmed: map[string]bool{"UNEW": true},
	}
	f := people.New(w, users{w}, people.Settings{Team: "T1", SecondaryDomains: []string{"corp.example"}}, time.Now)
	for id, want := range map[string]access.Person{
		"UJANE":  {SlackID: "UJANE", Email: "jane@example.com", Name: "Name", PrincipalID: "p-jane"},
		"UGUEST": {SlackID: "UGUEST", Email: "guest@example.com", Name: "Name", PrincipalID: "p-guest"},
		"UOFF":   {SlackID: "UOFF", Email: "off@example.com", Name: "Name", PrincipalID: "p-off"},
		"UFALL":  {SlackID: "UFALL", Email: "fall@example.com", Name: "Name", PrincipalID: "p-fall", SecondaryDomain: true},
		"UNEW":   {SlackID: "UNEW", Email: "jane@example.com", Name: "Name"},
		"UTWO":   {SlackID: "UTWO", Email: "shared@example.com", Name: "Name"},
		"UNONE":  {SlackID: "UNONE", Name: "Name"},
		"UK":     {SlackID: "UK", Email: "\u212aim@example.com", Name: "Name"},
	} {
		if got, err := f.Anyone(t.Context(), id); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", id, got, err, want)
		}
	}
	if _, err := f.Anyone(t.Context(), "UNOBODY"); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("a stranger: %v", err)
	}
	w.err = access.Errorf(access.CodeThrottled, "slow down")
	if _, err := f.Anyone(t.Context(), "UJANE"); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("a lookup that failed: %v", err)
	}
}
