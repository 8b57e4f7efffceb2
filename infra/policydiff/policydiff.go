// Package policydiff explains a change of the policy in people and accounts: who can get
// more, who can get less, and what else changes for them.
//
// It compares the decisions of two policies, not their texts. Two policies that are
// written differently and decide the same have no differences.
package policydiff

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sso-elevator/functions/access"
)

// Effect is whether a change lets somebody get more.
type Effect string

const (
	Wider    Effect = "wider"    // somebody can get more, or more easily
	Narrower Effect = "narrower" // somebody can get less, or less easily
	Other    Effect = "other"    // nobody can get more or less
)

// Kind is what a change is about.
type Kind string

// The kinds, in the order in which changes of the same effect are listed, except that
// access without approval comes first.
const (
	KindAccess        Kind = "access"                  // whether it can be requested, and needs approval
	KindManagedGroups Kind = "managed_decision_groups" // the setting allow_managed_decision_groups
	KindRemoval       Kind = "removal"                 // what reconciliations do with unknown access
	KindApprovals     Kind = "approvals"               // whose approvals are needed, and how many
	KindConfirmation  Kind = "confirmation"            // whether approvers confirm in a dialog
	KindDuration      Kind = "duration"                // the longest access
	KindTicket        Kind = "ticket"
	KindDenial        Kind = "denial" // who can deny requests and end the access, besides the requester
	KindWarnings      Kind = "warnings"
	KindChannel       Kind = "channel"
	KindExemptions    Kind = "exemptions"
	KindResponders    Kind = "incident_responders" // who can block people
)

var kindOrder = []Kind{KindAccess, KindManagedGroups, KindRemoval, KindApprovals, KindConfirmation, KindDuration, KindTicket, KindDenial, KindWarnings, KindChannel, KindExemptions, KindResponders}

// Removal is what reconciliations do with unknown access.
type Removal string

const (
	RemovalNone     Removal = "none"     // they ignore it
	RemovalReported Removal = "reported" // the account is protected: they only report it
	RemovalRemoved  Removal = "removed"  // they remove it
)

// Terms are what one policy says. Only the fields that a change is about are set.
type Terms struct {
	Outcome   access.DecisionOutcome `json:"outcome,omitempty"`
	Approvals []Approvals            `json:"approvals,omitempty"` // all are needed
	// MaxDuration is in seconds; 0 is no limit.
	MaxDuration *int64 `json:"max_duration_seconds,omitempty"`
	Confirm     *bool  `json:"confirm,omitempty"`
	// Tickets are those of all statements that apply; an empty list is no ticket field.
	Tickets  *[]access.Ticket `json:"tickets,omitempty"`
	Warnings *[]string        `json:"warnings,omitempty"`
	Channel  *string          `json:"channel,omitempty"` // "" is the configured channel
	// Denial has emails, and groups as "group:ID".
	Denial     *[]string          `json:"denial,omitempty"`
	Removal    Removal            `json:"removal,omitempty"`
	Setting    *bool              `json:"setting,omitempty"`
	Exemptions []access.Exemption `json:"exemptions,omitempty"`
	// Responders are emails, and groups as "group:ID".
	Responders []string `json:"incident_responders,omitempty"`
}

// Approvals says that this many of these approvers must approve: emails, and groups as
// "group:ID". The requester never counts.
type Approvals struct {
	Needed int      `json:"needed"`
	From   []string `json:"from"`
}

// Targets are each of PermissionSets in each of Accounts, or Groups. "*" stands for all
// permission sets, accounts or groups that are not known. An organizational unit stands
// for the accounts below it that are not known.
type Targets struct {
	PermissionSets []string `json:"permission_sets,omitempty"`
	Accounts       []string `json:"accounts,omitempty"`
	Groups         []string `json:"groups,omitempty"`
}

// Change is one difference between two policies.
type Change struct {
	Effect  Effect    `json:"effect"`
	Kind    Kind      `json:"kind"`
	Before  Terms     `json:"before"`
	After   Terms     `json:"after"`
	People  *People   `json:"people,omitempty"`  // nil if the change is not about requesters
	Targets []Targets `json:"targets,omitempty"` // none if the change is about the whole policy
}

// People are those whose requests a change is about.
type People struct {
	// Everyone means everyone but Except. Otherwise only Names.
	Everyone bool `json:"everyone"`
	// Names and Except are sorted: emails, "group:ID" for the members of a group that are
	// not known, and two of these with " & " between them, an email first, for people who
	// are both.
	Names  []string `json:"names,omitempty"`
	Except []string `json:"except,omitempty"`
}

// Scope is what was compared.
type Scope struct {
	People         int      `json:"people"`          // known by email
	Groups         []string `json:"member_groups"`   // whose members are not all known
	PermissionSets []string `json:"permission_sets"` // with "*" for others
	Accounts       []string `json:"accounts"`        // with units for unknown accounts below them, and "*" for others
	GroupTargets   []string `json:"groups"`          // with "*" for others
}

// Result is what Compare found.
type Result struct {
	Wider   bool     `json:"wider"`
	Changes []Change `json:"changes"` // wider ones first, in a fixed order
	Scope   Scope    `json:"compared"`
	// Names are the names of the organization's accounts and groups, by id.
	Names map[string]string `json:"names"`
}

// Compare returns the differences between the decisions of two policies for everybody in
// the organization, for people whom only a policy names, and for people who are named
// nowhere. The policies must be valid.
//
// Compare does not tell reasons for a refusal apart. Of what a reconciliation does, it
// compares only what is in the scope of removal.
func Compare(before, after *access.Policy, o *Organization) Result {
	r, _ := CompareWithin(context.Background(), before, after, o) // its only error is ctx's
	return r
}

// CompareWithin does the same as Compare. If ctx ends first, it returns ctx's error.
func CompareWithin(ctx context.Context, before, after *access.Policy, o *Organization) (Result, error) {
	c := newComparison(before, after, o)
	c.ctx = ctx
	c.compareAccounts()
	c.compareGroups()
	c.compareSettings()
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	r := Result{Changes: c.changes(), Scope: c.scope(), Names: map[string]string{}}
	for _, a := range o.Accounts {
		if a.Name != "" {
			r.Names[a.ID] = a.Name
		}
	}
	for _, g := range o.Groups {
		if g.Name != "" {
			r.Names[g.ID] = g.Name
		}
	}
	r.Wider = slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Effect == Wider })
	return r, nil
}

// side is one of the two policies.
type side struct {
	*access.Policy
	index *access.Index
	// statements are those of Policy.Accounts and Policy.Groups, prepared.
	statements map[access.Kind][]statement
}

// statement is a statement with lists in the form in which people are looked up, and a
// number that it shares with equal statements of both policies.
type statement struct {
	allowed, approvers []string
	number             int
}

// comparison collects changes.
type comparison struct {
	ctx        context.Context // after its end, nothing more is compared
	sides      [2]side
	population *population
	accounts   []accountClass
	sets       []setClass
	groups     []string
	// found has what was found about all targets that the same statements match.
	found map[string][]*finding
	// changed are all findings, by key.
	changed map[string]*finding
}

// finding is a change with all its targets.
type finding struct {
	Change
	key    string
	sets   map[string][]string // permission sets by account id
	groups []string
}

func newComparison(before, after *access.Policy, o *Organization) *comparison {
	c := &comparison{found: map[string][]*finding{}, changed: map[string]*finding{}}
	numbers := map[string]int{}
	prepare := func(from []access.Statement) []statement {
		all := make([]statement, len(from))
		for i, s := range from {
			all[i].allowed, all[i].approvers = normalized(s.Allowed), normalized(s.Approvers)
			s.Allowed, s.Approvers = all[i].allowed, all[i].approvers
			s.Resources, s.PermissionSets = nil, nil // they match, so they don't matter any more
			text, _ := json.Marshal(s)               // statements have nothing that can't be encoded
			number, known := numbers[string(text)]
			if !known {
				number = len(numbers)
				numbers[string(text)] = number
			}
			all[i].number = number
		}
		return all
	}
	for i, p := range []*access.Policy{before, after} {
		c.sides[i] = side{p, access.NewIndex(p), map[access.Kind][]statement{access.KindAccount: prepare(p.Accounts), access.KindGroup: prepare(p.Groups)}}
	}
	c.population = populationOf(c.sides, o)
	c.accounts, c.sets, c.groups = accountClassesOf(c.sides, o), setClassesOf(c.sides, o), groupTargetsOf(c.sides, o)
	return c
}

func normalized(entries []string) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = access.NormalizeEmail(e)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *comparison) compareAccounts() {
	for _, a := range c.accounts {
		for _, s := range c.sets {
			target := access.Target{Kind: access.KindAccount, AccountID: a.ids[0], PermissionSet: s.names[0]}
			for _, f := range c.compare(target, a.ous) {
				for _, id := range a.ids {
					f.sets[id] = append(f.sets[id], s.names...)
				}
			}
		}
	}
}

func (c *comparison) compareGroups() {
	for _, id := range c.groups {
		for _, f := range c.compare(access.Target{Kind: access.KindGroup, GroupID: id}, nil) {
			f.groups = append(f.groups, id)
		}
	}
}

// compare returns what changes about one target.
func (c *comparison) compare(t access.Target, ous []string) []*finding {
	if c.ctx.Err() != nil {
		return nil
	}
	var affecting [2][]int
	key := []byte(t.Kind)
	for i, s := range c.sides {
		affecting[i] = s.index.Affecting(t, ous)
		key = append(key, '/')
		for _, at := range affecting[i] {
			key = strconv.AppendInt(key, int64(s.statements[t.Kind][at].number), 36)
			key = append(key, ' ')
		}
	}
	same := slices.EqualFunc(affecting[0], affecting[1], func(a, b int) bool {
		return c.sides[0].statements[t.Kind][a].number == c.sides[1].statements[t.Kind][b].number
	})
	var all []*finding
	if !same {
		found, known := c.found[string(key)]
		if !known {
			found = c.decide(t, ous, affecting)
			c.found[string(key)] = found
		}
		all = append(all, found...)
	}
	if was, is := c.removal(0, t, ous, affecting[0]), c.removal(1, t, ous, affecting[1]); was != is {
		all = append(all, c.intern(Change{Effect: Other, Kind: KindRemoval, Before: Terms{Removal: was}, After: Terms{Removal: is}}))
	}
	return all
}

// removal returns what reconciliations do with unknown access to t.
func (c *comparison) removal(side int, t access.Target, ous []string, affecting []int) Removal {
	switch {
	case len(affecting) > 0:
		return RemovalRemoved
	case c.sides[side].index.Covers(t, ous):
		return RemovalReported
	}
	return RemovalNone
}

// intern returns the finding about the change, without adding targets.
func (c *comparison) intern(change Change) *finding {
	text, _ := json.Marshal(change)
	f := c.changed[string(text)]
	if f == nil {
		f = &finding{Change: change, key: string(text), sets: map[string][]string{}}
		c.changed[f.key] = f
	}
	return f
}

// decide compares the decisions about a target for all people.
func (c *comparison) decide(t access.Target, ous []string, affecting [2][]int) []*finding {
	type holders struct {
		change   Change
		everyone bool
		names    []string
	}
	all := map[string]*holders{}
	add := func(change Change, everyone bool, names ...string) {
		text, _ := json.Marshal(change)
		h := all[string(text)]
		if h == nil {
			h = &holders{change: change}
			all[string(text)] = h
		}
		h.everyone = h.everyone || everyone
		h.names = append(h.names, names...)
	}
	decisions := func(who access.Identity) []Change {
		if c.ctx.Err() != nil {
			return nil
		}
		var v [2]view
		for i := range v {
			v[i] = c.sides[i].view(&access.Case{Requester: who, Target: t, OUs: ous})
		}
		return changesOf(&v[0], &v[1])
	}
	for _, change := range decisions(access.Identity{}) {
		add(change, true)
	}
	roles := c.population.roles(c.sides, t.Kind, affecting)
	ofRole := make([][]Change, len(roles))
	for i, r := range roles {
		ofRole[i] = decisions(r.who)
		for _, change := range ofRole[i] {
			add(change, false, r.names...)
		}
	}
	for _, pair := range pairsOf(roles) {
		for _, change := range decisions(pair.who) {
			isSame := func(other Change) bool { return equal(change, other) }
			if !slices.ContainsFunc(ofRole[pair.parts[0]], isSame) && !slices.ContainsFunc(ofRole[pair.parts[1]], isSame) {
				add(change, false, pair.names...)
			}
		}
	}
	var found []*finding
	for _, key := range slices.Sorted(maps.Keys(all)) {
		h := all[key]
		p := &People{Everyone: h.everyone}
		slices.Sort(h.names)
		h.names = slices.Compact(h.names)
		if h.everyone {
			for _, r := range roles {
				for _, name := range r.names {
					if _, has := slices.BinarySearch(h.names, name); !has {
						p.Except = append(p.Except, name)
					}
				}
			}
			slices.Sort(p.Except)
		} else {
			p.Names = h.names
		}
		h.change.People = p
		found = append(found, c.intern(h.change))
	}
	return found
}

func equal(a, b Change) bool {
	one, _ := json.Marshal(a)
	two, _ := json.Marshal(b)
	return string(one) == string(two)
}

// compareSettings compares what a policy has besides statements.
func (c *comparison) compareSettings() {
	was, is := c.sides[0].AllowManagedDecisionGroups, c.sides[1].AllowManagedDecisionGroups
	if was != is {
		effect := Narrower
		if is {
			effect = Wider
		}
		c.intern(Change{Effect: effect, Kind: KindManagedGroups, Before: Terms{Setting: &was}, After: Terms{Setting: &is}})
	}
	keys := func(p *access.Policy) map[string]access.Exemption {
		all := map[string]access.Exemption{}
		for _, e := range p.Exemptions {
			all[e.Key()] = e
		}
		return all
	}
	before, after := keys(c.sides[0].Policy), keys(c.sides[1].Policy)
	without := func(all, other map[string]access.Exemption) []access.Exemption {
		var rest []access.Exemption
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if _, has := other[key]; !has {
				rest = append(rest, all[key])
			}
		}
		return rest
	}
	if gone, added := without(before, after), without(after, before); len(gone)+len(added) > 0 {
		c.intern(Change{Effect: Other, Kind: KindExemptions, Before: Terms{Exemptions: gone}, After: Terms{Exemptions: added}})
	}
	gone, added := missing(c.sides[0].IncidentResponders, c.sides[1].IncidentResponders), missing(c.sides[1].IncidentResponders, c.sides[0].IncidentResponders)
	if len(gone)+len(added) > 0 {
		// They only take access away, so neither is wider.
		c.intern(Change{Effect: Other, Kind: KindResponders, Before: Terms{Responders: gone}, After: Terms{Responders: added}})
	}
}

// missing returns the people in all who are not in other, sorted.
func missing(all, other []string) []string {
	var rest []string
	for _, who := range all {
		if !slices.ContainsFunc(other, func(has string) bool { return access.NormalizeEmail(has) == access.NormalizeEmail(who) }) {
			rest = append(rest, access.NormalizeEmail(who))
		}
	}
	slices.Sort(rest)
	return slices.Compact(rest)
}

// changes returns all changes with their targets, in order.
func (c *comparison) changes() []Change {
	all := make([]*finding, 0, len(c.changed))
	for _, f := range c.changed {
		bySets := map[string]*Targets{}
		for id, sets := range f.sets {
			slices.Sort(sets)
			key := strings.Join(sets, "\n")
			if bySets[key] == nil {
				bySets[key] = &Targets{PermissionSets: sets}
			}
			bySets[key].Accounts = append(bySets[key].Accounts, id)
		}
		for _, t := range bySets {
			slices.Sort(t.Accounts)
			f.Targets = append(f.Targets, *t)
		}
		slices.SortFunc(f.Targets, func(a, b Targets) int { return slices.Compare(a.Accounts, b.Accounts) })
		if len(f.groups) > 0 {
			slices.Sort(f.groups)
			f.Targets = append(f.Targets, Targets{Groups: f.groups})
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *finding) int {
		return cmp.Or(
			cmp.Compare(a.rank(), b.rank()),
			-cmp.Compare(a.countPeople(), b.countPeople()),
			-cmp.Compare(a.countTargets(), b.countTargets()),
			cmp.Compare(a.key, b.key),
		)
	})
	changes := make([]Change, len(all))
	for i, f := range all {
		changes[i] = f.Change
	}
	return changes
}

// rank orders changes by effect, and by danger.
func (c *Change) rank() int {
	rank := 100*slices.Index([]Effect{Wider, Narrower, Other}, c.Effect) + 2*slices.Index(kindOrder, c.Kind)
	if c.Kind == KindAccess && c.After.Outcome == access.DecideApproval {
		rank++
	}
	return rank
}

// countPeople returns how many people a change is about. Everyone is more than any number.
func (c *Change) countPeople() int {
	switch {
	case c.People == nil:
		return 0
	case c.People.Everyone:
		return 1 << 30
	}
	return len(c.People.Names)
}

func (c *Change) countTargets() int {
	n := 0
	for _, t := range c.Targets {
		n += len(t.PermissionSets)*len(t.Accounts) + len(t.Groups)
	}
	return n
}
