package main

import (
	"fmt"
	"slices"

	"sso-elevator/functions/access"
)

// checkOwnAccount says whether the policy reaches the account that the system
// runs in: who is an administrator there can change the system. The checks of
// the policy warn of whom the policy makes one, of accounts that they are told
// to look at, since the file alone does not say which this is.
func checkOwnAccount(p *access.Policy, protected []string, account string) []finding {
	reached := usesOf(p.Accounts, func(s access.Statement) []string { return s.Resources })[account]
	for i, s := range p.Accounts {
		if slices.Contains(s.Resources, "*") && !slices.Contains(reached, i) {
			reached = append(reached, i)
		}
	}
	slices.Sort(reached)
	switch {
	case len(reached) == 0:
		return []finding{{Status: ready, Found: "the policy gives no access to account " + account + ", in which the system is to run"}}
	case slices.Contains(protected, account):
		return []finding{{Status: ready, Found: fmt.Sprintf("the policy gives access to account %s, in which the system is to run; being in protected_account_ids, it has the warnings of the synthesis", account)}}
	}
	return []finding{{
		Status: warning,
		Found:  fmt.Sprintf("the policy gives access to account %s, in which the system is to run (%s): who is an administrator there can change the system", account, path("config", reached, "Resource")),
		Fix:    fmt.Sprintf("Leave the account out; or put %q into protected_account_ids, and npx cdk synth warns where one person alone can have powerful access to it (docs/policy-checks.md).", account),
	}}
}
