package grant

import (
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/functions/adapters/host"
)

// TestStartWithGroups checks the decision against the memberships at the time of the
// grant.
func TestStartWithGroups(t *testing.T) {
	bySec := listing("group:g-sec")
	allowed := func() access.Policy {
		p := listing("bob@example.com")
		p.Accounts[0].Allowed = []string{"group:g-dev"}
		return p
	}()
	managed := bySec
	managed.AllowManagedDecisionGroups = true
	longest := listing("bob@example.com")
	longest.Accounts[0].MaxDuration = 1800
	ticket := listing("bob@example.com")
	ticket.Accounts[0].Ticket = &access.Ticket{Required: true, Pattern: `OPS-\d+`}
	members := map[string][]string{"g-dev": {"p-alice"}, "g-sec": {"p-bob", "p-alice"}}
	for _, tt := range []struct {
		name   string
		policy access.Policy
		groups casestest.Groups
		scene  func(*scene)
		want   access.Code
		final  bool  // the row says that the grant failed
		calls  int64 // two for a person whose membership counts
	}{
		{name: "the approver is still a member", policy: bySec, groups: casestest.Groups{Members: members}, calls: 4},
		{name: "the approver was removed between press and grant", policy: bySec, groups: casestest.Groups{Members: map[string][]string{"g-sec": {"p-alice"}}},
			want: access.CodeRefused, final: true, calls: 3},
		{name: "the approver is a member by this app only", policy: bySec, groups: casestest.Groups{Members: members, Granted: []string{"g-sec p-bob"}},
			want: access.CodeRefused, final: true, calls: 3},
		{name: "the policy lets such memberships count", policy: managed, groups: casestest.Groups{Members: members, Granted: []string{"g-sec p-bob"}}, calls: 2},
		{name: "the requester may still request", policy: allowed, groups: casestest.Groups{Members: members}, calls: 3},
		{name: "the requester was removed between request and grant", policy: allowed, want: access.CodeRefused, final: true, calls: 2},
		{name: "the requester is a member by this app only", policy: allowed, groups: casestest.Groups{Members: members, Granted: []string{"g-dev p-alice"}},
			want: access.CodeRefused, final: true, calls: 2},
		{name: "the memberships can't be read: retried", policy: bySec, groups: casestest.Groups{Members: members, Err: access.Errorf(access.CodeThrottled, "x")},
			want: access.CodeThrottled, calls: 1},
		{name: "the user's email of a requester under a fallback domain counts", policy: func() access.Policy {
			p := listing("bob@example.com")
			p.Accounts[0].Allowed = []string{"alice@example.com"}
			return p
		}(), scene: func(s *scene) {
			s.row.Requester.SecondaryDomain, s.row.Requester.FoundAs.Email = true, "alice@old.example.com"
		}, want: access.CodeRefused, final: true},
		{name: "longer than the policy allows by now", policy: longest, want: access.CodeRefused, final: true},
		{name: "the policy requires a ticket by now", policy: ticket, want: access.CodeRefused, final: true},
		{name: "another ticket than the policy requires by now", policy: ticket, scene: func(s *scene) { s.row.Ticket = "DEV-1" }, want: access.CodeRefused, final: true},
		{name: "the ticket that the policy requires", policy: ticket, scene: func(s *scene) { s.row.Ticket = "OPS-1" }},
		{name: "no group in the policy: no call", policy: listing("bob@example.com")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := inOrder()
			s.policy, s.groups = tt.policy, tt.groups
			if tt.scene != nil {
				tt.scene(s)
			}
			_, err := s.handler().Handle(t.Context(), Input{Input: host.Input{Operation: "start", RequestID: "one", Execution: execution}})
			if code := access.CodeOf(err); code != tt.want || (len(s.failures) > 0) != tt.final || (len(s.acquired) > 0) != (tt.want == "") {
				t.Errorf("got %v, failures %+v, acquired %d; want code %q, final %t", err, s.failures, len(s.acquired), tt.want, tt.final)
			}
			if s.groups.Calls != tt.calls {
				t.Errorf("%d calls, want %d", s.groups.Calls, tt.calls)
			}
		})
	}
}
