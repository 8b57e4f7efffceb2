package simulation

import (
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// checkExtension checks the end of the access when a grant is written. It joins the latest
// end of the other requests for the same access that were granted before the function
// began, and still have it. Extended access that was granted automatically is no longer
// than a policy in force allows. What a person approved lasts no longer than they were
// shown, so it joins no later end.
func (l *ledger) checkExtension(r access.Request) {
	inv, now := l.world.doing, l.world.clock.now()
	key := r.Subject().Key()
	lease, _ := l.world.table.lease(key)
	var last time.Time
	begins := false
	shown, isLimited := l.request(r.ID).shown, r.Outcome != nil && r.Outcome.Kind != access.OutcomeAutomatic
	for _, d := range l.requests {
		other := d.row
		if other.ID == "" || other.ID == r.ID || other.Subject().Key() != key {
			continue
		}
		begins = begins || other.GrantedAt.Equal(r.ChainSince)
		if d.deletedAt.IsZero() && other.IsExtendable(now) && d.granted.Before(inv.began) && lease.IsHeldBy(other.ID) {
			if isLimited && other.End.After(shown) {
				l.count("not extended: not shown")
				continue
			}
			last = latest(last, other.End)
		}
	}
	duration := time.Duration(r.Duration) * time.Second
	if isLimited && r.End.After(latest(r.GrantedAt, shown).Add(duration)) {
		l.broken(1, "request %s ends at %v, and its approver was shown an extension from %v on", r.ID, r.End, shown)
	}
	if !r.IsExtension() {
		switch want := r.GrantedAt.Add(duration); {
		case !r.End.Equal(want):
			l.broken(2, "request %s ends at %v, want %v", r.ID, r.End, want)
		case !last.IsZero():
			l.broken(5, "request %s extends nothing, and its requester has the access until %v", r.ID, last.Sub(l.world.clock.start))
		}
		return
	}
	l.count("extended")
	first := l.request(r.Extends).row
	switch {
	case first.Subject().Key() != key || first.GrantedAt.IsZero():
		l.broken(5, "request %s extends %s, which never had this access", r.ID, r.Extends)
	case !r.End.Equal(first.End.Add(duration)):
		l.broken(2, "request %s ends at %v, want %v after the end of %s", r.ID, r.End, duration, first.ID)
	case first.End.Before(last):
		l.broken(5, "request %s extends %s, and another request ends later", r.ID, first.ID)
	case !begins:
		l.broken(5, "request %s extends access since %v, when no request was granted", r.ID, r.ChainSince)
	case r.Outcome != nil && r.Outcome.Kind == access.OutcomeAutomatic && !l.isAutomatic(r, r.End.Sub(r.ChainSince), inv.began):
		l.broken(1, "request %s extends access to %v automatically, which no policy in force allows", r.ID, r.End.Sub(r.ChainSince))
	}
}

// isAutomatic reports whether a policy in force since then grants the request
// automatically if the access lasts that long in all.
func (l *ledger) isAutomatic(r access.Request, chain time.Duration, since time.Time) bool {
	return slices.ContainsFunc(l.inForceSince(since), func(p access.Policy) bool {
		x := access.NewIndex(&p)
		return slices.ContainsFunc(l.casesSince(p, r, since), func(c *access.Case) bool {
			c.Chain = int64((chain + time.Second - 1) / time.Second)
			return x.Decide(c).Outcome == access.DecideAutomatic
		})
	})
}

// sameEnd reports whether the two ends are the same, even if two presses wrote them: the
// second press ends what the first could not.
func sameEnd(a, b access.EndRequest) bool {
	a.ByPress, b.ByPress = "", ""
	return a == b
}

// checkEndByPerson checks who ended the access: a person who pressed End now of this
// request, or of another one for the same access. If that one has ended, the press ends one of
// those that keep the access, and the others with it.
func (l *ledger) checkEndByPerson(r access.Request) {
	inv, end := l.world.doing, r.EndRequest
	d := l.request(r.ID)
	if inv.function != "ingress" {
		l.broken(4, "%s ends request %s for %s", inv.function, r.ID, end.By.SlackID)
		return
	}
	pressed := l.request(inv.about)
	for _, other := range l.requests {
		if other.endedBy == inv {
			pressed = other
		}
	}
	if first := pressed.row; pressed.id == inv.about && inv.about != r.ID && pressed.deletedAt.IsZero() && (first.EndRequest == nil || !sameEnd(*first.EndRequest, *end)) {
		l.count("ended by a late press")
		d.endedBy, d.noted, d.waits = inv, l.world.clock.now(), true
		denied := r
		denied.Outcome = &access.Outcome{Kind: access.OutcomeDenied, By: end.By}
		switch byRequester := end.By.SlackID == first.Requester.SlackID; {
		case first.Subject().Key() != r.Subject().Key() || !end.Includes(r):
			l.broken(4, "request %s ends with %s, and should not: %+v", r.ID, inv.about, *end)
		case !first.HasRemovalBegun() && (first.EndRequest == nil || first.EndRequest.Reason == ""):
			l.broken(4, "request %s ends with %s, which has not ended", r.ID, inv.about)
		case !l.hasPressed(inv.about, "end", end.By):
			l.broken(4, "request %s is ended with %s by %s, who did not press", r.ID, inv.about, end.By.SlackID)
		case !byRequester && !l.isPermitted(denied, inv.began):
			l.broken(4, "request %s is ended with %s by %s, whom no policy in force lets", r.ID, inv.about, end.By.SlackID)
		}
		return
	}
	if pressed.id != r.ID {
		l.count("ended together")
		// A request that could not be resumed is left to the sweep.
		d.noted, d.waits = l.world.clock.now(), true
		if first := pressed.row; pressed.deletedAt.IsZero() && (first.Subject().Key() != r.Subject().Key() || first.EndRequest == nil || !sameEnd(*first.EndRequest, *end) || !end.Includes(r)) {
			l.broken(4, "request %s ends with %s, and should not: %+v", r.ID, inv.about, *end)
		}
		return
	}
	d.endedBy = inv
	if !l.hasPressed(r.ID, "end", end.By) {
		l.broken(4, "request %s is ended by %s, who did not press", r.ID, end.By.SlackID)
	}
}

// checkLateEnd checks a press of End now by the requester of a request that had ended: if
// another request kept the access, it ends, or the requester was told that something failed.
func (l *ledger) checkLateEnd(a *dossier, by access.Person, inv *invocation, text string) {
	r := a.row
	if inv.failure != nil || inv.dead || inv.faults["dynamodb"] || r.ID == "" || !a.deletedAt.IsZero() || r.RevokingAt.IsZero() || !r.RevokingAt.Before(inv.began) || by.SlackID != r.Requester.SlackID {
		return
	}
	if strings.Contains(text, "Something went wrong") || strings.Contains(text, "other requests keep this access") {
		return
	}
	for _, b := range l.requests {
		other := b.row
		if b == a || other.ID == "" || !b.deletedAt.IsZero() || other.Subject().Key() != r.Subject().Key() || b.granted.IsZero() || !b.granted.Before(inv.began) {
			continue
		}
		if other.IsOver() && other.RevokingAt.Before(inv.began) || other.EndRequest != nil && other.EndRequest.At.Before(inv.began) {
			continue
		}
		l.count("late presses")
		if other.EndRequest == nil && !other.IsOver() {
			l.broken(4, "%s pressed End now of %s, which had ended, and request %s keeps the access: %q", by.SlackID, a.id, other.ID, text)
		}
	}
}

// hasPressedLate reports whether the person of a refused press pressed End now of another
// request for the same access, which had ended.
func (l *ledger) hasPressedLate(r access.Request, e access.Event) bool {
	for _, d := range l.requests {
		other := d.row
		ended := !other.RevokingAt.IsZero() && !other.RevokingAt.After(e.At) || other.EndRequest != nil && other.EndRequest.Reason != ""
		if e.Action == "end" && other.ID != "" && other.Subject().Key() == r.Subject().Key() && ended && l.hasPressed(other.ID, "end", e.By) {
			return true
		}
	}
	return false
}

// checkEndings checks that no request kept access that a person had ended, if it was
// approved before. If the function failed, the person was told, or saw Slack's warning.
func (l *ledger) checkEndings() {
	for _, a := range l.requests {
		inv := a.endedBy
		if inv == nil || !inv.ended || inv.dead || inv.failure != nil || inv.faults["dynamodb"] || !a.deletedAt.IsZero() || strings.Contains(l.answers[inv], "other requests keep this access") {
			continue
		}
		for _, b := range l.requests {
			r := b.row
			switch {
			case a == b || r.ID == "" || !b.deletedAt.IsZero() || r.Subject().Key() != a.row.Subject().Key() || !a.row.EndRequest.Includes(r):
			case r.EndRequest != nil || r.Tombstone || r.GrantedAt.IsZero() || !r.RevokingAt.IsZero() && !r.RevokingAt.After(inv.endedAt):
			case a.granted.After(b.evaluated) && !a.row.RevokedAt.IsZero() && b.entered.After(a.row.RevokedAt):
				// Nothing leads from one to the other: b was evaluated before a was
				// granted, and entered the lease after a was removed.
				l.count("kept after an end")
			default:
				l.broken(4, "request %s kept the access that %s ended with request %s", r.ID, a.row.EndRequest.By.SlackID, a.id)
			}
		}
	}
}
