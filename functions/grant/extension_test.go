package grant

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Grant and confirm check an automatic extension again: the access may have been extended
// since the evaluation.
func TestExtensionIsCheckedAgain(t *testing.T) {
	const long = "with this extension, the access would last 9 hours in all, which needs an approval. Submit the request again, so that an approver can decide."
	limited := func() access.Policy {
		p := free()
		p.Accounts[0].MaxDuration, p.Accounts[0].Approvers = 4*3600, []string{"bob@example.com"}
		return p
	}
	chain := func(hours time.Duration) *access.Chain {
		return &access.Chain{Since: monday.Add(-time.Hour), End: monday.Add((hours - 2) * time.Hour), Extends: "first"}
	}
	asked := func() access.Policy {
		p := limited()
		p.Accounts[0].ApprovalIsNotRequired = nil
		return p
	}
	tests := []struct {
		name    string
		policy  access.Policy
		kind    access.OutcomeKind
		chain   *access.Chain // what it extends now; its length in all is that of the name
		before  *access.Chain // at its evaluation
		want    access.Code
		message string
	}{
		{"4 hours, the policy's limit", limited(), access.OutcomeAutomatic, chain(4), nil, "", ""},
		{"9 hours", limited(), access.OutcomeAutomatic, chain(9), nil, access.CodeRefused, long},
		{"9 hours, and the policy has no limit", free(), access.OutcomeAutomatic, chain(9), nil, access.CodeRefused, long},
		{"8 hours, the limit of the settings", free(), access.OutcomeAutomatic, chain(8), nil, "", ""},
		{"9 hours, approved by a person", asked(), access.OutcomeApproved, chain(9), chain(9), "", ""},
		{"9 hours, approved by a person under a policy that is automatic", limited(), access.OutcomeApproved, chain(9), chain(9), "", ""},
		{"what it extended has ended", limited(), access.OutcomeAutomatic, nil, chain(4), "", ""},
	}
	for _, operation := range []string{"start", "confirm"} {
		for _, tt := range tests {
			t.Run(operation+": "+tt.name, func(t *testing.T) {
				s := inOrder()
				s.row = approved()
				s.row.Chain = tt.before
				s.policy = tt.policy
				if s.row.Outcome.Kind = tt.kind; tt.kind == access.OutcomeAutomatic {
					s.row.Outcome.By = access.Person{}
				}
				h := s.handler()
				h.Leases.(*mockLeases).chain = tt.chain
				_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: operation, RequestID: "one", Execution: execution}, Waits: true})
				if access.CodeOf(err) != tt.want || err != nil && access.ErrorMessage(err) != tt.message {
					t.Fatalf("got %v", err)
				}
				if done := len(s.acquired)+s.ic == 1; done != (err == nil) {
					t.Errorf("acquired %d, confirmed %d", len(s.acquired), s.ic)
				}
				if (len(s.failures) == 1) != (err != nil) {
					t.Errorf("failures %+v", s.failures)
				}
			})
		}
	}
}

// A group that can't be read decides nothing. The request is a holder by then, so it must
// not wait: its access exists.
func TestExtensionUndecidable(t *testing.T) {
	s := inOrder()
	s.policy = free()
	s.policy.Accounts[0].Allowed = []string{"group:g-1"}
	s.row.Outcome = &access.Outcome{Kind: access.OutcomeAutomatic, At: monday}
	s.holds = true
	s.groups.Err = access.Errorf(access.CodeUnavailable, "no answer")
	h := s.handler()
	h.Leases.(*mockLeases).chain = &access.Chain{Since: monday, End: monday.Add(time.Hour)}
	_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "confirm", RequestID: "one", Execution: execution}, Waits: true})
	if access.CodeOf(err) != access.CodeUnavailable || s.ic > 0 || len(s.failures) > 0 {
		t.Errorf("got %v, confirmed %d, failures %+v", err, s.ic, s.failures)
	}
}
