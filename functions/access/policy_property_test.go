package access

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// This file states the rules a second time, as sentences about sets. No loop here
// keeps state, and nothing here uses the code under test. A world is a policy and one
// request, with each email normalized.
type world struct {
	requester Identity
	duration  int64
	chain     int64
	longest   int64
	ticket    *string
	affecting []numbered
	protected bool // statements would affect if the account weren't protected
}

// numbered is a statement with its index.
type numbered struct {
	Statement
	at int
}

func worldOf(p Policy, c Case) world {
	from := p.Accounts
	if c.Target.Kind == KindGroup {
		from = p.Groups
	}
	w := world{requester: c.Requester, duration: c.Duration, chain: c.Chain, longest: c.Longest, ticket: c.Ticket}
	w.requester.Email = strings.ToLower(w.requester.Email)
	isProtected := c.Target.Kind == KindAccount && slices.Contains(p.ProtectedAccounts, c.Target.AccountID)
	for i, s := range from {
		for _, list := range []*[]string{&s.Approvers, &s.Allowed} {
			var spelled []string
			for _, v := range *list {
				spelled = append(spelled, strings.ToLower(v))
			}
			*list = spelled
		}
		set := slices.Contains(s.PermissionSets, c.Target.PermissionSet) || slices.Contains(s.PermissionSets, "*") || c.Target.Kind == KindGroup
		named := slices.Contains(s.Resources, c.Target.AccountID+c.Target.GroupID)
		everywhere := slices.Contains(s.Resources, "*")
		under := slices.Contains(s.Resources, root) || intersect(s.Resources, c.OUs)
		if set && (named || (everywhere || under) && !isProtected) {
			w.affecting = append(w.affecting, numbered{s, i})
		}
		w.protected = w.protected || set && isProtected && (everywhere || under)
	}
	return w
}

func (w world) where(f func(numbered) bool) []numbered {
	return slices.DeleteFunc(slices.Clone(w.affecting), func(s numbered) bool { return !f(s) })
}

func (w world) applies(s numbered) bool {
	email := w.requester.Email
	if w.requester.SecondaryDomain {
		email = w.requester.UserEmail
	}
	return len(s.Allowed) == 0 || intersect(s.Allowed, names(Identity{Email: email, Groups: w.requester.Groups}))
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
}

func (w world) lists(who Identity) func(numbered) bool {
	return func(s numbered) bool { return intersect(s.Approvers, names(who)) }
}

// names returns how a policy can name the person.
func names(who Identity) []string {
	all := []string{strings.ToLower(who.Email)}
	for _, g := range who.Groups {
		all = append(all, "group:"+g)
	}
	return all
}

func (w world) applying() []numbered { return w.where(w.applies) }

func (w world) demanding() []numbered {
	return w.where(func(s numbered) bool { return w.applies(s) && s.ApprovalsNeeded > 0 })
}

func is(b *bool, v bool) bool { return b != nil && *b == v }

func (w world) needsNoApproval() bool {
	return len(w.where(func(s numbered) bool { return is(s.ApprovalIsNotRequired, true) && w.applies(s) })) > 0 &&
		len(w.where(func(s numbered) bool { return is(s.ApprovalIsNotRequired, false) })) == 0 && len(w.demanding()) == 0
}

// mayDecideAlone ignores demands: they forbid approving, not denying.
func (w world) mayDecideAlone() bool {
	lists := w.lists(w.requester)
	return len(w.where(func(s numbered) bool { return lists(s) && is(s.AllowSelfApproval, true) && w.applies(s) })) > 0 &&
		len(w.where(func(s numbered) bool { return lists(s) && is(s.AllowSelfApproval, false) })) == 0
}

func (w world) approvesSelf() bool { return w.mayDecideAlone() && len(w.demanding()) == 0 }

// limits are those of the policy and of the settings.
func (w world) limits() (all []int64) {
	for _, l := range []int64{w.limit(), w.longest} {
		if l > 0 {
			all = append(all, l)
		}
	}
	return all
}

// extendsTooFar reports whether nobody may get the extension without someone else.
func (w world) extendsTooFar() bool {
	return slices.ContainsFunc(w.limits(), func(l int64) bool { return w.chain > l })
}

// isTooLong reports whether the request alone is longer than the policy allows.
func (w world) isTooLong() bool { return w.limit() > 0 && w.duration > w.limit() }

func (w world) approves(who Identity) bool {
	from := w.applying()
	if len(w.demanding()) > 0 {
		from = w.demanding()
	}
	return slices.ContainsFunc(from, w.lists(who))
}

// denies also tells who may end the access.
func (w world) denies(who Identity) bool {
	from := w.applying()
	if len(from) == 0 {
		from = w.affecting
	}
	return slices.ContainsFunc(from, w.lists(who))
}

// listedIn returns everyone these statements list.
func (w world) listedIn(from []numbered) []string {
	all := []string{}
	for _, s := range from {
		for _, a := range s.Approvers {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	slices.Sort(all)
	return all
}

// othersIn returns everyone these statements list, apart from the requester.
func (w world) othersIn(from []numbered) []string {
	return slices.DeleteFunc(w.listedIn(from), func(a string) bool { return a == w.requester.Email })
}

func (w world) limit() int64 {
	var limits []int64
	for _, s := range w.applying() {
		if s.MaxDuration > 0 {
			limits = append(limits, s.MaxDuration)
		}
	}
	if len(limits) == 0 {
		return 0
	}
	return slices.Min(limits)
}

// wrongTicket reports whether a statement that applies doesn't accept the ticket.
func (w world) wrongTicket() bool {
	return w.ticket != nil && slices.ContainsFunc(w.applying(), func(s numbered) bool {
		return s.Ticket != nil && !slices.Contains(accepted[*s.Ticket], *w.ticket)
	})
}

// accepted are the tickets, of those that the tests try, that a rule accepts.
var accepted = map[Ticket][]string{
	{Hint: "if you have one"}:                    {"", "OPS-1", "OPS-12 ", "x"},
	{Required: true}:                             {"OPS-1", "OPS-12 ", "x"},
	{Pattern: "[A-Z]+-[0-9]"}:                    {"", "OPS-1"},
	{Required: true, Pattern: "x|[A-Z]+-[0-9]"}:  {"OPS-1", "x"},
	{Required: true, Pattern: "(not a regexp"}:   {},
	{Pattern: "x)|(.*"}:                          {""}, // no expression by itself, only in parentheses
	{Required: true, Pattern: ".*", Hint: "any"}: {"OPS-1", "OPS-12 ", "x"},
}

// inOrder returns each value that is not empty once, in the order of the statements.
func inOrder[T comparable](from []numbered, value func(numbered) T) []T {
	var none T
	var all []T
	for _, s := range from {
		if v := value(s); v != none && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

func (w world) impossible() bool {
	if len(w.demanding()) == 0 {
		return len(w.othersIn(w.applying())) == 0
	}
	return slices.ContainsFunc(w.demanding(), func(s numbered) bool {
		others := w.othersIn([]numbered{s})
		return len(others) < s.ApprovalsNeeded && !slices.ContainsFunc(others, func(a string) bool { return strings.HasPrefix(a, "group:") })
	})
}

// decision is the whole decision.
func (w world) decision() Decision {
	d := Decision{Outcome: DecideRefused, Approvers: []string{}, Statements: []int{}, MaxDuration: w.limit()}
	for _, s := range w.affecting {
		d.Statements = append(d.Statements, s.at)
	}
	for _, s := range w.demanding() {
		d.Requirements = append(d.Requirements, Requirement{Statement: s.at, Needed: s.ApprovalsNeeded, Approvers: w.othersIn([]numbered{s})})
	}
	d.Tickets = inOrder(w.applying(), func(s numbered) Ticket {
		if s.Ticket == nil {
			return Ticket{}
		}
		return *s.Ticket
	})
	d.Warnings = inOrder(w.applying(), func(s numbered) string { return s.Warning })
	if channels := inOrder(w.applying(), func(s numbered) string { return s.Channel }); len(channels) > 0 {
		d.Channel = channels[0]
	}
	d.Confirm = len(w.demanding()) > 0 || len(w.where(func(s numbered) bool { return s.Confirm })) > 0
	asked := w.applying()
	if len(w.demanding()) > 0 {
		asked = w.demanding()
	}
	automatic := w.needsNoApproval() || w.approvesSelf()
	if automatic && w.extendsTooFar() && !w.isTooLong() {
		automatic, d.ChainTooLong = false, true
	}
	switch {
	case len(w.affecting) == 0 && w.protected:
		d.Reason = ReasonProtectedAccount
	case len(w.affecting) == 0:
		d.Reason = ReasonNoStatements
	case len(w.applying()) == 0:
		d.Reason = ReasonNotAllowed
	case !automatic && w.impossible():
		d.Reason = ReasonNoApprovers
	case w.isTooLong():
		d.Reason = ReasonDurationTooLong
	case w.wrongTicket():
		d.Reason = ReasonTicketMissing
	case automatic && w.needsNoApproval():
		d.Outcome, d.Reason = DecideAutomatic, ReasonApprovalNotRequired
	case automatic:
		d.Outcome, d.Reason = DecideAutomatic, ReasonSelfApproval
	default:
		d.Outcome, d.Reason, d.Approvers = DecideApproval, ReasonRequiresApproval, w.othersIn(asked)
	}
	return d
}

// The random policies use few names, so that statements overlap.
var (
	people         = []string{"ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"}
	accounts       = []string{dev, prod}
	permissionSets = []string{"ReadOnly", "Admin"}
	groups         = []string{team, "11111111-2222-3333-4444-555555555555"}
	units          = []string{"ou-abcd-11111111", "ou-abcd-22222222", root}
	deciding       = []string{"aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-0000-0000-0000-000000000000"}
)

const root = "r-abcd"

func randomPolicy(r *rand.Rand) Policy {
	some := func(from []string, atLeast int) []string {
		var out []string
		for range atLeast + r.IntN(3) {
			out = append(out, from[r.IntN(len(from))])
		}
		return out
	}
	spelled := func(emails []string) []string {
		for i := range emails {
			if r.IntN(4) == 0 {
				emails[i] = strings.ToUpper(emails[i])
			}
		}
		return emails
	}
	maybe := func() *bool { return []*bool{nil, nil, nil, yes, no}[r.IntN(5)] }
	statements := func(resources []string, withSets bool) []Statement {
		var out []Statement
		for range r.IntN(5) {
			s := Statement{Resources: some(append([]string{"*"}, resources...), 1), Approvers: spelled(some(people, 0)), AllowSelfApproval: maybe(), ApprovalIsNotRequired: maybe()}
			if withSets {
				s.PermissionSets = some(append([]string{"*"}, permissionSets...), 1)
			}
			out = append(out, s)
		}
		return out
	}
	return Policy{Accounts: statements(accounts, true), Groups: statements(groups, false)}
}

func everyTarget() []Target {
	var all []Target
	for _, a := range append([]string{"333333333333"}, accounts...) {
		for _, ps := range append([]string{"Billing"}, permissionSets...) {
			all = append(all, account(a, ps))
		}
	}
	for _, g := range append([]string{"44445555-3333-2222-1111-555557777777"}, groups...) {
		all = append(all, Target{Kind: KindGroup, GroupID: g})
	}
	return all
}

// enrich adds the rarer fields to some statements of a policy.
func enrich(r *rand.Rand, p *Policy) {
	one := func(from []string) []string { return []string{from[r.IntN(len(from))]} }
	for _, statements := range [][]Statement{p.Accounts, p.Groups} {
		for i := range statements {
			s := &statements[i]
			if r.IntN(3) == 0 {
				s.Allowed = one(people)
			}
			if r.IntN(3) == 0 {
				s.Allowed = append(s.Allowed, GroupEntry(one(deciding)[0]))
			}
			if r.IntN(3) == 0 {
				s.Approvers = append(s.Approvers, GroupEntry(one(deciding)[0]))
			}
			if r.IntN(3) == 0 {
				s.ApprovalsNeeded = 1 + r.IntN(3)
			}
			if r.IntN(3) == 0 {
				s.MaxDuration = int64(1 + r.IntN(3))
			}
			if r.IntN(3) == 0 {
				rules := slices.SortedFunc(maps.Keys(accepted), func(a, b Ticket) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
				s.Ticket = &rules[r.IntN(len(rules))]
			}
			if r.IntN(3) == 0 {
				s.Warning = one([]string{"Production.", "Customers see changes."})[0]
			}
			if r.IntN(3) == 0 {
				s.Channel = one([]string{"C1", "C2"})[0]
			}
			s.Confirm = r.IntN(4) == 0
			if s.PermissionSets != nil && r.IntN(3) == 0 {
				s.Resources = append(s.Resources[:1:1], one(units)...)
			}
		}
	}
	if r.IntN(2) == 0 {
		p.ProtectedAccounts = one(accounts)
	}
}

// randomPeople returns everybody, each in some of the groups that decide, and one
// under a fallback domain, whose user may have no email.
func randomPeople(r *rand.Rand) []Identity {
	var all []Identity
	for _, email := range people {
		i := Identity{Email: email}
		for _, g := range deciding {
			if r.IntN(3) == 0 {
				i.Groups = append(i.Groups, g)
			}
		}
		all = append(all, i)
	}
	all[0].SecondaryDomain, all[0].UserEmail = true, []string{people[1], ""}[r.IntN(2)]
	return all
}

func randomTicket(r *rand.Rand) *string {
	if r.IntN(2) == 0 {
		return nil
	}
	all := []string{"", "OPS-1", "OPS-12 ", "x"}
	return &all[r.IntN(len(all))]
}

// randomPlace returns the units above each account.
func randomPlace(r *rand.Rand) map[string][]string {
	place := map[string][]string{}
	for _, a := range append([]string{"333333333333"}, accounts...) {
		place[a] = []string{units[r.IntN(2)], root}
	}
	return place
}

func TestPolicyAgainstSecondFormulation(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	seen, chains, extended := map[Reason]int{}, map[Reason]int{}, map[bool]int{}
	permitted, denied, stopped, offered, anywhere := map[bool]int{}, map[bool]int{}, map[bool]int{}, map[bool]int{}, map[bool]int{}
	for n := range 4000 {
		p := randomPolicy(r)
		if n%3 > 0 {
			enrich(r, &p)
		}
		everybody, place := randomPeople(r), randomPlace(r)
		index := NewIndex(&p)
		exist := permissionSets[:r.IntN(3)]
		if r.IntN(2) == 0 {
			exist = append([]string{"Billing"}, exist...)
		}
		who := everybody[r.IntN(len(everybody))]
		menu := index.Menu(who, exist)
		for _, id := range append([]string{"333333333333", ""}, accounts...) {
			want := slices.ContainsFunc(exist, func(name string) bool {
				return worldOf(p, Case{Requester: who, Target: account(id, name), OUs: place[id]}).decision().Outcome != DecideRefused && id != ""
			})
			if got := menu.Offers(id, place[id]); got != want {
				t.Fatalf("policy %d: with %q the menu offers %+v account %q: %v, want %v\n%+v", n, exist, who, id, got, want, p)
			}
			offered[want]++
		}
		everywhere := append([]string{"333333333333", ""}, accounts...)
		somewhere := menu.OffersAnywhere(slices.Values(everywhere), func(id string) []string { return place[id] })
		for _, name := range append([]string{"Gone"}, exist...) {
			want := slices.Contains(exist, name) && slices.ContainsFunc(everywhere, func(id string) bool {
				return id != "" && worldOf(p, Case{Requester: who, Target: account(id, name), OUs: place[id]}).decision().Outcome != DecideRefused
			})
			if got := somewhere[name]; got != want {
				t.Fatalf("policy %d: the menu offers %+v permission set %q in some account: %v, want %v\n%+v", n, who, name, got, want, p)
			}
			anywhere[want]++
		}
		for _, target := range everyTarget() {
			for _, who := range everybody {
				c := Case{Requester: who, Target: target, OUs: place[target.AccountID], Duration: int64(r.IntN(4)), Ticket: randomTicket(r)}
				if r.IntN(2) == 0 {
					c.Chain = c.Duration + int64(r.IntN(4))
				}
				if r.IntN(2) == 0 {
					c.Longest = int64(1 + r.IntN(4))
				}
				w := worldOf(p, c)
				want := w.decision()
				if got := index.Decide(&c); !reflect.DeepEqual(got, want) {
					t.Fatalf("policy %d: %+v: got\n%+v, want\n%+v\n%+v", n, c, got, want, p)
				}
				if got := index.Offers(&c); got != (want.Outcome != DecideRefused) {
					t.Fatalf("policy %d: %+v: offered %v, want %+v\n%+v", n, c, got, want, p)
				}
				if got := index.Affecting(c.Target, c.OUs); !slices.Equal(got, want.Statements) {
					t.Fatalf("policy %d: %+v: %v affect, want %v\n%+v", n, c, got, want.Statements, p)
				}
				if got, want := index.Listed(&c), w.listedIn(w.applying()); !slices.Equal(got, want) {
					t.Fatalf("policy %d: %+v: %q are listed, want %q\n%+v", n, c, got, want, p)
				}
				seen[want.Reason]++
				if want.ChainTooLong {
					chains[want.Reason]++
				}
				alone := c
				alone.Chain = 0
				before := index.Decide(&alone)
				if !before.DependsOnChain() && !reflect.DeepEqual(before, want) {
					t.Fatalf("policy %d: %+v: the chain changed a decision that doesn't depend on it:\n%+v, want\n%+v\n%+v", n, c, want, before, p)
				}
				if c.Chain > 0 && before.Outcome == DecideAutomatic {
					extended[want.Outcome == DecideAutomatic]++
				} else if before.Outcome != want.Outcome || !reflect.DeepEqual(before.Requirements, want.Requirements) {
					t.Fatalf("policy %d: %+v: the chain changed a decision that is not automatic:\n%+v, want\n%+v", n, c, want, before)
				}
				for _, presser := range everybody {
					wantApprove, wantDeny := w.approves(presser), w.denies(presser)
					if presser.Email == who.Email {
						wantApprove, wantDeny = w.approvesSelf() && !w.extendsTooFar(), w.mayDecideAlone()
					}
					permitted[wantApprove]++
					denied[wantDeny]++
					if want.Reason == ReasonNotAllowed {
						stopped[wantDeny]++
					}
					presser.Email = strings.ToUpper(presser.Email)
					if got := index.Permits(&c, presser); got != wantApprove {
						t.Fatalf("policy %d: %+v approves %+v: %v, want %v\n%+v", n, presser, c, got, wantApprove, p)
					}
					if got := index.PermitsDenial(&c, presser); got != wantDeny {
						t.Fatalf("policy %d: %+v denies %+v: %v, want %v\n%+v", n, presser, c, got, wantDeny, p)
					}
				}
			}
		}
	}
	for _, reason := range []Reason{ReasonApprovalNotRequired, ReasonSelfApproval, ReasonRequiresApproval, ReasonNoApprovers, ReasonNoStatements, ReasonNotAllowed, ReasonProtectedAccount, ReasonDurationTooLong, ReasonTicketMissing} {
		if seen[reason] < 1000 {
			t.Errorf("only %d decisions for the reason %s: the random policies do not try it", seen[reason], reason)
		}
	}
	for _, reason := range []Reason{ReasonRequiresApproval, ReasonNoApprovers, ReasonTicketMissing} {
		if chains[reason] < 100 {
			t.Errorf("only %d extensions are too long and get the reason %s: the random policies do not try it", chains[reason], reason)
		}
	}
	for what, tried := range map[string]map[bool]int{"extensions": extended, "approvals": permitted, "denials": denied, "denials of what is no longer allowed": stopped, "menus": offered, "permission sets": anywhere} {
		if tried[true] < 1000 || tried[false] < 1000 {
			t.Errorf("%s: %v: the random policies do not try both", what, tried)
		}
	}
}

// Another "no" never gives anyone more access.
func TestPolicyDenialOnlyTakesAway(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	for n := range 2000 {
		p := randomPolicy(r)
		if n%2 > 0 {
			enrich(r, &p)
		}
		q := Policy{
			Accounts: append(slices.Clone(p.Accounts), Statement{Resources: list("*"), PermissionSets: list("*"), Approvers: list(people[0]), AllowSelfApproval: no, ApprovalIsNotRequired: no}),
			Groups:   append(slices.Clone(p.Groups), Statement{Resources: list("*"), Approvers: list(people[0]), AllowSelfApproval: no, ApprovalIsNotRequired: no}),
		}
		index := NewIndex(&q)
		for _, target := range everyTarget() {
			if d := index.Decide(request(people[0], target)); d.Outcome == DecideAutomatic {
				t.Fatalf("policy %d: %s gets %s by itself although denied: %+v", n, people[0], target, d)
			}
			if index.Permits(request(people[0], target), Identity{Email: people[0]}) {
				t.Fatalf("policy %d: %s approves its own %s although denied", n, people[0], target)
			}
			if d := index.Decide(request(people[1], target)); d.Reason == ReasonApprovalNotRequired {
				t.Fatalf("policy %d: approval of %s is not required although denied", n, target)
			}
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, size := range []int{10, 1000, 10000} {
		p := Policy{}
		for i := range size {
			p.Accounts = append(p.Accounts, Statement{Resources: list(fmt.Sprintf("%012d", i)), PermissionSets: list("ReadOnly"), Approvers: list("ann@example.com", "bob@example.com")})
		}
		index := NewIndex(&p)
		c := request("cid@example.com", account("000000000007", "ReadOnly"))
		b.Run(fmt.Sprintf("index/statements=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				index.Decide(c)
			}
		})
		b.Run(fmt.Sprintf("build/statements=%d", size), func(b *testing.B) {
			for b.Loop() {
				NewIndex(&p)
			}
		})
	}
}
