package audit

import (
	"slices"
	"testing"

	"sso-elevator/functions/access"
)

// A request's claims are freed before it is closed, because nothing closes it again.
// Only a transient error keeps the request open. If a press approved or withdrew the
// request, ingress frees them.
func TestCloseFreesTheClaim(t *testing.T) {
	denied := access.Request{ID: "r1", Outcome: &access.Outcome{Kind: access.OutcomeDenied, At: now}, Events: events(access.EventRequested, access.EventDenied), Audited: 2}
	granted := denied
	granted.Outcome = &access.Outcome{Kind: access.OutcomeApproved, At: now}
	revoked := granted
	revoked.RevokedAt = now
	of := func(r access.Request, k access.OutcomeKind) access.Request {
		r.Outcome = &access.Outcome{Kind: k, At: now}
		return r
	}
	gone := denied
	gone.Outcome, gone.Tombstone, gone.RevokedAt = nil, true, now
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
		{"approved and revoked", revoked, nil, "", nil, true},
		{"approved, while the table does not answer", revoked, access.Errorf(access.CodeUnavailable, "no answer"), "", nil, true},
		{"withdrawn", of(denied, access.OutcomeWithdrawn), nil, "", nil, true},
		{"granted automatically and revoked", of(revoked, access.OutcomeAutomatic), nil, "", []string{"r1"}, true},
		{"expired", of(denied, access.OutcomeExpired), nil, "", []string{"r1"}, true},
		{"refused", of(denied, access.OutcomeRefused), nil, "", []string{"r1"}, true},
		{"given up before a decision", gone, nil, "", []string{"r1"}, true},
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
