package access

import "testing"

func TestRule(t *testing.T) {
	many := []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com", "f@example.com", "g@example.com"}
	tests := []struct {
		name string
		kind Kind
		d    Decision
		want string
	}{
		{"one approver", KindAccount, Decision{Reason: ReasonRequiresApproval, Statements: []int{1}, Approvers: many[:1]}, "config[1]: approval by a@example.com"},
		{"two approvers", KindAccount, Decision{Reason: ReasonRequiresApproval, Statements: []int{1, 4}, Approvers: many[:2]}, "config[1], config[4]: approval by a@example.com or b@example.com"},
		{"as many as are named", KindAccount, Decision{Reason: ReasonRequiresApproval, Statements: []int{1}, Approvers: many[:5]},
			"config[1]: approval by a@example.com, b@example.com, c@example.com, d@example.com or e@example.com"},
		{"more than are named", KindAccount, Decision{Reason: ReasonRequiresApproval, Statements: []int{1}, Approvers: many},
			"config[1]: approval by a@example.com, b@example.com, c@example.com, d@example.com, e@example.com or 2 others"},
		{"a group", KindGroup, Decision{Reason: ReasonRequiresApproval, Statements: []int{0}, Approvers: []string{GroupEntry("g-1")}}, "group_config[0]: approval by group:g-1"},
		{"several approvals", KindAccount, Decision{
			Reason: ReasonRequiresApproval, Statements: []int{0, 2, 3}, Approvers: many[:3],
			Requirements: []Requirement{{Statement: 2, Needed: 2, Approvers: many[:3]}, {Statement: 3, Needed: 1, Approvers: many[:1]}},
		}, "config[0], config[2], config[3]: 2 approvals by a@example.com, b@example.com or c@example.com (config[2]); 1 approval by a@example.com (config[3])"},
		{"automatic", KindAccount, Decision{Reason: ReasonApprovalNotRequired, Statements: []int{0}}, "config[0]: no approval needed"},
		{"own approval", KindGroup, Decision{Reason: ReasonSelfApproval, Statements: []int{0}}, "group_config[0]: requesters may approve their own requests"},
		{"no approvers", KindAccount, Decision{Reason: ReasonNoApprovers, Statements: []int{0}}, "config[0]: approval needed, but nobody else could approve"},
		{"too few approvers", KindAccount, Decision{Reason: ReasonNoApprovers, Statements: []int{0}, Requirements: []Requirement{{Needed: 2, Approvers: many[:1]}}},
			"config[0]: several approvals needed, but too few others could approve"},
		{"a requirement without approvers", KindAccount, Decision{Reason: ReasonNoApprovers, Statements: []int{0}, Requirements: []Requirement{{Needed: 1}}},
			"config[0]: approval needed, but nobody else could approve"},
		{"no statements", KindAccount, Decision{Reason: ReasonNoStatements}, "no statement allows this access"},
		{"protected", KindAccount, Decision{Reason: ReasonProtectedAccount}, "no statement names this protected account"},
		{"not allowed", KindAccount, Decision{Reason: ReasonNotAllowed, Statements: []int{3}}, "config[3]: the requester is not allowed to request this"},
		{"too long", KindAccount, Decision{Reason: ReasonDurationTooLong, Statements: []int{3}, MaxDuration: 7200}, "config[3]: at most 2 hours"},
		{"no ticket", KindAccount, Decision{Reason: ReasonTicketMissing, Statements: []int{3}}, "config[3]: a ticket is needed"},
		{"a reason of a later release", KindAccount, Decision{Reason: "Later", Statements: []int{3}}, "config[3]: Later"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.d.Rule(test.kind); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	if many[5] != "f@example.com" {
		t.Error("the approvers were overwritten")
	}
}

func TestMessageLink(t *testing.T) {
	posted := map[string]Post{PostAnnounce: {Channel: "C1", TS: "1775001598.000200"}}
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"posted", Request{TeamDomain: "example", Posts: posted}, "https://example.slack.com/archives/C1/p1775001598000200"},
		{"a row of the previous release", Request{Posts: posted}, ""},
		{"not posted", Request{TeamDomain: "example"}, ""},
		{"not known to have arrived", Request{TeamDomain: "example", Posts: map[string]Post{PostAnnounce: {Channel: "C1"}}}, ""},
		{"another message", Request{TeamDomain: "example", Posts: map[string]Post{"granted": {Channel: "D1", TS: "1.2"}}}, ""},
	}
	for _, test := range tests {
		if got := test.r.MessageLink(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	r := Request{TeamDomain: "example", Posts: posted}
	if got, want := r.LinkTo(Post{Channel: "D1", TS: "1.000002"}), "https://example.slack.com/archives/D1/p1000002"; got != want {
		t.Errorf("direct message: got %q, want %q", got, want)
	}
}
