package simulation

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/slack"
)

// blocked is a period in which a person is blocked.
type blocked struct {
	access.Block
	from, to time.Time // to is zero while it lasts
}

// blockList is what really happened to blocks.
type blockList struct {
	all    []*blocked
	events []access.BlockEvent
	// first and last are when an invocation first and last read who is blocked.
	first, last map[*invocation]time.Time
}

// responders may block people.
var responders = []string{"ann@example.com", "bob@example.com", "dan@example.com"}

// planBlocks plans that people block others and lift blocks, at any time, also those who
// may not.
func (w *world) planBlocks(d *dice) {
	if !d.chance(w.trouble.blocks) {
		return
	}
	for range 1 + d.below(3) {
		by, who := pick(d, people), pick(d, people)
		at := d.between(0, busyFor+3*time.Minute)
		for range 1 + d.below(2) { // Slack delivers again
			w.then(w.at(at+d.between(0, time.Second)), d.next(), func() { w.block(by, who) })
		}
		for range d.below(4) {
			lifter, after := pick(d, people), at+d.between(0, pick(d, []time.Duration{10 * time.Second, 20 * time.Minute}))
			w.then(w.at(after), d.next(), func() { w.lift(lifter, who) })
		}
	}
}

// planBlock plans that someone blocks the requester or another person just when the row
// reaches a state.
func (p *plan) planBlock() {
	w := p.world
	d := w.source.dice("block")
	if !d.chance(w.trouble.blocks) {
		return
	}
	state, after, order := pick(d, []string{"decided", "decided", "lease", "granted"}), d.between(0, pick(d, []time.Duration{200 * time.Millisecond, 6 * time.Second})), d.next()
	approver, by := d.chance(0.3), pick(d, people[:4])
	known := w.ledger.request(p.id)
	before := known.watch
	known.watch = func(was, is access.Request) {
		if before != nil {
			before(was, is)
		}
		decided := was.Outcome == nil && is.IsApproved()
		granted := was.GrantedAt.IsZero() && !is.GrantedAt.IsZero()
		if !(state == "granted" && granted || state != "granted" && decided) {
			return
		}
		who := is.Requester
		if approver && is.Outcome.Kind == access.OutcomeApproved {
			who = is.Outcome.By
		}
		w.then(w.clock.now().Add(after), order, func() { w.block(by, who) })
	}
}

// block submits the dialog that blocks a person.
func (w *world) block(by, who access.Person) {
	w.clock.say("%s blocks %s", by.SlackID, who.SlackID)
	w.sendFromSlack("block", payload("view_submission", by, map[string]any{"view": map[string]any{
		"id": "V-block", "callback_id": slack.CallbackBlock, "state": map[string]any{"values": map[string]any{
			slack.BlockBlockedPerson: map[string]any{slack.ActionBlockedPerson: map[string]any{"selected_user": who.SlackID}},
			slack.BlockBlockReason:   map[string]any{slack.ActionBlockReason: map[string]any{"value": "to see what happens"}},
		}},
	}}), func(inv *invocation) {
		var answer struct {
			Body string `json:"body"`
		}
		if inv.failure == nil && !inv.dead && json.Unmarshal(inv.raw, &answer) == nil && strings.Contains(answer.Body, "Requests refused: ") {
			w.ledger.count("blocks acknowledged")
			if w.ledger.blockedDuring(who, inv.began, w.clock.now()) == nil {
				w.ledger.broken(15, "%s was told that %s is blocked, who is not", by.SlackID, who.SlackID)
			}
		}
	})
}

// lift submits the dialog that lifts a person's block, whatever block that is.
func (w *world) lift(by, who access.Person) {
	id := "block-1"
	if b := as[access.Blocks](w.table.rows["blocks"]).Of(who); b != nil {
		id = b.ID
	}
	w.clock.say("%s lifts the block of %s", by.SlackID, who.SlackID)
	w.sendFromSlack("lift", payload("view_submission", by, map[string]any{
		"view": map[string]any{"id": "V-lift", "callback_id": slack.CallbackLift, "private_metadata": id},
	}), nil)
}

// noteBlocksRead notes that an invocation reads who is blocked.
func (l *ledger) noteBlocksRead() {
	inv, now := l.world.doing, l.world.clock.now()
	if _, ok := l.blocks.first[inv]; !ok {
		l.blocks.first[inv] = now
	}
	l.blocks.last[inv] = now
}

// checkBlocksWrite checks a write of the blocks: only ingress adds or removes one, for a
// responder who is not blocked, and nobody lifts their own block or one that they wrote. A
// refused press changes nothing else.
func (l *ledger) checkBlocksWrite(before, after row) {
	inv, now := l.world.doing, l.world.clock.now()
	was, is := as[access.Blocks](before), as[access.Blocks](after)
	if after == nil {
		l.broken(15, "the blocks are removed")
		return
	}
	if was.Version == is.Version {
		if inv.function != "audit" || len(was.Events) != len(is.Events) || len(was.Blocks) != len(is.Blocks) {
			l.broken(15, "%s changes the blocks without a new version", inv.function)
		}
		return
	}
	if n := len(is.Refused); n > 0 && is.Refused[n-1].Sequence == is.Version {
		l.checkRefusedAboutBlocks(was, is)
		return
	}
	if !reflect.DeepEqual(was.Refused, is.Refused) {
		l.broken(15, "%s changes the refused presses about blocks, from %+v to %+v", inv.function, was.Refused, is.Refused)
	}
	e := is.Events[len(is.Events)-1]
	l.blocks.events = append(l.blocks.events, e)
	if inv.function != "ingress" || !slices.Contains(responders, e.By.Email) || was.Of(e.By) != nil || access.SamePerson(e.By, e.Block.Person) {
		l.broken(15, "%s writes %s by %s of %s", inv.function, e.Kind, e.By.SlackID, e.Block.Person.SlackID)
	}
	l.count(string(e.Kind))
	switch e.Kind {
	case access.EventBlocked:
		l.blocks.all = append(l.blocks.all, &blocked{Block: e.Block, from: now})
	case access.EventUnblocked:
		if !e.Block.MayLift(e.By) {
			l.broken(15, "%s lifts the block of %s by %s", e.By.SlackID, e.Block.Person.SlackID, e.Block.By.SlackID)
		}
		for _, b := range l.blocks.all {
			if b.ID == e.Block.ID {
				b.to = now
			}
		}
	}
	var left []string
	for _, b := range l.blocks.all {
		if b.to.IsZero() {
			left = append(left, b.ID)
		}
	}
	var has []string
	for _, b := range is.Blocks {
		has = append(has, b.ID)
	}
	if !slices.Equal(left, has) {
		l.broken(15, "the blocks are %q, and should be %q", has, left)
	}
}

// checkRefusedAboutBlocks checks the write of a refused press: the person may not do that, and
// the press changes no block.
func (l *ledger) checkRefusedAboutBlocks(was, is access.Blocks) {
	inv, now := l.world.doing, l.world.clock.now()
	e := is.Refused[len(is.Refused)-1]
	l.blocks.events = append(l.blocks.events, e)
	l.count("refused about blocks: " + string(e.Reason))
	if inv.function != "ingress" || !reflect.DeepEqual(was.Blocks, is.Blocks) || !reflect.DeepEqual(was.Events, is.Events) || len(is.Refused) > access.MaxRefusedPresses {
		l.broken(15, "%s writes a refused press, and changes the blocks from %+v to %+v", inv.function, was, is)
	}
	wrong := false
	switch e.Reason {
	case access.RefusalNotResponder:
		wrong = slices.Contains(responders, e.By.Email) && e.By.PrincipalID != "" && !e.By.SecondaryDomain
	case access.RefusalBlocked:
		wrong = l.blockedDuring(e.By, inv.began, now) == nil
	case access.RefusalOwnBlock:
		wrong = !slices.ContainsFunc(l.blocks.all, func(b *blocked) bool { return b.ID == e.Block.ID && !b.MayLift(e.By) })
	case access.RefusalNotEligible:
	default:
		wrong = true
	}
	if wrong {
		l.broken(15, "the press of %s by %+v is refused: %s", e.Action, e.By, e.Reason)
	}
}

// blockedDuring returns the block of a person that was in force at some moment of the
// period; nil if there is none.
func (l *ledger) blockedDuring(p access.Person, from, to time.Time) *blocked {
	for _, b := range l.blocks.all {
		if access.SamePerson(b.Person, p) && !b.from.After(to) && (b.to.IsZero() || !b.to.Before(from)) {
			return b
		}
	}
	return nil
}

// isBlockedSince reports whether the person has been blocked since that time or longer.
func (l *ledger) isBlockedSince(p access.Person, since time.Time) bool {
	return slices.ContainsFunc(l.blocks.all, func(b *blocked) bool {
		return access.SamePerson(b.Person, p) && b.from.Before(since) && b.to.IsZero()
	})
}

// sawBlock reports whether the invocation that is taking effect read that the person is
// blocked, and they still are. It must have read who is blocked.
func (l *ledger) sawBlock(what string, p access.Person, at map[*invocation]time.Time) bool {
	read, ok := at[l.world.doing]
	if !ok {
		l.broken(15, "%s without reading who is blocked: %s", what, l.world.doing.function)
		return false
	}
	return l.isBlockedSince(p, read)
}

// checkNotBlocked checks that nothing is created for someone whose block the function has
// read, or could have: it reads the blocks once more just before it creates anything.
func (l *ledger) checkNotBlocked(r access.Request) {
	if l.sawBlock("request "+r.ID+" is granted", r.Requester, l.blocks.last) {
		l.broken(15, "access is created for request %s, and its requester %s is blocked", r.ID, r.Requester.SlackID)
	}
}

// checkApproversOfGrant checks, when a grant is written, that the approvals suffice without
// those of people whose block the function has read, or could have.
func (l *ledger) checkApproversOfGrant(r access.Request) {
	if r.Outcome == nil || r.Outcome.Kind != access.OutcomeApproved {
		return
	}
	by := []access.Person{r.Outcome.By}
	for _, a := range r.Approvals {
		by = append(by, a.By)
	}
	isBlocked := func(p access.Person) bool {
		return l.sawBlock("request "+r.ID+" is granted", p, l.blocks.first)
	}
	if !slices.ContainsFunc(by, isBlocked) {
		return
	}
	l.count("granted beside a blocked approver")
	if !l.isPermitted(r, l.world.doing.began) {
		l.broken(15, "request %s is granted with approvals by %v, and too few of them are not blocked", r.ID, by)
	}
}

// checkRunWrite checks that nobody decides about unknown access whose block the function
// has read, or could have.
func (l *ledger) checkRunWrite(was, is access.Run) {
	what := "unknown access of run " + is.ID + " is decided"
	for _, p := range is.Presses[min(len(was.Presses), len(is.Presses)):] {
		if earlier := was.PressAbout(p.Finding); earlier != nil {
			l.counts["Overruled"]++
			if !p.Remove || earlier.Remove || !earlier.At.Before(p.At) || len(is.PressesAbout(p.Finding)) != 2 {
				l.broken(6, "%s by %+v, although it was: %+v", what, p, was.Presses)
			}
		}
		if l.sawBlock(what, p.By, l.blocks.first) {
			l.broken(15, "%s by %s, who is blocked", what, p.By.SlackID)
		}
	}
	for _, a := range is.Answers[min(len(was.Answers), len(is.Answers)):] {
		if l.sawBlock(what, a.By, l.blocks.first) {
			l.broken(15, "%s by %s, who is blocked", what, a.By.SlackID)
		}
	}
}

// checkBlockedEnd checks an early end because of a block.
func (l *ledger) checkBlockedEnd(r access.Request) {
	inv, now := l.world.doing, l.world.clock.now()
	b := l.blockedDuring(r.Requester, inv.began, now)
	if b == nil || !slices.Contains([]string{"ingress", "grant", "reconcile"}, inv.function) || r.EndRequest.By != b.By && !slices.ContainsFunc(l.blocks.all, func(b *blocked) bool { return b.By == r.EndRequest.By }) {
		l.broken(15, "%s ends request %s because of a block, with %+v: %+v", inv.function, r.ID, *r.EndRequest, b)
		return
	}
	l.count("ended by a block, " + inv.function)
}

// checkBlockedRefusal checks a refusal because of a block.
func (l *ledger) checkBlockedRefusal(r access.Request) {
	inv := l.world.doing
	if b := l.blockedDuring(r.Requester, inv.began, l.world.clock.now()); b == nil || r.Outcome.By.SlackID == "" {
		l.broken(15, "request %s is refused because of a block, and %s is not blocked: %+v", r.ID, r.Requester.SlackID, *r.Outcome)
	}
	l.count("refused: blocked, " + inv.function)
}

// checkRemovalsOfBlocked checks that the removal of access begins in time after its
// requester is blocked.
func (l *ledger) checkRemovalsOfBlocked() {
	w := l.world
	for _, d := range l.requests {
		r := d.row
		if r.GrantedAt.IsZero() || !d.deletedAt.IsZero() {
			continue
		}
		first := l.firstAttempt(d)
		for _, b := range l.blocks.all {
			if !access.SamePerson(b.Person, r.Requester) {
				continue
			}
			from := latest(b.from, r.GrantedAt)
			until := from.Add(onceGone)
			failed := 0
			for _, look := range l.looks {
				if (look.dead || look.failure != nil) && look.began.After(from.Add(-time.Minute)) && look.began.Before(first) {
					failed++
				}
			}
			until = until.Add(time.Duration(failed) * time.Minute)
			for moved := true; moved; {
				moved = false
				for _, o := range w.outages {
					hinders := o.service == "dynamodb" || o.service == "states"
					if later := o.to.Add(onceGone); hinders && o.from.Before(until) && o.to.After(from) && later.After(until) {
						until, moved = later, true
					}
				}
			}
			if !b.to.IsZero() && b.to.Before(until) || !r.End.After(until) {
				continue
			}
			l.count("held to the time of a block")
			if first.After(until) {
				l.broken(15, "%s was blocked at %v, and the removal of request %s was first tried at %v", r.Requester.SlackID, b.from.Sub(w.clock.start), r.ID, first.Sub(w.clock.start))
			}
		}
	}
}

// checkBlocksAtEnd checks that everything about blocks is recorded, and that nobody who is
// blocked has an approved request that was decided after the block.
func (l *ledger) checkBlocksAtEnd() {
	l.checkRemovalsOfBlocked()
	for _, e := range l.blocks.events {
		if _, ok := l.world.objects.objects[auditBucket+"/"+auditrecord.BlockKey("logs", e)]; !ok {
			l.broken(3, "%s of %s is not recorded", e.Kind, e.Block.ID)
		}
	}
	if left := as[access.Blocks](l.world.table.rows["blocks"]).Unrecorded(); len(left) > 0 {
		l.broken(3, "%d events about blocks are not marked as recorded", len(left))
	}
}
