package policydiff

import (
	"maps"
	"slices"
	"strings"

	"sso-elevator/functions/access"
)

// unknown is the id of all accounts, permission sets or groups that are neither known
// nor named. It matches no statement's id, only those about all.
const unknown = "*"

// accountClass are accounts that the two policies don't tell apart.
type accountClass struct {
	ids []string
	ous []string // those above the accounts that a policy names
}

// setClass are permission sets that the two policies don't tell apart.
type setClass struct{ names []string }

func accountClassesOf(sides [2]side, o *Organization) []accountClass {
	named, units := map[string]bool{}, map[string]bool{}
	for _, side := range sides {
		for _, s := range side.Accounts {
			for _, r := range s.Resources {
				switch {
				case r == unknown, access.IsRoot(r):
				case access.IsOU(r):
					units[r] = true
				default:
					named[r] = true
				}
			}
		}
		for _, id := range side.ProtectedAccounts {
			named[id] = true
		}
	}
	known, populated := map[string]bool{}, map[string]bool{}
	classes := map[string]*accountClass{}
	add := func(id string, ous []string) {
		key := strings.Join(ous, " ")
		if named[id] {
			key = "id " + id
		}
		if classes[key] == nil {
			classes[key] = &accountClass{ous: ous}
		}
		classes[key].ids = append(classes[key].ids, id)
	}
	for _, a := range o.Accounts {
		known[a.ID] = true
		var ous []string
		for _, ou := range a.OUs {
			if units[ou] {
				populated[ou] = true
				ous = append(ous, ou)
			}
		}
		slices.Sort(ous)
		add(a.ID, slices.Compact(ous))
	}
	for id := range named {
		if !known[id] {
			add(id, nil)
		}
	}
	for ou := range units {
		if !populated[ou] {
			add(ou, []string{ou})
		}
	}
	if len(o.Accounts) == 0 {
		add(unknown, nil)
	}
	all := make([]accountClass, 0, len(classes))
	for _, key := range slices.Sorted(maps.Keys(classes)) {
		all = append(all, *classes[key])
	}
	return all
}

func setClassesOf(sides [2]side, o *Organization) []setClass {
	named := map[string]bool{}
	for _, side := range sides {
		for _, s := range side.Accounts {
			for _, name := range s.PermissionSets {
				if name != unknown {
					named[name] = true
				}
			}
		}
	}
	var all []setClass
	for _, name := range slices.Sorted(maps.Keys(named)) {
		all = append(all, setClass{[]string{name}})
	}
	others := slices.DeleteFunc(slices.Clone(o.PermissionSets), func(name string) bool { return named[name] })
	if len(o.PermissionSets) == 0 {
		others = []string{unknown}
	}
	if len(others) > 0 {
		slices.Sort(others)
		all = append(all, setClass{slices.Compact(others)})
	}
	return all
}

func groupTargetsOf(sides [2]side, o *Organization) []string {
	ids := map[string]bool{}
	for _, side := range sides {
		for _, s := range side.Groups {
			for _, r := range s.Resources {
				if r != unknown {
					ids[r] = true
				}
			}
		}
	}
	for _, g := range o.Groups {
		ids[g.ID] = true
	}
	if len(o.Groups) == 0 {
		ids[unknown] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// scope returns what is compared.
func (c *comparison) scope() Scope {
	s := Scope{People: c.population.known, Groups: append([]string{}, c.population.open...), GroupTargets: c.groups}
	for _, a := range c.accounts {
		s.Accounts = append(s.Accounts, a.ids...)
	}
	slices.Sort(s.Accounts)
	for _, set := range c.sets {
		s.PermissionSets = append(s.PermissionSets, set.names...)
	}
	slices.Sort(s.PermissionSets)
	return s
}
