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
