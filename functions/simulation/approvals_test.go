package simulation

import (
	"slices"
	"time"

	"sso-elevator/functions/access"
)

func isOfApproval(k access.EventKind) bool {
	return k == access.EventApprovalGiven || k == access.EventApprovalTakenBack
}

// checkApprovals checks a row's approvals against its events: each person who approved
// pressed, counts once, and has taken nothing back since. Nothing is given or taken back
// after the decision.
func (l *ledger) checkApprovals(r access.Request) {
	var by []access.Person
	decided := false
	for _, e := range r.Events {
		same := func(p access.Person) bool { return access.SamePerson(p, e.By) }
		switch e.Kind {
		case access.EventApprovalGiven:
			if !l.hasPressed(r.ID, "approve", e.By) {
				l.broken(1, "request %s has an approval by %s, who never pressed", r.ID, e.By.SlackID)
			}
			by = append(slices.DeleteFunc(by, same), e.By) // an approval that lapsed may be given again
		case access.EventApprovalTakenBack:
			if !l.hasPressed(r.ID, "take_back", e.By) || !slices.ContainsFunc(by, same) {
				l.broken(4, "request %s has an approval taken back by %s, who has none or did not press", r.ID, e.By.SlackID)
			}
			by = slices.DeleteFunc(by, same)
		case access.EventApproved, access.EventDenied, access.EventWithdrawn, access.EventExpired, access.EventRefused:
			decided = true
			continue
		default:
			continue
		}
		if decided {
			l.broken(4, "request %s has %s after its decision", r.ID, e.Kind)
		}
	}
	var has []access.Person
	for _, a := range r.Approvals {
		has = append(has, a.By)
	}
	if !slices.Equal(by, has) {
		l.broken(14, "request %s has the approvals of %v, and by its events those of %v", r.ID, has, by)
	}
}

// checkConfirmed checks that where Confirm counts, only the dialog's submission approves.
func (l *ledger) checkConfirmed(was, is access.Request) {
	inv := l.world.doing
	approved := was.Outcome == nil && is.Outcome != nil && is.Outcome.Kind == access.OutcomeApproved ||
		is.CountEvents(access.EventApprovalGiven) > was.CountEvents(access.EventApprovalGiven)
	if !approved || inv.function != "ingress" {
		return
	}
	if l.submits[inv] {
		l.count("confirmed")
		return
	}
	for _, p := range l.inForceSince(inv.began) {
		x := access.NewIndex(&p)
		if slices.ContainsFunc(l.casesSince(p, is, inv.began), func(c *access.Case) bool { return !x.Decide(c).Confirm }) {
			return
		}
	}
	l.broken(1, "request %s is approved by a press that no dialog confirmed", is.ID)
}

// isApprovedUnder reports whether the row's approvals are enough under a policy, which
// saw the request as the case c. It doesn't count those of people who were gone all the
// time since then.
func (l *ledger) isApprovedUnder(p access.Policy, c *access.Case, r access.Request, since time.Time) bool {
	by := []access.Person{r.Outcome.By}
	for _, a := range r.Approvals {
		by = append(by, a.By)
	}
	if len(r.Approvals) > 0 {
		by = slices.DeleteFunc(by, func(p access.Person) bool {
			return l.world.absent.throughout(p.PrincipalID, since, l.world.clock.now())
		})
	}
	by = slices.DeleteFunc(by, func(p access.Person) bool {
		return l.sawBlock("request "+r.ID+" is approved", p, l.blocks.first)
	})
	by = slices.DeleteFunc(by, func(p access.Person) bool { return p.SlackID == guest || !l.hasPressed(r.ID, "approve", p) })
	as := map[string]access.Identity{} // by principal
	for _, a := range by {
		as[a.PrincipalID] = l.widest(p, a, since)
		if a.PrincipalID == r.Requester.PrincipalID {
			as[a.PrincipalID] = c.Requester
		}
	}
	if len(by) == 0 || !lets(p, c, r.Requester.PrincipalID, as) {
		return false
	}
	x := access.NewIndex(&p)
	requirements := x.Decide(c).Requirements
	if len(requirements) == 0 {
		return slices.ContainsFunc(by, func(a access.Person) bool { return x.Permits(c, as[a.PrincipalID]) })
	}
	for _, q := range requirements {
		different := map[string]bool{}
		for _, a := range by {
			listed := slices.Contains(q.Approvers, a.Email) || slices.ContainsFunc(as[a.PrincipalID].Groups, func(id string) bool {
				return slices.Contains(q.Approvers, access.GroupEntry(id))
			})
			if listed && a.PrincipalID != r.Requester.PrincipalID {
				different[a.PrincipalID] = true
			}
		}
		if len(different) < q.Needed {
			return false
		}
	}
	return true
}
