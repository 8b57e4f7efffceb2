package doctor

import (
	"fmt"
	"slices"

	"sso-elevator/functions/access"
)

// checkOwnAccount checks whether the policy gives access to the account that the
// system runs in: an administrator of that account can change the system. The
// warnings of the synthesis cover only accounts in protected_account_ids, because
// the settings don't say which account this is.
func checkOwnAccount(p *access.Policy, protected []string, account string) []finding {
	reached := reaching(p, account)
	switch {
	case len(reached) == 0:
		return []finding{{Status: ready, Found: "the policy gives no access to account " + account + ", in which the system is to run"}}
	case slices.Contains(protected, account):
		return []finding{{Status: ready, Found: fmt.Sprintf("the policy gives access to account %s, in which the system is to run; being in protected_account_ids, it has the warnings of the synthesis", account)}}
	}
	return []finding{{
		Status: warning,
		Found:  fmt.Sprintf("the policy gives access to account %s, in which the system is to run (%s): who is an administrator there can change the system", account, path("config", reached, "Resource")),
		Fix:    fmt.Sprintf("Leave the account out; or put %q into protected_account_ids, and npx cdk synth warns where one person alone can have powerful access to it (docs/reference/policy.md).", account),
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
		leaveOut = "Take " + setting + " out of the settings."
	)
	reached := reaching(p, management)
	switch {
	case account != management && manages:
		return []finding{{Status: warning, Found: fmt.Sprintf("%s has no effect: account %s is not the management account, %s", setting, account, management), Fix: leaveOut}}
	case account != management:
		return []finding{{Status: ready, Found: "managed by account " + management + ", and not from here"}}
	case manages && len(reached) == 0:
		return []finding{{Status: warning, Found: setting + " gives rights in IAM that nothing needs: the policy gives no access to the management account", Fix: leaveOut}}
	case manages:
		return []finding{{Status: ready, Found: "access to it can be given: the functions grant and revoke get the rights in IAM"}}
	case len(reached) > 0:
		return []finding{{Status: missing, Found: fmt.Sprintf("the policy gives access to the management account (%s), and AWS will refuse every assignment to it: %s is not set", path("config", reached, "Resource"), setting),
			Fix: "Leave that account out of the policy; or set " + setting + ": true, which gives the functions rights in IAM (docs/reference/security.md)."}}
	}
	return []finding{{Status: ready, Found: "this is the management account, and the policy gives no access to it"}}
}
