package access

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What is covered is what Decide finds a statement for.
func TestCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	covered := 0
	for range 2_000 {
		p := randomPolicy(r)
		index := NewIndex(&p)
		for _, target := range everyTarget() {
			want := len(p.Decide("", target).Statements) > 0
			if got := index.Covers(target); got != want {
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
	if !x.Covers(account(dev, "ReadOnly")) || x.Covers(account(prod, "ReadOnly")) || x.Covers(account(dev, "")) {
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

func TestApproversOf(t *testing.T) {
	yes := true
	p := Policy{
		Accounts: []Statement{
			{Resources: list(dev), PermissionSets: list("ReadOnly"), Approvers: list("Bob@example.com", "ann@example.com"), ApprovalIsNotRequired: &yes},
			{Resources: list("*"), PermissionSets: list("*"), Approvers: list("bob@EXAMPLE.com ", "cid@example.com")},
			{Resources: list(prod), PermissionSets: list("*"), Approvers: list("dan@example.com")},
		},
		Groups: []Statement{{Resources: list("g-1"), Approvers: list("eve@example.com")}, {Resources: list("g-2")}},
	}
	for _, tt := range []struct {
		target Target
		want   []string
	}{
		{account(dev, "ReadOnly"), list("ann@example.com", "bob@example.com", "cid@example.com")},
		{account(prod, "ReadOnly"), list("bob@example.com", "cid@example.com", "dan@example.com")},
		{Target{Kind: KindGroup, GroupID: "g-1"}, list("eve@example.com")},
		{Target{Kind: KindGroup, GroupID: "g-2"}, nil},
		{account(dev, ""), nil},
	} {
		if got := p.ApproversOf(tt.target); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.target, got, tt.want)
		}
	}
}
