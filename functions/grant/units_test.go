package grant

import (
	"context"
	"slices"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
)

// organization has what is directly above accounts and units, now.
type organization struct {
	above map[string]string
	calls int
	err   error
}

func (o *organization) Parent(_ context.Context, id string) (string, error) {
	o.calls++
	if o.err == nil && o.above[id] == "" {
		return "", access.Errorf(access.CodeNotFound, "%s is not in the organization", id)
	}
	return o.above[id], o.err
}

// A request may have waited while its account moved, or while the policy changed.
func TestStartChecksUnitsLive(t *testing.T) {
	yes, no := true, false
	account := approved().Target.AccountID
	bob := []string{"bob@example.com"}
	in := func(resources ...string) access.Statement {
		return access.Statement{Resources: resources, PermissionSets: []string{"*"}, Approvers: bob}
	}
	deep := map[string]string{account: "ou-c", "ou-c": "ou-b", "ou-b": "ou-a", "ou-a": "r-1"}
	for _, tt := range []struct {
		name      string
		policy    access.Policy
		automatic bool
		above     map[string]string
		err       error
		want      access.Code
		path      []string
		calls     int
	}{
		{name: "the account is in the unit", policy: access.Policy{Accounts: []access.Statement{in("ou-c")}}, path: []string{"ou-c"}, calls: 1},
		{name: "the account is below the unit", policy: access.Policy{Accounts: []access.Statement{in("ou-a")}}, path: []string{"ou-a", "ou-b", "ou-c"}, calls: 3},
		{name: "a root needs no call", policy: access.Policy{Accounts: []access.Statement{in("r-1")}}},
		{name: "a statement names the account, too", policy: access.Policy{Accounts: []access.Statement{in("ou-a", account)}}},
		{name: "the account moved away since", policy: access.Policy{Accounts: []access.Statement{in("ou-c")}}, above: map[string]string{account: "r-1"}, want: access.CodeRefused, calls: 1},
		{name: "the account moved into a unit that denies", automatic: true, want: access.CodeRefused, calls: 1,
			policy: access.Policy{Accounts: []access.Statement{
				{Resources: []string{"*"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &yes},
				{Resources: []string{"ou-c"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &no},
			}}},
		{name: "an outer unit denies", automatic: true, want: access.CodeRefused, calls: 3,
			policy: access.Policy{Accounts: []access.Statement{
				{Resources: []string{"ou-c"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &yes},
				{Resources: []string{"ou-a"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &no},
			}}},
		{name: "the account moved out of the unit that denied", automatic: true, above: map[string]string{account: "r-1"}, path: []string{"r-1"}, calls: 1,
			policy: access.Policy{Accounts: []access.Statement{
				{Resources: []string{"*"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &yes},
				{Resources: []string{"ou-c"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: &no},
			}}},
		{name: "the unit was deleted", policy: access.Policy{Accounts: []access.Statement{in("ou-gone")}}, want: access.CodeRefused, calls: 4},
		{name: "the account left the organization", policy: access.Policy{Accounts: []access.Statement{in("*"), in("ou-a")}}, above: map[string]string{}, want: access.CodeNotFound, calls: 1},
		{name: "Organizations doesn't answer: nothing is refused for good", policy: access.Policy{Accounts: []access.Statement{in("ou-a")}}, err: access.Errorf(access.CodeThrottled, "slow down"), want: access.CodeThrottled, calls: 1},
		{name: "a protected account, of all", policy: access.Policy{Accounts: []access.Statement{in("*")}, ProtectedAccounts: []string{account}}, want: access.CodeRefused},
		{name: "a protected account, in a unit", policy: access.Policy{Accounts: []access.Statement{in("ou-c")}, ProtectedAccounts: []string{account}}, want: access.CodeRefused, calls: 1},
		{name: "a protected account, of a root", policy: access.Policy{Accounts: []access.Statement{in("r-1")}, ProtectedAccounts: []string{account}}, want: access.CodeRefused},
		{name: "a protected account that a statement names", policy: access.Policy{Accounts: []access.Statement{in(account), in("ou-c")}, ProtectedAccounts: []string{account}}},
		{name: "another account is protected", policy: access.Policy{Accounts: []access.Statement{in("*")}, ProtectedAccounts: []string{"999999999999"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := inOrder()
			s.policy = tt.policy
			if tt.automatic {
				s.row.Outcome = &access.Outcome{Kind: access.OutcomeAutomatic}
			}
			o := &organization{above: tt.above, err: tt.err}
			if o.above == nil {
				o.above = deep
			}
			h := s.handler()
			h.Cases = cases.Reader{Units: cases.Live{Organization: o}}
			in := Input{}
			in.Operation, in.RequestID, in.Execution = "start", s.row.ID, execution
			_, err := h.Handle(t.Context(), in)
			if access.CodeOf(err) != tt.want || (len(s.acquired) == 1) != (tt.want == "") || o.calls != tt.calls {
				t.Errorf("%v, %d acquired, %d calls; want %q, %d calls", err, len(s.acquired), o.calls, tt.want, tt.calls)
			}
			if path := h.Table.(*mockTable).path; !slices.Equal(path, tt.path) {
				t.Errorf("recorded path %v, want %v", path, tt.path)
			}
			if (len(s.failures) == 1) != (tt.want != "" && !tt.want.Transient()) {
				t.Errorf("failures %v", s.failures)
			}
		})
	}
}
