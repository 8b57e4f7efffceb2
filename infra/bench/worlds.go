package main

import (
	"fmt"

	"sso-elevator/functions/access"
)

const (
	smallAccount = "111111111111"
	smallGroup   = "11111111-1111-1111-1111-111111111111"
	stubSet      = "arn:aws:sso:::permissionSet/ssoins-0000000000000000/ps-0000000000000001"
	heldSet      = "arn:aws:sso:::permissionSet/ssoins-0000000000000000/ps-0000000000000002" // the requester has it in smallAccount
)

// smallWorld returns the world of a small team.
func smallWorld() world {
	approvers := []string{emailOf(stubApprover)}
	return world{
		accounts:       [][2]string{{smallAccount, "Production"}, {"222222222222", "Sandbox"}},
		permissionSets: [][2]string{{stubSet, "Developer"}, {heldSet, "ReadOnly"}},
		groups:         [][2]string{{smallGroup, "Auditors"}},
		policy: access.Policy{
			Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: approvers}},
			Groups:   []access.Statement{{Resources: []string{smallGroup}, Approvers: approvers}},
		},
	}
}

// The largest size that the system promises to support.
const (
	largeAccounts   = 10_000
	largeSets       = 1_000
	largeStatements = 2_000
	largeUsers      = 50_000
)

// largeWorld returns a large enterprise. Each statement names ten accounts and one
// permission set, so each account has two statements. One approver is in every
// statement.
func largeWorld() world {
	w := world{groups: [][2]string{{smallGroup, "Auditors"}}, users: largeUsers}
	for i := range largeAccounts {
		w.accounts = append(w.accounts, [2]string{largeAccount(i), fmt.Sprintf("team-%03d-workload-%05d-%s", i%400, i, []string{"production", "staging", "development"}[i%3])})
	}
	for i := range largeSets {
		w.permissionSets = append(w.permissionSets, [2]string{largeSet(i), largeSetName(i)})
	}
	for i := range largeStatements {
		s := access.Statement{PermissionSets: []string{largeSetName(i % largeSets)}, Approvers: []string{fmt.Sprintf("lead-%d@example.com", i), emailOf(stubApprover)}}
		for j := range 10 {
			s.Resources = append(s.Resources, largeAccount((i*10+j)%largeAccounts))
		}
		w.policy.Accounts = append(w.policy.Accounts, s)
	}
	w.policy.Groups = []access.Statement{{Resources: []string{smallGroup}, Approvers: []string{emailOf(stubApprover)}}}
	return w
}

// Ids like AWS's: unordered, and all of the same length.
func largeAccount(i int) string { return fmt.Sprintf("%012d", 100_000_000_000+7_919*i) }
func largeSet(i int) string {
	return fmt.Sprintf("arn:aws:sso:::permissionSet/ssoins-0000000000000000/ps-%016x", uint64(i)*0x9e3779b97f4a7c15)
}
func largeSetName(i int) string { return fmt.Sprintf("PermissionSet%03d", i) }
