package access

import (
	"reflect"
	"testing"
	"time"
)

func TestRemovalEvent(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	failure := &Failure{Code: CodeForeign, Message: "there before", At: at}
	approved, automatic, denied := &Outcome{Kind: OutcomeApproved}, &Outcome{Kind: OutcomeAutomatic}, &Outcome{Kind: OutcomeDenied}
	tests := []struct {
		name    string
		removal RemovalState
		outcome *Outcome
		failure *Failure
		want    Event
	}{
		{"removed", RemovalDone, approved, nil, Event{Kind: EventRevoked, At: at, Reason: "removed"}},
		{"removed after a failed grant", RemovalDone, approved, failure, Event{Kind: EventRevoked, At: at, Reason: "removed"}},
		{"removed without an outcome", RemovalDone, nil, nil, Event{Kind: EventRevoked, At: at, Reason: "removed"}},
		{"removed by somebody else", RemovalAlreadyGone, approved, nil, Event{Kind: EventRevoked, At: at, Reason: "already_gone"}},
		{"kept", RemovalKept, approved, nil, Event{Kind: EventRevoked, At: at, Reason: "kept"}},
		{"made anew by somebody else", RemovalForeign, approved, nil, Event{Kind: EventRevoked, At: at, Reason: "foreign"}},
		{"approved and never came", RemovalNothing, approved, failure, Event{Kind: EventNotGranted, At: at, Reason: "ForeignAccess", Message: "there before"}},
		{"automatic and never came", RemovalNothing, automatic, failure, Event{Kind: EventNotGranted, At: at, Reason: "ForeignAccess", Message: "there before"}},
		{"approved and never came, reason unknown", RemovalNothing, approved, nil, Event{Kind: EventNotGranted, At: at, Reason: "nothing"}},
		{"never decided", RemovalNothing, nil, failure, Event{Kind: EventRefused, At: at, Reason: "ForeignAccess", Message: "there before"}},
		{"denied, and somebody forged an approval", RemovalNothing, denied, nil, Event{Kind: EventRefused, At: at, Reason: "nothing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Request{RevokedAt: at, Removal: test.removal, Outcome: test.outcome, Failure: test.failure}
			got := RemovalEvent(r)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if RecordsRemoval(r) {
				t.Error("a row without events records the removal")
			}
			r.Events = []Event{{Kind: EventRequested}, got}
			if !RecordsRemoval(r) {
				t.Error("a row with the event does not record the removal")
			}
		})
	}
}

// The previous release recorded the outcome "refused" after an approval.
func TestRecordsRemovalOfThePreviousRelease(t *testing.T) {
	tests := []struct {
		name    string
		removal RemovalState
		outcome OutcomeKind
		want    bool
	}{
		{"approved and never came", RemovalNothing, OutcomeApproved, true},
		{"revoked", RemovalDone, OutcomeApproved, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Request{Removal: test.removal, Outcome: &Outcome{Kind: test.outcome}, Events: []Event{{Kind: EventRefused}}}
			if got := RecordsRemoval(r); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
