package access

import (
	"testing"
	"time"
)

func TestOpenAndInterrupted(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	refused := &Outcome{Kind: OutcomeRefused}
	tests := []struct {
		name        string
		request     Request
		open        bool
		interrupted bool
	}{
		{"waits for an approval", Request{}, true, false},
		{"decided", Request{Outcome: refused}, false, false},
		{"decided and closed", Request{Outcome: refused, ClosedAt: at}, false, false},
		{"decided, its removal has begun", Request{Outcome: refused, RevokingAt: at, RevokedAt: at}, false, false},
		{"given up undecided", Request{Tombstone: true}, false, true},
		{"its removal has begun undecided", Request{RevokingAt: at}, false, true},
		{"its removal is done undecided", Request{RevokedAt: at}, false, true},
		{"closed undecided", Request{ClosedAt: at}, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.request.Open(); got != test.open {
				t.Errorf("open: %t", got)
			}
			if got := test.request.Interrupted(); got != test.interrupted {
				t.Errorf("interrupted: %t", got)
			}
		})
	}
}

func TestLateUpdates(t *testing.T) {
	granted := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	end, pressed := granted.Add(time.Hour), granted.Add(30*time.Minute)
	told := map[string]Post{PostGranted: {TS: "1"}}
	press := &EndRequest{At: pressed, ByPress: "p"}
	request := Request{GrantedAt: granted, End: end, Posts: told}
	denied := func(at time.Time, events ...Event) func(*Request) {
		return func(r *Request) {
			r.GrantedAt, r.Outcome = time.Time{}, &Outcome{Kind: OutcomeDenied, By: Person{SlackID: "U1"}, At: at}
			r.Events = events
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Request)
		want   time.Time
	}{
		{"active", func(*Request) {}, time.Time{}},
		{"ended on time", func(r *Request) { r.RevokedAt = end.Add(time.Second) }, time.Time{}},
		{"ended by a press that has not shown it", func(r *Request) { r.EndRequest = press }, pressed.Add(12 * time.Second)},
		{"ended by a press that has shown it", func(r *Request) { r.EndRequest, r.EndShown = press, true }, time.Time{}},
		{"ended by the app", func(r *Request) { r.EndRequest = &EndRequest{At: pressed, Reason: EndRequesterGone} }, time.Time{}},
		{"ended by a press, and the requester was not told about the grant", func(r *Request) { r.EndRequest, r.EndShown, r.Posts = press, true, nil }, pressed.Add(12 * time.Second)},
		{"ended by the app, and the requester was perhaps told about the grant", func(r *Request) {
			r.EndRequest, r.Posts = &EndRequest{At: pressed, Reason: EndRequesterGone}, map[string]Post{PostGranted: {Channel: "C1"}}
		}, pressed.Add(12 * time.Second)},
		{"ended before the grant", func(r *Request) {
			r.EndRequest, r.GrantedAt, r.Posts = &EndRequest{At: pressed, Reason: EndBlocked}, time.Time{}, nil
		}, time.Time{}},
		{"approved by a person, and not granted", func(r *Request) {
			r.GrantedAt, r.Outcome = time.Time{}, &Outcome{Kind: OutcomeApproved, By: Person{SlackID: "U1"}, At: pressed}
		}, pressed.Add(12 * time.Second)},
		{"approved by a person, and granted", func(r *Request) {
			r.Outcome = &Outcome{Kind: OutcomeApproved, By: Person{SlackID: "U1"}, At: pressed}
		}, time.Time{}},
		{"approved by the policy, and not granted", func(r *Request) {
			r.GrantedAt, r.Outcome = time.Time{}, &Outcome{Kind: OutcomeApproved, At: pressed}
		}, time.Time{}},
		{"denied", func(r *Request) {
			r.GrantedAt, r.Outcome = time.Time{}, &Outcome{Kind: OutcomeDenied, By: Person{SlackID: "U1"}, At: pressed}
		}, time.Time{}},
		{"denied just after one of several approvals", denied(pressed, Event{Kind: EventApprovalGiven, At: pressed.Add(-time.Hour)}, Event{Kind: EventApprovalGiven, At: pressed.Add(-11 * time.Second)}), pressed.Add(time.Second)},
		{"denied just after an approval was taken back", denied(pressed, Event{Kind: EventApprovalGiven, At: pressed.Add(-10 * time.Second)}, Event{Kind: EventApprovalTakenBack, At: pressed.Add(-4 * time.Second)}), pressed.Add(8 * time.Second)},
		{"denied 12 s after one of several approvals", denied(pressed, Event{Kind: EventApprovalGiven, At: pressed.Add(-12 * time.Second)}), time.Time{}},
		{"denied just after another press was refused", denied(pressed, Event{Kind: EventPressRefused, At: pressed}), time.Time{}},
		{"approved by several, and granted", func(r *Request) {
			r.Outcome = &Outcome{Kind: OutcomeApproved, By: Person{SlackID: "U1"}, At: granted}
			r.Events = []Event{{Kind: EventApprovalGiven, At: granted.Add(-time.Second)}}
		}, time.Time{}},
		{"waits after one of several approvals", func(r *Request) {
			r.GrantedAt, r.Events = time.Time{}, []Event{{Kind: EventApprovalGiven, At: pressed}}
		}, time.Time{}},
		{"removed within 12 s of the approval", func(r *Request) {
			r.Outcome = &Outcome{Kind: OutcomeApproved, By: Person{SlackID: "U1"}, At: granted}
			r.EndRequest, r.EndShown, r.RevokedAt = press, true, granted.Add(11*time.Second)
			r.Removal = RemovalDone
		}, granted.Add(12 * time.Second)},
		{"removed 12 s after the approval", func(r *Request) {
			r.Outcome = &Outcome{Kind: OutcomeApproved, By: Person{SlackID: "U1"}, At: granted}
			r.EndRequest, r.EndShown, r.RevokedAt = press, true, granted.Add(12*time.Second)
			r.Removal = RemovalDone
		}, time.Time{}},
		{"removed a minute late", func(r *Request) { r.RevokedAt = end.Add(time.Minute) }, end.Add(time.Minute + 12*time.Second)},
		{"removed a minute late, and not shown by its press", func(r *Request) { r.EndRequest, r.RevokedAt = press, pressed.Add(time.Minute) }, pressed.Add(time.Minute + 12*time.Second)},
		{"removed almost a minute late, and not shown by its press", func(r *Request) { r.EndRequest, r.RevokedAt = press, pressed.Add(time.Minute-time.Second) }, pressed.Add(12 * time.Second)},
	} {
		r := request
		if test.change(&r); !r.LateUpdates().Equal(test.want) {
			t.Errorf("%s: %v, want %v", test.name, r.LateUpdates(), test.want)
		}
	}
}
