package access

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// Denying a request and ending its access follow the same rules.
func TestPermitsDenial(t *testing.T) {
	const ann, bob, cid, dan = "ann@example.com", "bob@example.com", "cid@example.com", "dan@example.com"
	p := Policy{Accounts: []Statement{
		{Resources: list(dev), PermissionSets: list("*"), Approvers: list(bob), Allowed: list(dan)},
		{Resources: list(dev), PermissionSets: list("Admin"), Approvers: list(cid, GroupEntry("g")), Allowed: list(GroupEntry("h"))},
		{Resources: list("ou-abcd-11111111"), PermissionSets: list("*"), Approvers: list("eve@example.com", "cïd@example.com"), Allowed: list(dan)},
	}}
	for _, tt := range []struct {
		name      string
		requester Identity
		by        Identity
		set       string
		want      bool
	}{
		{"whom a statement that applies lists", Identity{Email: dan}, Identity{Email: bob}, "Admin", true},
		{"whom another statement lists", Identity{Email: dan}, Identity{Email: cid}, "Admin", false},
		{"no statement applies by now: whom any lists", Identity{Email: ann}, Identity{Email: "CID@example.com"}, "Admin", true},
		{"as a member", Identity{Email: ann}, Identity{Email: dan, Groups: list("g")}, "Admin", true},
		{"whom none lists", Identity{Email: ann}, Identity{Email: dan}, "Admin", false},
		{"whom only a statement lists that doesn't affect the access", Identity{Email: ann}, Identity{Email: cid}, "ReadOnly", false},
		{"as a member of a group that a statement that doesn't affect the access lists", Identity{Email: ann}, Identity{Email: dan, Groups: list("g")}, "ReadOnly", false},
		{"the requester, though a statement that affects the access lists them", Identity{Email: bob}, Identity{Email: bob}, "Admin", false},
		{"the other approvers of that requester", Identity{Email: bob}, Identity{Email: cid}, "Admin", true},
		{"whom a statement lists that only a unit would match", Identity{Email: ann}, Identity{Email: "eve@example.com"}, "Admin", false},
		{"an email that isn't ASCII", Identity{Email: ann}, Identity{Email: "cïd@example.com"}, "Admin", false},
		{"nobody", Identity{Email: ann}, Identity{}, "Admin", false},
	} {
		if got := NewIndex(&p).PermitsDenial(&Case{Requester: tt.requester, Target: account(dev, tt.set)}, tt.by); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Only the units that OUsAffecting returns change a decision: whether the account is
// below any other makes no difference.
func TestOUsAffecting(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	mattered := map[bool]int{}
	for n := range 2000 {
		p := randomPolicy(r)
		enrich(r, &p)
		everybody, place := randomPeople(r), randomPlace(r)
		index := NewIndex(&p)
		for _, target := range everyTarget() {
			affecting := index.OUsAffecting(target)
			all := Case{Requester: everybody[r.IntN(len(everybody))], Target: target, OUs: place[target.AccountID], Duration: int64(r.IntN(4))}
			some := all
			some.OUs = slices.DeleteFunc(slices.Clone(all.OUs), func(ou string) bool { return !slices.Contains(affecting, ou) })
			got, want := index.Decide(&some), index.Decide(&all)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("policy %d: %v of %v matter: got\n%+v, want\n%+v\n%+v", n, affecting, all.OUs, got, want, p)
			}
			for _, presser := range everybody {
				if got, want := index.Permits(&some, presser), index.Permits(&all, presser); got != want {
					t.Fatalf("policy %d: %v of %v matter: %+v approves %v, want %v\n%+v", n, affecting, all.OUs, presser, got, want, p)
				}
			}
			none := all
			none.OUs = nil
			mattered[!reflect.DeepEqual(index.Decide(&none), want)]++
		}
	}
	if mattered[true] < 1000 || mattered[false] < 1000 {
		t.Errorf("%v: the random policies do not try both", mattered)
	}
}
