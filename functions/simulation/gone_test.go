package simulation

import (
	"slices"
	"time"

	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
)

// idtypesDeleted is the status of a user who doesn't exist.
const idtypesDeleted idtypes.UserStatus = "DELETED"

// absence is a period in which a user of Identity Center is disabled or deleted.
type absence struct {
	kind     idtypes.UserStatus
	from, to time.Time // to is zero while it lasts
}

// absences are the absences of each principal, in order.
type absences map[string][]absence

// kind returns the current status of a user. Users who are not gone have the
// empty status, as in some directories.
func (a absences) kind(principal string) idtypes.UserStatus {
	all := a[principal]
	if n := len(all); n > 0 && all[n-1].to.IsZero() {
		return all[n-1].kind
	}
	return ""
}

// during reports whether the user was gone at any moment of the period.
func (a absences) during(principal string, from, to time.Time) bool {
	return slices.ContainsFunc(a[principal], func(one absence) bool {
		return !one.from.After(to) && (one.to.IsZero() || !one.to.Before(from))
	})
}

// throughout reports whether the user was gone for the whole period.
func (a absences) throughout(principal string, from, to time.Time) bool {
	return slices.ContainsFunc(a[principal], func(one absence) bool {
		return one.from.Before(from) && (one.to.IsZero() || one.to.After(to))
	})
}

// removeUser disables or deletes a user. The user comes back after a time, or never if
// it is 0.
func (w *world) removeUser(p access.Person, kind idtypes.UserStatus, back time.Duration, order uint64) {
	if w.absent.kind(p.PrincipalID) != "" {
		return
	}
	w.clock.say("%s is %s", p.SlackID, kind)
	all := append(w.absent[p.PrincipalID], absence{kind: kind, from: w.clock.now()})
	w.absent[p.PrincipalID] = all
	if kind == idtypesDeleted {
		w.center.DeleteUser(p.PrincipalID)
	} else {
		w.center.PutUser(user(p, kind))
	}
	if back > 0 {
		w.then(w.clock.now().Add(back), order, func() {
			w.clock.say("%s is back", p.SlackID)
			all[len(all)-1].to = w.clock.now()
			w.center.PutUser(user(p, ""))
		})
	}
}

// planAbsences plans that the requester or someone else is disabled or deleted, at any
// time during the request.
func (p *plan) planAbsences() {
	w, d := p.world, p.dice
	if !d.chance(w.trouble.gone) {
		return
	}
	p.duration = pick(d, append(slices.Clone(durations), longDuration, longDuration))
	for range 1 + d.below(2) {
		who := pick(d, append([]access.Person{p.person, p.person}, people[:4]...))
		at, order, kind := d.between(0, 12*time.Minute), d.next(), pick(d, []idtypes.UserStatus{idtypes.UserStatusDisabled, idtypesDeleted})
		var back time.Duration
		if d.chance(0.3) {
			back = d.between(time.Second, 30*time.Minute)
		}
		w.then(w.clock.now().Add(at), order, func() { w.removeUser(who, kind, back, mix(order, 2)) })
	}
}

// checkNobodyGone checks that the function served nobody who was already gone when it
// began: neither the requester nor the approver.
func (l *ledger) checkNobodyGone(what string, r access.Request, inv *invocation) {
	now := l.world.clock.now()
	if l.world.absent.throughout(r.Requester.PrincipalID, inv.began, now) {
		l.broken(13, "request %s %s, and its requester %s was gone", r.ID, what, r.Requester.SlackID)
	}
	// Of several approvers, the others may be enough: isApprovedUnder checks that.
	if by := r.Outcome.By; r.Outcome.Kind == access.OutcomeApproved && len(r.Approvals) == 0 && l.world.absent.throughout(by.PrincipalID, inv.began, now) {
		l.broken(13, "request %s %s, and its approver %s was gone", r.ID, what, by.SlackID)
	}
}

// checkEndRequest checks that access ends with the reason "requester gone" only if the
// requester was gone while the function ran.
func (l *ledger) checkEndRequest(r access.Request) {
	inv, now := l.world.doing, l.world.clock.now()
	switch {
	case r.EndRequest.Reason == "":
		l.checkEndByPerson(r)
	case r.EndRequest.Reason == access.EndBlocked:
		l.checkBlockedEnd(r)
	case inv.function != "reconcile" || r.EndRequest.By != (access.Person{}):
		l.broken(13, "%s ends request %s for %+v", inv.function, r.ID, *r.EndRequest)
	case !l.world.absent.during(r.Requester.PrincipalID, inv.began, now):
		l.broken(13, "request %s ends because %s is gone, who is not", r.ID, r.Requester.SlackID)
	default:
		l.counts["ended, its requester gone"]++
	}
}

// goneFor is how long a person who is gone may keep access.
const goneFor = 15 * time.Minute

// checkRemovalsOfGone checks that the removal of access begins in time after its
// requester is gone.
func (l *ledger) checkRemovalsOfGone() {
	w := l.world
	for _, d := range l.requests {
		r := d.row
		if r.GrantedAt.IsZero() {
			continue
		}
		first := l.firstAttempt(d)
		for _, one := range w.absent[r.Requester.PrincipalID] {
			from := latest(one.from, r.GrantedAt)
			until := from.Add(goneFor)
			for moved := true; moved; {
				moved = false
				for _, o := range w.outages {
					// A service that the recheck needs was down.
					hinders := slices.Contains([]string{"identitystore", "sso", "dynamodb", "states", catalogBucket}, o.service)
					if later := o.to.Add(goneFor); hinders && o.from.Before(until) && o.to.After(from) && later.After(until) {
						until, moved = later, true
					}
				}
			}
			if back := one.to; !back.IsZero() && back.Before(until) || !r.End.After(until) {
				continue
			}
			l.counts["held to the time of who is gone"]++
			if first.After(until) {
				l.broken(13, "%s was gone at %v, and the removal of request %s was first tried at %v", r.Requester.SlackID, one.from.Sub(w.clock.start), r.ID, first.Sub(w.clock.start))
			}
		}
	}
}
