package policylint

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// hasNone is HasValue for settings that were not read from a file.
func hasNone(string) bool { return false }

// organization is everybody and everything that the random policies are about.
type organization struct {
	people  []access.Identity
	targets []target
}

// target is something that can be requested, and the units above its account.
type target struct {
	access.Target
	ous []string
}

const (
	stranger = "zoe@example.com"
	unit     = "ou-abcd-11111111"
)

func decide(p *access.Policy, who access.Identity, t target) access.Decision {
	return access.NewIndex(p).Decide(&access.Case{Requester: who, Target: t.Target, OUs: t.ous})
}

// everything returns everybody, in any of the groups that decide, and every permission
// set in accounts that statements name, that are in a unit, and that are neither.
func everything(groups []string) organization {
	var o organization
	for _, email := range []string{"ann@example.com", "bob@example.com", "cid@example.com", stranger} {
		for in := range 1 << len(groups) {
			who := access.Identity{Email: email}
			for n, g := range groups {
				if in&(1<<n) != 0 {
					who.Groups = append(who.Groups, g)
				}
			}
			o.people = append(o.people, who)
		}
	}
	for _, account := range []string{"111111111111", "222222222222", "555555555555", "888888888888", "999999999999"} {
		for _, set := range []string{"ReadOnly", "Admin", "Nowhere"} {
			t := target{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSet: set}}
			if account == "888888888888" {
				t.ous = []string{unit, "r-abcd"}
			}
			o.targets = append(o.targets, t)
		}
	}
	return o
}

// randomPolicy returns a small policy with every kind of overlap. rich policies have
// every field.
func randomPolicy(r *rand.Rand, rich bool, groups []string) access.Policy {
	yes, no := true, false
	pick := func(from []string, least int) []string {
		var out []string
		for len(out) < least+r.IntN(2) {
			if v := from[r.IntN(len(from))]; !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
		return out
	}
	maybe := func() *bool { return []*bool{nil, nil, &yes, &no}[r.IntN(4)] }
	people, resources := []string{"ann@example.com", "bob@example.com", "cid@example.com"}, []string{"*", "111111111111", "222222222222"}
	var p access.Policy
	if rich {
		resources = append(resources, "555555555555", unit, "r-abcd")
		p.ProtectedAccounts = []string{"555555555555"}
	}
	for range 1 + r.IntN(4) {
		s := access.Statement{
			Resources: pick(resources, 1), PermissionSets: pick([]string{"*", "ReadOnly", "Admin"}, 1),
			Approvers: pick(people, 0), AllowSelfApproval: maybe(), ApprovalIsNotRequired: maybe(),
		}
		if rich {
			if r.IntN(4) == 0 {
				s.Approvers = append(s.Approvers, access.GroupEntry(groups[r.IntN(len(groups))]))
			}
			if r.IntN(3) == 0 {
				s.Allowed = pick([]string{people[0], people[1], access.GroupEntry(groups[0]), access.GroupEntry(groups[1])}, 1)
			}
			if r.IntN(4) == 0 && len(s.Approvers) > 0 {
				s.ApprovalsNeeded = 1 + r.IntN(2)
			}
			if r.IntN(4) == 0 {
				s.MaxDuration = int64(1 + r.IntN(2))
			}
			if r.IntN(5) == 0 {
				s.Ticket = []*access.Ticket{{Required: true}, {Pattern: "OPS"}}[r.IntN(2)]
			}
			if r.IntN(5) == 0 {
				s.Warning = []string{"Production.", "Audited."}[r.IntN(2)]
			}
			if r.IntN(5) == 0 {
				s.Channel = []string{"C1", "C2"}[r.IntN(2)]
			}
			s.Confirm = r.IntN(8) == 0
		}
		p.Accounts = append(p.Accounts, s)
	}
	return p
}

// The checks are compared with the policy's decisions about every target and
// person. The policies are small and random, and have every kind of overlap.
func TestPolicyChecksAgainstDecisions(t *testing.T) {
	for _, rich := range []bool{false, true} {
		t.Run(fmt.Sprintf("rich %v", rich), func(t *testing.T) { testAgainstDecisions(t, rich) })
	}
}

func testAgainstDecisions(t *testing.T, rich bool) {
	r := rand.New(rand.NewPCG(1, 2))
	groups := []string{"aaaaaaaa-8888-7777-6666-555555555555", "bbbbbbbb-8888-7777-6666-555555555555"}
	said := map[string]int{}
	everything := everything(groups)
	if !rich {
		everything.people = slices.DeleteFunc(everything.people, func(who access.Identity) bool { return len(who.Groups) > 0 })
	}
	policies, least := 3000, 50
	if rich { // there are more people
		policies, least = 1500, 30
	}
	if rich && testing.Short() {
		policies, least = 400, 5
	}
	for range policies {
		policy := randomPolicy(r, rich, groups)
		statements := policy.Accounts
		settings := Settings{Policy: policy, HasValue: hasNone}
		sp := newSpace(&settings, access.NewIndex(&policy), "config", statements)
		// Each decision once.
		decisions := make([]map[string]access.Decision, len(everything.targets))
		index := access.NewIndex(&policy)
		key := func(who access.Identity) string { return fmt.Sprint(who) }
		for n, target := range everything.targets {
			decisions[n] = map[string]access.Decision{}
			for _, who := range everything.people {
				decisions[n][key(who)] = index.Decide(&access.Case{Requester: who, Target: target.Target, OUs: target.ous})
			}
		}
		applies := make([][]bool, len(statements)) // by statement and person
		affects := make([][]bool, len(statements)) // by statement and target
		for i, st := range statements {
			// The same statement about everything, so that only Allowed counts.
			anywhere := access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Allowed: st.Allowed}}}
			alone := access.Policy{Accounts: statements[i : i+1], ProtectedAccounts: policy.ProtectedAccounts}
			for _, who := range everything.people {
				applies[i] = append(applies[i], decide(&anywhere, who, everything.targets[0]).Reason != access.ReasonNotAllowed)
			}
			for _, target := range everything.targets {
				affects[i] = append(affects[i], len(decide(&alone, access.Identity{Email: stranger}, target).Statements) > 0)
			}
		}
		has := func(found []finding, i int) bool {
			return slices.ContainsFunc(found, func(f finding) bool { return f.statement == i })
		}
		nobody, only, repeated := sp.findUnobtainable(), sp.findSoleApprovers(), sp.findRedundant()
		never, power := sp.findNeverAutomatic(), sp.findPower()
		unsatisfiable, useless := sp.findUnsatisfiable(), sp.findUseless()
		if sp.work > mostWork {
			t.Fatalf("the checks gave up: %+v", statements)
		}
		for i, st := range statements {
			wantNobody, wantOnly, offered, vetoed, automatic := false, false, false, false, false
			helps, satisfied := false, false
			for n, target := range everything.targets {
				if !affects[i][n] {
					continue
				}
				someone, approvers, waived := false, false, false
				for j, other := range statements {
					approvers = approvers || affects[j][n] && len(other.Approvers) > 0
					waived = waived || affects[j][n] && isSetTo(other.ApprovalIsNotRequired, true)
				}
				for m, who := range everything.people {
					d := decisions[n][key(who)]
					gets := d.Outcome != access.DecideRefused
					someone = someone || gets
					automatic = automatic || d.Reason == access.ReasonApprovalNotRequired && applies[i][m]
					helps = helps || gets && applies[i][m]
					for _, q := range d.Requirements {
						satisfied = satisfied || q.Statement == i && (len(q.Approvers) >= q.Needed || slices.ContainsFunc(q.Approvers, isGroup))
					}
				}
				if someone || approvers {
					offered = true
				} else {
					wantNobody, vetoed = true, vetoed || waived
				}
				wantOnly = wantOnly || dependsOnApprover(&policy, i, target)
			}
			if isSetTo(st.ApprovalIsNotRequired, false) {
				wantNobody = vetoed || !offered
			} else if st.MaxDuration > 0 || st.Ticket != nil || st.Warning != "" || st.Channel != "" || st.Confirm {
				wantNobody = !offered
			}
			wantNobody = wantNobody && len(st.Approvers) == 0 && !isSetTo(st.ApprovalIsNotRequired, true)
			if got := has(nobody, i); got != wantNobody {
				t.Fatalf("nobody can get what config[%d] is about: %v, want %v, in %+v", i, got, wantNobody, statements)
			}
			if got := has(only, i); got != wantOnly {
				t.Fatalf("config[%d] has the only approver: %v, want %v, in %+v", i, got, wantOnly, statements)
			}
			affecting := slices.Contains(affects[i], true)
			if got, want := has(unsatisfiable, i), affecting && st.ApprovalsNeeded > 0 && !satisfied; got != want && affecting {
				t.Fatalf("config[%d] can't be satisfied: %v, want %v, in %+v", i, got, want, statements)
			}
			if got, want := has(useless, i), len(st.Approvers)+len(st.Allowed) > 0 && !has(nobody, i) && !has(unsatisfiable, i) && !helps; got != want && affecting {
				t.Fatalf("config[%d] helps nobody: %v, want %v, in %+v", i, got, want, statements)
			}
			if has(never, i) && automatic {
				t.Fatalf("config[%d] is automatic somewhere: %+v", i, statements)
			}
			if has(repeated, i) {
				without := policy
				without.Accounts = slices.Concat(statements[:i:i], statements[i+1:])
				checkSameWithout(t, &policy, &without, i, everything)
			}
			for _, kind := range []struct {
				name  string
				found []finding
			}{{"nobody", nobody}, {"only", only}, {"repeated", repeated}, {"never", never}, {"power", power}, {"unsatisfiable", unsatisfiable}, {"useless", useless}} {
				if has(kind.found, i) {
					said[kind.name]++
				}
			}
		}
		// Someone can get powerful access alone, in the protected account or in the one
		// that no statement names. Then a statement has a warning.
		alone, warned := false, false
		for n, target := range everything.targets {
			if target.PermissionSet == "ReadOnly" || (target.AccountID != "555555555555" && rich) || (target.AccountID != "999999999999" && !rich) {
				continue
			}
			for _, who := range everything.people {
				alone = alone || decisions[n][key(who)].Outcome == access.DecideAutomatic
			}
		}
		for _, f := range power {
			warned = warned || strings.HasPrefix(f.text, "gives ") || strings.HasPrefix(f.text, "lets ")
		}
		if alone != warned {
			t.Fatalf("somebody gets power alone: %v, warned of: %v, in %+v", alone, warned, statements)
		}
	}
	kinds := []string{"nobody", "only", "repeated", "never", "power"}
	if rich {
		kinds = append(kinds, "unsatisfiable", "useless")
	}
	for _, kind := range kinds {
		if said[kind] < least {
			t.Errorf("%s was found %d times: the policies at random don't try it", kind, said[kind])
		}
	}
}

// dependsOnApprover reports whether a person whom one entry of statement i allows, or a
// stranger if it allows everyone, needs its only approver, who can't get the access.
func dependsOnApprover(p *access.Policy, i int, t target) bool {
	st := &p.Accounts[i]
	if len(st.Approvers) != 1 || isGroup(st.Approvers[0]) {
		return false
	}
	people, approver := []access.Identity{{Email: stranger}}, access.Identity{Email: st.Approvers[0]}
	if len(st.Allowed) > 0 {
		people = nil
	}
	for _, entry := range st.Allowed {
		if group, is := access.GroupOf(entry); is {
			people = append(people, access.Identity{Email: stranger, Groups: []string{group}})
			approver.Groups = append(approver.Groups, group)
		} else {
			people = append(people, access.Identity{Email: entry})
		}
	}
	return decide(p, approver, t).Outcome == access.DecideRefused && slices.ContainsFunc(people, func(who access.Identity) bool {
		d := decide(p, who, t)
		asked := d.Approvers
		for _, q := range d.Requirements {
			if asked = nil; q.Statement == i {
				asked = q.Approvers
				break
			}
		}
		return d.Outcome == access.DecideApproval && slices.Equal(asked, st.Approvers)
	})
}

// checkSameWithout fails if a decision or a press depends on statement i, wherever the
// accounts are.
func checkSameWithout(t *testing.T, policy, without *access.Policy, i int, all organization) {
	t.Helper()
	with, index := access.NewIndex(policy), access.NewIndex(without)
	for _, target := range all.targets {
		for _, ous := range [][]string{target.ous, {unit, "r-abcd"}} {
			for _, who := range all.people {
				c := access.Case{Requester: who, Target: target.Target, OUs: ous}
				a, b := with.Decide(&c), index.Decide(&c)
				if a.Outcome != b.Outcome || a.Reason != b.Reason || a.MaxDuration != b.MaxDuration || !slices.Equal(a.Approvers, b.Approvers) ||
					!sameSet(a.Tickets, b.Tickets) || !sameSet(a.Warnings, b.Warnings) || a.Channel != b.Channel || a.Confirm != b.Confirm {
					t.Fatalf("without config[%d] %+v gets another decision about %+v: %+v, not %+v, in %+v", i, who, c, b, a, policy.Accounts)
				}
				for _, presser := range all.people {
					if with.Permits(&c, presser) != index.Permits(&c, presser) || with.PermitsDenial(&c, presser) != index.PermitsDenial(&c, presser) {
						t.Fatalf("without config[%d] %+v decides differently about %+v, in %+v", i, presser, c, policy.Accounts)
					}
				}
			}
		}
	}
}

// sameSet reports whether two lists without duplicates have the same items.
func sameSet[T comparable](a, b []T) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(v T) bool { return !slices.Contains(b, v) })
}

// processorTime returns the processor time of this process, in all its threads.
// Other programs on the machine don't count.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// Two thousand statements of the most expensive kinds are checked within a second.
func TestChecksAreFast(t *testing.T) {
	const many = 2000
	name := func(prefix string, i int) string { return fmt.Sprintf("%s%d", prefix, i) }
	account := func(i int) string { return fmt.Sprintf("%012d", i) }
	yes, no := true, false
	shapes := map[string]func(i int) access.Statement{
		"an account each": func(i int) access.Statement {
			return access.Statement{Resources: []string{account(i)}, PermissionSets: []string{"ReadOnly", "Admin"}, Approvers: []string{name("a", i), name("b", i)}}
		},
		"all accounts, a permission set each": func(i int) access.Statement {
			return access.Statement{Resources: []string{"*"}, PermissionSets: []string{name("Admin", i)}, Approvers: []string{name("a", i)}}
		},
		"one account, a permission set each": func(i int) access.Statement {
			return access.Statement{Resources: []string{account(0)}, PermissionSets: []string{name("Admin", i)}, ApprovalIsNotRequired: []*bool{&yes, &no}[i%2]}
		},
		"accounts and permission sets, half each, and nobody": func(i int) access.Statement {
			if i%2 == 0 {
				return access.Statement{Resources: []string{"*"}, PermissionSets: []string{name("Admin", i)}}
			}
			return access.Statement{Resources: []string{account(i)}, PermissionSets: []string{"*"}, Approvers: []string{name("a", i)}}
		},
		"everything, allowed and denied to twenty": func(i int) access.Statement {
			s := access.Statement{Resources: []string{"*"}, PermissionSets: []string{"*", name("Admin", i)}, AllowSelfApproval: []*bool{&yes, &no}[i%2]}
			for n := range 20 {
				s.Approvers = append(s.Approvers, name("a", i/2*7+n*3))
			}
			return s
		},
		"a person allowed each, in accounts and permission sets, half each": func(i int) access.Statement {
			s := access.Statement{Resources: []string{"*"}, PermissionSets: []string{name("Admin", i)}, Allowed: []string{name("c", i)}, Approvers: []string{name("a", i)}}
			if i%2 == 0 {
				s.Resources, s.PermissionSets = []string{account(i)}, []string{"*"}
			}
			return s
		},
		"everything, to twenty people each, with approvals": func(i int) access.Statement {
			s := access.Statement{Resources: []string{"*"}, PermissionSets: []string{"*"}, ApprovalsNeeded: 1 + i%3, AllowSelfApproval: []*bool{nil, &yes, &no}[i%3]}
			for n := range 20 {
				s.Allowed, s.Approvers = append(s.Allowed, name("c", i+n)), append(s.Approvers, name("a", i+n))
			}
			return s
		},
		"a unit each, to members of a group each, whom nobody approves": func(i int) access.Statement {
			return access.Statement{Resources: []string{fmt.Sprintf("ou-abcd-%08d", i), "r-abcd"}, PermissionSets: []string{"*"}, Allowed: []string{access.GroupEntry(name("g", i))}, ApprovalsNeeded: 5, Approvers: []string{name("a", i)}}
		},
		"long lists": func(i int) access.Statement {
			s := access.Statement{AllowSelfApproval: []*bool{nil, &yes, &no}[i%3]}
			for n := range 20 {
				s.Resources, s.PermissionSets, s.Approvers = append(s.Resources, account(i*3+n)), append(s.PermissionSets, name("Admin", (i+n)%500)), append(s.Approvers, name("a", (i+n)%300))
			}
			return s
		},
	}
	for shape, statement := range shapes {
		t.Run(shape, func(t *testing.T) {
			var all []access.Statement
			for i := range many {
				all = append(all, statement(i))
			}
			runtime.GC() // what is left of other tests is not this one's
			begin := processorTime(t)
			l := New(Settings{Policy: access.Policy{Accounts: all, ProtectedAccounts: []string{account(1), account(2)}}, HasValue: hasNone, ShortestDuration: time.Hour})
			warnings := append(l.CompareWithReference(), l.Check()...)
			took := processorTime(t) - begin
			t.Logf("%s, %d warnings", took, len(warnings))
			if took > 3*time.Second && !testing.Short() { // the short form runs under the race detector, which is slow
				t.Errorf("it takes %s", took)
			}
			if most := (len(checks) + 4) * (mostInFull + 1); len(warnings) > most {
				t.Errorf("there are %d warnings, want %d at the most", len(warnings), most)
			}
		})
	}
}
