package access

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// One row for each sentence about the fields that restrict a statement.
func TestDecideByFields(t *testing.T) {
	const (
		ann, bob, cid    = "ann@example.com", "bob@example.com", "cid@example.com"
		devs, leads, sec = "aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-0000-0000-0000-000000000000", "cccccccc-0000-0000-0000-000000000000"
		unit, parent     = "ou-abcd-11111111", "ou-abcd-22222222"
		hour             = 3600
	)
	member := func(groups ...string) Identity { return Identity{Email: ann, Groups: groups} }
	on := func(s Statement) Statement { // all accounts and permission sets, unless it names some
		if s.Resources == nil {
			s.Resources = list("*")
		}
		s.PermissionSets = list("*")
		return s
	}
	refused := func(r Reason) Decision { return Decision{Outcome: DecideRefused, Reason: r} }
	automatic := func(r Reason) Decision { return Decision{Outcome: DecideAutomatic, Reason: r} }
	asked := func(approvers ...string) Decision {
		return Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: approvers}
	}
	for _, tt := range []struct {
		name       string
		who        Identity
		statements []Statement
		protected  []string
		ous        []string
		duration   int64
		want       Decision // Approvers nil means none; Statements are not compared
	}{
		{"neither groups nor users: everyone may", member(), []Statement{on(Statement{Approvers: list(bob)})}, nil, nil, 0, asked(bob)},
		{"a member of an allowed group", member(devs), []Statement{on(Statement{Allowed: list(GroupEntry(devs)), Approvers: list(bob)})}, nil, nil, 0, asked(bob)},
		{"an allowed group, written in capitals", member(devs), []Statement{on(Statement{Allowed: list("group:AAAAAAAA-0000-0000-0000-000000000000"), Approvers: list(bob)})}, nil, nil, 0, asked(bob)},
		{"an allowed user", member(), []Statement{on(Statement{Allowed: list("Ann@Example.com"), Approvers: list(bob)})}, nil, nil, 0, asked(bob)},
		{"not a member", member(leads), []Statement{on(Statement{Allowed: list(GroupEntry(devs), bob), Approvers: list(bob)})}, nil, nil, 0, refused(ReasonNotAllowed)},
		{"under a fallback domain, the email in Slack does not count", Identity{Email: ann, SecondaryDomain: true, UserEmail: cid}, []Statement{on(Statement{Allowed: list(ann), Approvers: list(bob)})}, nil, nil, 0, refused(ReasonNotAllowed)},
		{"under a fallback domain, the email in Slack does not count, even if the user has none", Person{Email: ann, SecondaryDomain: true}.Identity(nil), []Statement{on(Statement{Allowed: list(ann), Approvers: list(bob)})}, nil, nil, 0, refused(ReasonNotAllowed)},
		{"a group counts under a fallback domain, even if the user has no email", Person{Email: ann, SecondaryDomain: true}.Identity(list(devs)), []Statement{on(Statement{Allowed: list(ann, GroupEntry(devs)), Approvers: list(bob)})}, nil, nil, 0, asked(bob)},
		{"under a fallback domain, the user's email counts", Identity{Email: ann, SecondaryDomain: true, UserEmail: cid}, []Statement{on(Statement{Allowed: list(cid), Approvers: list(bob)})}, nil, nil, 0, asked(bob)},
		{"an email of that form is no group", Identity{Email: "group:" + devs}, []Statement{on(Statement{Allowed: list(GroupEntry(devs)), Approvers: list(bob)})}, nil, nil, 0, refused(ReasonNotAllowed)},
		{"a statement that does not apply grants nothing", member(), []Statement{
			on(Statement{Allowed: list(bob), ApprovalIsNotRequired: yes}), on(Statement{Approvers: list(bob)}),
		}, nil, nil, 0, asked(bob)},
		{"a statement that does not apply adds no approvers", member(), []Statement{
			on(Statement{Allowed: list(bob), Approvers: list(cid)}), on(Statement{Approvers: list(bob)}),
		}, nil, nil, 0, asked(bob)},
		{"a statement that does not apply still requires approval", member(), []Statement{
			on(Statement{Allowed: list(bob), ApprovalIsNotRequired: no}), on(Statement{Approvers: list(bob), ApprovalIsNotRequired: yes}),
		}, nil, nil, 0, asked(bob)},
		{"a statement that does not apply still forbids self-approval to those it lists", member(), []Statement{
			on(Statement{Allowed: list(bob), Approvers: list(ann), AllowSelfApproval: no}), on(Statement{Approvers: list(ann, bob), AllowSelfApproval: yes}),
		}, nil, nil, 0, asked(bob)},
		{"self-approval is forbidden only to those whom the statement lists", member(), []Statement{
			on(Statement{Approvers: list(cid), AllowSelfApproval: no}), on(Statement{Approvers: list(ann), AllowSelfApproval: yes}),
		}, nil, nil, 0, automatic(ReasonSelfApproval)},
		{"self-approval as a member of a group", member(leads), []Statement{on(Statement{Approvers: list(GroupEntry(leads)), AllowSelfApproval: yes})}, nil, nil, 0, automatic(ReasonSelfApproval)},
		{"self-approval forbidden to a group's member", member(leads), []Statement{
			on(Statement{Approvers: list(GroupEntry(leads)), AllowSelfApproval: no}), on(Statement{Approvers: list(ann, bob), AllowSelfApproval: yes}),
		}, nil, nil, 0, asked(bob, GroupEntry(leads))},
		{"a group approves", member(), []Statement{on(Statement{Approvers: list(GroupEntry(leads))})}, nil, nil, 0, asked(GroupEntry(leads))},

		{"several approvals", member(), []Statement{on(Statement{Approvers: list(bob, cid, ann), ApprovalsNeeded: 2})}, nil, nil, 0,
			Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob, cid), Requirements: []Requirement{{0, 2, list(bob, cid)}}, Confirm: true}},
		{"the requester counts for none", member(), []Statement{on(Statement{Approvers: list(bob, ann), ApprovalsNeeded: 2})}, nil, nil, 0,
			Decision{Outcome: DecideRefused, Reason: ReasonNoApprovers, Requirements: []Requirement{{0, 2, list(bob)}}, Confirm: true}},
		{"a group counts as enough", member(), []Statement{on(Statement{Approvers: list(GroupEntry(leads)), ApprovalsNeeded: 5})}, nil, nil, 0,
			Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(GroupEntry(leads)), Requirements: []Requirement{{0, 5, list(GroupEntry(leads))}}, Confirm: true}},
		{"two statements: a manager and security", member(), []Statement{
			on(Statement{Approvers: list(bob), ApprovalsNeeded: 1}), on(Statement{Approvers: list(GroupEntry(sec)), ApprovalsNeeded: 1}), on(Statement{Approvers: list("eve@example.com")}),
		}, nil, nil, 0, Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob, GroupEntry(sec)),
			Requirements: []Requirement{{0, 1, list(bob)}, {1, 1, list(GroupEntry(sec))}}, Confirm: true}},
		{"one of two requirements can't be met", member(), []Statement{
			on(Statement{Approvers: list(bob), ApprovalsNeeded: 1}), on(Statement{Approvers: list(cid), ApprovalsNeeded: 2}),
		}, nil, nil, 0, Decision{Outcome: DecideRefused, Reason: ReasonNoApprovers, Requirements: []Requirement{{0, 1, list(bob)}, {1, 2, list(cid)}}, Confirm: true}},
		{"while one applies, approval is required", member(), []Statement{
			on(Statement{Approvers: list(bob), ApprovalsNeeded: 1}), on(Statement{ApprovalIsNotRequired: yes}),
		}, nil, nil, 0, Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Requirements: []Requirement{{0, 1, list(bob)}}, Confirm: true}},
		{"while one applies, nobody approves their own request", member(), []Statement{
			on(Statement{Approvers: list(bob), ApprovalsNeeded: 1}), on(Statement{Approvers: list(ann), AllowSelfApproval: yes}),
		}, nil, nil, 0, Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Requirements: []Requirement{{0, 1, list(bob)}}, Confirm: true}},
		{"a requirement of a statement that does not apply", member(), []Statement{
			on(Statement{Allowed: list(bob), Approvers: list(bob), ApprovalsNeeded: 1}), on(Statement{ApprovalIsNotRequired: yes}),
		}, nil, nil, 0, automatic(ReasonApprovalNotRequired)},

		{"as long as the limit", member(), []Statement{on(Statement{ApprovalIsNotRequired: yes, MaxDuration: hour})}, nil, nil, hour,
			Decision{Outcome: DecideAutomatic, Reason: ReasonApprovalNotRequired, MaxDuration: hour}},
		{"longer than the limit", member(), []Statement{on(Statement{ApprovalIsNotRequired: yes, MaxDuration: hour})}, nil, nil, hour + 1,
			Decision{Outcome: DecideRefused, Reason: ReasonDurationTooLong, MaxDuration: hour}},
		{"the lowest limit wins", member(), []Statement{
			on(Statement{Approvers: list(bob), MaxDuration: 2 * hour}), on(Statement{MaxDuration: hour}), on(Statement{MaxDuration: 3 * hour}),
		}, nil, nil, 2 * hour, Decision{Outcome: DecideRefused, Reason: ReasonDurationTooLong, MaxDuration: hour}},
		{"the limit of a statement that does not apply", member(), []Statement{
			on(Statement{Approvers: list(bob)}), on(Statement{Allowed: list(bob), MaxDuration: hour}),
		}, nil, nil, 2 * hour, asked(bob)},
		{"a duration that isn't stated", member(), []Statement{on(Statement{ApprovalIsNotRequired: yes, MaxDuration: hour})}, nil, nil, 0,
			Decision{Outcome: DecideAutomatic, Reason: ReasonApprovalNotRequired, MaxDuration: hour}},
		{"a shorter duration would not help", member(), []Statement{on(Statement{MaxDuration: hour})}, nil, nil, 2 * hour,
			Decision{Outcome: DecideRefused, Reason: ReasonNoApprovers, MaxDuration: hour}},

		{"an account below the unit", member(), []Statement{on(Statement{Resources: list(unit), Approvers: list(bob)})}, nil, list(unit, root), 0, asked(bob)},
		{"at any depth", member(), []Statement{on(Statement{Resources: list(parent), Approvers: list(bob)})}, nil, list(unit, parent, root), 0, asked(bob)},
		{"an account elsewhere", member(), []Statement{on(Statement{Resources: list(unit), Approvers: list(bob)})}, nil, list(parent, root), 0, refused(ReasonNoStatements)},
		{"a root is above every account", member(), []Statement{on(Statement{Resources: list(root), Approvers: list(bob)})}, nil, nil, 0, asked(bob)},

		{`"*" does not reach a protected account`, member(), []Statement{on(Statement{Approvers: list(bob)})}, list(dev), nil, 0, refused(ReasonProtectedAccount)},
		{"a unit does not reach a protected account", member(), []Statement{on(Statement{Resources: list(unit), Approvers: list(bob)})}, list(dev), list(unit, root), 0, refused(ReasonProtectedAccount)},
		{"a root does not reach a protected account", member(), []Statement{on(Statement{Resources: list(root), Approvers: list(bob)})}, list(dev), nil, 0, refused(ReasonProtectedAccount)},
		{"a statement that names the protected account", member(), []Statement{on(Statement{Resources: list("*", dev), Approvers: list(bob)})}, list(dev), nil, 0, asked(bob)},
		{`for a protected account, "*" adds nothing to a name`, member(), []Statement{
			on(Statement{Resources: list(dev), Approvers: list(bob)}), on(Statement{Approvers: list(cid), ApprovalIsNotRequired: yes}),
		}, list(dev), nil, 0, asked(bob)},
		{"nothing would match the protected account anyway", member(), []Statement{on(Statement{Resources: list(prod), Approvers: list(bob)})}, list(dev), nil, 0, refused(ReasonNoStatements)},
		{"another account is protected", member(), []Statement{on(Statement{Approvers: list(bob)})}, list(prod), nil, 0, asked(bob)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Accounts: tt.statements, ProtectedAccounts: tt.protected}
			got := NewIndex(&p).Decide(&Case{Requester: tt.who, Target: account(dev, "ReadOnly"), OUs: tt.ous, Duration: tt.duration})
			got.Statements = nil
			if len(got.Approvers) == 0 {
				got.Approvers = nil
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	const (
		ann, bob, cid, dee = "ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"
		sec                = "cccccccc-0000-0000-0000-000000000000"
	)
	by := func(email string, groups ...string) Approver {
		return Approver{Identity{Email: email, Groups: groups}, "p-" + email}
	}
	on := func(s Statement) Statement {
		s.Resources, s.PermissionSets = list("*"), list("*")
		return s
	}
	two := []Statement{on(Statement{Approvers: list(ann, bob, cid), ApprovalsNeeded: 2}), on(Statement{Approvers: list(dee)})}
	both := []Statement{on(Statement{Approvers: list(bob, dee), ApprovalsNeeded: 1}), on(Statement{Approvers: list(GroupEntry(sec), dee), ApprovalsNeeded: 1})}
	one := []Statement{on(Statement{Approvers: list(bob, cid)})}
	self := []Statement{on(Statement{Approvers: list(ann, bob), AllowSelfApproval: yes})}
	for _, tt := range []struct {
		name       string
		statements []Statement
		approvals  []Approver
		counted    []bool
		given      [][]int
		met        bool
	}{
		{"none", two, nil, []bool{}, [][]int{nil}, false},
		{"one of two", two, []Approver{by(bob)}, []bool{true}, [][]int{{0}}, false},
		{"two of two", two, []Approver{by(bob), by(cid)}, []bool{true, true}, [][]int{{0, 1}}, true},
		{"one who isn't listed", two, []Approver{by(bob), by("eve@example.com")}, []bool{true, false}, [][]int{{0}}, false},
		{"only approvers of the demanding statement", two, []Approver{by(bob), by(dee)}, []bool{true, false}, [][]int{{0}}, false},
		{"the requester never counts", two, []Approver{by(ann), by(bob)}, []bool{false, true}, [][]int{{1}}, false},
		{"the requester's user under another email", two, []Approver{{Identity{Email: bob}, "p-" + ann}, by(cid)}, []bool{false, true}, [][]int{{1}}, false},
		{"one user under two emails counts once", two, []Approver{by(bob), {Identity{Email: cid}, "p-" + bob}}, []bool{true, false}, [][]int{{0}}, false},
		{"somebody without a user", two, []Approver{{Identity{Email: bob}, ""}, by(cid)}, []bool{false, true}, [][]int{{1}}, false},
		{"both statements", both, []Approver{by(bob), by("eve@example.com", sec)}, []bool{true, true}, [][]int{{0}, {1}}, true},
		{"two for the same statement", both, []Approver{by("eve@example.com", sec), by("fay@example.com", sec)}, []bool{true, true}, [][]int{nil, {0, 1}}, false},
		{"one person counts for several statements", both, []Approver{by(dee)}, []bool{true}, [][]int{{0}, {0}}, true},
		{"no longer a member", both, []Approver{by(bob), by("eve@example.com")}, []bool{true, false}, [][]int{{0}, nil}, false},
		{"without requirements, one is enough", one, []Approver{by(cid)}, []bool{true}, nil, true},
		{"without requirements, none is not", one, nil, []bool{}, nil, false},
		{"without requirements, somebody else", one, []Approver{by(dee)}, []bool{false}, nil, false},
		{"the requester, where the policy lets them", self, []Approver{by(ann)}, []bool{true}, nil, true},
		{"the requester's user under another email, where it lets them", self, []Approver{{Identity{Email: bob}, "p-" + ann}}, []bool{true}, nil, true},
		{"the requester's user under another email, where it doesn't", one, []Approver{{Identity{Email: bob}, "p-" + ann}}, []bool{false}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := NewIndex(&Policy{Accounts: tt.statements}).Progress(request(ann, account(dev, "ReadOnly")), "p-"+ann, tt.approvals)
			var given [][]int
			for _, q := range got.Requirements {
				given = append(given, q.Given)
			}
			if got.Met != tt.met || !slices.Equal(got.Counted, tt.counted) || !reflect.DeepEqual(given, tt.given) {
				t.Errorf("met %v, counted %v, given %v; want %v, %v, %v", got.Met, got.Counted, given, tt.met, tt.counted, tt.given)
			}
		})
	}
}

// The progress of random approvals is what the sentences about them say.
func TestProgressAgainstSecondFormulation(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 9))
	met := map[bool]int{}
	for n := range 1500 {
		p := randomPolicy(r)
		enrich(r, &p)
		everybody, place, index := randomPeople(r), randomPlace(r), NewIndex(&p)
		for _, target := range everyTarget() {
			who := r.IntN(len(everybody))
			c := Case{Requester: everybody[who], Target: target, OUs: place[target.AccountID]}
			w := worldOf(p, c)
			var approvals []Approver
			for range r.IntN(5) {
				a := r.IntN(len(everybody))
				approvals = append(approvals, Approver{everybody[a], people[a]})
			}
			want := len(w.demanding()) > 0 || slices.ContainsFunc(approvals, func(a Approver) bool {
				if a.PrincipalID == people[who] {
					return w.approvesSelf()
				}
				return w.approves(a.Identity)
			})
			for _, s := range w.demanding() {
				different := map[string]bool{}
				for _, a := range approvals {
					if a.PrincipalID != people[who] && w.lists(a.Identity)(s) {
						different[a.PrincipalID] = true
					}
				}
				want = want && len(different) >= s.ApprovalsNeeded
			}
			met[want]++
			if got := index.Progress(&c, people[who], approvals); got.Met != want {
				t.Fatalf("policy %d: %+v approved by %+v: %v, want %v\n%+v", n, c, approvals, got.Met, want, p)
			}
		}
	}
	if met[true] < 300 || met[false] < 300 {
		t.Errorf("%v: the random approvals do not try both", met)
	}
}

// A protected account stays in the scope of reports, and out of that of removals,
// unless a statement names it.
func TestCoversByName(t *testing.T) {
	p := Policy{
		Accounts:          []Statement{{Resources: list("*"), PermissionSets: list("ReadOnly")}, {Resources: list(prod), PermissionSets: list("Admin")}},
		ProtectedAccounts: list(prod),
	}
	x := NewIndex(&p)
	for _, tt := range []struct {
		target          Target
		covered, byName bool
	}{
		{account(dev, "ReadOnly"), true, true},
		{account(prod, "ReadOnly"), true, false},
		{account(prod, "Admin"), true, true},
		{account(dev, "Admin"), false, false},
		{Target{Kind: KindGroup, GroupID: team}, false, false},
	} {
		if covered, byName := x.Covers(tt.target, nil), x.CoversByName(tt.target, nil); covered != tt.covered || byName != tt.byName {
			t.Errorf("%s: covered %v, by name %v; want %v, %v", tt.target, covered, byName, tt.covered, tt.byName)
		}
	}
}

func TestGroupsAndUnitsOfAPolicy(t *testing.T) {
	p := Policy{
		Accounts: []Statement{
			{Resources: list("ou-abcd-11111111", root), PermissionSets: list("*"), Allowed: list("ann@example.com", GroupEntry("g-2")), Approvers: list(GroupEntry("g-1"))},
			{Resources: list(prod), PermissionSets: list("*"), Approvers: list("bob@example.com")},
		},
		Groups: []Statement{{Resources: list(team), Approvers: list(GroupEntry("g-3"), "cid@example.com")}},
	}
	x := NewIndex(&p)
	for name, got := range map[string][]string{
		"approver groups":        p.ApproverGroups(),
		"groups that decide":     p.DecisionGroups(),
		"units":                  p.OUs(),
		"approvers":              p.AllApprovers(),
		"groups about a group":   x.GroupsAffecting(Target{Kind: KindGroup, GroupID: team}, nil),
		"groups about dev":       x.GroupsAffecting(account(dev, "ReadOnly"), nil),
		"groups about no target": x.GroupsAffecting(account("", "ReadOnly"), nil),
	} {
		want := map[string][]string{
			"approver groups":      list("g-1", "g-3"),
			"groups that decide":   list("g-1", "g-2", "g-3"),
			"units":                list("ou-abcd-11111111", root),
			"approvers":            list("bob@example.com", "cid@example.com"),
			"groups about a group": list("g-3"),
			"groups about dev":     list("g-1", "g-2"),
		}[name]
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := x.OUs(); !slices.Equal(got, list("ou-abcd-11111111")) {
		t.Errorf("units of the index: got %q, want no root among them", got)
	}
}
