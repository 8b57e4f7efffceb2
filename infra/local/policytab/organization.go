package policytab

import (
	"slices"

	"sso-elevator/infra/local/organization"
)

// NewOrganization returns what visitors choose from: an example organization with AWS's
// ids, and the account in which everything runs. People who can't sign in to AWS or
// Slack are left out.
func NewOrganization(o *organization.Organization, ids organization.IDs, own string) Organization {
	out := Organization{People: []Person{}, PermissionSets: []string{}, Groups: []Group{}}
	for _, p := range o.People {
		if p.SlackOnly || p.NoSlack || p.Guest || p.Deleted || p.Stranger || p.EmailUnconfirmed {
			continue
		}
		groups := []string{}
		for _, g := range o.Groups {
			if slices.Contains(g.Members, p.Email) {
				groups = append(groups, ids.Groups[g.Name])
			}
		}
		out.People = append(out.People, Person{p.Name, p.Email, groups})
	}
	account := func(name, id string) {
		out.Accounts = append(out.Accounts, Account{ID: id, Name: name, OUs: unitsAbove(o, ids, name)})
	}
	for _, a := range o.Accounts {
		account(a.Name, ids.Accounts[a.Name])
	}
	if o.ManagementAccount == nil {
		account("management account", own)
	} else {
		account("this app’s account", own)
		account(o.ManagementAccount.Name, ids.ManagementAccount)
	}
	for _, p := range o.PermissionSets {
		out.PermissionSets = append(out.PermissionSets, p.Name)
	}
	for _, g := range o.Groups {
		out.Groups = append(out.Groups, Group{ids.Groups[g.Name], g.Name})
	}
	return out
}

// unitsAbove returns the ids of the root and of the units above an account, from the
// root. Without units in o, the root's id is not known, and the list is empty.
func unitsAbove(o *organization.Organization, ids organization.IDs, account string) []string {
	above := []string{}
	unit := slices.IndexFunc(o.Units, func(u organization.Unit) bool { return slices.Contains(u.Accounts, account) })
	for unit >= 0 {
		above = append(above, ids.Units[o.Units[unit].Name])
		parent := o.Units[unit].Parent
		unit = slices.IndexFunc(o.Units, func(u organization.Unit) bool { return u.Name == parent })
	}
	if ids.Root != "" {
		above = append(above, ids.Root)
	}
	slices.Reverse(above)
	return above
}
