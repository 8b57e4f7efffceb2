package access

import (
	"testing"
	"time"
)

func TestAccessEnd(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	approved := Request{Duration: 3600, Outcome: &Outcome{Kind: OutcomeApproved, At: nine}}
	granted := approved
	granted.GrantedAt, granted.End = nine.Add(time.Minute), nine.Add(61*time.Minute)
	with := func(r Request, change func(*Request)) Request { change(&r); return r }
	for _, test := range []struct {
		name string
		r    Request
		want time.Time // zero if there is none
	}{
		{"undecided", Request{Duration: 3600}, time.Time{}},
		{"denied", Request{Duration: 3600, Outcome: &Outcome{Kind: OutcomeDenied, At: nine}}, time.Time{}},
		{"approved: it may have been created", approved, nine.Add(time.Hour + GrantBudget)},
		{"automatic: it may have been created", with(approved, func(r *Request) { r.Outcome = &Outcome{Kind: OutcomeAutomatic, At: nine} }), nine.Add(time.Hour + GrantBudget)},
		{"granted", granted, nine.Add(61 * time.Minute)},
		{"ended early", with(granted, func(r *Request) { r.EndRequest = &EndRequest{At: nine.Add(2 * time.Minute)} }), nine.Add(2 * time.Minute)},
		{"ended late", with(granted, func(r *Request) { r.EndRequest = &EndRequest{At: nine.Add(2 * time.Hour)} }), nine.Add(61 * time.Minute)},
		{"being removed", with(granted, func(r *Request) { r.RevokingAt = nine }), nine.Add(61 * time.Minute)},
		{"removed", with(granted, func(r *Request) { r.RevokedAt = nine }), time.Time{}},
		{"closed", with(approved, func(r *Request) { r.ClosedAt = nine }), time.Time{}},
	} {
		got, ok := test.r.AccessEnd()
		if !got.Equal(test.want) || ok == test.want.IsZero() {
			t.Errorf("%s: %v, %v; want %v", test.name, got, ok, test.want)
		}
	}
}

func TestMayHaveAccess(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		r    Request
		want bool
	}{
		{"undecided", Request{}, false},
		{"denied", Request{Outcome: &Outcome{Kind: OutcomeDenied}}, false},
		{"approved", Request{Outcome: &Outcome{Kind: OutcomeApproved}}, true},
		{"automatic", Request{Outcome: &Outcome{Kind: OutcomeAutomatic}}, true},
		{"granted, whatever the outcome says", Request{GrantedAt: now}, true},
		{"its removal has begun", Request{RevokingAt: now}, true},
		{"given up", Request{Tombstone: true}, true},
	} {
		if got := test.r.MayHaveAccess(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestLeaseEndsAt(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		l    Lease
		want time.Time
	}{
		{"no holders", Lease{SettlesAt: nine}, nine},
		{"the last holder's end", Lease{SettlesAt: nine, Holders: map[string]Holder{"a": {End: nine.Add(time.Hour)}, "b": {End: nine.Add(2 * time.Hour)}}}, nine.Add(2 * time.Hour)},
		{"a holder that is not confirmed", Lease{SettlesAt: nine, Holders: map[string]Holder{"a": {}}}, nine},
		{"it settles after that", Lease{SettlesAt: nine.Add(time.Minute), Holders: map[string]Holder{"a": {End: nine}}}, nine.Add(time.Minute)},
	} {
		if got := test.l.EndsAt(); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
