package doctor

import (
	"fmt"
	"slices"

	"sso-elevator/functions/access"
)

// checkOwnAccount checks whether the policy gives access to the account that the
// system runs in: an administrator of that account can change the system. The
// warnings of make synth cover only accounts in protected_account_ids, because
// the settings don't say which account this is.
func checkOwnAccount(p *access.Policy, protected []string, account string) []finding {
	reached := reaching(p, account)
	switch {
	case len(reached) == 0:
		return []finding{{Status: ready, Found: "the policy gives no access to account " + account + ", where this system runs"}}
	case slices.Contains(protected, account):
		return []finding{{Status: ready, Found: fmt.Sprintf("the policy gives access to account %s, where this system runs. The account is in protected_account_ids, so make synth checks who can get powerful access to it", account)}}
	}
	return []finding{{
		Status: warning,
		Found:  fmt.Sprintf("the policy gives access to account %s, where this system runs (%s). Administrators of that account can change this system", account, path("config", reached, "Resource")),
		Fix:    fmt.Sprintf("Remove the account from the policy. Or add %q to protected_account_ids: then make synth warns if one person alone can get powerful access to it (docs/reference/policy.md).", account),
	}}
}

// reaching returns the indices of the statements that give access to an account.
func reaching(p *access.Policy, account string) []int {
	var reached []int
	for i, s := range p.Accounts {
		if slices.Contains(s.Resources, account) || slices.Contains(s.Resources, "*") {
			reached = append(reached, i)
		}
	}
	return reached
}

// checkManagementAccount compares manage_management_account with the account of the
// deployment and with the policy.
func checkManagementAccount(p *access.Policy, manages bool, account, management string) []finding {
	const (
		setting  = "manage_management_account"
		leaveOut = "Remove " + setting + " from the settings."
	)
	reached := reaching(p, management)
	switch {
	case account != management && manages:
		return []finding{{Status: warning, Found: fmt.Sprintf("%s has no effect, because account %s is not the management account (%s)", setting, account, management), Fix: leaveOut}}
	case account != management:
		return []finding{{Status: ready, Found: "account " + management + ". This system can't grant access to it"}}
	case manages && len(reached) == 0:
		return []finding{{Status: warning, Found: setting + " gives the functions IAM rights that they don't need: the policy gives no access to the management account", Fix: leaveOut}}
	case manages:
		return []finding{{Status: ready, Found: "this system can grant access to it, because the functions grant and revoke get the IAM rights for that"}}
	case len(reached) > 0:
		return []finding{{Status: missing, Found: fmt.Sprintf("the policy gives access to the management account (%s), but %s is not set, so AWS will refuse every assignment in that account", path("config", reached, "Resource"), setting),
			Fix: "Remove that account from the policy. Or set " + setting + ": true, which gives the functions IAM rights (docs/reference/security.md)."}}
	}
	return []finding{{Status: ready, Found: "this is the management account, and the policy gives no access to it"}}
}
