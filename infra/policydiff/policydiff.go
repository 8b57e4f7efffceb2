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
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

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

// maxChanges is the largest number of changes that Compare finds, and maxNamed that of the
// names of people in them. They bound the memory to about a gigabyte. Tests lower them.
var (
	maxChanges = 200_000
	maxNamed   = 2_000_000
)

// maxAnswers bounds the memory for results of changesFor.
const maxAnswers = 100_000

// ErrTooMany means that two policies have too many differences to list.
var ErrTooMany = errors.New("there are too many differences to list")

// Compare returns the differences between the decisions of two policies for everybody in
// the organization, for people whom only a policy names, and for people who are named
// nowhere. The policies must be valid. It calls report, which may be nil, many times: it
// has compared done of all kinds of targets.
//
// Compare does not tell reasons for a refusal apart. Of what a reconciliation does, it
// compares only what is in the scope of removal.
//
// It returns ctx's error if ctx ends first, or ErrTooMany. Then nothing is known about the
// policies.
//
// The time that it takes grows with the kinds of targets, and for each of them with the
// square of the number of groups whose members are not known, because a person may be in
// any two of them.
func Compare(ctx context.Context, before, after *access.Policy, o *Organization, report func(done, all int)) (Result, error) {
	c := newComparison(before, after, o)
	c.ctx, c.report = ctx, report
	c.compareAccounts()
	c.compareGroups()
	c.compareSettings()
	if c.isOver() {
		return Result{}, c.err
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
	tickets    map[string]access.Ticket // the same for both sides
}

// statement is a statement that matches everything, with lists in the form in which people
// are looked up, and a number that it shares with equal statements of both policies.
//
// Its ticket has no pattern, which an index would compile for each decision. The hint is a
// key of side.tickets.
type statement struct {
	access.Statement
	number int
}

// general returns those of the statements that matter to everyone's requests. Each of the
// others matters only to the requests of people whom it names.
func (s *side) general(kind access.Kind, affecting []int) []int {
	var all []int
	for _, at := range affecting {
		st := &s.statements[kind][at]
		if len(st.Allowed) == 0 || st.Confirm || st.ApprovalIsNotRequired != nil && !*st.ApprovalIsNotRequired {
			all = append(all, at)
		}
	}
	return all
}

// comparison collects changes.
type comparison struct {
	ctx        context.Context
	err        error // once it is set, nothing more is compared
	report     func(done, all int)
	done       int // kinds of targets
	names      int // in all changes
	sides      [2]side
	population *population
	accounts   []accountClass
	sets       []setClass
	groups     []string
	// found has what was found about all targets that the same statements match.
	found map[string][]*finding
	// answers are the results of changesFor, at most maxAnswers, by what they depend on.
	answers map[string][]keyed
	// changed are all findings, by key.
	changed map[string]*finding
}

// finding is a change with all its targets.
type finding struct {
	Change
	key    string
	sets   map[int][]int // indexes of permission sets, ascending, by that of the accounts
	groups []string
}

func newComparison(before, after *access.Policy, o *Organization) *comparison {
	c := &comparison{found: map[string][]*finding{}, answers: map[string][]keyed{}, changed: map[string]*finding{}}
	numbers := map[string]int{}
	tickets, keys := map[string]access.Ticket{}, map[access.Ticket]string{}
	prepare := func(from []access.Statement) []statement {
		all := make([]statement, len(from))
		for i, s := range from {
			s.Allowed, s.Approvers = normalized(s.Allowed), normalized(s.Approvers)
			s.Resources, s.PermissionSets = []string{unknown}, []string{unknown} // they match, so they don't matter any more
			text, _ := json.Marshal(s)                                           // statements have nothing that can't be encoded
			number, known := numbers[string(text)]
			if !known {
				number = len(numbers)
				numbers[string(text)] = number
			}
			if s.Ticket != nil {
				key := keys[*s.Ticket]
				if key == "" {
					key = strconv.Itoa(len(keys) + 1)
					keys[*s.Ticket], tickets[key] = key, *s.Ticket
				}
				s.Ticket = &access.Ticket{Hint: key}
			}
			all[i] = statement{s, number}
		}
		return all
	}
	for i, p := range []*access.Policy{before, after} {
		c.sides[i] = side{p, access.NewIndex(p), map[access.Kind][]statement{access.KindAccount: prepare(p.Accounts), access.KindGroup: prepare(p.Groups)}, tickets}
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

// isOver reports whether the comparison must stop, and its progress.
func (c *comparison) isOver() bool {
	if c.report != nil {
		c.report(c.done, len(c.accounts)*len(c.sets)+len(c.groups))
	}
	switch {
	case c.err != nil:
	case len(c.changed) > maxChanges, c.names > maxNamed:
		c.err = ErrTooMany
	default:
		c.err = c.ctx.Err()
	}
	return c.err != nil
}

func (c *comparison) compareAccounts() {
	for i, a := range c.accounts {
		for j, s := range c.sets {
			target := access.Target{Kind: access.KindAccount, AccountID: a.ids[0], PermissionSet: s.names[0]}
			for _, f := range c.compare(target, a.ous) {
				f.sets[i] = append(f.sets[i], j)
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
	if c.isOver() {
		return nil
	}
	defer func() { c.done++ }()
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
			found = c.decide(t, affecting)
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
		f = &finding{Change: change, key: string(text), sets: map[int][]int{}}
		c.changed[f.key] = f
		if p := change.People; p != nil {
			c.names += len(p.Names) + len(p.Except)
		}
	}
	return f
}

// keyed is a change with a key that equal changes share.
type keyed struct {
	Change
	key string
}

// decide compares the decisions about a target for all people.
func (c *comparison) decide(t access.Target, affecting [2][]int) []*finding {
	type holders struct {
		change   Change
		everyone bool
		names    []string
	}
	all := map[string]*holders{}
	add := func(change keyed) *holders {
		if all[change.key] == nil {
			all[change.key] = &holders{change: change.Change}
		}
		return all[change.key]
	}
	var general [2][]int
	for i := range general {
		general[i] = c.sides[i].general(t.Kind, affecting[i])
	}
	decisions := func(who access.Identity, named [2][]int) []keyed {
		if c.isOver() || len(all) > maxChanges {
			return nil
		}
		return c.changesFor(who, t, relevantTo(general, named))
	}
	for _, change := range decisions(access.Identity{}, [2][]int{}) {
		add(change).everyone = true
	}
	roles := c.population.roles(c.sides, t.Kind, affecting)
	ofRole := make([][]keyed, len(roles))
	for i := range roles {
		ofRole[i] = decisions(roles[i].who, roles[i].named)
		for _, change := range ofRole[i] {
			h := add(change)
			h.names = append(h.names, roles[i].names...)
		}
	}
	pairs := 0 // names of people in two roles
	for i := range roles {
		for j := range roles[:i] {
			a, b := &roles[i], &roles[j]
			if !mayBeOne(a, b) {
				continue
			}
			if c.isOver() {
				return nil
			}
			pair := both(a, b)
			for _, change := range decisions(pair.who, pair.named) {
				isSame := func(other keyed) bool { return other.key == change.key }
				if !slices.ContainsFunc(ofRole[i], isSame) && !slices.ContainsFunc(ofRole[j], isSame) {
					h := add(change)
					h.names = append(h.names, namesOfBoth(a, b)...)
					if pairs += len(a.names) * len(b.names); pairs > maxNamed {
						c.err = ErrTooMany
					}
				}
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

// relevantTo returns the statements that matter to the requests of people whom named name.
func relevantTo(general, named [2][]int) (relevant [2][]int) {
	for i := range relevant {
		relevant[i] = slices.Concat(general[i], named[i])
		slices.Sort(relevant[i])
		relevant[i] = slices.Compact(relevant[i])
	}
	return relevant
}

// changesFor compares the decisions about somebody's request for t. relevant are the
// statements that affect it and matter to the requester, ascending. The target doesn't
// matter otherwise, so requests for several targets share the answer.
func (c *comparison) changesFor(who access.Identity, t access.Target, relevant [2][]int) []keyed {
	key := fmt.Appendf(nil, "%s %q %q %q", t.Kind, who.Email, who.UserEmail, who.Groups)
	for i, s := range c.sides {
		key = append(key, '/')
		for _, at := range relevant[i] {
			key = strconv.AppendInt(append(key, ' '), int64(s.statements[t.Kind][at].number), 36)
		}
	}
	if changes, known := c.answers[string(key)]; known {
		return changes
	}
	var v [2]view
	for i := range v {
		v[i] = c.sides[i].view(who, t, relevant[i])
	}
	var changes []keyed
	for _, change := range changesOf(&v[0], &v[1]) {
		text, _ := json.Marshal(change)
		changes = append(changes, keyed{change, string(text)})
	}
	if len(c.answers) >= maxAnswers {
		clear(c.answers)
	}
	c.answers[string(key)] = changes
	return changes
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
	// Many changes have the same targets. They share the lists.
	idsOf := expand(func(i int) []string { return c.accounts[i].ids })
	namesOf := expand(func(i int) []string { return c.sets[i].names })
	all := make([]*finding, 0, len(c.changed))
	for _, f := range c.changed {
		bySets := map[string][]int{}
		for _, i := range slices.Sorted(maps.Keys(f.sets)) {
			key := fmt.Sprint(f.sets[i])
			bySets[key] = append(bySets[key], i)
		}
		for _, same := range bySets {
			f.Targets = append(f.Targets, Targets{PermissionSets: namesOf(f.sets[same[0]]), Accounts: idsOf(same)})
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

// expand returns a function that returns the ids of several classes, sorted. It returns
// the same list for the same classes.
func expand(of func(class int) []string) func(classes []int) []string {
	known := map[string][]string{}
	return func(classes []int) []string {
		key := fmt.Sprint(classes)
		if known[key] == nil {
			var all []string
			for _, i := range classes {
				all = append(all, of(i)...)
			}
			slices.Sort(all)
			known[key] = all
		}
		return known[key]
	}
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
