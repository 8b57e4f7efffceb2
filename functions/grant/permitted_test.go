package grant

import (
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

var (
	bob   = access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	carol = access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
	dave  = access.Person{SlackID: "UDAVE", Email: "dave@example.com", PrincipalID: "p-dave"}
)

// needing is a statement of which so many approvers must approve.
func needing(n int, approvers ...string) access.Statement {
	return access.Statement{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, Approvers: approvers, ApprovalsNeeded: n}
}

// approvedBy is a request that these people approved, the last of them last.
func approvedBy(all ...access.Person) access.Request {
	r := approved()
	for _, p := range all {
		r.Approvals = append(r.Approvals, access.Approval{By: p, At: monday})
	}
	r.Outcome.By = all[len(all)-1]
	return r
}

// withGroups is the request with groups that could approve it when it was made.
func withGroups(r access.Request, groups ...access.ApproverGroup) access.Request {
	r.ApproverGroups = groups
	return r
}

func TestCheckDecisionBySeveral(t *testing.T) {
	const (
		alices = "alice@example.com"
		bobs   = "bob@example.com"
		carols = "carol@example.com"
		daves  = "dave@example.com"
	)
	alice := approved().Requester
	twin := func(of access.Person, slackID, email string) access.Person {
		of.SlackID, of.Email = slackID, email
		return of
	}
	tests := []struct {
		name   string
		row    access.Request
		policy []access.Statement
		groups map[string][]string // by principal
		gone   []string            // principals
		want   string              // "": granted
	}{
		{name: "two of two", row: approvedBy(bob, carol), policy: []access.Statement{needing(2, bobs, carols)}},
		{name: "one of one", row: approvedBy(bob), policy: []access.Statement{needing(1, bobs, carols)}},
		{name: "one by each of two statements", row: approvedBy(bob, carol), policy: []access.Statement{needing(1, bobs), needing(1, carols)}},
		{name: "one person for two statements", row: approvedBy(bob), policy: []access.Statement{needing(1, bobs), needing(1, bobs, carols)}},
		{name: "two of two, by the group", row: approvedBy(bob, carol), policy: []access.Statement{needing(2, "group:g-1")},
			groups: map[string][]string{"p-bob": {"g-1"}, "p-carol": {"g-1"}}},
		{name: "one was removed from the group", row: approvedBy(bob, carol), policy: []access.Statement{needing(2, "group:g-1")},
			groups: map[string][]string{"p-bob": {"g-1"}},
			want:   "approvals are missing: 1 of 2 from members of the group g-1. No longer counted: carol@example.com"},
		{name: "one was removed from the group, and the row knows its name", row: withGroups(approvedBy(bob, carol), access.ApproverGroup{ID: "g-2", Name: "Owners"}, access.ApproverGroup{ID: "G-1", Name: "Security"}),
			policy: []access.Statement{needing(2, "group:g-1", daves)}, groups: map[string][]string{"p-bob": {"g-1"}},
			want: "approvals are missing: 1 of 2 from dave@example.com, members of Security. No longer counted: carol@example.com"},
		{name: "the row knows no name of the group", row: withGroups(approvedBy(bob), access.ApproverGroup{ID: "g-1"}), policy: []access.Statement{needing(1, "group:g-1")},
			want: "approvals are missing: 0 of 1 from members of the group g-1. No longer counted: bob@example.com"},
		{name: "one is disabled", row: approvedBy(bob, carol), policy: []access.Statement{needing(2, bobs, carols)}, gone: []string{"p-bob"},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com. No longer counted: bob@example.com"},
		{name: "one is disabled, and two others approved", row: approvedBy(bob, carol, dave), policy: []access.Statement{needing(2, bobs, carols, daves)}, gone: []string{"p-bob"}},
		{name: "one is no longer listed", row: approvedBy(bob, carol), policy: []access.Statement{needing(2, carols, daves)},
			want: "approvals are missing: 1 of 2 from carol@example.com, dave@example.com. No longer counted: bob@example.com"},
		{name: "one statement lacks its approval", row: approvedBy(bob), policy: []access.Statement{needing(1, bobs), needing(1, carols)},
			want: "approvals are missing: 0 of 1 from carol@example.com"},
		{name: "the policy needs fewer by now", row: approvedBy(bob, carol), policy: []access.Statement{needing(1, bobs)}},
		{name: "the policy needs none of them by now", row: approvedBy(bob, carol), policy: []access.Statement{needing(0, carols)}},
		{name: "the policy needs more by now", row: approvedBy(bob, carol), policy: []access.Statement{needing(3, bobs, carols, daves)},
			want: "approvals are missing: 2 of 3 from bob@example.com, carol@example.com, dave@example.com"},
		{name: "an outcome by one, and the policy needs two by now", row: approved(), policy: []access.Statement{needing(2, bobs, carols)},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com"},
		{name: "an outcome by one, and the policy needs that one by now", row: approved(), policy: []access.Statement{needing(1, bobs)}},
		{name: "nobody who approved is listed, without requirements", row: approvedBy(bob, carol), policy: []access.Statement{needing(0, daves)},
			want: "approvals are missing. No longer counted: bob@example.com, carol@example.com"},
		{name: "one person twice", row: approvedBy(bob, twin(bob, "UBOB2", carols)), policy: []access.Statement{needing(2, bobs, carols)},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com. No longer counted: carol@example.com"},
		{name: "the requester under another email", row: approvedBy(bob, twin(carol, alice.SlackID, carols)), policy: []access.Statement{needing(2, bobs, carols)},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com. No longer counted: carol@example.com"},
		{name: "the requester's second Slack user", row: approvedBy(bob, twin(alice, "UALICE2", carols)), policy: []access.Statement{needing(2, bobs, carols)},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com. No longer counted: carol@example.com"},
		{name: "the requester's email", row: approvedBy(bob, twin(carol, "UCAROL", "ALICE@example.com")), policy: []access.Statement{needing(2, bobs, carols, alices)},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com. No longer counted: ALICE@example.com"},
		{name: "an approver without a user", row: approvedBy(bob, access.Person{SlackID: "UCAROL", Email: carols}), policy: []access.Statement{needing(2, bobs, carols)},
			want: "approvals are missing: 1 of 2 from bob@example.com, carol@example.com. No longer counted: carol@example.com"},
		{name: "the last one is in the outcome only", row: func() access.Request { r := approvedBy(bob); r.Outcome.By = carol; return r }(), policy: []access.Statement{needing(2, bobs, carols)}},
		{name: "denied", row: func() access.Request {
			r := approvedBy(bob, carol)
			r.Outcome.Kind = access.OutcomeDenied
			return r
		}(), policy: []access.Statement{needing(2, bobs, carols)}, want: "the request is not approved"},
		{name: "automatic before, and the policy needs two by now", row: func() access.Request { r := approved(); r.Outcome.Kind = access.OutcomeAutomatic; return r }(),
			policy: []access.Statement{needing(2, bobs, carols)}, want: "the current policy requires an approval"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := collectedApprovals(tt.row)
			as := make([]access.Identity, len(all))
			for i := range all {
				as[i] = all[i].By.Identity(tt.groups[all[i].By.PrincipalID])
				for _, gone := range tt.gone {
					if gone == all[i].By.PrincipalID {
						all[i].Lapse = access.LapseGone
					}
				}
			}
			c := &access.Case{Requester: tt.row.Requester.Identity(nil), Target: tt.row.Target, Duration: tt.row.Duration}
			err := checkDecision(tt.row, access.NewIndex(&access.Policy{Accounts: tt.policy}), c, all, as)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want || err != nil && access.CodeOf(err) != access.CodeRefused {
				t.Errorf("got %v (%q), want %q", err, access.CodeOf(err), tt.want)
			}
		})
	}
}

// Each approver is looked up again, because they may have changed since the approval.
func TestStartChecksAllApprovers(t *testing.T) {
	two := access.Policy{Accounts: []access.Statement{needing(2, "bob@example.com", "carol@example.com", "dave@example.com")}}
	tests := []struct {
		name  string
		row   access.Request
		scene func(*scene)
		want  access.Code
	}{
		{name: "all are there", row: approvedBy(bob, carol)},
		{name: "the first is disabled", row: approvedBy(bob, carol), scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-bob": access.UserDisabled} }, want: access.CodeRefused},
		{name: "the last is deleted", row: approvedBy(bob, carol), scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-carol": access.UserDeleted} }, want: access.CodeRefused},
		{name: "one of three is disabled", row: approvedBy(bob, carol, dave), scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-dave": access.UserDisabled} }},
		{name: "somebody else has the email of one by now", row: approvedBy(bob, carol), scene: func(s *scene) { s.errs["p-bob"] = access.Errorf(access.CodeAmbiguous, "x") }, want: access.CodeRefused},
		{name: "one can't be looked up", row: approvedBy(bob, carol), scene: func(s *scene) { s.errs["p-bob"] = access.Errorf(access.CodeThrottled, "x") }, want: access.CodeThrottled},
		{name: "the role may not look one up", row: approvedBy(bob, carol), scene: func(s *scene) { s.errs["p-bob"] = access.Errorf(access.CodeMisconfigure, "x") }, want: access.CodeMisconfigure},
		{name: "the requester is disabled", row: approvedBy(bob, carol), scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-alice": access.UserDisabled} }, want: access.CodeRefused},
		{name: "an approval that had lapsed counts again", row: func() access.Request { r := approvedBy(bob, carol); r.Approvals[0].Lapse = access.LapseGone; return r }()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := inOrder()
			s.row, s.policy = tt.row, two
			if tt.scene != nil {
				tt.scene(s)
			}
			_, err := s.handler().Handle(t.Context(), Input{Input: host.Input{Operation: "start", RequestID: "one", Execution: execution}})
			if access.CodeOf(err) != tt.want || len(s.acquired) > 0 != (tt.want == "") {
				t.Errorf("got %v (%q), acquired %d; want %q", err, access.CodeOf(err), len(s.acquired), tt.want)
			}
			if recorded := len(s.failures) > 0; recorded != (tt.want != "" && !tt.want.Transient()) {
				t.Errorf("recorded %+v", s.failures)
			}
		})
	}
}
