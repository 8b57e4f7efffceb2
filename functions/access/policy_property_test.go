package access

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// This file states the rules a second time, as sentences about sets. No loop here
// keeps state, and nothing here uses the code under test. A world has the affecting
// statements of a policy, with each email normalized.
type world struct {
	indexes []int
	said    []Statement
}

func worldOf(p Policy, t Target) world {
	from := p.Accounts
	if t.Kind == KindGroup {
		from = p.Groups
	}
	var w world
	for i, s := range from {
		in := func(list []string, v string) bool { return slices.Contains(list, v) || slices.Contains(list, "*") }
		about := t.Kind == KindAccount && in(s.Resources, t.AccountID) && in(s.PermissionSets, t.PermissionSet) ||
			t.Kind == KindGroup && in(s.Resources, t.GroupID)
		if about {
			c := s
			c.Approvers = nil
			for _, a := range s.Approvers {
				c.Approvers = append(c.Approvers, strings.ToLower(a))
			}
			w.indexes = append(w.indexes, i)
			w.said = append(w.said, c)
		}
	}
	return w
}

func (w world) some(f func(Statement) bool) bool { return slices.ContainsFunc(w.said, f) }

func is(b *bool, v bool) bool { return b != nil && *b == v }

func (w world) needsNoApproval() bool {
	return w.some(func(s Statement) bool { return is(s.ApprovalIsNotRequired, true) }) &&
		!w.some(func(s Statement) bool { return is(s.ApprovalIsNotRequired, false) })
}

func (w world) approvesSelf(who string) bool {
	return w.some(func(s Statement) bool { return slices.Contains(s.Approvers, who) && is(s.AllowSelfApproval, true) }) &&
		!w.some(func(s Statement) bool { return slices.Contains(s.Approvers, who) && is(s.AllowSelfApproval, false) })
}

func (w world) approves(who string) bool {
	return w.some(func(s Statement) bool { return slices.Contains(s.Approvers, who) })
}

// The random policies use few names, so that statements overlap.
var (
	people         = []string{"ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"}
	accounts       = []string{dev, prod}
	permissionSets = []string{"ReadOnly", "Admin"}
	groups         = []string{team, "11111111-2222-3333-4444-555555555555"}
)

func randomPolicy(r *rand.Rand) Policy {
	some := func(from []string, atLeast int) []string {
		var out []string
		for range atLeast + r.IntN(3) {
			out = append(out, from[r.IntN(len(from))])
		}
		return out
	}
	spelled := func(emails []string) []string {
		for i := range emails {
			if r.IntN(4) == 0 {
				emails[i] = strings.ToUpper(emails[i])
			}
		}
		return emails
	}
	maybe := func() *bool { return []*bool{nil, nil, nil, yes, no}[r.IntN(5)] }
	statements := func(resources []string, withSets bool) []Statement {
		var out []Statement
		for range r.IntN(5) {
			s := Statement{Resources: some(append([]string{"*"}, resources...), 1), Approvers: spelled(some(people, 0)), AllowSelfApproval: maybe(), ApprovalIsNotRequired: maybe()}
			if withSets {
				s.PermissionSets = some(append([]string{"*"}, permissionSets...), 1)
			}
			out = append(out, s)
		}
		return out
	}
	return Policy{Accounts: statements(accounts, true), Groups: statements(groups, false)}
}

func everyTarget() []Target {
	var all []Target
	for _, a := range append([]string{"333333333333"}, accounts...) {
		for _, ps := range append([]string{"Billing"}, permissionSets...) {
			all = append(all, account(a, ps))
		}
	}
	for _, g := range append([]string{"44445555-3333-2222-1111-555557777777"}, groups...) {
		all = append(all, Target{Kind: KindGroup, GroupID: g})
	}
	return all
}

func TestPolicyAgainstSecondFormulation(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	seen := map[Reason]int{}
	permitted, offered := map[bool]int{}, map[bool]int{}
	for n := range 4000 {
		p := randomPolicy(r)
		index := NewIndex(&p)
		exist := permissionSets[:r.IntN(3)]
		if r.IntN(2) == 0 {
			exist = append([]string{"Billing"}, exist...)
		}
		menu := index.Menu(exist)
		for _, id := range append([]string{"333333333333", ""}, accounts...) {
			want := slices.ContainsFunc(exist, func(name string) bool { return p.Offers(account(id, name)) })
			if got := menu.Offers(id); got != want {
				t.Fatalf("policy %d: with %q the menu offers account %q: %v, want %v\n%+v", n, exist, id, got, want, p.Accounts)
			}
			offered[want]++
		}
		for _, target := range everyTarget() {
			w := worldOf(p, target)
			for _, who := range people {
				got := p.Decide(who, target)
				if indexed := index.Decide(who, target); !reflect.DeepEqual(indexed, got) {
					t.Fatalf("policy %d: %s asks for %s: the index says %+v, the policy %+v\n%+v", n, who, target, indexed, got, p)
				}
				seen[got.Reason]++

				others := slices.DeleteFunc(slices.Clone(people), func(o string) bool { return o == who || !w.approves(o) })
				want := map[bool]Reason{true: ReasonRequiresApproval, false: ReasonNoApprovers}[len(others) > 0]
				switch {
				case len(w.said) == 0:
					want = ReasonNoStatements
				case w.needsNoApproval():
					want = ReasonApprovalNotRequired
				case w.approvesSelf(who):
					want = ReasonSelfApproval
				}
				outcome := map[Reason]DecisionOutcome{
					ReasonNoStatements: DecideRefused, ReasonNoApprovers: DecideRefused, ReasonRequiresApproval: DecideApproval,
					ReasonApprovalNotRequired: DecideAutomatic, ReasonSelfApproval: DecideAutomatic,
				}[want]
				if want != ReasonRequiresApproval {
					others = nil
				}
				if got.Reason != want || got.Outcome != outcome || !slices.Equal(got.Approvers, others) || !slices.Equal(got.Statements, w.indexes) {
					t.Fatalf("policy %d: %s asks for %s: got %+v, want %s %s %v %v\n%+v", n, who, target, got, outcome, want, others, w.indexes, p)
				}
				if got.Approvers == nil || got.Statements == nil {
					t.Fatalf("policy %d: nil slice in %+v", n, got)
				}
				for _, presser := range people {
					want := w.approves(presser)
					if presser == who {
						want = w.approvesSelf(who)
					}
					permitted[want]++
					if got := index.Permits(who, strings.ToUpper(presser), target); got != want {
						t.Fatalf("policy %d: %s presses for %s on %s: the index says %v, want %v\n%+v", n, presser, who, target, got, want, p)
					}
					if got := p.Permits(who, strings.ToUpper(presser), target); got != want {
						t.Fatalf("policy %d: %s presses for %s on %s: got %v, want %v\n%+v", n, presser, who, target, got, want, p)
					}
				}
			}
			// Someone whom the policy doesn't name can still be granted whatever is
			// offered to everyone.
			anybody := p.Decide("stranger@example.com", target).Outcome != DecideRefused
			if got, indexed := p.Offers(target), index.Offers(target); got != anybody || indexed != anybody {
				t.Fatalf("policy %d: Offers(%s) = %v, indexed %v, want %v\n%+v", n, target, got, indexed, anybody, p)
			}
		}
	}
	for _, reason := range []Reason{ReasonApprovalNotRequired, ReasonSelfApproval, ReasonRequiresApproval, ReasonNoApprovers, ReasonNoStatements} {
		if seen[reason] < 1000 {
			t.Errorf("only %d decisions for the reason %s: the random policies do not try it", seen[reason], reason)
		}
	}
	for what, tried := range map[string]map[bool]int{"presses": permitted, "menus": offered} {
		if tried[true] < 1000 || tried[false] < 1000 {
			t.Errorf("%s: %v: the random policies do not try both", what, tried)
		}
	}
}

// Another "no" never gives anyone more access.
func TestPolicyDenialOnlyTakesAway(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	for n := range 2000 {
		p := randomPolicy(r)
		q := Policy{
			Accounts: append(slices.Clone(p.Accounts), Statement{Resources: list("*"), PermissionSets: list("*"), Approvers: list(people[0]), AllowSelfApproval: no, ApprovalIsNotRequired: no}),
			Groups:   append(slices.Clone(p.Groups), Statement{Resources: list("*"), Approvers: list(people[0]), AllowSelfApproval: no, ApprovalIsNotRequired: no}),
		}
		for _, target := range everyTarget() {
			if d := q.Decide(people[0], target); d.Outcome == DecideAutomatic {
				t.Fatalf("policy %d: %s gets %s by itself although denied: %+v", n, people[0], target, d)
			}
			if q.Permits(people[0], people[0], target) {
				t.Fatalf("policy %d: %s approves its own %s although denied", n, people[0], target)
			}
			if d := q.Decide(people[1], target); d.Reason == ReasonApprovalNotRequired {
				t.Fatalf("policy %d: approval of %s is not required although denied", n, target)
			}
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, size := range []int{10, 1000, 10000} {
		p := Policy{}
		for i := range size {
			p.Accounts = append(p.Accounts, Statement{Resources: list(fmt.Sprintf("%012d", i)), PermissionSets: list("ReadOnly"), Approvers: list("ann@example.com", "bob@example.com")})
		}
		index := NewIndex(&p)
		for name, decide := range map[string]func(string, Target) Decision{"policy": p.Decide, "index": index.Decide} {
			b.Run(fmt.Sprintf("%s/statements=%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					decide("cid@example.com", account("000000000007", "ReadOnly"))
				}
			})
		}
	}
}
