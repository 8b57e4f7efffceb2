package drift_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// random is a small organization in which everything overlaps.
func random(r *rand.Rand) *world {
	w := newWorld()
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	var accounts, sets, users, groups []string
	for i := range 2 + r.IntN(6) {
		id := fmt.Sprintf("%012d", i+1)
		accounts = append(accounts, id)
		w.accounts = append(w.accounts, access.Account{ID: id, Name: "Account " + id, Management: i == 0})
	}
	for i := range 1 + r.IntN(5) {
		arn := fmt.Sprintf("arn:%d", i)
		sets = append(sets, arn)
		w.sets[arn] = fmt.Sprintf("Set%d", i)
	}
	for i := range 1 + r.IntN(12) {
		users = append(users, fmt.Sprintf("u-%d", i))
		w.users[users[i]] = fmt.Sprintf("user%d", i)
	}
	for i := range r.IntN(4) {
		id := fmt.Sprintf("g-%d", i)
		groups = append(groups, id)
		w.groups[id] = access.Group{ID: id, Name: "Group " + id, Provisioned: r.IntN(3) == 0}
	}
	strangers := append(slices.Clone(users), "u-gone")
	elsewhere := append(slices.Clone(accounts), "888888888888") // suspended: not listed
	for range r.IntN(40) {
		a := access.Assignment{AccountID: pick(elsewhere), PermissionSetARN: pick(sets), UserID: pick(strangers)}
		w.assignments[a] = true
		if r.IntN(3) == 0 {
			states := []access.LeaseState{access.LeaseCreating, access.LeaseHeld, access.LeaseDeleting}
			w.lease(a.AccountID, a.PermissionSetARN, a.UserID, states[r.IntN(len(states))])
		}
	}
	if len(groups) > 0 {
		for range r.IntN(12) {
			m := [2]string{pick(groups), pick(strangers)}
			w.members[m] = true
			if r.IntN(3) == 0 {
				w.leases[member(m[0], m[1]).Key()] = access.Lease{State: access.LeaseHeld}
			}
		}
	}
	some := func(of []string) []string {
		var list []string
		for range 1 + r.IntN(3) {
			list = append(list, pick(of))
		}
		return list
	}
	for range r.IntN(4) {
		w.policy.Accounts = append(w.policy.Accounts, access.Statement{
			Resources: some(append([]string{"*", "777777777777"}, accounts...)), PermissionSets: some([]string{"*", "Set0", "Set1", "Set2", "Nothing"}),
		})
	}
	for range r.IntN(3) {
		w.policy.Groups = append(w.policy.Groups, access.Statement{Resources: some(append([]string{"*", "g-none"}, groups...))})
	}
	return w
}

// expected states the findings again, as sentences about what exists: what is listed,
// covered, manageable and not held.
func expected(w *world, self string, byUser bool) map[string]bool {
	all := map[string]bool{}
	names := func(list []string, what string) bool {
		return slices.Contains(list, what) || slices.Contains(list, "*")
	}
	for a := range w.assignments {
		account := slices.IndexFunc(w.accounts, func(x access.Account) bool { return x.ID == a.AccountID })
		covered := slices.ContainsFunc(w.policy.Accounts, func(s access.Statement) bool {
			return names(s.Resources, a.AccountID) && names(s.PermissionSets, w.sets[a.PermissionSetARN])
		})
		key := subject(a.AccountID, a.PermissionSetARN, a.UserID).Key()
		_, held := w.leases[key]
		manageable := account >= 0 && (!w.accounts[account].Management || self == "" || self == a.AccountID)
		// Nobody can list by a user who is gone.
		listed := !byUser || w.users[a.UserID] != ""
		if covered && !held && manageable && listed {
			all[key] = true
		}
	}
	for m := range w.members {
		covered := slices.ContainsFunc(w.policy.Groups, func(s access.Statement) bool { return names(s.Resources, m[0]) })
		key := member(m[0], m[1]).Key()
		_, held := w.leases[key]
		if covered && !held && !w.groups[m[0]].Provisioned {
			all[key] = true
		}
	}
	return all
}

var ways = []string{"", "account", "user"}

// In any organization, the findings match a second statement of the rule, however they
// are listed and batched.
func TestFindingsAreWhatNobodyHolds(t *testing.T) {
	found, byUser := 0, 0
	for seed := range uint64(1_500) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := random(r)
		self := []string{"", "000000000001", "000000000002"}[r.IntN(3)]
		e := w.engine()
		e.ListBy = ways[r.IntN(3)]
		e.SetBatchCalls(1 + r.IntN(6))
		c, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke, Account: self})
		plan, err := w.store.Plan(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		want := expected(w, self, plan.ByUser)
		if got := keys(findings); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("seed %d, by %q: got %q\nwant %q", seed, e.ListBy, got, slices.Sorted(maps.Keys(want)))
		}
		if !c.Complete || len(c.Removals) != len(findings) {
			t.Fatalf("seed %d: complete %v, %d removals of %d findings", seed, c.Complete, len(c.Removals), len(findings))
		}
		for _, f := range findings {
			if f.UserName != w.users[f.PrincipalID] || f.Kind == access.KindAccount && (f.AccountName == "" || f.PermissionSet != w.sets[f.PermissionSetARN]) || f.Kind == access.KindGroup && (f.GroupName == "" || f.MembershipID == "") {
				t.Fatalf("seed %d: names are missing in %+v", seed, f)
			}
		}
		found += len(findings)
		if plan.ByUser {
			byUser++
		}
	}
	if found < 1_000 || byUser < 100 {
		t.Errorf("%d findings, %d runs by user: the worlds are too poor to show anything", found, byUser)
	}
}

// Whatever fails, a run finds only expected findings. If one is missing, the run
// reports that part as unread. A run that says it is complete has all of them.
func TestWhatWasNotReadIsNeverRemoved(t *testing.T) {
	incomplete, missing := 0, 0
	for seed := range uint64(3_000) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := random(r)
		self := []string{"", "000000000001"}[r.IntN(2)]
		for _, op := range []string{"ProvisionedPermissionSets", "UserAssignments"} {
			for _, a := range w.accounts {
				if r.IntN(8) == 0 {
					w.fail[op+" "+a.ID] = []error{throttle, refusal}[r.IntN(2)]
				}
			}
		}
		for arn := range w.sets {
			if r.IntN(8) == 0 {
				w.fail["AccountsWith "+arn] = throttle
			}
		}
		for id := range w.users {
			if r.IntN(12) == 0 {
				w.fail["AssignmentsOf "+id] = []error{throttle, refusal}[r.IntN(2)]
			}
			if r.IntN(4) == 0 {
				w.fail["UserName "+id] = throttle
			}
		}
		for id := range w.groups {
			if r.IntN(6) == 0 {
				w.fail["Memberships "+id] = throttle
			}
			if r.IntN(8) == 0 {
				w.fail["Group "+id] = throttle
			}
		}
		for a := range w.assignments {
			if r.IntN(10) == 0 {
				w.fail["Lease "+subject(a.AccountID, a.PermissionSetARN, a.UserID).Key()] = throttle
			}
		}
		e := w.engine()
		e.ListBy = ways[r.IntN(3)]
		e.SetBatchCalls(1 + r.IntN(6))
		batches, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftRevoke, Account: self})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range batches {
			if r.IntN(10) == 0 {
				continue // the function died
			}
			if err := e.Scan(t.Context(), "r", n); err != nil {
				t.Fatal(err)
			}
		}
		c, err := e.Collect(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		findings, _ := w.store.Findings(t.Context(), "r")
		collected, _ := w.store.Collected(t.Context(), "r")
		plan, _ := w.store.Plan(t.Context(), "r")
		want := expected(w, self, plan.ByUser)
		if c.Complete != (len(collected.Unread) == 0) {
			t.Fatalf("seed %d: complete %v with %v", seed, c.Complete, collected.Unread)
		}
		for _, f := range findings {
			if !want[f.Key()] {
				t.Fatalf("seed %d: %s is a finding", seed, f.Key())
			}
			delete(want, f.Key())
		}
		if len(c.Removals) > len(findings) {
			t.Fatalf("seed %d: %d removals of %d findings", seed, len(c.Removals), len(findings))
		}
		for key := range want {
			missing++
			parts := strings.Split(key, "#")
			said := func(what string) bool {
				return slices.ContainsFunc(collected.Unread, func(u access.Unread) bool { return strings.Contains(u.What, what) })
			}
			explained := said(parts[0]+" "+parts[1]) || said(w.sets[parts[len(parts)-2]]) && parts[0] == "account" || said("assignments of") ||
				slices.Contains(collected.Unmanageable, parts[1]) && parts[1] == "000000000001"
			if !explained {
				t.Fatalf("seed %d: %s is missing, and only %v is unread", seed, key, collected.Unread)
			}
		}
		if !c.Complete {
			incomplete++
		}
	}
	if incomplete < 500 || missing < 500 {
		t.Errorf("%d runs were incomplete, %d findings missing: too little failed", incomplete, missing)
	}
}

// Grants and removals happen meanwhile, in the order in which they change things. None
// of their access is ever a finding.
func TestWhatIsHeldMeanwhileIsNoFinding(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld()
		w.accounts = []access.Account{{ID: "111111111111"}}
		w.sets["arn:0"] = "Set0"
		w.policy.Accounts = []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}}}
		w.assign("111111111111", "arn:0", "u-drift")
		// 0 is nothing, 1 a lease, 2 a lease and an assignment, and 3 only a lease
		// again.
		stage := map[string]int{}
		step := func(user string) {
			stage[user] = (stage[user] + 1) % 4
			switch stage[user] {
			case 1:
				w.lease("111111111111", "arn:0", user, access.LeaseCreating)
			case 2:
				w.assign("111111111111", "arn:0", user)
			case 3:
				w.unassign("111111111111", "arn:0", user)
			case 0:
				delete(w.leases, subject("111111111111", "arn:0", user).Key())
			}
		}
		for i := range 6 {
			user := fmt.Sprintf("u-%d", i)
			w.users[user] = user
			for range r.IntN(4) {
				step(user)
			}
		}
		w.after = func(operation string) {
			// A whole grant with its removal takes longer than two of our calls. So
			// each user takes at most one step between two calls.
			if operation == "Lease" || operation == "UserAssignments" {
				if r.IntN(3) == 0 {
					step(fmt.Sprintf("u-%d", r.IntN(6)))
				}
			}
		}
		e := w.engine()
		e.ListBy = "account"
		_, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftRevoke})
		if got := keys(findings); !slices.Equal(got, []string{subject("111111111111", "arn:0", "u-drift").Key()}) {
			t.Fatalf("seed %d: %q", seed, got)
		}
	}
}
