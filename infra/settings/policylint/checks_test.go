package policylint

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
)

// hasNone is HasValue for settings that were not read from a file.
func hasNone(string) bool { return false }

// The checks are compared with the policy's decisions about every target and
// person. The policies are small and random, and have every kind of overlap.
func TestPolicyChecksAgainstDecisions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	people := []string{"ann@example.com", "bob@example.com", "cid@example.com"}
	const stranger = "zoe@example.com"
	accounts := []string{"111111111111", "222222222222", "999999999999"} // no statement names the last one
	sets := []string{"ReadOnly", "Admin", "Nowhere"}
	yes, no := true, false
	said := map[string]int{}
	for range 3000 {
		var statements []access.Statement
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
		for range 1 + r.IntN(4) {
			statements = append(statements, access.Statement{
				Resources: pick([]string{"*", accounts[0], accounts[1]}, 1), PermissionSets: pick([]string{"*", sets[0], sets[1]}, 1),
				Approvers: pick(people, 0), AllowSelfApproval: maybe(), ApprovalIsNotRequired: maybe(),
			})
		}
		policy := access.Policy{Accounts: statements}
		affects := func(i int, target access.Target) bool {
			alone := access.Policy{Accounts: statements[i : i+1]}
			return len(accesstest.Decide(alone, stranger, target).Statements) > 0
		}
		var targets []access.Target
		for _, account := range accounts {
			for _, set := range sets {
				targets = append(targets, access.Target{Kind: access.KindAccount, AccountID: account, PermissionSet: set})
			}
		}
		sp := newSpace(&Settings{Policy: policy, HasValue: hasNone}, "config", statements)
		has := func(found []finding, i int) bool {
			return slices.ContainsFunc(found, func(f finding) bool { return f.statement == i })
		}
		nobody, only, repeated := sp.findUnobtainable(), sp.findSoleApprovers(), sp.findRedundant()
		never, power := sp.findNeverAutomatic(), sp.findPower()
		for i, st := range statements {
			wantNobody, wantOnly, offered, vetoed := false, false, false, false
			automatic := false
			for _, target := range targets {
				if !affects(i, target) {
					continue
				}
				if accesstest.Decide(policy, stranger, target).Outcome != access.DecideRefused {
					offered = true
				} else {
					wantNobody = true
					vetoed = vetoed || slices.ContainsFunc(statements, func(other access.Statement) bool {
						alone := access.Policy{Accounts: []access.Statement{other}}
						return isSetTo(other.ApprovalIsNotRequired, true) && len(accesstest.Decide(alone, stranger, target).Statements) > 0
					})
				}
				automatic = automatic || accesstest.Decide(policy, stranger, target).Reason == access.ReasonApprovalNotRequired
				if d := accesstest.Decide(policy, stranger, target); len(st.Approvers) == 1 && slices.Equal(d.Approvers, st.Approvers) {
					wantOnly = wantOnly || accesstest.Decide(policy, st.Approvers[0], target).Outcome == access.DecideRefused
				}
			}
			if isSetTo(st.ApprovalIsNotRequired, false) {
				wantNobody = vetoed || !offered
			}
			wantNobody = wantNobody && len(st.Approvers) == 0 && !isSetTo(st.ApprovalIsNotRequired, true)
			if got := has(nobody, i); got != wantNobody {
				t.Fatalf("nobody can get what config[%d] is about: %v, want %v, in %+v", i, got, wantNobody, statements)
			}
			if got := has(only, i); got != wantOnly {
				t.Fatalf("config[%d] has the only approver: %v, want %v, in %+v", i, got, wantOnly, statements)
			}
			if has(never, i) && automatic {
				t.Fatalf("config[%d] is automatic somewhere: %+v", i, statements)
			}
			if has(repeated, i) {
				without := access.Policy{Accounts: slices.Concat(statements[:i:i], statements[i+1:])}
				for _, target := range targets {
					for _, who := range append(people, stranger) {
						a, b := accesstest.Decide(policy, who, target), accesstest.Decide(without, who, target)
						if a.Outcome != b.Outcome || a.Reason != b.Reason || !slices.Equal(a.Approvers, b.Approvers) {
							t.Fatalf("without config[%d] %s gets another decision about %s: %+v, not %+v, in %+v", i, who, target, b, a, statements)
						}
					}
				}
			}
			for _, kind := range []struct {
				name  string
				found []finding
			}{{"nobody", nobody}, {"only", only}, {"repeated", repeated}, {"never", never}, {"power", power}} {
				if has(kind.found, i) {
					said[kind.name]++
				}
			}
		}
		// Someone can get powerful access alone in the account that no statement
		// names. Then a statement has a warning.
		alone, warned := false, false
		for _, set := range sets[1:] {
			target := access.Target{Kind: access.KindAccount, AccountID: accounts[2], PermissionSet: set}
			for _, who := range append(people, stranger) {
				alone = alone || accesstest.Decide(policy, who, target).Outcome == access.DecideAutomatic
			}
		}
		for _, f := range power {
			warned = warned || strings.HasPrefix(f.text, "gives ") || strings.HasPrefix(f.text, "lets ")
		}
		if alone != warned {
			t.Fatalf("somebody gets power alone: %v, warned of: %v, in %+v", alone, warned, statements)
		}
	}
	for _, kind := range []string{"nobody", "only", "repeated", "never", "power"} {
		if said[kind] < 50 {
			t.Errorf("%s was found %d times: the policies at random don't try it", kind, said[kind])
		}
	}
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
			begin := processorTime(t)
			l := New(Settings{Policy: access.Policy{Accounts: all}, HasValue: hasNone})
			warnings := append(l.CompareWithReference(), l.Check()...)
			took := processorTime(t) - begin
			t.Logf("%s, %d warnings", took, len(warnings))
			if took > time.Second && !testing.Short() { // the short form runs under the race detector, which is slow
				t.Errorf("it takes %s", took)
			}
			if most := (len(checks) + 4) * (mostInFull + 1); len(warnings) > most {
				t.Errorf("there are %d warnings, want %d at the most", len(warnings), most)
			}
		})
	}
}
