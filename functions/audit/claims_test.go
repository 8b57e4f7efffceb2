package audit

import (
	"slices"
	"testing"

	"sso-elevator/functions/access"
)

// A request's claims are freed before it is closed, because nothing closes it again.
// Only a transient error keeps the request open.
func TestCloseFreesTheClaim(t *testing.T) {
	denied := access.Request{ID: "r1", Outcome: &access.Outcome{Kind: access.OutcomeDenied, At: now}, Events: events(access.EventRequested, access.EventDenied), Audited: 2}
	granted := denied
	granted.Outcome = &access.Outcome{Kind: access.OutcomeApproved, At: now}
	revoked := granted
	revoked.RevokedAt = now
	over := denied
	over.ClosedAt = now
	tests := []struct {
		name   string
		row    access.Request
		err    error
		want   access.Code
		freed  []string
		closed bool
	}{
		{"denied", denied, nil, "", []string{"r1"}, true},
		{"granted and revoked", revoked, nil, "", []string{"r1"}, true},
		{"still active", granted, nil, access.CodeInternal, nil, false},
		{"closed already", over, nil, "", nil, false},
		{"the table does not answer", denied, access.Errorf(access.CodeUnavailable, "no answer"), access.CodeUnavailable, []string{"r1"}, false},
		{"a row that nobody can read", denied, access.Errorf(access.CodeInternal, "unmarshal"), "", []string{"r1"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &world{row: test.row, refuses: -1, freeErr: test.err}
			_, err := w.do(t, "close", "")
			if access.CodeOf(err) != test.want || w.closed != test.closed || !slices.Equal(w.freed, test.freed) {
				t.Errorf("got %v, closed %v, freed %q; want code %q, %v, %q", err, w.closed, w.freed, test.want, test.closed, test.freed)
			}
		})
	}
}
