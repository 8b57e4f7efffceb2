package access

import (
	"reflect"
	"testing"
	"time"
)

func TestRemovalEvent(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	failure := &Failure{Code: CodeForeign, Message: "there before", At: at}
	tests := []struct {
		name    string
		removal RemovalState
		failure *Failure
		want    Event
	}{
		{"removed", RemovalDone, nil, Event{Kind: EventRevoked, At: at, Reason: "removed"}},
		{"removed after a failed grant", RemovalDone, failure, Event{Kind: EventRevoked, At: at, Reason: "removed"}},
		{"kept", RemovalKept, nil, Event{Kind: EventRevoked, At: at, Reason: "kept"}},
		{"made anew by somebody else", RemovalForeign, nil, Event{Kind: EventRevoked, At: at, Reason: "foreign"}},
		{"never came", RemovalNothing, failure, Event{Kind: EventRefused, At: at, Reason: "ForeignAccess", Message: "there before"}},
		{"never came, nobody knows why", RemovalNothing, nil, Event{Kind: EventRefused, At: at, Reason: "nothing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := RemovalEvent(Request{RevokedAt: at, Removal: test.removal, Failure: test.failure})
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
