package simulation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/statemachine"
)

// decisionGroups are the groups that policies name, apart from g-1, which people can
// also request.
var decisionGroups = []access.Group{{ID: "g-dev", Name: "Developers"}, {ID: "g-sec", Name: "Security"}}

// decisionTargets are memberships that nobody requests. Policies may cover them.
var decisionTargets = []access.Target{{Kind: access.KindGroup, GroupID: "g-dev"}, {Kind: access.KindGroup, GroupID: "g-sec"}}

// These units are in the organization. Accounts move between them.
const (
	unitWorkloads  = "ou-test-workloads"
	unitProduction = "ou-test-production" // below unitWorkloads
	unitSandbox    = "ou-test-sandbox"
)

var (
	unitParents = map[string]string{unitWorkloads: identitycentertest.Root, unitProduction: unitWorkloads, unitSandbox: identitycentertest.Root}
	unitOf      = map[string]string{"111111111111": unitProduction, "222222222222": unitSandbox}
)

// groupPolicies name groups.
var groupPolicies = []access.Policy{
	{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Allowed: []string{"group:g-dev"}, Approvers: []string{"group:g-sec"}},
			{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, Allowed: []string{"group:g-dev", "dan@example.com"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"group:g-sec", "clo@example.com"}, ApprovalsNeeded: 2},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Allowed: []string{"group:g-dev"}, Approvers: []string{"group:g-sec", "ann@example.com"}}},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Approvers: []string{"group:g-dev"}, ApprovalsNeeded: 1},
			{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Allowed: []string{"group:g-dev"}, Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 1},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Allowed: []string{"group:g-sec"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"Admin"}, Allowed: []string{"ann@example.com", "bob@example.com", "dan@example.com"}, Approvers: []string{"group:g-dev"}, AllowSelfApproval: aws.Bool(true)},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"group:g-sec"}, AllowSelfApproval: aws.Bool(true)}},
	},
	{
		// The limit depends on who requests.
		Accounts: []access.Statement{
			{Resources: []string{"*"}, PermissionSets: []string{"*"}, Allowed: []string{"group:g-dev"}, ApprovalIsNotRequired: aws.Bool(true), MaxDuration: 120},
			{Resources: []string{"*"}, PermissionSets: []string{"*"}, Allowed: []string{"group:g-sec", "ann@example.com", "dan@example.com"}, Approvers: []string{"group:g-dev", "group:g-sec"}},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"group:g-dev", "group:g-sec"}, ApprovalsNeeded: 2}},
	},
	managedPolicy(false),
	managedPolicy(true),
}

// managedPolicy returns a policy in which a group decides that people can request. Their
// memberships count only if counts.
func managedPolicy(counts bool) access.Policy {
	return access.Policy{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Allowed: []string{"group:g-1"}, Approvers: []string{"group:g-1", "bob@example.com"}},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"Admin"}, Allowed: []string{"group:g-1"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"group:g-1", "clo@example.com"}},
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Allowed: []string{"dan@example.com"}, Confirm: true}, // affects everyone
		},
		Groups:                     []access.Statement{{Resources: []string{"g-1"}, ApprovalIsNotRequired: aws.Bool(true)}},
		AllowManagedDecisionGroups: counts,
	}
}

// unitPolicies name organizational units, and protect an account.
var unitPolicies = []access.Policy{
	{
		Accounts: []access.Statement{
			{Resources: []string{unitWorkloads}, PermissionSets: []string{"*"}, Approvers: []string{"bob@example.com", "clo@example.com"}},
			{Resources: []string{unitSandbox}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: aws.Bool(true)},
		},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{identitycentertest.Root}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{unitProduction}, PermissionSets: []string{"*"}, Approvers: []string{"dan@example.com", "bob@example.com"}, ApprovalIsNotRequired: aws.Bool(false)},
		},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{"*", unitSandbox}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"111111111111"}, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"ann@example.com", "bob@example.com"}},
			{Resources: []string{unitWorkloads}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com", "bob@example.com", "group:g-sec"}, ApprovalsNeeded: 2},
		},
		ProtectedAccounts: []string{"111111111111"},
	},
}

// policies returns those that may come into force in the history.
func (w *world) policies() []access.Policy {
	switch {
	case w.trouble.units:
		return unitPolicies
	case w.trouble.managed:
		return []access.Policy{managedPolicy(false), managedPolicy(true)}
	case w.trouble.groups > 0:
		return append(slices.Clone(groupPolicies), policies...)
	}
	return policies
}

// planGroups fills the groups, and plans that people enter and leave them, and that a
// group is deleted. Accounts change their units.
func (w *world) planGroups(d *dice) {
	if w.trouble.groups > 0 {
		for _, g := range decisionGroups {
			for i, who := range people {
				// Each group has two full members at first.
				if i/2 == slices.Index(decisionGroups, g) || d.chance(0.4) {
					w.byHand(membership(g.ID, who).Target, who, true)
				}
			}
		}
		w.someoneMoves(d, busyFor+10*time.Minute, 6)
		if d.chance(0.2) {
			g, at := pick(d, decisionGroups), w.at(d.between(0, busyFor))
			w.then(at, d.next(), func() { w.deleteGroup(g.ID) })
		}
	}
	if w.trouble.units {
		for range 1 + d.below(4) {
			account, to := pick(d, accounts).ID, pick(d, []string{unitWorkloads, unitProduction, unitSandbox, identitycentertest.Root})
			w.then(w.at(d.between(0, busyFor+3*time.Minute)), d.next(), func() { w.move(account, to) })
		}
	}
}

// someoneMoves plans that people enter and leave groups by hand within a time.
func (w *world) someoneMoves(d *dice, within time.Duration, most int) {
	for range d.below(most + 1) {
		id, who, order := pick(d, []string{"g-dev", "g-sec", "g-dev", "g-sec", "g-1"}), pick(d, people), d.next()
		w.then(w.clock.now().Add(d.between(0, within)), order, func() { w.toggle(id, who) })
	}
}

// toggle has a person enter or leave a group by hand.
func (w *world) toggle(group string, who access.Person) {
	if w.trouble.isActive(w.clock.now()) && !w.ledger.groupDeleted[group] {
		is, _ := w.hasAccess(membership(group, who).Key())
		w.byHand(membership(group, who).Target, who, !is)
	}
}

func membership(group string, who access.Person) access.Subject {
	return access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: group}, PrincipalID: who.PrincipalID}
}

// deleteGroup deletes a group with its memberships.
func (w *world) deleteGroup(id string) {
	w.clock.say("the group %s is deleted", id)
	w.ledger.groupDeleted[id] = true
	for _, who := range people {
		w.byHand(membership(id, who).Target, who, false)
	}
	w.center.DeleteGroup(id)
	w.ledger.count("groups deleted")
}

// move moves an account to a unit.
func (w *world) move(account, to string) {
	w.clock.say("account %s moves to %s", account, to)
	w.center.Move(account, to)
	w.ledger.homes[account] = append(w.ledger.homes[account], home{w.clock.now(), to})
	w.ledger.count("moves")
}

// home is the unit directly above an account since then.
type home struct {
	from time.Time
	unit string
}

// period is the time in which a membership or a lease exists; to is zero while it does.
type period struct {
	from, to time.Time
	byHand   bool
}

// overlaps reports whether any moment since then is in the period.
func (p period) overlaps(since time.Time) bool { return p.to.IsZero() || !p.to.Before(since) }

// spans reports whether all moments since then are in the period.
func (p period) spans(since time.Time) bool { return p.to.IsZero() && p.from.Before(since) }

func end(all []period, at time.Time) {
	if n := len(all); n > 0 && all[n-1].to.IsZero() {
		all[n-1].to = at
	}
}

// memberships returns the groups in which the policy may have counted a person's
// membership at some moment since then, and those in which it must have counted it at
// every moment. That is what the memberships themselves say: who made each, and when.
func (l *ledger) memberships(p access.Policy, principal string, since time.Time) (may, must []string) {
	for _, id := range []string{"g-1", "g-dev", "g-sec"} {
		s := l.subject(membership(id, access.Person{PrincipalID: principal}).Key())
		// While there is a lease, the system doesn't tell its memberships from others.
		leased := !p.AllowManagedDecisionGroups && slices.ContainsFunc(s.leases, func(one period) bool { return one.overlaps(since) })
		counts := func(in func(period) bool) bool {
			return slices.ContainsFunc(s.periods, func(one period) bool {
				return (one.byHand || p.AllowManagedDecisionGroups) && in(one)
			})
		}
		if counts(func(one period) bool { return one.overlaps(since) }) {
			may = append(may, id)
		}
		gone := l.world.absent.during(principal, since, l.world.clock.now())
		if !leased && !gone && counts(func(one period) bool { return one.spans(since) }) {
			must = append(must, id)
		}
	}
	return may, must
}

// identities returns a person as the policy may have seen them since then.
func (l *ledger) identities(p access.Policy, who access.Person, since time.Time) []access.Identity {
	may, must := l.memberships(p, who.PrincipalID, since)
	all := [][]string{must}
	for _, id := range may {
		if slices.Contains(must, id) {
			continue
		}
		for _, groups := range slices.Clone(all) {
			all = append(all, append(slices.Clone(groups), id))
		}
	}
	var as []access.Identity
	for _, groups := range all {
		as = append(as, who.Identity(groups))
	}
	return as
}

// widest returns a person with all the memberships that may count.
func (l *ledger) widest(p access.Policy, who access.Person, since time.Time) access.Identity {
	may, _ := l.memberships(p, who.PrincipalID, since)
	return who.Identity(may)
}

// unitsSince returns the units above an account as a function may have seen them since
// then. ingress uses the catalog, which is not refreshed here.
func (l *ledger) unitsSince(function, account string, since time.Time) (all [][]string) {
	if function == "ingress" {
		return [][]string{unitsAbove(unitOf[account])}
	}
	homes := l.homes[account]
	for i, h := range homes {
		if i+1 == len(homes) || !homes[i+1].from.Before(since) {
			all = append(all, unitsAbove(h.unit))
		}
	}
	if len(homes) == 0 {
		return [][]string{nil} // a group
	}
	return all
}

// unitsAbove returns a unit and those above it.
func unitsAbove(unit string) (units []string) {
	for ; unit != ""; unit = unitParents[unit] {
		units = append(units, unit)
	}
	return units
}

// casesSince returns a request as a policy may have seen it since then.
func (l *ledger) casesSince(p access.Policy, r access.Request, since time.Time) (all []*access.Case) {
	function := "grant"
	if l.world.doing != nil {
		function = l.world.doing.function
	}
	for _, units := range l.unitsSince(function, r.Target.AccountID, since) {
		for _, who := range l.identities(p, r.Requester, since) {
			c := &access.Case{Requester: who, Target: r.Target, OUs: units, Duration: r.Duration, Longest: int64(longDuration / time.Second)}
			if r.Outcome == nil || r.Outcome.Kind != access.OutcomeAutomatic {
				c.Chain = r.ChainSeconds() // checkExtension checks automatic ones
			}
			all = append(all, c)
		}
	}
	return all
}

// lets reports whether the statements let the requester have the access, with approvals
// by these people, who are in these groups. It is written without the functions that it
// checks.
func lets(p access.Policy, c *access.Case, requester string, by map[string]access.Identity) bool {
	names := func(list []string, who access.Identity) bool {
		return slices.ContainsFunc(list, func(entry string) bool {
			id, group := strings.CutPrefix(entry, "group:")
			return entry == who.Email || group && slices.Contains(who.Groups, id)
		})
	}
	statements, resource := p.Accounts, c.Target.AccountID
	if c.Target.Kind == access.KindGroup {
		statements, resource = p.Groups, c.Target.GroupID
	}
	automatic, never, self, notSelf, applying, required, approved := false, false, false, false, false, false, false
	tooLong := c.Chain > c.Longest
	for _, s := range statements {
		affects := slices.Contains(s.Resources, resource)
		if !slices.Contains(p.ProtectedAccounts, resource) {
			affects = affects || slices.ContainsFunc(s.Resources, func(r string) bool { return r == "*" || slices.Contains(c.OUs, r) })
		}
		if c.Target.Kind == access.KindAccount {
			affects = affects && (slices.Contains(s.PermissionSets, "*") || slices.Contains(s.PermissionSets, c.Target.PermissionSet))
		}
		if !affects {
			continue
		}
		never = never || s.ApprovalIsNotRequired != nil && !*s.ApprovalIsNotRequired
		listed := names(s.Approvers, c.Requester)
		notSelf = notSelf || listed && s.AllowSelfApproval != nil && !*s.AllowSelfApproval
		if len(s.Allowed) > 0 && !names(s.Allowed, c.Requester) {
			continue
		}
		applying = true
		if s.MaxDuration > 0 && c.Duration > s.MaxDuration {
			return false
		}
		tooLong = tooLong || s.MaxDuration > 0 && c.Chain > s.MaxDuration
		automatic = automatic || s.ApprovalIsNotRequired != nil && *s.ApprovalIsNotRequired
		self = self || listed && s.AllowSelfApproval != nil && *s.AllowSelfApproval
		given := 0
		for principal, who := range by {
			if principal != requester && names(s.Approvers, who) {
				given++
			}
		}
		if s.ApprovalsNeeded > 0 && given < s.ApprovalsNeeded {
			return false
		}
		required = required || s.ApprovalsNeeded > 0
		approved = approved || given > 0
	}
	_, bySelf := by[requester]
	self, automatic = self && !notSelf && !tooLong, automatic && !tooLong
	switch {
	case !applying:
		return false
	case required:
		return true // each requirement is met
	case len(by) == 0:
		return automatic && !never || self
	}
	return approved || bySelf && self
}

// refusesSince reports whether a policy in force since then refuses the request for that
// reason.
func (l *ledger) refusesSince(r access.Request, reason access.Reason, since time.Time) bool {
	for _, p := range l.inForceSince(since) {
		for _, c := range l.casesSince(p, r, since) {
			d := access.NewIndex(&p).Decide(c)
			if d.Reason == reason || reason == access.ReasonNoApprovers && d.Outcome == access.DecideApproval && l.lacksApprovers(p, d, r.Requester, since) {
				return true
			}
		}
	}
	return false
}

// lacksApprovers reports whether a requirement may have had too few people who could
// approve: full members of the workspace, or one enabled member of a group.
func (l *ledger) lacksApprovers(p access.Policy, d access.Decision, requester access.Person, since time.Time) bool {
	requirements := d.Requirements
	if len(requirements) == 0 {
		requirements = []access.Requirement{{Needed: 1, Approvers: d.Approvers}}
	}
	return slices.ContainsFunc(requirements, func(q access.Requirement) bool {
		listed := 0
		for _, who := range people {
			if who.PrincipalID == requester.PrincipalID {
				continue
			}
			if slices.Contains(q.Approvers, who.Email) && who.SlackID != guest {
				listed++
			}
			_, must := l.memberships(p, who.PrincipalID, since)
			if slices.ContainsFunc(must, func(id string) bool { return slices.Contains(q.Approvers, access.GroupEntry(id)) }) {
				return false
			}
		}
		return listed < q.Needed
	})
}

// checkRefusal checks that a request is refused for a reason of the policy only if a
// policy says so, and for an error only if something failed.
func (l *ledger) checkRefusal(r access.Request, inv *invocation) {
	switch reason := access.Reason(r.Outcome.Reason); reason {
	case access.ReasonNotAllowed, access.ReasonNoApprovers, access.ReasonNoStatements, access.ReasonProtectedAccount, access.ReasonDurationTooLong:
		l.count("refused: " + string(reason))
		if !l.refusesSince(r, reason, inv.began) {
			l.broken(1, "request %s is refused for good with %s, which no policy in force says: %+v", r.ID, reason, *r.Outcome)
		}
	case access.Reason(access.CodeThrottled), access.Reason(access.CodeUnavailable):
		l.count("refused: an error")
		// A membership or a unit that can't be read refuses nothing.
		if l.world.trouble.faultless() {
			l.broken(1, "request %s is refused for good with %s, and nothing else than reads for the policy failed", r.ID, reason)
		}
	case access.Reason(access.CodeNotDecided):
		l.count("refused: not decided")
		if l.world.clock.now().Before(r.CreatedAt.Add(expiration)) {
			l.broken(1, "request %s is refused for good with %s, and its time is not up", r.ID, reason)
		}
	case access.Reason(access.CodeUndecidable):
		l.broken(1, "request %s is refused for good, because it is undecidable now", r.ID)
	}
}

// checkFailure checks that grant refuses a decision only if a policy in force doesn't
// permit it, someone was gone, or the policy could not decide for too long.
func (l *ledger) checkFailure(r access.Request) {
	inv := l.world.doing
	f := r.Failure
	if f.Code == access.CodeUndecidable || f.Code == access.CodeNotDecided && f.At.Before(r.Outcome.At.Add(statemachine.GrantWaitFor)) {
		l.broken(1, "request %s is not granted for good, and its time is not up: %+v", r.ID, *f)
	}
	if inv.function != "grant" || f.Code != access.CodeRefused || r.Outcome == nil {
		return
	}
	if !strings.Contains(f.Message, "current policy") && !strings.Contains(f.Message, "approvals are missing") {
		return
	}
	l.count("not granted by the policy")
	for _, p := range l.inForceSince(inv.began) {
		for _, c := range l.casesSince(p, r, inv.began) {
			by := map[string]access.Identity{}
			for _, a := range approversOf(r) {
				if _, must := l.memberships(p, a.PrincipalID, inv.began); !l.world.absent.during(a.PrincipalID, inv.began, l.world.clock.now()) &&
					l.blockedDuring(a, inv.began, l.world.clock.now()) == nil {
					by[a.PrincipalID] = a.Identity(must)
				}
			}
			if r.Outcome.Kind == access.OutcomeApproved && len(by) == 0 || !lets(p, c, r.Requester.PrincipalID, by) {
				return
			}
		}
	}
	l.broken(1, "request %s is not granted (%s), and every policy in force permits it", r.ID, f.Message)
}

// checkPressRefused checks that a press is refused as not permitted only if a policy in
// force says so.
func (l *ledger) checkPressRefused(r access.Request, e access.Event) {
	inv := l.world.doing
	switch access.Refusal(e.Reason) {
	case access.RefusalNotApprover:
		for _, p := range l.inForceSince(inv.began) {
			x := access.NewIndex(&p)
			for _, c := range l.casesSince(p, r, inv.began) {
				for _, as := range l.identities(p, e.By, inv.began) {
					permits := x.PermitsDenial
					if e.Action == "approve" {
						permits = x.Permits
					}
					if e.By.PrincipalID == r.Requester.PrincipalID || !permits(c, as) {
						return
					}
				}
			}
		}
	case access.RefusalNotPermitted:
		if l.refusesSince(r, access.ReasonNotAllowed, inv.began) || l.refusesSince(r, access.ReasonDurationTooLong, inv.began) {
			return
		}
	default:
		return
	}
	l.broken(1, "request %s: %s of %s is refused with %s, and every policy in force permits it", r.ID, e.Action, e.By.SlackID, e.Reason)
}

// approversOf returns the people whose approvals led to the decision, each once.
func approversOf(r access.Request) []access.Person {
	if r.Outcome.Kind != access.OutcomeApproved {
		return nil
	}
	all := map[string]access.Person{r.Outcome.By.PrincipalID: r.Outcome.By}
	for _, a := range r.Approvals {
		all[a.By.PrincipalID] = a.By
	}
	return slices.Collect(maps.Values(all))
}

// countByMembership counts creations that only memberships permit.
func (l *ledger) countByMembership(r access.Request) {
	if r.Outcome == nil || len(l.policies) == 0 {
		return
	}
	p := l.policies[len(l.policies)-1].policy
	c := *l.casesSince(p, r, l.world.clock.now())[0]
	c.Requester.Groups = nil
	by := map[string]access.Identity{}
	for _, a := range approversOf(r) {
		by[a.PrincipalID] = a.Identity(nil)
	}
	if !lets(p, &c, r.Requester.PrincipalID, by) {
		l.count("by membership")
	}
}
