package access

import (
	"slices"
	"testing"
	"time"
)

func TestIsWaitingFor(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var (
		ann   = Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}
		annie = Person{SlackID: "UANN2", Email: "annie@example.com", PrincipalID: "p-ann"}
		bob   = Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
		jane  = Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-jane"}
		twin  = Person{SlackID: "UTWIN", Email: "twin@example.com", PrincipalID: "p-jane"}
	)
	listed := func(p Person) Person { p.PrincipalID = ""; return p } // as evaluate writes approvers
	one := Request{Requester: jane, ExpiresAt: now.Add(time.Hour), Approvers: []Person{listed(ann)}, UnknownApprovers: []string{"new@example.com"},
		ApproverGroups: []ApproverGroup{{ID: "G-1"}}}
	two := Request{Requester: jane, ExpiresAt: now.Add(time.Hour), Approvers: []Person{listed(ann), listed(bob)},
		EvaluatedDecision: &Decision{Requirements: []Requirement{{Needed: 2, Approvers: []string{"ann@example.com", "bob@example.com", "group:g-2"}}}}}
	given := two
	given.Approvals = []Approval{{By: ann}}
	given.ApprovalProgress = []RequirementProgress{{Requirement: two.EvaluatedDecision.Requirements[0], Given: []int{0}}}
	lapsed := two
	lapsed.Approvals = []Approval{{By: ann, Lapse: LapseNotPermitted}}
	lapsed.ApprovalProgress = []RequirementProgress{{Requirement: two.EvaluatedDecision.Requirements[0]}}
	with := func(r Request, change func(*Request)) Request { change(&r); return r }

	tests := []struct {
		name   string
		r      Request
		p      Person
		groups []string
		want   bool
	}{
		{"a listed approver", one, ann, nil, true},
		{"by email, from another Slack user", one, Person{SlackID: "UX", Email: "ANN@example.com", PrincipalID: "p-x"}, nil, true},
		{"somebody else", one, bob, nil, false},
		{"a member of a group", one, bob, []string{"g-1"}, true},
		{"a member of another group", one, bob, []string{"g-2"}, false},
		{"an approver who was not in Slack", one, Person{SlackID: "UNEW", Email: "new@example.com", PrincipalID: "p-new"}, nil, true},
		{"the requester", with(one, func(r *Request) { r.Approvers = []Person{listed(jane)} }), jane, nil, false},
		{"the requester as another Slack user", with(one, func(r *Request) { r.Approvers = []Person{listed(twin)} }), twin, []string{"g-1"}, false},
		{"without a user in Identity Center", one, listed(ann), nil, false},
		{"under a fallback domain", one, fallback(ann), nil, false},
		{"not evaluated yet", Request{Requester: jane}, ann, []string{"g-1"}, false},
		{"never expires", with(one, func(r *Request) { r.ExpiresAt = time.Time{} }), ann, nil, true},
		{"expired", with(one, func(r *Request) { r.ExpiresAt = now }), ann, nil, false},
		{"decided", with(one, func(r *Request) { r.Outcome = &Outcome{Kind: OutcomeDenied} }), ann, nil, false},
		{"given up", with(one, func(r *Request) { r.Tombstone = true }), ann, nil, false},
		{"closed", with(one, func(r *Request) { r.ClosedAt = now }), ann, nil, false},

		{"the first of two", two, bob, nil, true},
		{"the second of two", given, bob, nil, true},
		{"approved already", given, ann, nil, false},
		{"approved already as another Slack user", given, annie, []string{"g-2"}, false},
		{"an approval that lapsed", lapsed, ann, nil, true},
		{"a member of a group of two", given, Person{SlackID: "UM", PrincipalID: "p-m"}, []string{"g-2"}, true},
		{"listed, but not where approvals are needed", with(two, func(r *Request) { r.ApproverGroups = []ApproverGroup{{ID: "g-1"}} }), Person{SlackID: "UM", PrincipalID: "p-m"}, []string{"g-1"}, false},
	}
	for _, tt := range tests {
		if got := tt.r.IsWaitingFor(tt.p, tt.groups, now); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
	if got := one.ApproverGroupIDs(); !slices.Equal(got, []string{"g-1"}) {
		t.Errorf("groups %q", got)
	}
	if got := two.ApproverGroupIDs(); !slices.Equal(got, []string{"g-2"}) {
		t.Errorf("groups %q", got)
	}
}

// fallback is the person, found under a fallback domain.
func fallback(p Person) Person { p.SecondaryDomain = true; return p }
