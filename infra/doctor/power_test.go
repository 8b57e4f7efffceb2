package doctor

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
	const reached = "warning: the policy gives access to account 111111111111, where this system runs "
	for _, test := range []struct {
		name      string
		policy    *access.Policy
		protected []string
		want      string
	}{
		{"groups alone", &access.Policy{Groups: []access.Statement{{Resources: []string{"*"}}}}, nil,
			"ready: the policy gives no access to account 111111111111, where this system runs"},
		{"other accounts", about([]string{"222222222222"}), nil,
			"ready: the policy gives no access to account 111111111111, where this system runs"},
		{"by name", about([]string{"222222222222"}, []string{"222222222222", own}), []string{"222222222222"},
			reached + "(config[1].Resource). Administrators of that account can change this system"},
		{"by all accounts", about([]string{own}, []string{"222222222222"}, []string{"*", own}, []string{"*"}), nil,
			reached + "(config[0].Resource, config[2].Resource, config[3].Resource). Administrators of that account can change this system"},
		{"protected", about([]string{"*"}), []string{own},
			"ready: the policy gives access to account 111111111111, where this system runs. The account is in protected_account_ids, so make synth checks who can get powerful access to it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			same(t, checkOwnAccount(test.policy, test.protected, own), nil, test.want)
		})
	}
}

func TestManagementAccount(t *testing.T) {
	about := func(resources ...string) *access.Policy {
		return &access.Policy{Accounts: []access.Statement{{Resources: []string{"222222222222"}}, {Resources: resources}}}
	}
	for _, test := range []struct {
		name    string
		policy  *access.Policy
		manages bool
		account string
		want    string
	}{
		{"elsewhere", about("*"), false, own, "ready: account 999999999999. This system can't grant access to it"},
		{"elsewhere, with the rights", about("*"), true, own, "warning: manage_management_account has no effect, because account 111111111111 is not the management account (999999999999)"},
		{"not in the policy", about(own), false, managing, "ready: this is the management account, and the policy gives no access to it"},
		{"not in the policy, with the rights", about(own), true, managing, "warning: manage_management_account gives the functions IAM rights that they don't need: the policy gives no access to the management account"},
		{"by name", about(own, managing), false, managing,
			"missing: the policy gives access to the management account (config[1].Resource), but manage_management_account is not set, so AWS will refuse every assignment in that account"},
		{"by all accounts", about("*"), false, managing,
			"missing: the policy gives access to the management account (config[1].Resource), but manage_management_account is not set, so AWS will refuse every assignment in that account"},
		{"with the rights", about("*"), true, managing, "ready: this system can grant access to it, because the functions grant and revoke get the IAM rights for that"},
	} {
		t.Run(test.name, func(t *testing.T) {
			same(t, checkManagementAccount(test.policy, test.manages, test.account, managing), nil, test.want)
		})
	}
}
