package policydiff

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

const (
	ann, bob, cid = "ann@example.com", "bob@example.com", "cid@example.com"
	admins        = "group:aaaaaaaa-0000-0000-0000-000000000000"
)

func list(values ...string) []string { return values }

// base is a statement that everything in it matters to: everyone can request, and one of
// ann and bob approves.
func base() access.Statement {
	return access.Statement{Resources: list(accounts[0]), PermissionSets: list("Admin"), Approvers: list(ann, bob)}
}

// linesOf returns the changes in words, without those of the kinds.
func linesOf(before, after *access.Policy, o *Organization, without ...Kind) []string {
	r := compared(before, after, o)
	w := writer{&r, Text{}}
	lines := []string{}
	for i := range r.Changes {
		if c := &r.Changes[i]; !slices.Contains(without, c.Kind) {
			lines = append(lines, fmt.Sprintf("%s: %s", c.Effect, w.sentence(c)))
		}
	}
	return lines
}

// TestSentences has a row for each change of a statement, with what is said of it, and of
// the change back.
func TestSentences(t *testing.T) {
	const in = "Admin in 111111111111"
	for _, tt := range []struct {
		name        string
		was, is     func(*access.Statement)
		there, back []string
	}{
		{
			name:  "no approval",
			is:    func(s *access.Statement) { s.ApprovalIsNotRequired = new(true) },
			there: list("wider: Everyone can get " + in + " without approval (until now with approval)"),
			back:  list("narrower: Everyone can get " + in + " only with approval by ann@example.com or bob@example.com (until now without approval)"),
		},
		{
			name:  "self-approval",
			is:    func(s *access.Statement) { s.AllowSelfApproval = new(true) },
			there: list("wider: 2 more people (ann@example.com and bob@example.com) can get " + in + " without approval (until now with approval)"),
			back:  list("narrower: ann@example.com and bob@example.com can get " + in + " only with approval by ann@example.com or bob@example.com (until now without approval)"),
		},
		{
			name: "people who may request",
			is:   func(s *access.Statement) { s.Allowed = list(ann, cid) },
			there: list("narrower: Everyone except ann@example.com and cid@example.com can no longer get " + in +
				" (until now with approval)"),
			back: list("wider: Everyone except ann@example.com and cid@example.com can request " + in + ", with approval by ann@example.com or bob@example.com (until now refused)"),
		},
		{
			name:  "one more requester",
			was:   func(s *access.Statement) { s.Allowed = list(ann) },
			is:    func(s *access.Statement) { s.Allowed = list(ann, cid) },
			there: list("wider: cid@example.com can request " + in + ", with approval by ann@example.com or bob@example.com (until now refused)"),
			back:  list("narrower: cid@example.com can no longer get " + in + " (until now with approval)"),
		},
		{
			name:  "a group may request",
			was:   func(s *access.Statement) { s.Allowed = list(cid) },
			is:    func(s *access.Statement) { s.Allowed = list(cid, admins) },
			there: list("wider: Members of group " + admins[6:] + " can request " + in + ", with approval by ann@example.com or bob@example.com (until now refused)"),
			back:  list("narrower: Members of group " + admins[6:] + " can no longer get " + in + " (until now with approval)"),
		},
		{
			name:  "one more approver",
			is:    func(s *access.Statement) { s.Approvers = list(ann, bob, cid) },
			there: list("wider: Requests by everyone except cid@example.com for " + in + " need approval by ann@example.com, bob@example.com or cid@example.com (until now by ann@example.com or bob@example.com)"),
			back:  list("narrower: Requests by everyone except cid@example.com for " + in + " need approval by ann@example.com or bob@example.com (until now by ann@example.com, bob@example.com or cid@example.com)"),
		},
		{
			name:  "another approver",
			is:    func(s *access.Statement) { s.Approvers = list(ann, cid) },
			there: list("wider: Requests for " + in + " need approval by ann@example.com or cid@example.com (until now by ann@example.com or bob@example.com)"),
			back:  list("wider: Requests for " + in + " need approval by ann@example.com or bob@example.com (until now by ann@example.com or cid@example.com)"),
		},
		{
			name:  "no approvers",
			was:   func(s *access.Statement) { s.ApprovalIsNotRequired = new(true) },
			is:    func(s *access.Statement) { s.ApprovalIsNotRequired, s.Approvers = new(true), nil },
			there: list("other: Requests for " + in + " can be denied, and the access ended, by nobody else (until now by ann@example.com or bob@example.com)"),
			back:  list("other: Requests for " + in + " can be denied, and the access ended, by ann@example.com or bob@example.com (until now by nobody else)"),
		},
		{
			name:  "more approvals",
			was:   func(s *access.Statement) { s.Approvers = list(ann, bob, admins) },
			is:    func(s *access.Statement) { s.Approvers, s.ApprovalsNeeded = list(ann, bob, admins), 2 },
			there: list("narrower: Requests for "+in+" need approval by 2 of ann@example.com, bob@example.com and members of group "+admins[6:]+" (until now by ann@example.com, bob@example.com or members of group "+admins[6:]+")", "narrower: Requests for "+in+" are approved in a dialog, with a second click"),
			back:  list("wider: Requests for "+in+" need approval by ann@example.com, bob@example.com or members of group "+admins[6:]+" (until now by 2 of ann@example.com, bob@example.com and members of group "+admins[6:]+")", "wider: Requests for "+in+" are approved with one click (until now in a dialog)"),
		},
		{
			name:  "confirmation",
			is:    func(s *access.Statement) { s.Confirm = true },
			there: list("narrower: Requests for " + in + " are approved in a dialog, with a second click"),
			back:  list("wider: Requests for " + in + " are approved with one click (until now in a dialog)"),
		},
		{
			name:  "a limit",
			is:    func(s *access.Statement) { s.MaxDuration = 3600 },
			there: list("narrower: Requests for " + in + " can be for up to 1 hour (until now any duration that the settings allow)"),
			back:  list("wider: Requests for " + in + " can be for any duration that the settings allow (until now up to 1 hour)"),
		},
		{
			name:  "a lower limit",
			was:   func(s *access.Statement) { s.MaxDuration = 7200 },
			is:    func(s *access.Statement) { s.MaxDuration = 3600 },
			there: list("narrower: Requests for " + in + " can be for up to 1 hour (until now up to 2 hours)"),
			back:  list("wider: Requests for " + in + " can be for up to 2 hours (until now up to 1 hour)"),
		},
		{
			name:  "a ticket",
			is:    func(s *access.Statement) { s.Ticket = &access.Ticket{Required: true} },
			there: list("narrower: Requests for " + in + " take a required ticket (until now no ticket)"),
			back:  list("wider: Requests for " + in + " take no ticket (until now a required ticket)"),
		},
		{
			name:  "a pattern",
			was:   func(s *access.Statement) { s.Ticket = &access.Ticket{} },
			is:    func(s *access.Statement) { s.Ticket = &access.Ticket{Pattern: "OPS-[0-9]+"} },
			there: list("narrower: Requests for " + in + " take an optional ticket that matches OPS-[0-9]+ (until now an optional ticket)"),
			back:  list("wider: Requests for " + in + " take an optional ticket (until now an optional ticket that matches OPS-[0-9]+)"),
		},
		{
			name:  "another pattern",
			was:   func(s *access.Statement) { s.Ticket = &access.Ticket{Pattern: ".*"} },
			is:    func(s *access.Statement) { s.Ticket = &access.Ticket{Required: true, Pattern: "OPS-[0-9]+"} },
			there: list("wider: Requests for " + in + " take a required ticket that matches OPS-[0-9]+ (until now an optional ticket that matches .*)"),
			back:  list("wider: Requests for " + in + " take an optional ticket that matches .* (until now a required ticket that matches OPS-[0-9]+)"),
		},
		{
			name:  "a hint",
			was:   func(s *access.Statement) { s.Ticket = &access.Ticket{} },
			is:    func(s *access.Statement) { s.Ticket = &access.Ticket{Hint: "A Jira issue"} },
			there: list("other: Requests for " + in + " show “A Jira issue” at the ticket field (until now no hint)"),
			back:  list("other: Requests for " + in + " show no hint at the ticket field (until now “A Jira issue”)"),
		},
		{
			name:  "an optional ticket",
			is:    func(s *access.Statement) { s.Ticket = &access.Ticket{} },
			there: list("other: Requests for " + in + " take an optional ticket (until now no ticket)"),
			back:  list("other: Requests for " + in + " take no ticket (until now an optional ticket)"),
		},
		{
			name:  "a warning",
			is:    func(s *access.Statement) { s.Warning = "Production." },
			there: list("other: Requests for " + in + " show the warning “Production.” (until now no warning)"),
			back:  list("other: Requests for " + in + " show no warning (until now the warning “Production.”)"),
		},
		{
			name:  "a channel",
			is:    func(s *access.Statement) { s.Channel = "C0123456789" },
			there: list("other: Requests for " + in + " are posted in channel C0123456789 (until now in the configured channel)"),
			back:  list("other: Requests for " + in + " are posted in the configured channel (until now in channel C0123456789)"),
		},
		{
			name:  "another account",
			is:    func(s *access.Statement) { s.Resources = append(s.Resources, accounts[1]) },
			there: list("wider: Everyone can request Admin in 222222222222, with approval by ann@example.com or bob@example.com (until now refused)", "other: Reconciliations remove unknown access: Admin in 222222222222 (until now they ignored it)"),
			back:  list("narrower: Everyone can no longer get Admin in 222222222222 (until now with approval)", "other: Reconciliations ignore unknown access: Admin in 222222222222 (until now they removed it)"),
		},
		{
			name: "all accounts",
			is:   func(s *access.Statement) { s.Resources = list("*") },
			there: list("wider: Everyone can request Admin in every other account, with approval by ann@example.com or bob@example.com (until now refused)",
				"other: Reconciliations remove unknown access: Admin in every other account (until now they ignored it)"),
			back: list("narrower: Everyone can no longer get Admin in every other account (until now with approval)",
				"other: Reconciliations ignore unknown access: Admin in every other account (until now they removed it)"),
		},
		{
			name: "a unit, and all permission sets",
			is:   func(s *access.Statement) { s.Resources, s.PermissionSets = list(units[0]), list("*") },
			was:  func(s *access.Statement) { s.Resources = list(units[0]) },
			there: list("wider: Everyone can request every other permission set in accounts below ou-abcd-11111111, with approval by ann@example.com or bob@example.com (until now refused)",
				"other: Reconciliations remove unknown access: every other permission set in accounts below ou-abcd-11111111 (until now they ignored it)"),
			back: list("narrower: Everyone can no longer get every other permission set in accounts below ou-abcd-11111111 (until now with approval)",
				"other: Reconciliations ignore unknown access: every other permission set in accounts below ou-abcd-11111111 (until now they removed it)"),
		},
		{
			name:  "nothing but the spelling",
			is:    func(s *access.Statement) { s.Approvers = list(bob, "Ann@Example.com", bob) },
			there: list(), back: list(),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			policy := func(change func(*access.Statement)) *access.Policy {
				s := base()
				if change != nil {
					change(&s)
				}
				return &access.Policy{Accounts: []access.Statement{s}}
			}
			was, is := policy(tt.was), policy(tt.is)
			if got := linesOf(was, is, &Organization{}); !slices.Equal(got, tt.there) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.there, "\n"))
			}
			if got := linesOf(is, was, &Organization{}); !slices.Equal(got, tt.back) {
				t.Errorf("back: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.back, "\n"))
			}
		})
	}
}

// TestPolicySettings is about what a policy has besides statements.
func TestPolicySettings(t *testing.T) {
	until := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	exemption := access.Exemption{AccountID: accounts[0], PermissionSet: "Admin", Email: ann, Until: until, Reason: "an incident"}
	membership := access.Exemption{GroupID: teams[0], Email: bob, Until: until, Reason: "an incident"}
	everywhere := base()
	everywhere.Resources = list("*")
	for _, tt := range []struct {
		name        string
		was, is     access.Policy
		there, back []string
	}{
		{
			name: "memberships that this app grants", is: access.Policy{AllowManagedDecisionGroups: true},
			there: list("wider: Memberships that this app grants count in decisions (allow_managed_decision_groups). People who join a group through this app can request and approve what its members can"),
			back:  list("narrower: Memberships that this app grants no longer count in decisions (allow_managed_decision_groups)"),
		},
		{
			name: "exemptions", was: access.Policy{Exemptions: []access.Exemption{membership}}, is: access.Policy{Exemptions: []access.Exemption{exemption}},
			there: list("other: Exemptions added: ann@example.com with Admin in 111111111111 until 2026-12-01 09:00 UTC; exemptions removed: bob@example.com in group " + teams[0] + " until 2026-12-01 09:00 UTC"),
			back:  list("other: Exemptions added: bob@example.com in group " + teams[0] + " until 2026-12-01 09:00 UTC; exemptions removed: ann@example.com with Admin in 111111111111 until 2026-12-01 09:00 UTC"),
		},
		{
			name: "a protected account",
			was:  access.Policy{Accounts: []access.Statement{everywhere}, ProtectedAccounts: list(accounts[0])},
			is:   access.Policy{Accounts: []access.Statement{everywhere}},
			there: list("wider: Everyone can request Admin in 111111111111, with approval by ann@example.com or bob@example.com (until now refused)",
				"other: Reconciliations remove unknown access: Admin in 111111111111 (until now they only reported it)"),
			back: list("narrower: Everyone can no longer get Admin in 111111111111 (until now with approval)",
				"other: Reconciliations only report unknown access: Admin in 111111111111 (until now they removed it)"),
		},
		{
			name: "a protected account that nothing reaches", was: access.Policy{ProtectedAccounts: list(accounts[0])},
			there: list(), back: list(),
		},
		{
			name: "responders", was: access.Policy{IncidentResponders: list("Bob@Example.com", cid)}, is: access.Policy{IncidentResponders: list(ann, cid, "group:"+teams[0])},
			there: list("other: Incident responders added: ann@example.com, group:" + teams[0] + "; incident responders removed: bob@example.com"),
			back:  list("other: Incident responders added: bob@example.com; incident responders removed: ann@example.com, group:" + teams[0]),
		},
		{
			name: "groups", is: access.Policy{Groups: []access.Statement{{Resources: list(teams[0]), Approvers: list(ann)}}},
			there: list("wider: Everyone except ann@example.com can request membership in group "+teams[0]+", with approval by ann@example.com (until now refused)",
				"other: Reconciliations remove unknown access: membership in group "+teams[0]+" (until now they ignored it)"),
			back: list("narrower: Everyone except ann@example.com can no longer get membership in group "+teams[0]+" (until now with approval)",
				"other: Reconciliations ignore unknown access: membership in group "+teams[0]+" (until now they removed it)"),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := linesOf(&tt.was, &tt.is, &Organization{}); !slices.Equal(got, tt.there) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.there, "\n"))
			}
			if got := linesOf(&tt.is, &tt.was, &Organization{}); !slices.Equal(got, tt.back) {
				t.Errorf("back: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.back, "\n"))
			}
		})
	}
}

// TestEveryField checks that a change of any field of a policy is found, so that no new
// field is forgotten.
func TestEveryField(t *testing.T) {
	statement := map[string]func(*access.Statement){
		"Resources":             func(s *access.Statement) { s.Resources = list(accounts[1]) },
		"PermissionSets":        func(s *access.Statement) { s.PermissionSets = list("ReadOnly") },
		"Allowed":               func(s *access.Statement) { s.Allowed = list(cid) },
		"Approvers":             func(s *access.Statement) { s.Approvers = list(ann) },
		"ApprovalsNeeded":       func(s *access.Statement) { s.ApprovalsNeeded = 2 },
		"AllowSelfApproval":     func(s *access.Statement) { s.AllowSelfApproval = new(true) },
		"ApprovalIsNotRequired": func(s *access.Statement) { s.ApprovalIsNotRequired = new(true) },
		"MaxDuration":           func(s *access.Statement) { s.MaxDuration = 60 },
		"Ticket":                func(s *access.Statement) { s.Ticket = &access.Ticket{Hint: "an issue"} },
		"Warning":               func(s *access.Statement) { s.Warning = "Production." },
		"Channel":               func(s *access.Statement) { s.Channel = "C1" },
		"Confirm":               func(s *access.Statement) { s.Confirm = true },
	}
	policy := map[string]func(*access.Policy){
		"Accounts":                   func(p *access.Policy) { p.Accounts = nil },
		"Groups":                     func(p *access.Policy) { p.Groups = nil },
		"ProtectedAccounts":          func(p *access.Policy) { p.ProtectedAccounts = nil },
		"AllowManagedDecisionGroups": func(p *access.Policy) { p.AllowManagedDecisionGroups = true },
		"IncidentResponders":         func(p *access.Policy) { p.IncidentResponders = list(ann) },
		"Exemptions":                 func(p *access.Policy) { p.Exemptions = []access.Exemption{{GroupID: teams[0], Email: ann}} },
	}
	whole := func() *access.Policy {
		wide := base()
		wide.Resources, wide.PermissionSets = list("*"), list("Billing")
		return &access.Policy{
			Accounts: []access.Statement{base(), wide}, Groups: []access.Statement{{Resources: list(teams[0]), Approvers: list(ann)}}, ProtectedAccounts: list(accounts[2]),
		}
	}
	check := func(of reflect.Type, field string, is *access.Policy) {
		if r := compared(whole(), is, &Organization{}); len(r.Changes) == 0 {
			t.Errorf("a change of %s.%s is not found", of.Name(), field)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[access.Statement]()) {
		is := whole()
		if statement[f.Name] == nil {
			t.Errorf("the test doesn't change Statement.%s", f.Name)
			continue
		}
		statement[f.Name](&is.Accounts[0])
		check(reflect.TypeFor[access.Statement](), f.Name, is)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[access.Policy]()) {
		is := whole()
		if policy[f.Name] == nil {
			t.Errorf("the test doesn't change Policy.%s", f.Name)
			continue
		}
		policy[f.Name](is)
		check(reflect.TypeFor[access.Policy](), f.Name, is)
	}
}

// People who are in two groups at once can get more although nobody in one of them can.
func TestTwoGroupsAtOnce(t *testing.T) {
	other := "group:bbbbbbbb-0000-0000-0000-000000000000"
	free, strict := base(), base()
	free.Allowed, free.ApprovalIsNotRequired = list(admins), new(true)
	strict.Allowed, strict.ApprovalsNeeded = list(other), 1
	was, is := &access.Policy{Accounts: []access.Statement{free, strict}}, &access.Policy{Accounts: []access.Statement{free}}
	want := list(
		"wider: Members of both group "+admins[6:]+" and group "+other[6:]+" can get Admin in 111111111111 without approval (until now with approval)",
		"narrower: Members of group "+other[6:]+" can no longer get Admin in 111111111111 (until now with approval)")
	if got := linesOf(was, is, &Organization{}); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// An organization says who is in which group. Nobody is in both.
	o := &Organization{People: []Person{{Email: ann, Groups: list(admins[6:])}, {Email: bob, Groups: list(strings.ToUpper(other[6:]))}}}
	want = list("narrower: bob@example.com can no longer get Admin in 111111111111 (until now with approval)")
	if got := linesOf(was, is, o); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Cid is in both.
	o.People = append(o.People, Person{Email: cid, Groups: list(admins[6:], other[6:])})
	want = append(list("wider: cid@example.com can get Admin in 111111111111 without approval (until now with approval)"), want...)
	if got := linesOf(was, is, o); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// The group has members who are not among the known people, and who are in no other
	// group. If the memberships of the known people are not known, Ann may be in both.
	o = &Organization{People: []Person{{Email: ann, Groups: list(admins[6:])}}, Groups: []Group{{ID: other[6:], Name: "strict", More: true}}}
	want = list("narrower: Members of group strict (" + other[6:] + ") can no longer get Admin in 111111111111 (until now with approval)")
	if got := linesOf(was, is, o); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	o.Partial = true
	want = append(list("wider: ann@example.com (if in group strict ("+other[6:]+")) can get Admin in 111111111111 without approval (until now with approval)"), want...)
	if got := linesOf(was, is, o); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Kinds of people who are named in the same way are still told apart where it matters
// who may be in two of them at once.
func TestKindsInTheSameRole(t *testing.T) {
	other := "group:bbbbbbbb-0000-0000-0000-000000000000"
	free, strict := base(), base()
	free.Allowed, free.ApprovalIsNotRequired = list("eve@example.com", admins), new(true)
	strict.Allowed, strict.ApprovalsNeeded = list("fay@example.com", other), 1
	gained := func(o *Organization) []string {
		r := compared(&access.Policy{Accounts: []access.Statement{free, strict}}, &access.Policy{Accounts: []access.Statement{free}}, o)
		for _, c := range r.Changes {
			if c.Effect == Wider {
				return c.People.Names
			}
		}
		return nil
	}
	if got, want := gained(&Organization{}), list("eve@example.com & "+other, "fay@example.com & "+admins, admins+" & "+other); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	o := &Organization{
		People: []Person{{Email: "eve@example.com", Groups: list(admins[6:])}, {Email: "fay@example.com", Groups: list(other[6:])}},
		Groups: []Group{{ID: admins[6:], More: true}, {ID: other[6:], More: true}},
	}
	if got, want := gained(o), list(admins+" & "+other); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	o = &Organization{People: []Person{{Email: "gus@example.com", Groups: list(admins[6:])}}}
	if got, want := gained(o), list("eve@example.com & "+other); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// company returns an organization with 1,000 people in 50 groups, 1,000 accounts in 20
// units and 30 permission sets, and a policy of 500 statements about them.
func company() (*Organization, *access.Policy) {
	o, p := &Organization{}, &access.Policy{}
	group := func(i int) string { return fmt.Sprintf("%08d-0000-0000-0000-000000000000", i%50) }
	email := func(i int) string { return fmt.Sprintf("person%d@example.com", i%1000) }
	account := func(i int) string { return fmt.Sprintf("%012d", i%1000) }
	set := func(i int) string { return fmt.Sprintf("Set%d", i%30) }
	unit := func(i int) string { return fmt.Sprintf("ou-abcd-%08d", i%20) }
	for i := range 1000 {
		o.People = append(o.People, Person{Email: email(i), Groups: list(group(i), group(i/50), group(i*7))})
		o.Accounts = append(o.Accounts, Account{ID: account(i), Name: fmt.Sprintf("account %d", i), OUs: list(root, unit(i))})
	}
	for i := range 30 {
		o.PermissionSets = append(o.PermissionSets, set(i))
	}
	for i := range 500 {
		s := access.Statement{
			Resources: list(account(2*i), account(2*i+1), account(i)), PermissionSets: list(set(i), set(i+1), set(i+2)),
			Approvers: list(email(i), email(i+1), access.GroupEntry(group(i))),
		}
		switch i % 10 {
		case 0:
			s.Resources, s.PermissionSets = list(unit(i/10)), list("*")
			s.Allowed = list(access.GroupEntry(group(i)), access.GroupEntry(group(i+1)))
		case 1:
			s.Resources, s.PermissionSets = list("*"), list(set(i/10))
			s.Warning = "Careful."
		case 2:
			s.Allowed = list(access.GroupEntry(group(i)), email(i))
			s.ApprovalsNeeded = 2
		}
		p.Accounts = append(p.Accounts, s)
	}
	return o, p
}

// TestSpeed compares policies of a large company, whose every statement changes. The limit
// is on processor time, so that other processes don't matter.
func TestSpeed(t *testing.T) {
	o, before := company()
	after := clone(before)
	for i := range after.Accounts {
		after.Accounts[i].Approvers = append(after.Accounts[i].Approvers, "new@example.com")
		after.Accounts[i].MaxDuration = int64(3600 + i%7)
	}
	partial := *o
	partial.Partial = true
	for i := range 50 {
		partial.Groups = append(partial.Groups, Group{ID: fmt.Sprintf("%08d-0000-0000-0000-000000000000", i), More: i%2 == 0})
	}
	for _, tt := range []struct {
		name  string
		after *access.Policy
		o     *Organization
		limit time.Duration
	}{
		{"everything changes", after, o, 30 * time.Second},
		{"everything changes, and memberships are unknown", after, &partial, 60 * time.Second},
		{"everything changes, and nothing is known", after, &Organization{}, 60 * time.Second},
		{"nothing changes", clone(before), o, 6 * time.Second},
	} {
		began := processorTime(t)
		r := compared(before, tt.after, tt.o)
		took := processorTime(t) - began
		t.Logf("%s: %s for %d changes", tt.name, took.Round(time.Millisecond), len(r.Changes))
		if took > tt.limit {
			t.Errorf("%s: it took %s", tt.name, took)
		}
		if changes := tt.after == after; changes != r.Wider || changes != (len(r.Changes) > 0) {
			t.Errorf("%s: wider %v, %d changes", tt.name, r.Wider, len(r.Changes))
		}
		var text strings.Builder
		if err := r.WriteText(&text, Text{HowToSeeAll: "All."}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text.String(), "\n"); n > 30 || len(text.String()) > 12_000 {
			t.Errorf("%s: the text has %d lines and %d bytes:\n%s", tt.name, n, text.Len(), text.String())
		}
	}
}

// Names from outside can't control the terminal, nor forge a line.
func TestHostileNames(t *testing.T) {
	const evil = "\x1b[2J\nAll is well.\u202e"
	s := base()
	s.Ticket, s.Warning = &access.Ticket{Pattern: evil, Hint: evil}, evil
	o := &Organization{
		Accounts: []Account{{ID: accounts[0], Name: evil}}, Groups: []Group{{ID: teams[0], Name: evil}},
	}
	p := &access.Policy{
		Accounts: []access.Statement{s}, Groups: []access.Statement{{Resources: list(teams[0]), Approvers: list(ann + evil), Channel: evil}},
		Exemptions: []access.Exemption{{AccountID: accounts[0], PermissionSet: evil, Email: evil}}, IncidentResponders: list(evil),
	}
	plain := &access.Policy{Accounts: []access.Statement{base()}, Groups: []access.Statement{{Resources: list(teams[0]), Approvers: list(ann)}}}
	for _, both := range [][2]*access.Policy{{plain, p}, {p, plain}, {&access.Policy{}, p}} {
		r := compared(both[0], both[1], o)
		var text strings.Builder
		if err := r.WriteText(&text, Text{All: true}); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n"); len(lines) != len(r.Changes)+3+countEffects(r.Changes) {
			t.Errorf("%d changes have %d lines:\n%s", len(r.Changes), len(lines), text.String())
		}
		for _, bad := range []string{"\x1b", "\u202e", "\nAll is well."} {
			if strings.Contains(text.String(), bad) {
				t.Errorf("the text has %q:\n%q", bad, text.String())
			}
		}
	}
}

func countEffects(changes []Change) int {
	effects := map[Effect]bool{}
	for _, c := range changes {
		effects[c.Effect] = true
	}
	return len(effects)
}
