package access_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestEndedUnexpectedly(t *testing.T) {
	granted := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	end := granted.Add(time.Hour)
	for _, test := range []struct {
		name   string
		change func(*access.Request)
		want   bool
	}{
		{name: "an hour early", change: func(r *access.Request) { r.RevokingAt = granted.Add(time.Second) }, want: true},
		{name: "just early", change: func(r *access.Request) { r.RevokingAt = end.Add(-5*time.Second - 1) }, want: true},
		{name: "as early as clocks may differ", change: func(r *access.Request) { r.RevokingAt = end.Add(-5 * time.Second) }},
		{name: "at its end", change: func(r *access.Request) { r.RevokingAt = end }},
		{name: "late", change: func(r *access.Request) { r.RevokingAt = end.Add(time.Hour) }},
		{name: "not removed yet", change: func(*access.Request) {}},
		{name: "somebody pressed", change: func(r *access.Request) {
			r.RevokingAt, r.EndRequest = granted.Add(time.Second), &access.EndRequest{By: access.Person{SlackID: "U1"}}
		}},
		{name: "the requester is gone", change: func(r *access.Request) {
			r.RevokingAt, r.EndRequest = granted.Add(time.Second), &access.EndRequest{Reason: access.EndRequesterGone}
		}},
		{name: "never granted", change: func(r *access.Request) { r.RevokingAt, r.GrantedAt, r.End = granted, time.Time{}, time.Time{} }},
	} {
		r := access.Request{GrantedAt: granted, End: end}
		test.change(&r)
		if got := r.EndedUnexpectedly(); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}
