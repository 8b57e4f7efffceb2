package drift_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// sized is an organization with every permission set in the first accounts. One user
// has all of them.
func sized(accounts, in, sets, users int) *world {
	w := newWorld()
	for i := range accounts {
		w.accounts = append(w.accounts, access.Account{ID: fmt.Sprintf("%012d", i+1)})
	}
	for s := range sets {
		arn := fmt.Sprintf("arn:%04d", s)
		w.sets[arn] = fmt.Sprintf("Set%d", s)
		for i := range in {
			w.assign(w.accounts[i].ID, arn, "u-0001")
		}
	}
	for i := range users {
		id := fmt.Sprintf("u-%04d", i)
		w.users[id] = id
	}
	w.policy.Accounts = []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}}}
	return w
}

// Assignments are listed in the way that needs fewer calls.
func TestPlanTakesFewerCalls(t *testing.T) {
	tests := []struct {
		name                      string
		accounts, in, sets, users int
		fail                      map[string]error
		byUser                    bool
		want                      map[string]int // calls of the plan and its batches
	}{
		{name: "few permission sets are anywhere", accounts: 30, in: 2, sets: 3, users: 40,
			want: map[string]int{"AccountsWith": 3, "UserAssignments": 6, "UserPages": 1, "AssignmentsOf": 5}},
		{name: "more permission sets than accounts", accounts: 3, in: 1, sets: 9, users: 40,
			want: map[string]int{"ProvisionedPermissionSets": 3, "UserAssignments": 9, "UserPages": 1}},
		{name: "few users", accounts: 60, in: 60, sets: 4, users: 30, byUser: true,
			want: map[string]int{"AccountsWith": 4, "UserPages": 1, "AssignmentsOf": 5 + 30}},
		{name: "fewer users than it takes to find out", accounts: 60, in: 60, sets: 40, users: 30, byUser: true,
			want: map[string]int{"UserPages": 1, "AssignmentsOf": 5 + 30}},
		{name: "few users, denied", accounts: 60, in: 60, sets: 4, users: 30, fail: map[string]error{"AssignmentsOf": refusal},
			want: map[string]int{"AccountsWith": 4, "UserPages": 1, "AssignmentsOf": 1, "UserAssignments": 240}},
		{name: "few users, who can't be listed", accounts: 10, in: 10, sets: 4, users: 3, fail: map[string]error{"UserPages": throttle},
			want: map[string]int{"AccountsWith": 4, "UserPages": 1, "UserAssignments": 40}},
		{name: "many users", accounts: 10, in: 10, sets: 4, users: 1_000,
			want: map[string]int{"AccountsWith": 4, "UserPages": 1, "UserAssignments": 40}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := sized(test.accounts, test.in, test.sets, test.users)
			// Requests hold all access, so nothing is checked twice.
			for a := range w.assignments {
				w.lease(a.AccountID, a.PermissionSetARN, a.UserID, access.LeaseHeld)
			}
			for operation, err := range test.fail {
				w.fail[operation] = err
			}
			e := w.engine()
			e.Names = nil
			batches, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftWarn})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range batches {
				if err := e.Scan(t.Context(), "r", n); err != nil {
					t.Fatal(err)
				}
			}
			plan, _ := w.store.Plan(t.Context(), "r")
			if plan.ByUser != test.byUser {
				t.Errorf("by user: %v", plan.ByUser)
			}
			for _, other := range []string{"Lease", "Accounts", "PermissionSetARNs", "PermissionSetName"} {
				delete(w.calls, other)
			}
			if !reflect.DeepEqual(w.calls, test.want) {
				t.Errorf("calls %v, want %v", w.calls, test.want)
			}
		})
	}
}

// A batch has no more calls than fit into a function's time, and two batches run at
// once if there is enough work. The batches list the accounts of a large organization.
func TestBatches(t *testing.T) {
	w := sized(300, 300, 10, 5_000)
	e := w.engine()
	if _, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftWarn}); err != nil {
		t.Fatal(err)
	}
	plan, _ := w.store.Plan(t.Context(), "r")
	seen := map[[2]int]bool{}
	for n, b := range plan.Batches {
		calls := 0
		for _, pair := range b.AccountSets {
			for _, set := range pair.Sets {
				seen[[2]int{pair.Account, set}] = true
				calls++
			}
		}
		if calls > drift.BatchCalls {
			t.Errorf("batch %d has %d calls", n, calls)
		}
	}
	if len(seen) != 3_000 || len(plan.Batches) != 3 {
		t.Errorf("%d pairs in %d batches, want 3000 in 3", len(seen), len(plan.Batches))
	}

	w = sized(2_500, 0, 2_100, 5_000) // too many to find out in the plan
	e = w.engine()
	e.ListBy = "account"
	batches, err := e.Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftWarn})
	if err != nil {
		t.Fatal(err)
	}
	plan, _ = w.store.Plan(t.Context(), "r")
	accounts := 0
	for _, b := range plan.Batches {
		accounts += len(b.Accounts)
		if len(b.Accounts) > drift.BatchCalls/drift.MaxPerAccount {
			t.Fatalf("%d accounts in a batch", len(b.Accounts))
		}
	}
	payload, _ := json.Marshal(batches)
	if accounts != 2_500 || w.calls["ProvisionedPermissionSets"]+w.calls["AccountsWith"] != 0 || len(payload) > 200<<10 {
		t.Errorf("%d accounts in %d batches, %v, a payload of %d bytes", accounts, len(batches), w.calls, len(payload))
	}
	w.assign(w.accounts[0].ID, "arn:0000", "u-0001")
	if err := e.Scan(t.Context(), "r", 0); err != nil {
		t.Fatal(err)
	}
	if r, _ := w.store.BatchResult(t.Context(), "r", 0); len(r.Findings) != 1 || len(r.Unread) != 0 {
		t.Errorf("result %+v", r)
	}
}

// A run that an event started checks only what the event names, and nothing outside
// the policy.
func TestEvents(t *testing.T) {
	assignment := func(account, set string) string {
		return fmt.Sprintf(`{"detail":{"eventName":"CreateAccountAssignment","requestParameters":{"targetId":%q,"permissionSetArn":%q,"principalType":"USER"}}}`, account, set)
	}
	group := func(id string) string {
		return fmt.Sprintf(`{"detail":{"eventName":"CreateGroupMembership","requestParameters":{"groupId":%q}}}`, id)
	}
	tests := []struct {
		name  string
		event string
		want  []string
		calls map[string]int
	}{
		{"in the policy", assignment("111111111111", "arn:admin"), []string{"alice@Production Admin"}, map[string]int{"PermissionSetName": 1, "UserAssignments": 2, "Lease": 3, "User": 1, "Leave": 1}},
		{"held", assignment("111111111111", "arn:read"), nil, map[string]int{"PermissionSetName": 1, "UserAssignments": 1, "Lease": 1}},
		{"outside of the policy", assignment("222222222222", "arn:admin"), nil, map[string]int{"PermissionSetName": 1}},
		{"a permission set that is gone", assignment("111111111111", "arn:gone"), nil, map[string]int{"PermissionSetName": 1}},
		{"a member", group("g-1"), []string{"bob@Ops"}, map[string]int{"Group": 1, "Memberships": 2, "Lease": 2, "User": 1, "Leave": 1}},
		{"a member of another group", group("g-2"), nil, map[string]int{}},
		{"nothing", `{}`, nil, map[string]int{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := small()
			w.assign("111111111111", "arn:read", "u-bob")
			w.lease("111111111111", "arn:read", "u-bob", access.LeaseCreating)
			w.members[[2]string{"g-1", "u-bob"}] = true
			e := w.engine()
			w.now = monday.Add(1)
			_, findings := w.collect(t, e, drift.Start{Run: "r", Mode: access.DriftWarn, Event: json.RawMessage(test.event)})
			if got := w.counted["ReconcileBegun warn"]; got != 0 {
				t.Errorf("counted as %d runs over everything", got)
			}
			for i := range findings { // account names come from the catalog, which this test doesn't have
				if findings[i].AccountID == "111111111111" {
					findings[i].AccountName = "Production"
				}
			}
			if got := names(findings); !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
			if !reflect.DeepEqual(w.calls, test.calls) {
				t.Errorf("calls %v, want %v", w.calls, test.calls)
			}
		})
	}
	w := small()
	w.fail["PermissionSetName"] = errors.Join(throttle)
	if _, err := w.engine().Plan(t.Context(), drift.Start{Run: "r", Mode: access.DriftWarn, Event: json.RawMessage(assignment("111111111111", "arn:admin"))}); err == nil {
		t.Error("no error where the permission set could not be looked at")
	}
}

// User names take as few calls as possible.
func TestNamesOfUsers(t *testing.T) {
	for _, test := range []struct {
		users, findings int
		want            map[string]int
	}{
		{users: 50, findings: 1, want: map[string]int{"User": 1}},
		{users: 50, findings: 40, want: map[string]int{"UserPages": 1}},
		{users: 1_000, findings: 3, want: map[string]int{"UserPages": 3, "User": 3}},
		{users: 1_000, findings: 200, want: map[string]int{"UserPages": 10}},
	} {
		w := sized(1, 0, 1, test.users)
		var findings []access.Finding
		for i := range test.findings { // the last ones that are listed
			findings = append(findings, access.Finding{Subject: access.Subject{PrincipalID: fmt.Sprintf("u-%04d", test.users-1-i)}})
		}
		plan := drift.Plan{}
		w.engine().NameUsers(t.Context(), &plan, findings)
		for _, f := range findings {
			if f.UserName != f.PrincipalID {
				t.Fatalf("%d of %d: %s is called %q", test.findings, test.users, f.PrincipalID, f.UserName)
			}
		}
		if !reflect.DeepEqual(w.calls, test.want) {
			t.Errorf("%d of %d: calls %v, want %v", test.findings, test.users, w.calls, test.want)
		}
	}
}
