package slack

import (
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// before is a change of a request: what the requester had before, and what they have now.
func before(change func(*access.Background)) func(*access.Request) {
	return func(r *access.Request) {
		r.Background = &access.Background{Grants: 3, LastAt: monday.Add(-100 * time.Hour), LastBy: []access.Person{carol}}
		change(r.Background)
	}
}

// held is access to the sandbox account through that permission set.
func held(permissionSet string, until time.Duration) access.HeldAccess {
	t := sandbox
	t.PermissionSet = permissionSet
	return access.HeldAccess{Target: t, End: monday.Add(until)}
}

// longestBackground has more people and accesses than a message names.
func longestBackground(b *access.Background) {
	b.MoreGrants, b.MoreHeld = true, 100
	b.DeniedToday, b.LastDeniedBy, b.LastDeniedAt = 200, access.Person{Name: strings.Repeat("名", 200)}, monday
	for range access.MaxHeldAccess {
		b.Held = append(b.Held, held(strings.Repeat("P", 200), time.Hour))
	}
	for range 60 {
		b.LastBy = append(b.LastBy, access.Person{Name: strings.Repeat("名", 200)})
	}
}

func hostileBackground(b *access.Background) {
	*b = access.Background{Grants: 1, LastAt: monday, LastBy: []access.Person{{SlackID: "U0> <!here", Name: hostile}},
		DeniedToday: 3, LastDeniedAt: monday, LastDeniedBy: access.Person{SlackID: "U0> <!here", Name: hostile}, Held: []access.HeldAccess{held(hostile, time.Hour)}}
}

func backgrounds() map[string]access.Request {
	return map[string]access.Request{
		"first":        pending(before(func(b *access.Background) { *b = access.Background{} })),
		"second":       pending(before(func(b *access.Background) { b.Grants = 1 })),
		"held":         pending(before(func(b *access.Background) { b.Held = []access.HeldAccess{held("ReadOnlyAccess", time.Hour)} })),
		"by_two":       pending(before(func(b *access.Background) { b.LastBy = []access.Person{carol, dan} })),
		"automatic":    pending(before(func(b *access.Background) { b.LastBy = nil })),
		"denied_once":  pending(before(func(b *access.Background) { b.DeniedToday, b.LastDeniedBy, b.LastDeniedAt = 1, carol, monday })),
		"denied_twice": pending(before(func(b *access.Background) { b.DeniedToday, b.LastDeniedBy, b.LastDeniedAt = 2, carol, monday })),
		"unknown":      pending(before(func(b *access.Background) { *b = access.Background{MoreGrants: true} })),
		"at_least":     pending(before(func(b *access.Background) { b.Grants, b.MoreGrants = 1, true })),
		"several": pending(several, before(func(b *access.Background) {
			b.Held = []access.HeldAccess{held("ReadOnlyAccess", time.Hour), held("BillingAccess", 2*time.Hour)}
		})),
		"group": pending(asGroup, before(func(b *access.Background) {
			b.Held = []access.HeldAccess{{Target: access.Target{Kind: access.KindGroup, GroupID: "g"}, End: monday.Add(time.Hour)}}
		})),
		"description": pending(before(func(b *access.Background) {}), func(r *access.Request) {
			r.PermissionSetDescription, r.SessionSeconds = "Everything a service's team does on a normal day", 3600
		}),
		"description_long_session": pending(func(r *access.Request) { r.PermissionSetDescription, r.SessionSeconds = "Everything", 8*3600 }),
		"longest":                  pending(before(longestBackground), func(r *access.Request) { r.PermissionSetDescription = strings.Repeat("名", 700) }),
		"hostile":                  pending(hostileTexts, before(hostileBackground), func(r *access.Request) { r.PermissionSetDescription = hostile + "\nRequester: Bob" }),
	}
}

func TestBackground(t *testing.T) {
	if access.BackgroundPeriod != 30*24*time.Hour {
		t.Errorf("the message says 30 days, and the period is %s", access.BackgroundPeriod)
	}
	for name, r := range backgrounds() {
		t.Run(name, func(t *testing.T) {
			checked(t, "request_background_"+name, RequestMessage(r), r)
		})
	}
}

// Only the requester and those who are asked are notified. After the decision, the
// message doesn't show the background anymore.
func TestBackgroundNotifiesNobody(t *testing.T) {
	all := backgrounds()
	if got := mentions(t, RequestMessage(all["by_two"])); len(got) != 3 || got["U0DAN"] {
		t.Errorf("mentions %v, want the requester and both approvers", got)
	}
	decided := pending(before(longestBackground), approved, granted)
	if shown := shownWithMentions(t, RequestMessage(decided)); strings.Contains(shown, "Last 30 days") || strings.Contains(shown, "Active access in this account") {
		t.Errorf("the message about active access shows %q", shown)
	}
}
