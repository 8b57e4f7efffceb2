package drift_test

import (
	"slices"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// From a delegated administrator's account, a run names the management account but
// doesn't check it. It doesn't need to list by user, which AWS denies there. If
// another account is denied, it is unread, which is a failure.
func TestDelegatedAdministrator(t *testing.T) {
	tests := []struct {
		name         string
		self         string
		denied       []string // accounts
		unmanageable []string
		unread       []string
		findings     int
	}{
		{name: "in the management account", self: "999999999999", findings: 3},
		{name: "in a delegated administrator's", self: "222222222222", unmanageable: []string{"999999999999"}, findings: 2},
		{name: "where that is not known, AWS says so", denied: []string{"999999999999"}, unmanageable: []string{"999999999999"}, findings: 2},
		{name: "another account is denied", self: "999999999999", denied: []string{"222222222222"}, unread: []string{"account 222222222222"}, findings: 2},
		{name: "all are denied", denied: []string{"111111111111", "222222222222", "999999999999"}, unmanageable: []string{"999999999999"},
			unread: []string{"account 111111111111", "account 222222222222"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := small()
			w.policy.Accounts[0].Resources = []string{"*"}
			w.assign("999999999999", "arn:read", "u-alice")
			w.fail["AssignmentsOf"] = refusal
			for _, id := range test.denied {
				w.fail["UserAssignments "+id] = refusal
			}
			for i := range 3 { // enough users that listing by user pays off
				w.users[string(rune('x'+i))] = "other"
			}
			c, findings := w.collect(t, w.engine(), drift.Start{Run: "r", Mode: access.DriftRevoke, Account: test.self})
			collected, err := w.store.Collected(t.Context(), "r")
			if err != nil {
				t.Fatal(err)
			}
			var unread []string
			for _, u := range collected.Unread {
				unread = append(unread, u.What)
			}
			if !slices.Equal(collected.Unmanageable, test.unmanageable) || !slices.Equal(unread, test.unread) || len(findings) != test.findings {
				t.Errorf("unmanageable %q, unread %q, %d findings", collected.Unmanageable, unread, len(findings))
			}
			if c.Complete != (len(test.unread) == 0) {
				t.Errorf("complete %v", c.Complete)
			}
		})
	}
}
