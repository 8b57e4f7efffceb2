package main

import (
	"testing"

	"sso-elevator/functions/access"
)

func TestOwnAccount(t *testing.T) {
	about := func(resources ...[]string) *access.Policy {
		var p access.Policy
		for _, r := range resources {
			p.Accounts = append(p.Accounts, access.Statement{Resources: r, PermissionSets: []string{"Admin"}})
		}
		return &p
	}
	const reached = "warning: the policy gives access to account 111111111111, in which the system is to run "
	for _, test := range []struct {
		name      string
		policy    *access.Policy
		protected []string
		want      string
	}{
		{"groups alone", &access.Policy{Groups: []access.Statement{{Resources: []string{"*"}}}}, nil,
			"ready: the policy gives no access to account 111111111111, in which the system is to run"},
		{"other accounts", about([]string{"222222222222"}), nil,
			"ready: the policy gives no access to account 111111111111, in which the system is to run"},
		{"by name", about([]string{"222222222222"}, []string{"222222222222", own}), []string{"222222222222"},
			reached + "(config[1].Resource): who is an administrator there can change the system"},
		{"by all accounts", about([]string{own}, []string{"222222222222"}, []string{"*", own}, []string{"*"}), nil,
			reached + "(config[0].Resource, config[2].Resource, config[3].Resource): who is an administrator there can change the system"},
		{"protected", about([]string{"*"}), []string{own},
			"ready: the policy gives access to account 111111111111, in which the system is to run; being in protected_account_ids, it has the warnings of the synthesis"},
	} {
		t.Run(test.name, func(t *testing.T) {
			same(t, checkOwnAccount(test.policy, test.protected, own), nil, test.want)
		})
	}
}
