package policydiff

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

var (
	emails   = []string{"ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"}
	groupIDs = []string{"aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-0000-0000-0000-000000000000", "cccccccc-0000-0000-0000-000000000000"}
	teams    = []string{"11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"}
	accounts = []string{"111111111111", "222222222222", "333333333333"}
	units    = []string{"ou-abcd-11111111", "ou-abcd-22222222"}
	sets     = []string{"Admin", "Billing", "ReadOnly"}
	patterns = []string{"", "[A-Z]+-[0-9]+", "x|y", "(no regexp"}
	tickets  = []string{"", "OPS-1", "x", "z"}
)

const root = "r-abcd"

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func some(r *rand.Rand, atLeast int, from ...string) []string {
	var all []string
	for range atLeast + r.IntN(3) {
		all = append(all, pick(r, from...))
	}
	return all
}

func entries(r *rand.Rand, atLeast int) []string {
	all := slices.Clone(emails[:3]) // the policies never name dee
	for _, id := range groupIDs[:2] {
		all = append(all, access.GroupEntry(id))
	}
	return some(r, atLeast, all...)
}

func randomStatement(r *rand.Rand, kind access.Kind) access.Statement {
	var s access.Statement
	if kind == access.KindAccount {
		s.PermissionSets = some(r, 1, "*", sets[0], sets[1])
		s.Resources = some(r, 1, "*", accounts[0], accounts[1])
		if r.IntN(3) == 0 {
			s.Resources = some(r, 1, append(slices.Clone(units), root)...)
		}
	} else {
		s.Resources = some(r, 1, "*", teams[0])
	}
	s.Approvers = entries(r, 0)
	if r.IntN(2) == 0 {
		s.Allowed = entries(r, 1)
	}
	if r.IntN(4) == 0 {
		s.ApprovalsNeeded = 1 + r.IntN(2)
	}
	boolean := func() *bool { return pick(r, nil, nil, new(true), new(false)) }
	s.AllowSelfApproval, s.ApprovalIsNotRequired = boolean(), boolean()
	if r.IntN(4) == 0 {
		s.MaxDuration = int64(1 + r.IntN(3))
	}
	if r.IntN(4) == 0 {
		s.Ticket = &access.Ticket{Required: r.IntN(2) == 0, Pattern: pick(r, patterns...), Hint: pick(r, "", "a ticket")}
	}
	if r.IntN(4) == 0 {
		s.Warning = pick(r, "Production.", "Careful.")
	}
	if r.IntN(4) == 0 {
		s.Channel = pick(r, "C1", "C2")
	}
	s.Confirm = r.IntN(5) == 0
	return s
}

func randomPolicy(r *rand.Rand) *access.Policy {
	p := &access.Policy{AllowManagedDecisionGroups: r.IntN(8) == 0}
	for range r.IntN(4) {
		p.Accounts = append(p.Accounts, randomStatement(r, access.KindAccount))
	}
	for range r.IntN(3) {
		p.Groups = append(p.Groups, randomStatement(r, access.KindGroup))
	}
	if r.IntN(3) == 0 {
		p.ProtectedAccounts = some(r, 1, accounts...)
	}
	return p
}

func clone(p *access.Policy) *access.Policy {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	var q access.Policy
	if err := json.Unmarshal(text, &q); err != nil {
		panic(err)
	}
	return &q
}

// rewrite changes how a policy is written. Most rewritten policies decide the same.
func rewrite(r *rand.Rand, p *access.Policy) *access.Policy {
	q := clone(p)
	for range 1 + r.IntN(2) {
		list := &q.Accounts
		if r.IntN(3) == 0 {
			list = &q.Groups
		}
		if len(*list) == 0 {
			continue
		}
		at := r.IntN(len(*list))
		s := &(*list)[at]
		switch r.IntN(9) {
		case 0:
			r.Shuffle(len(*list), func(i, j int) { (*list)[i], (*list)[j] = (*list)[j], (*list)[i] })
		case 1:
			*list = append(*list, *s)
		case 2:
			*list = slices.Delete(*list, at, at+1)
		case 3:
			slices.Reverse(s.Approvers)
			for i, a := range s.Approvers {
				s.Approvers[i] = strings.ToUpper(a[:1]) + a[1:]
				if strings.HasPrefix(a, "group:") {
					s.Approvers[i] = a
				}
			}
		case 4: // one statement for each resource
			first := (*s).Resources[0]
			rest := *s
			rest.Resources = slices.Clone(s.Resources[1:])
			s.Resources = []string{first}
			if len(rest.Resources) > 0 {
				*list = append(*list, rest)
			}
		case 5:
			if len(s.Allowed) > 0 {
				s.Allowed = s.Allowed[1:]
			}
		case 6:
			if len(s.Approvers) > 0 {
				s.Approvers = s.Approvers[1:]
			}
		case 7:
			s.Approvers = append(s.Approvers, entries(r, 1)...)
		case 8:
			kind := access.KindAccount
			if list == &q.Groups {
				kind = access.KindGroup
			}
			other := randomStatement(r, kind)
			field := r.IntN(reflect.TypeFor[access.Statement]().NumField())
			reflect.ValueOf(s).Elem().Field(field).Set(reflect.ValueOf(other).Field(field))
			if kind == access.KindGroup {
				s.PermissionSets = nil
			}
		}
	}
	return q
}

func randomOrganization(r *rand.Rand) *Organization {
	o := &Organization{PermissionSets: slices.Clone(sets)}
	for _, email := range emails {
		if r.IntN(5) == 0 {
			continue
		}
		p := Person{Email: email}
		if r.IntN(6) == 0 {
			p.UserEmail = pick(r, emails...)
		}
		for _, id := range groupIDs {
			if r.IntN(3) == 0 {
				p.Groups = append(p.Groups, id)
			}
		}
		o.People = append(o.People, p)
	}
	for _, id := range accounts {
		o.Accounts = append(o.Accounts, Account{ID: id, OUs: []string{root, pick(r, units...)}})
	}
	for _, id := range teams {
		o.Groups = append(o.Groups, Group{ID: id})
	}
	return o
}

// requester is somebody, with the name that a change has for them.
type requester struct {
	access.Identity
	name    string
	several bool // two in one: a change names them only if it names neither
}

// everybody returns all people for whom policies are compared, without Compare's help:
// those in the organization, those whom only a policy names, members of groups that are
// not known, people who are two of these at once, and somebody whom nothing names.
func everybody(o *Organization, policies ...*access.Policy) []requester {
	named, approver, inGroup := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range policies {
		for _, s := range slices.Concat(p.Accounts, p.Groups) {
			for _, entry := range s.Approvers {
				approver[strings.ToLower(entry)] = true
			}
			for _, entry := range slices.Concat(s.Allowed, s.Approvers) {
				if id, ok := strings.CutPrefix(entry, "group:"); ok {
					inGroup[id] = true
				} else {
					named[strings.ToLower(entry)] = true
				}
			}
		}
	}
	all := []requester{{Identity: access.Identity{Email: "zoe@example.com"}}}
	for _, p := range o.People {
		all = append(all, requester{Identity: access.Identity{Email: p.Email, SecondaryDomain: p.UserEmail != "", UserEmail: p.UserEmail, Groups: p.Groups}, name: p.Email})
		delete(named, p.Email)
		if !approver[p.UserEmail] {
			delete(named, p.UserEmail)
		}
		for _, id := range p.Groups {
			delete(inGroup, id)
		}
	}
	for _, g := range o.Groups {
		if g.More {
			inGroup[g.ID] = true
		}
	}
	var open []requester
	for _, email := range slices.Sorted(maps.Keys(named)) {
		open = append(open, requester{Identity: access.Identity{Email: email}, name: email})
	}
	for _, id := range slices.Sorted(maps.Keys(inGroup)) {
		for _, other := range slices.Clone(open) {
			if !other.several {
				open = append(open, requester{access.Identity{Email: id[:1] + other.Email, Groups: append(slices.Clone(other.Groups), id)}, id[:1] + "+" + other.name, true})
				if named[other.Email] {
					open[len(open)-1].Email = other.Email
				}
			}
		}
		open = append(open, requester{Identity: access.Identity{Email: "member@" + id[:1] + ".example.com", Groups: []string{id}}, name: "group:" + id})
	}
	return append(all, open...)
}

type place struct {
	access.Target
	ous  []string
	name [2]string // as in Targets: account and permission set, or group
}

// everywhere returns all targets for which policies are compared.
func everywhere(o *Organization, policies ...*access.Policy) []place {
	named := map[string]bool{}
	for _, p := range policies {
		for _, s := range slices.Concat(p.Accounts, p.Groups) {
			for _, name := range slices.Concat(s.Resources, s.PermissionSets) {
				named[name] = true
			}
		}
		for _, id := range p.ProtectedAccounts {
			named[id] = true
		}
	}
	// The organization, and with everything that only a policy names.
	accountsOf, setsOf, groupsOf := slices.Clone(o.Accounts), slices.Clone(o.PermissionSets), []string{}
	if len(accountsOf) == 0 {
		accountsOf = []Account{{ID: "*", OUs: []string{root}}}
		for _, id := range accounts {
			if named[id] {
				accountsOf = append(accountsOf, Account{ID: id, OUs: []string{root}})
			}
		}
	}
	for _, unit := range units {
		if named[unit] && !slices.ContainsFunc(accountsOf, func(a Account) bool { return slices.Contains(a.OUs, unit) }) {
			accountsOf = append(accountsOf, Account{ID: unit, OUs: []string{root, unit}})
		}
	}
	if len(setsOf) == 0 {
		setsOf = slices.DeleteFunc([]string{sets[0], sets[1]}, func(name string) bool { return !named[name] })
		setsOf = append(setsOf, "*")
	}
	for _, g := range o.Groups {
		groupsOf = append(groupsOf, g.ID)
	}
	if len(groupsOf) == 0 {
		groupsOf = []string{"*"}
		if named[teams[0]] {
			groupsOf = append(groupsOf, teams[0])
		}
	}
	// What the names stand for.
	real := func(name, other string) string {
		if name == "*" || access.IsOU(name) {
			return other
		}
		return name
	}
	var all []place
	for _, a := range accountsOf {
		for _, set := range setsOf {
			t := access.Target{Kind: access.KindAccount, AccountID: real(a.ID, "999999999999"), PermissionSet: real(set, "Unheard")}
			all = append(all, place{t, a.OUs, [2]string{a.ID, set}})
		}
	}
	for _, id := range groupsOf {
		t := access.Target{Kind: access.KindGroup, GroupID: real(id, "99999999-0000-0000-0000-000000000000")}
		all = append(all, place{t, nil, [2]string{id, ""}})
	}
	return all
}

// facts is what a person can find out about their requests for one target.
type facts struct {
	Accepted           map[string]access.DecisionOutcome // by duration and ticket
	MaxDuration        int64
	Tickets, Warnings  map[string]bool
	Channel            string
	Confirm            bool
	Approvers, Deniers map[string]bool
	Enough             map[string]bool // the approvals that are enough
	Asked              string          // the approvers that the message names
}

func factsAbout(x *access.Index, c access.Case, people []requester) facts {
	f := facts{Accepted: map[string]access.DecisionOutcome{}, Tickets: map[string]bool{}, Warnings: map[string]bool{}, Approvers: map[string]bool{}, Deniers: map[string]bool{}, Enough: map[string]bool{}}
	for _, c.Duration = range []int64{0, 1, 2, 3, 4} {
		for i := range tickets {
			c.Ticket = &tickets[i]
			f.Accepted[fmt.Sprint(c.Duration, tickets[i])] = x.Decide(&c).Outcome
		}
	}
	c.Duration, c.Ticket = 0, nil
	d := x.Decide(&c)
	f.Accepted["anything"] = d.Outcome
	if d.Outcome == access.DecideRefused {
		return f
	}
	f.MaxDuration, f.Channel = d.MaxDuration, d.Channel
	for _, t := range d.Tickets {
		f.Tickets[fmt.Sprint(t)] = true
	}
	for _, w := range d.Warnings {
		f.Warnings[w] = true
	}
	// There are also other people in each group, and people who have left their groups.
	for _, email := range emails {
		people = append(slices.Clip(people), requester{Identity: access.Identity{Email: email}, name: "only " + email})
	}
	for _, id := range groupIDs {
		people = append(slices.Clip(people), requester{Identity: access.Identity{Email: "other@" + id[:1] + ".example.com", Groups: []string{id}}, name: "other " + id})
	}
	for _, p := range people {
		if who := p.Identity; who.Email != c.Requester.Email {
			f.Deniers[p.name] = x.PermitsDenial(&c, who)
		}
	}
	if d.Outcome != access.DecideApproval {
		return f
	}
	f.Confirm = d.Confirm
	var asked []string
	for _, q := range d.Requirements {
		asked = append(asked, fmt.Sprint(q.Needed, q.Approvers))
	}
	if len(asked) == 0 { // nobody can tell this from a requirement of one approval
		asked = append(asked, fmt.Sprint(1, d.Approvers))
	}
	slices.Sort(asked)
	f.Asked = fmt.Sprint(d.Approvers, slices.Compact(asked))
	for _, p := range people {
		f.Approvers[p.name] = x.Permits(&c, p.Identity)
	}
	for subset := range 1 << 5 {
		var approvals []access.Approver
		for i, email := range append([]string{"eve@example.com"}, emails...) {
			if subset&(1<<i) == 0 {
				continue
			}
			who := access.Identity{Email: email}
			for _, p := range people {
				if p.Email == email {
					who = p.Identity
				}
			}
			if i == 0 {
				who.Groups = groupIDs
			}
			approvals = append(approvals, access.Approver{Identity: who, PrincipalID: "p-" + email})
		}
		f.Enough[fmt.Sprint(subset)] = x.Progress(&c, "p-"+c.Requester.Email, approvals).Met
	}
	return f
}

// gainedBy reports whether somebody can get more by the new facts.
func gainedBy(was, is *facts) bool {
	rank := map[access.DecisionOutcome]int{access.DecideApproval: 1, access.DecideAutomatic: 2}
	for key := range was.Accepted {
		if rank[is.Accepted[key]] > rank[was.Accepted[key]] {
			return true
		}
	}
	if was.Accepted["anything"] != access.DecideApproval || is.Accepted["anything"] != access.DecideApproval {
		return false
	}
	for subset := range was.Enough {
		if is.Enough[subset] && !was.Enough[subset] {
			return true
		}
	}
	return was.Confirm && !is.Confirm
}

func (p *People) includes(name string) bool {
	if p == nil {
		return true
	}
	if p.Everyone {
		return !slices.Contains(p.Except, name)
	}
	return slices.Contains(p.Names, name)
}

func (c *Change) includes(t place) bool {
	return slices.ContainsFunc(c.Targets, func(in Targets) bool {
		if t.Kind == access.KindGroup {
			return slices.Contains(in.Groups, t.name[0])
		}
		return slices.Contains(in.Accounts, t.name[0]) && slices.Contains(in.PermissionSets, t.name[1])
	})
}

// TestCompare compares random policies, and checks for each person and target that there
// is a change exactly if the decisions differ, and that nobody gets more if no change says
// so.
func TestCompare(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 1))
	counts := map[string]int{}
	kinds := map[Kind]int{}
	for n := range 900 {
		before, o := randomPolicy(r), &Organization{}
		if n%3 > 0 {
			o = randomOrganization(r)
			if n%4 == 0 && len(o.Groups) > 0 {
				o.Groups = append(o.Groups, Group{ID: groupIDs[0], More: true})
			}
		}
		after := rewrite(r, before)
		if n%5 == 0 {
			after = randomPolicy(r)
		}
		result := compared(before, after, o)
		index := [2]*access.Index{access.NewIndex(before), access.NewIndex(after)}
		people := everybody(o, before, after)
		differ, gained := before.AllowManagedDecisionGroups != after.AllowManagedDecisionGroups, after.AllowManagedDecisionGroups && !before.AllowManagedDecisionGroups
		fail := func(format string, args ...any) {
			t.Helper()
			old, _ := json.Marshal(before)
			changed, _ := json.Marshal(after)
			org, _ := json.Marshal(o)
			found, _ := json.Marshal(result.Changes)
			t.Fatalf("policies %d: %s\n%s\n%s\n%s\n%s", n, fmt.Sprintf(format, args...), old, changed, org, found)
		}
		for _, target := range everywhere(o, before, after) {
			covers := func(x *access.Index) [2]bool {
				return [2]bool{x.Covers(target.Target, target.ous), x.CoversByName(target.Target, target.ous)}
			}
			removal := covers(index[0]) != covers(index[1])
			differ = differ || removal
			if got := slices.ContainsFunc(result.Changes, func(c Change) bool { return c.Kind == KindRemoval && c.includes(target) }); got != removal {
				fail("the removal of %s changes: %v, want %v", target.name, got, removal)
			}
			for _, who := range people {
				c := access.Case{Requester: who.Identity, Target: target.Target, OUs: target.ous}
				was, is := factsAbout(index[0], c, people), factsAbout(index[1], c, people)
				different := !reflect.DeepEqual(was, is)
				more := gainedBy(&was, &is)
				differ, gained = differ || different, gained || more
				about := func(wanted func(*Change) bool) bool {
					return slices.ContainsFunc(result.Changes, func(c Change) bool {
						return c.Kind != KindRemoval && wanted(&c) && c.includes(target) && c.People.includes(who.name)
					})
				}
				anything := func(*Change) bool { return true }
				if who.several {
					continue
				}
				counts[fmt.Sprint("differ ", different)]++
				counts[fmt.Sprint("more ", more)]++
				if got := about(anything); got != different {
					fail("%s requests %s: change %v, want %v\n%+v\n%+v", who.name, target.name, got, different, was, is)
				}
				if more && !about(func(c *Change) bool { return c.Effect == Wider }) {
					fail("%s gets more of %s, and no change says so\n%+v\n%+v", who.name, target.name, was, is)
				}
			}
		}
		counts[fmt.Sprint("policies differ ", differ)]++
		counts[fmt.Sprint("policies wider ", gained)]++
		if got := len(result.Changes) > 0; got != differ {
			fail("differ: %v, want %v", got, differ)
		}
		if gained && !result.Wider {
			fail("somebody gets more, and it is not wider")
		}
		if result.Wider && !gained {
			counts["wider, by caution"]++
		}
		for _, c := range result.Changes {
			kinds[c.Kind]++
		}
	}
	t.Log(counts, kinds)
	for _, what := range []string{"differ true", "differ false", "more true", "more false"} {
		if counts[what] < 800 {
			t.Errorf("%s: only %d times", what, counts[what])
		}
	}
	for _, what := range []string{"policies differ true", "policies differ false", "policies wider true", "policies wider false"} {
		if counts[what] < 150 {
			t.Errorf("%s: only %d times", what, counts[what])
		}
	}
	for _, kind := range kindOrder {
		if kinds[kind] < 15 && kind != KindExemptions && kind != KindResponders {
			t.Errorf("only %d changes are about %s", kinds[kind], kind)
		}
	}
}

// compared compares two policies without limits.
func compared(before, after *access.Policy, o *Organization) Result {
	r, err := Compare(context.Background(), before, after, o, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// TestRelevantStatements checks that the changes for each class of people, and each two
// roles, are those that all statements about the target make.
func TestRelevantStatements(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 1))
	counts := map[string]int{}
	for n := range 800 {
		before, o := randomPolicy(r), &Organization{}
		for range r.IntN(5) {
			before.Accounts = append(before.Accounts, randomStatement(r, access.KindAccount))
		}
		if n%2 == 0 {
			o = randomOrganization(r)
			o.Partial = n%4 == 0
			o.Groups = append(o.Groups, Group{ID: groupIDs[0], More: true}, Group{ID: groupIDs[1], More: true})
		}
		c := newComparison(before, rewrite(r, before), o)
		c.ctx = t.Context()
		for _, target := range everywhere(o, c.sides[0].Policy, c.sides[1].Policy) {
			var affecting, general [2][]int
			for i, s := range c.sides {
				affecting[i] = s.index.Affecting(target.Target, target.ous)
				general[i] = s.general(target.Kind, affecting[i])
			}
			byAll := func(who access.Identity) string {
				var v [2]view
				for i := range v {
					v[i] = c.sides[i].view(who, target.Target, affecting[i])
				}
				text, _ := json.Marshal(changesOf(&v[0], &v[1]))
				return string(text)
			}
			byRelevant := func(who access.Identity, named [2][]int) string {
				changes := []Change(nil)
				for _, change := range c.changesFor(who, target.Target, relevantTo(general, named)) {
					changes = append(changes, change.Change)
				}
				text, _ := json.Marshal(changes)
				return string(text)
			}
			check := func(what string, who access.Identity, got string) {
				t.Helper()
				counts[what]++
				if want := byAll(who); got != want {
					t.Fatalf("policies %d, %s, %s: %+v\ngot  %s\nwant %s", n, target.name, what, who, got, want)
				}
			}
			everyone := byRelevant(access.Identity{}, [2][]int{})
			check("nobody named", access.Identity{}, everyone)
			roles := c.population.roles(c.sides, target.Kind, affecting)
			inRole := map[string]string{}
			for i := range roles {
				changes := byRelevant(roles[i].who, roles[i].named)
				check("a role", roles[i].who, changes)
				for _, name := range roles[i].names {
					inRole[name] = changes
				}
				for j := range roles[:i] {
					pair := both(&roles[i], &roles[j])
					switch {
					case mayBeOne(&roles[i], &roles[j]):
						check("two roles", pair.who, byRelevant(pair.who, pair.named))
					case pair.who.Email == roles[i].who.Email && isSubset(roles[j].places, roles[i].places):
						check("two roles like the first", pair.who, changes)
					case pair.who.Email == roles[j].who.Email && isSubset(roles[i].places, roles[j].places):
						check("two roles like the second", pair.who, byRelevant(roles[j].who, roles[j].named))
					}
				}
			}
			// The others of a role, and people without a role. Terms name no requester.
			for _, class := range c.population.classes {
				changes, named := inRole[class.names[0]]
				if !named {
					counts["people without a role"]++
					changes = everyone
				}
				check("a class", class.who, changes)
			}
		}
	}
	t.Log(counts)
	for _, what := range []string{"a role", "two roles", "two roles like the first", "two roles like the second", "a class", "people without a role"} {
		if counts[what] < 100 {
			t.Errorf("%s: only %d times", what, counts[what])
		}
	}
}
