package grant

import (
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

var dan = access.Person{SlackID: "UDAN", Email: "dan@example.com", PrincipalID: "p-dan"}

func blocking(p access.Person) access.Blocks {
	return access.Blocks{}.Add(access.Block{Person: p, By: dan, At: monday, Reason: "stolen"}, 7)
}

// Both orders of a block and a grant, in each step: whichever comes first, the requester
// keeps no access, and nothing is created after the check.
func TestBlockAndGrant(t *testing.T) {
	alice, bob := approved().Requester, approved().Outcome.By
	twin := access.Person{SlackID: "UTWIN", PrincipalID: alice.PrincipalID}
	down := access.Errorf(access.CodeUnavailable, "no answer")
	block := func(p access.Person) func(*scene) { return func(s *scene) { s.blocks = blocking(p) } }
	meanwhile := func(do func(*scene)) func(*scene) { return func(s *scene) { s.meanwhile = do } }
	for _, tt := range []struct {
		name, operation string
		scene           func(*scene)
		want            access.Code
		message         string
		acquired        int
		confirmed       int
		ends            int
		recorded        bool
	}{
		{name: "nobody is blocked", operation: "start", acquired: 1},
		{name: "the requester was blocked before", operation: "start", scene: block(alice), want: access.CodeBlocked, message: "blocked the requester", recorded: true},
		{name: "another Slack user of the requester was", operation: "start", scene: block(twin), want: access.CodeBlocked, recorded: true},
		{name: "the approver was blocked before", operation: "start", scene: block(bob), want: access.CodeRefused, message: "blocked the approver", recorded: true},
		{name: "someone else was", operation: "start", scene: block(dan), acquired: 1},
		{name: "an automatic grant of somebody blocked", operation: "start", scene: func(s *scene) {
			s.policy, s.row.Outcome = free(), &access.Outcome{Kind: access.OutcomeAutomatic}
			s.blocks = blocking(alice)
		}, want: access.CodeBlocked, recorded: true},
		{name: "a self-approved grant of somebody blocked", operation: "start", scene: func(s *scene) {
			s.policy, s.row.Outcome = self("alice@example.com"), &access.Outcome{Kind: access.OutcomeAutomatic}
			s.blocks = blocking(alice)
		}, want: access.CodeBlocked, recorded: true},
		{name: "one of two approvers was blocked, and the other is not enough", operation: "start", scene: func(s *scene) {
			two(s)
			s.blocks = blocking(bob)
		}, want: access.CodeRefused, message: "No longer counted: ", recorded: true},
		{name: "one of three approvers was blocked, and two are enough", operation: "start", scene: func(s *scene) {
			two(s)
			s.row.Approvals = append(s.row.Approvals, access.Approval{By: access.Person{SlackID: "UEVE", Email: "eve@example.com", PrincipalID: "p-eve"}})
			s.policy.Accounts[0].Approvers = append(s.policy.Accounts[0].Approvers, "eve@example.com")
			s.blocks = blocking(bob)
		}, acquired: 1},
		{name: "nobody knows who is blocked", operation: "start", scene: func(s *scene) { s.errs["blocks"] = down }, want: access.CodeUnavailable},
		{name: "the requester is blocked while the lease is taken", operation: "start", scene: meanwhile(block(alice)), want: access.CodeBlocked, recorded: true},
		{name: "the approver is blocked while the lease is taken", operation: "start", scene: meanwhile(block(bob)), want: access.CodeConflict},
		{name: "nobody knows once the lease is taken", operation: "start", scene: meanwhile(func(s *scene) { s.errs["blocks"] = down }), want: access.CodeUnavailable},

		{name: "blocked before the access is confirmed", operation: "confirm", scene: block(alice), want: access.CodeBlocked, recorded: true},
		{name: "blocked while the access is confirmed", operation: "confirm", scene: meanwhile(block(alice)), confirmed: 1, ends: 1},
		{name: "blocked while the access is confirmed, and the end can't be recorded", operation: "confirm", scene: meanwhile(func(s *scene) {
			block(alice)(s)
			s.errs["end"] = down
		}), confirmed: 1, ends: 1, want: access.CodeUnavailable},
		{name: "nobody knows before the access is confirmed", operation: "confirm", scene: func(s *scene) { s.errs["blocks"] = down }, want: access.CodeUnavailable},
		{name: "nobody knows after the access is confirmed", operation: "confirm", scene: meanwhile(func(s *scene) { s.errs["blocks"] = down }), confirmed: 1, want: access.CodeUnavailable},
		{name: "confirmed before, and blocked", operation: "confirm", scene: func(s *scene) {
			s.row.GrantedAt = monday
			s.blocks = blocking(alice)
		}, confirmed: 1, ends: 1},
		{name: "the approver was blocked before the access is confirmed", operation: "confirm", scene: block(bob), want: access.CodeRefused, message: "blocked the approver", recorded: true},
		{name: "confirmed before, and the approver is blocked", operation: "confirm", scene: func(s *scene) {
			s.row.GrantedAt = monday
			s.blocks = blocking(bob)
		}, confirmed: 1},
		{name: "another attempt confirms it while the approver is found blocked", operation: "confirm", scene: func(s *scene) {
			s.blocks = blocking(bob)
			s.later = func(r *access.Request) { r.GrantedAt = monday }
		}, confirmed: 1},
		{name: "the approver is blocked, and nobody knows whether it is confirmed", operation: "confirm", scene: func(s *scene) {
			s.blocks = blocking(bob)
			s.later = func(*access.Request) { s.errs["get"] = down }
		}, want: access.CodeUnavailable},
		{name: "one of two approvers was blocked before, and the other is not enough", operation: "confirm", scene: func(s *scene) {
			two(s)
			s.blocks = blocking(bob)
		}, want: access.CodeRefused, message: "No longer counted: ", recorded: true},
		{name: "one of three was blocked before, and two are enough", operation: "confirm", scene: func(s *scene) {
			two(s)
			s.row.Approvals = append(s.row.Approvals, access.Approval{By: access.Person{SlackID: "UEVE", Email: "eve@example.com", PrincipalID: "p-eve"}})
			s.policy.Accounts[0].Approvers = append(s.policy.Accounts[0].Approvers, "eve@example.com")
			s.blocks = blocking(bob)
		}, confirmed: 1},
		{name: "the approver is blocked, and the policy can't be read", operation: "confirm", scene: func(s *scene) {
			s.blocks, s.errs["policy"] = blocking(bob), down
		}, want: access.CodeUnavailable},
		{name: "someone else was blocked: the policy isn't read again", operation: "confirm", scene: func(s *scene) {
			s.blocks, s.errs["policy"] = blocking(dan), down
		}, confirmed: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := inOrder()
			if tt.scene != nil {
				tt.scene(s)
			}
			_, err := s.handler().Handle(t.Context(), Input{Input: host.Input{Operation: tt.operation, RequestID: "one", Execution: execution}})
			if access.CodeOf(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.message) {
				t.Errorf("got %v, want code %q with %q", err, tt.want, tt.message)
			}
			if len(s.acquired) != tt.acquired || s.ic != tt.confirmed || len(s.ends) != tt.ends || (len(s.failures) > 0) != tt.recorded {
				t.Errorf("acquired %d, confirmed %d, ends %+v, failures %+v", len(s.acquired), s.ic, s.ends, s.failures)
			}
			for _, e := range s.ends {
				if e.By != dan || e.Reason != access.EndBlocked || !e.At.Equal(monday) {
					t.Errorf("the end is %+v", e)
				}
			}
		})
	}
}

// two makes the request one that bob and carol approved, and that needs both.
func two(s *scene) {
	carol := access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
	s.policy = listing("bob@example.com", "carol@example.com")
	s.policy.Accounts[0].ApprovalsNeeded = 2
	s.row.Approvals = []access.Approval{{By: s.row.Outcome.By}, {By: carol}}
	s.row.Outcome.By = carol
}
