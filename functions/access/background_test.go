package access

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

func TestBackgroundOf(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	account := func(id, set string) Target {
		return Target{Kind: KindAccount, AccountID: id, PermissionSet: set, PermissionSetARN: "arn:" + set}
	}
	group := func(id string) Target { return Target{Kind: KindGroup, GroupID: id, GroupName: "name of " + id} }
	ann, ben := Person{SlackID: "UANN", PrincipalID: "p-ann"}, Person{SlackID: "UBEN", PrincipalID: "p-ben"}
	admin, read := account("1", "Admin"), account("1", "Read")
	// granted is a request that was granted some time ago, for that long.
	granted := func(target Target, ago, duration time.Duration, change ...func(*Request)) Request {
		at := now.Add(-ago)
		r := Request{
			ID: fmt.Sprintf("%s %v", target.Key(), ago), Target: target, CreatedAt: at.Add(-time.Minute), GrantedAt: at, End: at.Add(duration),
			Outcome: &Outcome{Kind: OutcomeApproved, By: ann, At: at.Add(-time.Second)},
		}
		if r.End.Before(now) {
			r.RevokingAt, r.RevokedAt = r.End, r.End
		}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	automatic := func(r *Request) { r.Outcome = &Outcome{Kind: OutcomeAutomatic, At: r.Outcome.At} }
	const day, hour = 24 * time.Hour, time.Hour
	denied := func(ago time.Duration) func(*Request) {
		return func(r *Request) {
			r.GrantedAt, r.End, r.Outcome = time.Time{}, time.Time{}, &Outcome{Kind: OutcomeDenied, By: ben, At: now.Add(-ago)}
		}
	}
	byBoth := func(r *Request) { r.Approvals = []Approval{{By: ben}, {By: ann}} }
	at := func(ago time.Duration) time.Time { return now.Add(-ago - time.Second) }
	tests := []struct {
		name   string
		target Target // Admin in account 1 if empty
		others []Request
		more   bool
		want   Background
	}{
		{name: "nothing"},
		{name: "only the request itself", others: []Request{{ID: "this", Target: admin, CreatedAt: now}}},
		{
			name:   "the latest of several",
			others: []Request{granted(admin, 3*day, hour), granted(admin, 2*day, hour), granted(admin, 4*day, hour)},
			want:   Background{Grants: 3, LastAt: at(2 * day), LastBy: []Person{ann}},
		},
		{
			name:   "approved by several",
			others: []Request{granted(admin, 2*day, hour, byBoth)},
			want:   Background{Grants: 1, LastAt: at(2 * day), LastBy: []Person{ben, ann}},
		},
		{
			name:   "automatic",
			others: []Request{granted(admin, 2*day, hour, automatic), granted(admin, 3*day, hour)},
			want:   Background{Grants: 2, LastAt: at(2 * day)},
		},
		{
			name:   "within the period, and just not",
			others: []Request{granted(admin, BackgroundPeriod, hour), granted(admin, BackgroundPeriod+time.Second, hour)},
			want:   Background{Grants: 1, LastAt: at(BackgroundPeriod), LastBy: []Person{ann}},
		},
		{
			name:   "another permission set, another account, a request that was denied yesterday, and one that waits",
			others: []Request{granted(read, day, hour), granted(account("2", "Admin"), day, hour), granted(admin, day, hour, denied(12*hour+time.Second)), {ID: "waits", Target: admin}},
		},
		{
			name: "denied twice today, and other access too",
			others: []Request{
				granted(admin, 2*hour, hour, denied(2*hour), func(r *Request) { r.Outcome.By = ann }), granted(admin, 3*hour, hour, denied(hour)),
				granted(read, hour, hour, denied(hour)), granted(account("2", "Admin"), hour, hour, denied(hour)),
			},
			want: Background{DeniedToday: 2, LastDeniedBy: ben, LastDeniedAt: now.Add(-hour)},
		},
		{
			name:   "denied at midnight",
			others: []Request{granted(admin, 13*hour, hour, denied(12*hour))},
			want:   Background{DeniedToday: 1, LastDeniedBy: ben, LastDeniedAt: now.Add(-12 * hour)},
		},
		{
			name:   "held in this account: what lasts longest first, the same twice",
			others: []Request{granted(read, hour, 2*hour), granted(read, 2*hour, 4*hour), granted(account("1", "Billing"), hour, 6*hour), granted(account("2", "Read"), hour, 2*hour), granted(group("1"), hour, 2*hour)},
			want:   Background{Held: []HeldAccess{{account("1", "Billing"), now.Add(5 * hour)}, {read, now.Add(2 * hour)}}},
		},
		{
			name:   "the same access",
			others: []Request{granted(admin, hour, 2*hour)},
			want:   Background{Grants: 1, LastAt: at(hour), LastBy: []Person{ann}, Held: []HeldAccess{{admin, now.Add(hour)}}},
		},
		{
			name: "held no longer",
			others: []Request{
				granted(account("1", "A"), hour, hour, func(r *Request) { r.RevokingAt, r.RevokedAt = time.Time{}, time.Time{} }), // the end is now
				granted(account("1", "B"), hour, 2*hour, func(r *Request) { r.EndRequest = &EndRequest{At: now.Add(-time.Second)} }),
				granted(account("1", "C"), hour, 2*hour, func(r *Request) { r.RevokingAt = now }),
			},
		},
		{
			name: "more than are shown",
			others: []Request{
				granted(account("1", "A"), hour, 2*hour), granted(account("1", "B"), hour, 3*hour), granted(account("1", "C"), hour, 4*hour),
				granted(account("1", "D"), hour, 5*hour), granted(account("1", "E"), hour, 6*hour),
			},
			want: Background{MoreHeld: 2, Held: []HeldAccess{
				{account("1", "E"), now.Add(5 * hour)}, {account("1", "D"), now.Add(4 * hour)}, {account("1", "C"), now.Add(3 * hour)},
			}},
		},
		{
			name: "a group", target: group("g"),
			others: []Request{granted(group("g"), hour, 2*hour), granted(group("h"), hour, 2*hour), granted(admin, hour, 2*hour)},
			want:   Background{Grants: 1, LastAt: at(hour), LastBy: []Person{ann}, Held: []HeldAccess{{group("g"), now.Add(hour)}}},
		},
		{
			name: "not all were read", more: true,
			others: []Request{granted(admin, day, hour)},
			want:   Background{Grants: 1, MoreGrants: true, LastAt: at(day), LastBy: []Person{ann}},
		},
		{
			name: "all of the period were read", more: true,
			others: []Request{granted(admin, day, hour), granted(read, 40*day, hour)},
			want:   Background{Grants: 1, LastAt: at(day), LastBy: []Person{ann}},
		},
		{name: "nothing of much was read", more: true, want: Background{MoreGrants: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Request{ID: "this", Target: test.target}
			if r.Target.Kind == "" {
				r.Target = admin
			}
			if got := BackgroundOf(r, test.others, test.more, now); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}
