package access

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Access is covered if Decide finds a matching statement for it.
func TestCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	covered := 0
	for range 2_000 {
		p := randomPolicy(r)
		index := NewIndex(&p)
		for _, target := range everyTarget() {
			want := len(index.Decide(request("", target)).Statements) > 0
			if got := index.Covers(target, nil); got != want {
				t.Fatalf("Covers(%s) = %v, want %v\n%+v", target, got, want, p)
			}
			if want {
				covered++
			}
		}
	}
	if covered == 0 {
		t.Error("nothing was covered in any of the policies")
	}
}

func TestCoversWhatNobodyCanApprove(t *testing.T) {
	p := Policy{Accounts: []Statement{{Resources: list(dev), PermissionSets: list("*")}}}
	x := NewIndex(&p)
	if !x.Covers(account(dev, "ReadOnly"), nil) || x.Covers(account(prod, "ReadOnly"), nil) || x.Covers(account(dev, ""), nil) {
		t.Error("want the whole of the account covered, and nothing else")
	}
}

func TestAllApprovers(t *testing.T) {
	p := Policy{
		Accounts: []Statement{{Approvers: list("Bob@example.com", "ann@example.com")}, {Approvers: list("bob@EXAMPLE.com ")}, {}},
		Groups:   []Statement{{Approvers: list("cid@example.com")}},
	}
	if got, want := p.AllApprovers(), list("ann@example.com", "bob@example.com", "cid@example.com"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeciders(t *testing.T) {
	yes := true
	accounts := []Statement{
		{Resources: list(dev), PermissionSets: list("ReadOnly"), Approvers: list("Bob@example.com", "ann@example.com"), ApprovalIsNotRequired: &yes},
		{Resources: list("*"), PermissionSets: list("ReadOnly"), Approvers: list("bob@EXAMPLE.com ", "cid@example.com", "\u212aim@example.com")},
		{Resources: list(prod), PermissionSets: list("Billing"), Approvers: list("dan@example.com")},
		{Resources: list(prod), PermissionSets: list("Open"), ApprovalIsNotRequired: &yes},
	}
	groups := []Statement{{Resources: list("g-1"), Approvers: list("eve@example.com")}, {Resources: list("g-2")}}
	group := func(id string) Target { return Target{Kind: KindGroup, GroupID: id} }
	everywhere := list("bob@example.com", "cid@example.com")
	for _, tt := range []struct {
		name   string
		policy Policy
		target Target
		want   []string
	}{
		{"several statements", Policy{Accounts: accounts, Groups: groups}, account(dev, "ReadOnly"), list("ann@example.com", "bob@example.com", "cid@example.com")},
		{"one statement", Policy{Accounts: accounts, Groups: groups}, account(prod, "Billing"), list("dan@example.com")},
		{"nobody approves it: who approves in all accounts", Policy{Accounts: accounts, Groups: groups}, account(prod, "Open"), everywhere},
		{"nothing covers it: who approves in all accounts", Policy{Accounts: accounts, Groups: groups}, account(dev, "Gone"), everywhere},
		{"its permission set has no name any more", Policy{Accounts: accounts, Groups: groups}, account(dev, ""), everywhere},
		{"nobody approves in all accounts", Policy{Accounts: accounts[2:], Groups: groups}, account(prod, "Open"), nil},
		{"a group", Policy{Accounts: accounts, Groups: groups}, group("g-1"), list("eve@example.com")},
		{"a group that nobody approves: nobody, for accounts are not groups", Policy{Accounts: accounts, Groups: groups}, group("g-2"), nil},
		{"a group, where somebody approves all", Policy{Accounts: accounts, Groups: append(groups, Statement{Resources: list("*"), Approvers: list("fay@example.com")})}, group("g-2"), list("fay@example.com")},
		{"no target", Policy{Accounts: accounts, Groups: groups}, Target{}, nil},
	} {
		index := NewIndex(&tt.policy)
		if got := index.Deciders(tt.target, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		for _, email := range list("ann@example.com", "bob@example.com", "CID@example.com", "dan@example.com", "eve@example.com", "fay@example.com", "\u212aim@example.com", "") {
			p := Person{Email: email, PrincipalID: "p-1"}
			if got, want := index.MayDecide(p, nil, tt.target, nil), slices.Contains(tt.want, strings.ToLower(email)); got != want {
				t.Errorf("%s: %s may decide: %t, want %t", tt.name, email, got, want)
			}
			if index.MayDecide(Person{Email: email}, nil, tt.target, nil) || index.MayDecide(Person{Email: email, PrincipalID: "p-1", SecondaryDomain: true}, nil, tt.target, nil) {
				t.Errorf("%s: %s may decide without a user of their own", tt.name, email)
			}
		}
	}
}

// Anyone who may approve a request for a target may decide about the target. If it has
// any approvers, nobody else may.
func TestDecidersAreApprovers(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 3))
	several := 0
	for range 2_000 {
		p := randomPolicy(r)
		index := NewIndex(&p)
		for _, target := range everyTarget() {
			var approvers []string
			for _, email := range append(index.Deciders(target, nil), "nobody@example.com") {
				if index.Permits(request("requester@elsewhere.example", target), Identity{Email: email}) {
					approvers = append(approvers, email)
				}
			}
			if len(approvers) > 0 && !slices.Equal(approvers, index.Deciders(target, nil)) {
				t.Fatalf("%s: approvers %q, deciders %q\n%+v", target, approvers, index.Deciders(target, nil), p)
			}
			if len(approvers) > 1 {
				several++
			}
		}
	}
	if several == 0 {
		t.Error("no policy had several approvers of a target")
	}
}
