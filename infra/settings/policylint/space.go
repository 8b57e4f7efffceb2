package policylint

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"sso-elevator/functions/access"
)

// space is everything that can be requested, divided by what the statements name: the
// names in them, and one rest for all other names. A cell is a resource (an account
// or a group) and a permission set in it. Groups have no permission sets, so their
// set is always rest. An organizational unit is a resource, too: it stands for an
// account in that unit alone that no statement names. The root stands for all accounts.
type space struct {
	settings   *Settings
	index      *access.Index // of the policy
	key        string        // "config" or "group_config"
	statements []access.Statement
	resources  []nameSet // by statement
	sets       []nameSet
	approvers  []nameSet
	allowed    []nameSet

	resourceNames, setNames []string      // by id
	protected               []bool        // by resource id: only statements that name the resource affect it
	named                   [][]int       // by resource id: the statements that name the resource
	everywhere              []int         // the statements about all resources
	everything              []int         // of those: the ones about all sets
	everywhereOf            map[int][]int // by set id: the statements about all resources that name the set
	setsEverywhere          []int         // ids of the sets that statements about all resources name
	setsAt                  [][]int       // by resource id: ids of the sets that its statements name
	verdictsEverywhere      map[int]verdict
	work                    int // of the decisions that the checks asked for; see mostWork
}

// rest is the id of everything that no statement names.
const rest = -1

// nameSet is a set of names, by id, or all names. A set of all resources has the ids
// of the protected accounts that it names.
type nameSet struct {
	all  bool
	ids  []int
	bits []uint64 // one for each id
}

func (s nameSet) has(id int) bool {
	return s.all || id != rest && id/64 < len(s.bits) && s.bits[id/64]&(1<<(id%64)) != 0
}

func (s nameSet) intersects(other nameSet) bool {
	if s.all || other.all {
		return true
	}
	if len(s.ids) > len(other.ids) {
		s, other = other, s
	}
	return slices.ContainsFunc(s.ids, other.has)
}

func (s nameSet) contains(other nameSet) bool {
	if s.all || other.all {
		return s.all
	}
	for _, id := range other.ids {
		if !s.has(id) {
			return false
		}
	}
	return true
}

// nameIDs gives each name an id, from 0.
type nameIDs struct {
	ids  map[string]int
	list []string
}

func (n *nameIDs) toSet(list []string) nameSet {
	if slices.Contains(list, "*") {
		return nameSet{all: true}
	}
	var s nameSet
	for _, name := range list {
		id, known := n.ids[name]
		if !known {
			id = len(n.list)
			n.ids[name], n.list = id, append(n.list, name)
		}
		s.ids = append(s.ids, id)
		for len(s.bits) <= id/64 {
			s.bits = append(s.bits, 0)
		}
		s.bits[id/64] |= 1 << (id % 64)
	}
	return s
}

// toResources is toSet for the resources of a statement.
func (n *nameIDs) toResources(list []string, isProtected func(string) bool) nameSet {
	if !slices.Contains(list, "*") && !slices.ContainsFunc(list, access.IsRoot) {
		return n.toSet(list)
	}
	var named []string
	for _, r := range list {
		if isProtected(r) {
			named = append(named, r)
		}
	}
	s := n.toSet(named)
	s.all = true
	return s
}

func newSpace(settings *Settings, index *access.Index, key string, statements []access.Statement) *space {
	resources, sets, people := nameIDs{ids: map[string]int{}}, nameIDs{ids: map[string]int{}}, nameIDs{ids: map[string]int{}}
	sp := &space{settings: settings, index: index, key: key, statements: statements, everywhereOf: map[int][]int{}, verdictsEverywhere: map[int]verdict{}}
	isProtected := func(name string) bool {
		return key == "config" && slices.Contains(settings.Policy.ProtectedAccounts, name)
	}
	for _, s := range statements {
		sp.resources = append(sp.resources, resources.toResources(s.Resources, isProtected))
		sp.approvers = append(sp.approvers, people.toSet(s.Approvers))
		sp.allowed = append(sp.allowed, people.toSet(s.Allowed))
		sp.allowed[len(sp.allowed)-1].all = len(s.Allowed) == 0
		if s.PermissionSets == nil { // a statement about groups
			sp.sets = append(sp.sets, nameSet{all: true})
		} else {
			sp.sets = append(sp.sets, sets.toSet(s.PermissionSets))
		}
	}
	sp.resourceNames, sp.setNames = resources.list, sets.list
	for _, name := range sp.resourceNames {
		sp.protected = append(sp.protected, isProtected(name))
	}
	sp.named, sp.setsAt = make([][]int, len(resources.list)), make([][]int, len(resources.list))
	at := make([]map[int]bool, len(resources.list))
	for i, set := range sp.resources {
		if set.all {
			sp.everywhere = append(sp.everywhere, i)
			if sp.sets[i].all {
				sp.everything = append(sp.everything, i)
			}
			for _, id := range sp.sets[i].ids {
				sp.everywhereOf[id] = append(sp.everywhereOf[id], i)
			}
		}
		for _, resource := range set.ids {
			sp.named[resource] = append(sp.named[resource], i)
			if at[resource] == nil {
				at[resource] = map[int]bool{}
			}
			for _, id := range sp.sets[i].ids {
				at[resource][id] = true
			}
		}
	}
	sp.setsEverywhere = slices.Sorted(maps.Keys(sp.everywhereOf))
	for resource, sets := range at {
		sp.setsAt[resource] = slices.Sorted(maps.Keys(sets))
	}
	return sp
}

// path returns a statement's path, with a key if key is not empty.
func (sp *space) path(i int, key string) string {
	path := fmt.Sprintf("%s[%d]", sp.key, i)
	if key != "" {
		path += "." + key
	}
	return path
}

// isProtected reports whether only statements that name the resource affect it.
func (sp *space) isProtected(resource int) bool { return resource != rest && sp.protected[resource] }

// matches reports whether statement i affects a resource.
func (sp *space) matches(i, resource int) bool {
	if sp.isProtected(resource) {
		return slices.Contains(sp.resources[i].ids, resource)
	}
	return sp.resources[i].has(resource)
}

// covers reports whether statement i affects everything that statement j affects.
func (sp *space) covers(i, j int) bool {
	return (sp.resources[i].all || !sp.resources[j].all) && sp.sets[i].contains(sp.sets[j]) &&
		!slices.ContainsFunc(sp.resources[j].ids, func(resource int) bool { return !sp.matches(i, resource) })
}

// appliesWherever reports whether statement i applies to every request that statement j
// applies to.
func (sp *space) appliesWherever(i, j int) bool {
	return sp.covers(i, j) && sp.allowed[i].contains(sp.allowed[j])
}

// overlap reports whether something is affected by both statements. It doesn't know
// which accounts are in an organizational unit.
func (sp *space) overlap(i, j int) bool {
	a, b := sp.resources[i], sp.resources[j]
	return sp.sets[i].intersects(sp.sets[j]) && (a.all && b.all ||
		slices.ContainsFunc(b.ids, func(resource int) bool { return sp.matches(i, resource) }) ||
		slices.ContainsFunc(a.ids, func(resource int) bool { return sp.matches(j, resource) }))
}

// cells yields the cells of a statement. It yields the cells of rest first. If the
// policy can't distinguish cells, it yields one of them.
func (sp *space) cells(i int) iter.Seq2[int, int] {
	return func(yield func(resource, set int) bool) {
		of := sp.resources[i].ids
		if sp.resources[i].all {
			of = []int{rest}
			for id := range sp.resourceNames {
				if sp.matches(i, id) {
					of = append(of, id)
				}
			}
		}
		for _, resource := range of {
			for set := range sp.setsOf(i, resource) {
				if !yield(resource, set) {
					return
				}
			}
		}
	}
}

// setsOf yields the sets of statement i in a resource.
func (sp *space) setsOf(i, resource int) iter.Seq[int] {
	return func(yield func(int) bool) {
		candidates := sp.sets[i].ids
		if sp.sets[i].all {
			candidates = []int{rest}
			if !sp.isProtected(resource) {
				candidates = append(candidates, sp.setsEverywhere...)
			}
			if resource != rest {
				candidates = slices.Compact(slices.Sorted(slices.Values(append(candidates, sp.setsAt[resource]...))))
			}
		}
		for _, set := range candidates {
			// If other statements name this account only for other sets, this set needs no cell
			// of its own here: the rest of the accounts covers it.
			like := resource != rest && sp.resources[i].all && !sp.isProtected(resource) &&
				!slices.ContainsFunc(sp.named[resource], func(j int) bool { return sp.sets[j].has(set) })
			if !like && !yield(set) {
				return
			}
		}
	}
}

// statementsAffecting yields the statements that affect a cell, in ascending order.
func (sp *space) statementsAffecting(resource, set int) iter.Seq[int] {
	return func(yield func(int) bool) {
		var all []int
		if !sp.isProtected(resource) {
			all = slices.Concat(sp.everything, sp.everywhereOf[set])
		}
		if resource != rest {
			for _, i := range sp.named[resource] {
				if sp.sets[i].has(set) {
					all = append(all, i)
				}
			}
		}
		slices.Sort(all)
		for _, i := range all {
			if !yield(i) {
				return
			}
		}
	}
}

// verdict is the combined answer of all statements that affect a cell, for a requester
// to whom they all apply.
type verdict struct {
	noApproval   switchValues // of ApprovalIsNotRequired
	selfApproval switchValues // of AllowSelfApproval, from statements that list approvers
	approver     string       // if there is exactly one; otherwise empty
	several      bool         // more than one approver; a group has several members
	// personal reports whether the answer depends on the requester in other ways than
	// these values say: a statement has Allowed or ApprovalsNeeded.
	personal bool
}

// switchValues are the values that several statements give one switch. One false
// outweighs every true.
type switchValues struct{ yes, no bool }

func (v switchValues) holds() bool { return v.yes && !v.no }

func (v *switchValues) add(b *bool) {
	if b != nil {
		v.yes, v.no = v.yes || *b, v.no || !*b
	}
}

// hasApprover reports whether anyone can approve.
func (v verdict) hasApprover() bool { return v.several || v.approver != "" }

// isObtainable reports whether anyone can get the cell.
func (v verdict) isObtainable() bool { return v.hasApprover() || v.noApproval.holds() }

func (v *verdict) add(s *access.Statement) {
	v.noApproval.add(s.ApprovalIsNotRequired)
	if len(s.Approvers) > 0 {
		v.selfApproval.add(s.AllowSelfApproval)
	}
	v.personal = v.personal || len(s.Allowed) > 0 || s.ApprovalsNeeded > 0
	for _, a := range s.Approvers {
		_, isGroup := access.GroupOf(a)
		switch {
		case v.several:
			return
		case isGroup:
			v.approver, v.several = "", true
		case v.approver != "" && v.approver != a:
			v.approver, v.several = "", true
		default:
			v.approver = a
		}
	}
}

func (sp *space) verdict(resource, set int) verdict {
	v, known := sp.verdictsEverywhere[set]
	if sp.isProtected(resource) {
		v, known = verdict{}, true
	}
	if !known {
		for i := range sp.statementsAffecting(rest, set) {
			v.add(&sp.statements[i])
		}
		sp.verdictsEverywhere[set] = v
	}
	if resource != rest {
		for _, i := range sp.named[resource] {
			if sp.sets[i].has(set) {
				v.add(&sp.statements[i])
			}
		}
	}
	return v
}

// describeCell describes a cell in words.
func (sp *space) describeCell(resource, set int) string {
	kind, where := "account", ""
	if sp.key == "group_config" {
		kind = "group"
	}
	switch {
	case resource != rest && access.IsOU(sp.resourceNames[resource]):
		where = "organizational unit " + sp.resourceNames[resource]
	case resource != rest:
		where = kind + " " + sp.resourceNames[resource]
	case len(sp.resourceNames) == 0:
		where = "every " + kind
	default:
		where = "every " + kind + " that no statement names"
	}
	switch {
	case kind == "group":
		return where
	case set != rest:
		return sp.setNames[set] + " in " + where
	case len(sp.setNames) == 0:
		return "permission sets in " + where
	default:
		return "permission sets that no statement names in " + where
	}
}
