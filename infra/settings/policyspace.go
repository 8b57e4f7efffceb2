package settings

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"sso-elevator/functions/access"
)

// space is everything that can be asked for, as far as a list of statements
// tells it apart: what it names, and the rest, which is all the same to it. A
// cell is a resource (an account or a group) and a permission set in it. Groups
// have no permission sets; theirs are all the rest.
type space struct {
	key        string // "config" or "group_config"
	statements []access.Statement
	resources  []nameSet // of each statement
	sets       []nameSet
	approvers  []nameSet

	resourceNames, setNames []string      // by id
	named                   [][]int       // resource id to the statements that name it
	everywhere              []int         // the statements about all resources
	everything              []int         // those of them about all sets as well
	everywhereOf            map[int][]int // set id to those of them that name it
	setsEverywhere          []int         // ids of the sets that they name
	setsAt                  [][]int       // resource id to ids of the sets that statements naming it name
	verdictsEverywhere      map[int]verdict
}

// rest is the id of what no statement names.
const rest = -1

// nameSet is a set of names, by id, or all there are.
type nameSet struct {
	all   bool
	ids   []int
	words []uint64 // a bit for each id
}

func (s nameSet) has(id int) bool {
	return s.all || id != rest && id/64 < len(s.words) && s.words[id/64]&(1<<(id%64)) != 0
}

func (s nameSet) meets(other nameSet) bool {
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

// names gives names ids, from 0.
type names struct {
	ids  map[string]int
	list []string
}

func (n *names) set(list []string) nameSet {
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
		for len(s.words) <= id/64 {
			s.words = append(s.words, 0)
		}
		s.words[id/64] |= 1 << (id % 64)
	}
	return s
}

func newSpace(key string, statements []access.Statement) *space {
	resources, sets, approvers := names{ids: map[string]int{}}, names{ids: map[string]int{}}, names{ids: map[string]int{}}
	sp := &space{key: key, statements: statements, everywhereOf: map[int][]int{}, verdictsEverywhere: map[int]verdict{}}
	for _, s := range statements {
		sp.resources = append(sp.resources, resources.set(s.Resources))
		sp.approvers = append(sp.approvers, approvers.set(s.Approvers))
		if s.PermissionSets == nil { // about groups
			sp.sets = append(sp.sets, nameSet{all: true})
		} else {
			sp.sets = append(sp.sets, sets.set(s.PermissionSets))
		}
	}
	sp.resourceNames, sp.setNames = resources.list, sets.list
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

// path is a statement's, with a key of it or without.
func (sp *space) path(i int, key string) string {
	path := fmt.Sprintf("%s[%d]", sp.key, i)
	if key != "" {
		path += "." + key
	}
	return path
}

// covers says whether everything that statement j affects is affected by i too.
func (sp *space) covers(i, j int) bool {
	return sp.resources[i].contains(sp.resources[j]) && sp.sets[i].contains(sp.sets[j])
}

// meet says whether there is something that both statements affect.
func (sp *space) meet(i, j int) bool {
	return sp.resources[i].meets(sp.resources[j]) && sp.sets[i].meets(sp.sets[j])
}

// cells yields the cells of a statement, those of the rest first. Of cells that
// the policy can't tell apart it yields one.
func (sp *space) cells(i int) iter.Seq2[int, int] {
	return func(yield func(resource, set int) bool) {
		of := sp.resources[i].ids
		if sp.resources[i].all {
			of = []int{rest}
			for id := range sp.resourceNames {
				of = append(of, id)
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
			candidates = append([]int{rest}, sp.setsEverywhere...)
			if resource != rest {
				candidates = slices.Compact(slices.Sorted(slices.Values(append(candidates, sp.setsAt[resource]...))))
			}
		}
		for _, set := range candidates {
			// In an account that is named elsewhere for other sets only, this set
			// is what it is in the rest.
			like := resource != rest && sp.resources[i].all &&
				!slices.ContainsFunc(sp.named[resource], func(j int) bool { return sp.sets[j].has(set) })
			if !like && !yield(set) {
				return
			}
		}
	}
}

// affecting yields the statements that affect a cell, ascending.
func (sp *space) affecting(resource, set int) iter.Seq[int] {
	return func(yield func(int) bool) {
		all := slices.Concat(sp.everything, sp.everywhereOf[set])
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

// verdict is what the statements that affect a cell say together, as far as it
// does not depend on who asks.
type verdict struct {
	free     answers // to ApprovalIsNotRequired
	self     answers // to AllowSelfApproval, of statements that list somebody
	approver string  // the only one; empty: nobody or several
	several  bool    // approvers
}

// answers are what several statements say of one switch: one no outweighs every
// yes.
type answers struct{ yes, no bool }

func (a answers) hold() bool { return a.yes && !a.no }

func (a *answers) hear(b *bool) {
	if b != nil {
		a.yes, a.no = a.yes || *b, a.no || !*b
	}
}

// someone says whether anybody can approve.
func (v verdict) someone() bool { return v.several || v.approver != "" }

// offers says whether anybody at all can get what the cell is.
func (v verdict) offers() bool { return v.someone() || v.free.hold() }

func (v *verdict) hear(s *access.Statement) {
	v.free.hear(s.ApprovalIsNotRequired)
	if len(s.Approvers) > 0 {
		v.self.hear(s.AllowSelfApproval)
	}
	for _, a := range s.Approvers {
		switch {
		case v.several:
			return
		case v.approver != "" && v.approver != a:
			v.approver, v.several = "", true
		default:
			v.approver = a
		}
	}
}

func (sp *space) verdict(resource, set int) verdict {
	v, known := sp.verdictsEverywhere[set]
	if !known {
		for i := range sp.affecting(rest, set) {
			v.hear(&sp.statements[i])
		}
		sp.verdictsEverywhere[set] = v
	}
	if resource != rest {
		for _, i := range sp.named[resource] {
			if sp.sets[i].has(set) {
				v.hear(&sp.statements[i])
			}
		}
	}
	return v
}

// words says what a cell is.
func (sp *space) words(resource, set int) string {
	kind, where := "account", ""
	if sp.key == "group_config" {
		kind = "group"
	}
	switch {
	case resource != rest:
		where = kind + " " + sp.resourceNames[resource]
	case len(sp.resourceNames) == 0:
		where = "every " + kind
	default:
		where = "every " + kind + " that is named nowhere"
	}
	switch {
	case kind == "group":
		return where
	case set != rest:
		return sp.setNames[set] + " in " + where
	case len(sp.setNames) == 0:
		return "permission sets in " + where
	default:
		return "permission sets that are named nowhere in " + where
	}
}
