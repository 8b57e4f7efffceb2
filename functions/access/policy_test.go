package access

import (
	"reflect"
	"testing"
)

// Short forms for the tables below.
var yes, no = new(true), new(false)

const (
	dev  = "111111111111"
	prod = "222222222222"
	team = "99999999-8888-7777-6666-555555555555"
)

func account(id, permissionSet string) Target {
	return Target{Kind: KindAccount, AccountID: id, PermissionSet: permissionSet}
}

func list(v ...string) []string { return append([]string{}, v...) }

// request returns a request by a person who is in no group.
func request(email string, t Target) *Case {
	return &Case{Requester: Identity{Email: email}, Target: t}
}

func TestDecide(t *testing.T) {
	const ann, bob, cid = "ann@example.com", "bob@example.com", "cid@example.com"
	tests := []struct {
		name       string
		statements []Statement
		requester  string
		target     Target
		want       Decision
	}{
		{
			name: "no statements at all", requester: ann, target: account(dev, "ReadOnly"),
			want: Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}},
		},
		{
			name: "another account, another permission set", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(prod), PermissionSets: list("*"), Approvers: list(bob)},
				{Resources: list("*"), PermissionSets: list("Admin"), Approvers: list(bob)},
			},
			want: Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}},
		},
		{
			name: "a permission set's name is compared by case", requester: ann, target: account(dev, "readonly"),
			statements: []Statement{{Resources: list(dev), PermissionSets: list("ReadOnly"), Approvers: list(bob)}},
			want:       Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}},
		},
		{
			name: "approvers of all affecting statements, sorted, once", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(prod, dev), PermissionSets: list("Admin", "ReadOnly"), Approvers: list(cid, ann)},
				{Resources: list(prod), PermissionSets: list("*"), Approvers: list("nobody@example.com")},
				{Resources: list("*"), PermissionSets: list("*"), Approvers: list(bob, cid)},
			},
			want: Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob, cid), Statements: []int{0, 2}},
		},
		{
			name: "approval not required", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(bob)},
				{Resources: list(dev), PermissionSets: list("ReadOnly"), ApprovalIsNotRequired: yes},
			},
			want: Decision{Outcome: DecideAutomatic, Reason: ReasonApprovalNotRequired, Approvers: list(), Statements: []int{0, 1}},
		},
		{
			name: "approval not required, denied elsewhere", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("ReadOnly"), ApprovalIsNotRequired: yes, Approvers: list(bob)},
				{Resources: list("*"), PermissionSets: list("*"), ApprovalIsNotRequired: no},
			},
			want: Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Statements: []int{0, 1}},
		},
		{
			name: "a statement that does not affect denies nothing", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("ReadOnly"), ApprovalIsNotRequired: yes},
				{Resources: list(prod), PermissionSets: list("*"), ApprovalIsNotRequired: no},
			},
			want: Decision{Outcome: DecideAutomatic, Reason: ReasonApprovalNotRequired, Approvers: list(), Statements: []int{0}},
		},
		{
			name: "self approval", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann, bob), AllowSelfApproval: yes}},
			want:       Decision{Outcome: DecideAutomatic, Reason: ReasonSelfApproval, Approvers: list(), Statements: []int{0}},
		},
		{
			name: "self approval is for those who are listed beside it", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(bob), AllowSelfApproval: yes},
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann)},
			},
			want: Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Statements: []int{0, 1}},
		},
		{
			name: "self approval, denied by a statement that lists the requester", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann, bob), AllowSelfApproval: yes},
				{Resources: list("*"), PermissionSets: list("*"), Approvers: list(ann, cid), AllowSelfApproval: no},
			},
			want: Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob, cid), Statements: []int{0, 1}},
		},
		{
			name: "self approval, denied to others only", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann, bob), AllowSelfApproval: yes},
				{Resources: list("*"), PermissionSets: list("*"), Approvers: list(cid), AllowSelfApproval: no},
			},
			want: Decision{Outcome: DecideAutomatic, Reason: ReasonSelfApproval, Approvers: list(), Statements: []int{0, 1}},
		},
		{
			name: "both automatic rules", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann), AllowSelfApproval: yes},
				{Resources: list(dev), PermissionSets: list("*"), ApprovalIsNotRequired: yes},
			},
			want: Decision{Outcome: DecideAutomatic, Reason: ReasonApprovalNotRequired, Approvers: list(), Statements: []int{0, 1}},
		},
		{
			name: "denying one automatic rule leaves the other", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{
				{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann), AllowSelfApproval: yes, ApprovalIsNotRequired: no},
			},
			want: Decision{Outcome: DecideAutomatic, Reason: ReasonSelfApproval, Approvers: list(), Statements: []int{0}},
		},
		{
			name: "the only approver asks", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann)}},
			want:       Decision{Outcome: DecideRefused, Reason: ReasonNoApprovers, Approvers: list(), Statements: []int{0}},
		},
		{
			name: "nobody is listed", requester: ann, target: account(dev, "ReadOnly"),
			statements: []Statement{{Resources: list(dev), PermissionSets: list("*"), AllowSelfApproval: yes}},
			want:       Decision{Outcome: DecideRefused, Reason: ReasonNoApprovers, Approvers: list(), Statements: []int{0}},
		},
		{
			name: "emails in any case", requester: " Ann@Example.COM ", target: account(dev, "ReadOnly"),
			statements: []Statement{{Resources: list(dev), PermissionSets: list("*"), Approvers: list("ANN@example.com", "Bob@example.com", "bob@EXAMPLE.com")}},
			want:       Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Statements: []int{0}},
		},
		{
			name: "self approval in any case", requester: "ANN@example.com", target: account(dev, "ReadOnly"),
			statements: []Statement{{Resources: list(dev), PermissionSets: list("*"), Approvers: list("Ann@Example.com"), AllowSelfApproval: yes}},
			want:       Decision{Outcome: DecideAutomatic, Reason: ReasonSelfApproval, Approvers: list(), Statements: []int{0}},
		},
		{
			name: "an account without a permission set", requester: ann, target: account(dev, ""),
			statements: []Statement{{Resources: list("*"), PermissionSets: list("*"), ApprovalIsNotRequired: yes}},
			want:       Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}},
		},
		{
			name: "no account", requester: ann, target: account("", "ReadOnly"),
			statements: []Statement{{Resources: list("*"), PermissionSets: list("*"), ApprovalIsNotRequired: yes}},
			want:       Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}},
		},
		{
			name: "no kind", requester: ann, target: Target{AccountID: dev, PermissionSet: "ReadOnly"},
			statements: []Statement{{Resources: list("*"), PermissionSets: list("*"), ApprovalIsNotRequired: yes}},
			want:       Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Accounts: tt.statements}
			if got := NewIndex(&p).Decide(request(tt.requester, tt.target)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestDecideGroups(t *testing.T) {
	const ann, bob = "ann@example.com", "bob@example.com"
	group := func(id string) Target { return Target{Kind: KindGroup, GroupID: id} }
	p := Policy{
		Accounts: []Statement{{Resources: list("*"), PermissionSets: list("*"), ApprovalIsNotRequired: yes}},
		Groups: []Statement{
			{Resources: list("another"), Approvers: list(ann)},
			{Resources: list(team), Approvers: list(bob, ann)},
		},
	}
	all := Policy{Groups: []Statement{{Resources: list("*"), ApprovalIsNotRequired: yes}}}
	for _, tt := range []struct {
		name   string
		policy Policy
		target Target
		want   Decision
	}{
		{"approval by those whom its own statements list", p, group(team), Decision{Outcome: DecideApproval, Reason: ReasonRequiresApproval, Approvers: list(bob), Statements: []int{1}}},
		{"statements about accounts say nothing of groups", p, group("third"), Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}}},
		{"the only approver asks", p, group("another"), Decision{Outcome: DecideRefused, Reason: ReasonNoApprovers, Approvers: list(), Statements: []int{0}}},
		{"all groups", all, group("third"), Decision{Outcome: DecideAutomatic, Reason: ReasonApprovalNotRequired, Approvers: list(), Statements: []int{0}}},
		{"no group", all, group(""), Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}}},
		{"a group's statement says nothing of accounts", all, account(dev, "ReadOnly"), Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: list(), Statements: []int{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewIndex(&tt.policy).Decide(request(ann, tt.target)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestPermits(t *testing.T) {
	const ann, bob, cid = "ann@example.com", "bob@example.com", "cid@example.com"
	p := Policy{Accounts: []Statement{
		{Resources: list(dev), PermissionSets: list("*"), Approvers: list(ann, bob), AllowSelfApproval: yes},
		{Resources: list(dev), PermissionSets: list("Admin"), Approvers: list(ann), AllowSelfApproval: no},
		{Resources: list(prod), PermissionSets: list("*"), Approvers: list("Cid@Example.com"), ApprovalIsNotRequired: yes},
	}}
	for _, tt := range []struct {
		name                string
		requester, approver string
		target              Target
		want                bool
	}{
		{"an approver", ann, bob, account(dev, "ReadOnly"), true},
		{"an approver, in any case", ann, "BOB@example.com ", account(dev, "ReadOnly"), true},
		{"an approver of something else", ann, cid, account(dev, "ReadOnly"), false},
		{"somebody", ann, "eve@example.com", account(dev, "ReadOnly"), false},
		{"the requester, where the rule holds", ann, ann, account(dev, "ReadOnly"), true},
		{"the requester, in another case", ann, "ANN@EXAMPLE.COM", account(dev, "ReadOnly"), true},
		{"the requester, where the rule is denied", ann, ann, account(dev, "Admin"), false},
		{"the denial is not another requester's", bob, bob, account(dev, "Admin"), true},
		{"the denial does not touch approving for others", bob, ann, account(dev, "Admin"), true},
		{"whatever the outcome: it is automatic anyway", ann, cid, account(prod, "Admin"), true},
		{"not required is not a right to approve oneself", cid, cid, account(prod, "Admin"), false},
		{"nothing affects", ann, bob, account("333333333333", "Admin"), false},
		{"nobody", ann, "", account(dev, "ReadOnly"), false},
		{"nobody for nobody", "", "", account(dev, "ReadOnly"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewIndex(&p).Permits(request(tt.requester, tt.target), Identity{Email: tt.approver}); got != tt.want {
				t.Errorf("Permits(%s, %s, %s) = %v, want %v", tt.requester, tt.approver, tt.target, got, tt.want)
			}
		})
	}
}

func TestOffers(t *testing.T) {
	for _, tt := range []struct {
		name       string
		statements []Statement
		want       bool
	}{
		{"nothing affects", []Statement{{Resources: list(prod), PermissionSets: list("*"), Approvers: list("ann@example.com")}}, false},
		{"somebody may approve", []Statement{{Resources: list("*"), PermissionSets: list("*"), Approvers: list("ann@example.com")}}, true},
		{"nobody may approve", []Statement{{Resources: list(dev), PermissionSets: list("*")}}, false},
		{"nobody has to", []Statement{{Resources: list(dev), PermissionSets: list("*"), ApprovalIsNotRequired: yes}}, true},
		{"somebody has to, but nobody may", []Statement{
			{Resources: list(dev), PermissionSets: list("*"), ApprovalIsNotRequired: yes},
			{Resources: list("*"), PermissionSets: list("ReadOnly"), ApprovalIsNotRequired: no},
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Accounts: tt.statements}
			if got := NewIndex(&p).Offers(request("zoe@example.com", account(dev, "ReadOnly"))); got != tt.want {
				t.Errorf("Offers = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNormalizeEmail(t *testing.T) {
	if got, want := NormalizeEmail("\t Ann.O'Neil+x@Example.COM\n"), "ann.o'neil+x@example.com"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
