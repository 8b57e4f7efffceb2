package access

import (
	"testing"
	"time"
)

func TestOffersMoreTime(t *testing.T) {
	granted := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	row := func(lasts time.Duration, change func(*Request)) Request {
		r := Request{GrantedAt: granted, End: granted.Add(lasts), Duration: int64(lasts / time.Second), Outcome: &Outcome{Kind: OutcomeApproved}}
		if change != nil {
			change(&r)
		}
		return r
	}
	const m = time.Minute
	tests := []struct {
		name        string
		r           Request
		before      time.Duration
		first, last time.Duration // after the grant; first is negative if it is never offered
	}{
		{"long access", row(8*time.Hour, nil), 30 * m, 7*time.Hour + 30*m, 8 * time.Hour},
		{"exactly half", row(time.Hour, nil), 30 * m, 30 * m, time.Hour},
		{"short access", row(20*m, nil), 30 * m, 10 * m, 20 * m},
		{"an extension, whose end is not its duration after the grant", row(3*time.Hour, func(r *Request) { r.Duration = 3600 }), 120 * m, 150 * m, 3 * time.Hour},
		{"a short extension", row(55*m, func(r *Request) { r.Duration = 1800 }), 30 * m, 40 * m, 55 * m},
		{"a second", row(time.Second, nil), 30 * m, time.Second / 2, time.Second},
		{"off", row(8*time.Hour, nil), 0, -1, 0},
		{"ended early", row(time.Hour, func(r *Request) { r.EndRequest = &EndRequest{At: granted} }), 30 * m, -1, 0},
		{"being removed", row(time.Hour, func(r *Request) { r.RevokingAt = granted }), 30 * m, -1, 0},
		{"removed", row(time.Hour, func(r *Request) { r.RevokedAt = granted }), 30 * m, -1, 0},
		{"given up", row(time.Hour, func(r *Request) { r.Tombstone = true }), 30 * m, -1, 0},
		{"closed", row(time.Hour, func(r *Request) { r.ClosedAt = granted }), 30 * m, -1, 0},
		{"rebuilt", row(time.Hour, func(r *Request) { r.Rebuilt = &Rebuilt{} }), 30 * m, -1, 0},
		{"not granted", Request{Outcome: &Outcome{Kind: OutcomeApproved}}, 30 * m, -1, 0},
	}
	for _, test := range tests {
		at := func(after time.Duration) bool { return test.r.OffersMoreTime(test.before, granted.Add(after)) }
		if test.first < 0 {
			for after := time.Duration(0); after < 9*time.Hour; after += m {
				if at(after) {
					t.Errorf("%s: offered after %s", test.name, after)
					break
				}
			}
			continue
		}
		if at(test.first-1) || !at(test.first) || !at(test.last-1) || at(test.last) {
			t.Errorf("%s: not from %s to %s after the grant", test.name, test.first, test.last)
		}
		if got := test.r.MoreTimeAt(test.before); !got.Equal(granted.Add(test.first)) {
			t.Errorf("%s: at %s", test.name, got)
		}
	}
}

func TestIsKeptLonger(t *testing.T) {
	end := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		holders map[string]Holder
		want    bool
	}{
		"nobody":                  {nil, false},
		"itself":                  {map[string]Holder{"r": {End: end.Add(time.Hour)}}, false},
		"another, as long":        {map[string]Holder{"r": {End: end}, "s": {End: end}}, false},
		"another, shorter":        {map[string]Holder{"r": {End: end}, "s": {End: end.Add(-1)}}, false},
		"another, longer":         {map[string]Holder{"r": {End: end}, "s": {End: end.Add(1)}}, true},
		"another, being set up":   {map[string]Holder{"r": {End: end}, "s": {}}, false},
		"one of several, longer":  {map[string]Holder{"r": {End: end}, "s": {End: end}, "u": {End: end.Add(1)}}, true},
		"without its own holding": {map[string]Holder{"s": {End: end.Add(1)}}, true},
	} {
		if got := (Lease{Holders: test.holders}).IsKeptLonger("r", end); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
