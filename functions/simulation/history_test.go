package simulation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/slack"
)

const (
	signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"

	expiration      = 25 * time.Minute // of a request that nobody decides
	reminderInitial = 4 * time.Minute

	// openRequests is how many undecided requests a person may have. It is low, so
	// that some requests are refused because of it.
	openRequests = 2

	// People make requests for busyFor. After quietFor everything works again.
	busyFor  = 12 * time.Minute
	quietFor = 45 * time.Minute // at most this long after the start
	// settled is how long the remaining work may take after everything works again: a
	// removal that waits for its next round, its sweep, and its records.
	settled = 3 * time.Hour
)

// troubles are the kinds of history.
var troubles = []trouble{
	{name: "calm"},
	{name: "crowded", lags: 0.5, byHand: 0.2, policy: 0.4},
	{name: "errors", errors: 0.06, lags: 0.3, policy: 0.2},
	{name: "killed", kills: 0.15, lags: 0.3, slow: 0.05},
	{name: "stalled", stalls: 0.1, slow: 0.2, lags: 0.3},
	{name: "orphans", orphans: 0.1, slow: 0.2, errors: 0.02},
	{name: "outages", outages: 3, lags: 0.3, slow: 0.05},
	{name: "stopped", stops: 0.6, lags: 0.5, slow: 0.1},
	{name: "stopped in the middle", stops: 0.8, stalls: 0.3, orphans: 0.2, slow: 0.1, lags: 0.2},
	{name: "late", late: 0.25, alone: true},
	{name: "greedy", greedy: true, kills: 0.05, lags: 0.2, slow: 0.05},
	{name: "by hand", byHand: 0.9, slow: 0.2, failed: 0.1},
	{name: "rows deleted", rows: 0.7, slow: 0.1, lags: 0.3},
	{name: "rows deleted and stopped", rows: 0.7, stops: 0.3, kills: 0.05, errors: 0.02, lags: 0.3},
	{name: "insider", insider: true, byHand: 0.2, slow: 0.05, lags: 0.3},
	{name: "insider among faults", insider: true, errors: 0.02, kills: 0.03, slow: 0.1, lags: 0.5, stops: 0.3, drift: true},
	{name: "drift", drift: true, blocks: 0.4, byHand: 0.7, policy: 0.3, slow: 0.1},
	{name: "gone", gone: 0.8, errors: 0.02, kills: 0.02, lags: 0.3, slow: 0.1, policy: 0.1},
	{name: "groups", groups: 0.4, policy: 0.3, lags: 0.3, slow: 0.05},
	{name: "groups, reads fail", groups: 0.4, reads: 0.4, policy: 0.2, slow: 0.2},
	{name: "groups among faults", groups: 0.3, reads: 0.1, errors: 0.03, kills: 0.05, stalls: 0.05, slow: 0.1, lags: 0.3, byHand: 0.2, policy: 0.2, gone: 0.2, outages: 1},
	{name: "groups, by hand and drift", groups: 0.3, reads: 0.05, byHand: 0.6, drift: true, slow: 0.1, policy: 0.2},
	{name: "managed groups", managed: true, groups: 0.2, policy: 0.2, slow: 0.1, lags: 0.2},
	{name: "units", units: true, reads: 0.2, policy: 0.3, slow: 0.1, errors: 0.01},
	{name: "blocks", blocks: 0.9, lags: 0.5},
	{name: "blocks among faults", blocks: 0.8, errors: 0.02, kills: 0.03, slow: 0.1, lags: 0.5, policy: 0.1, groups: 0.1, stops: 0.1},
	{name: "all of it", blocks: 0.1, groups: 0.1, reads: 0.03, gone: 0.2, errors: 0.03, kills: 0.04, stalls: 0.03, orphans: 0.03, slow: 0.1, failed: 0.05, lags: 0.5,
		outages: 1, stops: 0.2, byHand: 0.3, rows: 0.1, policy: 0.3, drift: true},
}

// play plays a history to its end.
func (w *world) play() {
	w.trouble.quietAt = w.at(quietFor)
	d := w.source.dice("history")
	w.enforce(pick(d, w.policies()))
	w.planGroups(w.source.dice("groups"))
	w.planBlocks(w.source.dice("blocks"))
	for range d.below(w.trouble.outages + 1) {
		service := pick(d, []string{"dynamodb", "sso", "identitystore", "slack", "slack", "states", auditBucket, policyBucket, "ssm", catalogBucket})
		from := w.at(d.between(0, busyFor+10*time.Minute))
		to := minTime(from.Add(d.between(10*time.Second, 12*time.Minute)), w.trouble.quietAt)
		w.outages = append(w.outages, outage{service, from, to})
		w.clock.say("%s is down from %v to %v", service, from.Sub(w.clock.start), to.Sub(w.clock.start))
	}

	// There are few possible moments, so that several things happen at the same time.
	moments := make([]time.Duration, 1+d.below(4))
	for i := range moments {
		moments[i] = d.between(0, busyFor)
	}
	favourite, someone := pick(d, targets), pick(d, people[:4])
	for i := range 1 + d.below(6) {
		at := w.at(pick(d, moments) + d.between(0, pick(d, []time.Duration{time.Second, time.Minute})))
		p := &plan{world: w, dice: w.source.dice("request"), person: pick(d, people), target: favourite, duration: pick(d, durations), view: fmt.Sprintf("V%d", i+1)}
		if d.chance(0.3) && !w.trouble.alone {
			p.target = pick(d, targets)
		}
		if w.trouble.managed {
			p.target = targets[3]
			if i > 1 {
				at, p.target = at.Add(d.between(5*time.Second, 90*time.Second)), pick(d, targets)
			}
			p.person, p.duration = pick(d, people[:2]), pick(d, durations)
		}
		if w.trouble.greedy {
			p.person, p.target = someone, targets[i%len(targets)]
		}
		if w.trouble.alone {
			p.person, p.duration = someone, durations[0]
		}
		p.id = access.RequestID(team, p.view)
		w.then(at, d.next(), p.submit)
	}
	w.every(time.Minute, d, func() { w.look() })
	if w.insider != nil {
		w.insider.act()
	}
	w.every(time.Minute, d, func() {
		w.lambda.run("reconcile", map[string]any{"operation": "recheck"}, []byte(`{"operation":"recheck"}`), nil)
	})
	if w.trouble.drift {
		w.every(d.between(4*time.Minute, 9*time.Minute), d, func() {
			if w.since() > quietFor {
				return
			}
			mode := pick(d, []string{"warn", "revoke"})
			w.steps.start(reconcileMachineARN, fmt.Sprintf("%s-%d", mode, w.since()/time.Second), `{"mode":"`+mode+`"}`)
		})
		w.every(d.between(3*time.Minute, 7*time.Minute), d, func() {
			if w.since() < quietFor {
				w.meddle(w.source.dice("meddle"))
			}
		})
	}
	w.clock.run(w.isOver)
	w.ledger.checkEnd()
}

// every runs do regularly until the end of the history.
func (w *world) every(d time.Duration, order *dice, do func()) {
	first, next := order.between(0, d), order.next()
	w.clock.spawn(func() {
		for at := w.at(first); ; at = at.Add(d) {
			w.clock.until(at, mix(next, uint64(at.Sub(w.clock.start))))
			do()
		}
	})
}

// meddle does what someone with rights to start executions and deploy may do: start a
// removing run of an event, start a sweep whose input claims a removal, or add an
// exemption.
func (w *world) meddle(d *dice) {
	t, who := pick(d, targets), pick(d, people)
	name := fmt.Sprintf("%s-%d", pick(d, []string{"forged", "event"}), w.since()/time.Second)
	switch d.below(3) {
	case 0:
		detail := `{"eventName":"CreateAccountAssignment","requestParameters":{"targetId":"` + t.AccountID + `","permissionSetArn":"` + t.PermissionSetARN + `","principalType":"USER"}}`
		if t.Kind == access.KindGroup {
			detail = `{"eventName":"CreateGroupMembership","requestParameters":{"groupId":"` + t.GroupID + `"}}`
		}
		w.steps.start(reconcileMachineARN, name, `{"mode":"revoke","event":{"detail":`+detail+`}}`)
	case 1:
		lease, run := "nope", "nope"
		if d.chance(0.5) {
			lease = access.Subject{Target: t, PrincipalID: who.PrincipalID}.Key()
		}
		for _, e := range w.steps.inOrder {
			if e.of == reconcileMachineARN && (strings.HasPrefix(e.name, "warn") || strings.HasPrefix(e.name, "revoke")) && d.chance(0.5) {
				run = e.name
			}
		}
		w.steps.start(reconcileMachineARN, name, fmt.Sprintf(`{"mode":"sweep","lease":%q,"drift":{"run":%q,"index":%d}}`, lease, run, d.below(3)))
	case 2:
		p := pick(d, w.policies())
		e := access.Exemption{Email: who.Email, Until: w.clock.now().Add(d.between(time.Minute, 30*time.Minute)).UTC(), Reason: "an emergency"}
		if t.Kind == access.KindGroup {
			e.GroupID = t.GroupID
		} else {
			e.AccountID, e.PermissionSet = t.AccountID, t.PermissionSet
		}
		p.Exemptions = []access.Exemption{e}
		w.clock.say("%s is exempt of %s until %v", who.SlackID, t, e.Until.Sub(w.clock.start))
		w.enforce(p)
		if d.chance(0.5) {
			w.ageFindings(d.between(0, 10*time.Minute))
		}
	}
}

// ageFindings moves back when runs first found what they know, so that exemptions of all
// that end after left.
func (w *world) ageFindings(left time.Duration) {
	var h drift.History
	if json.Unmarshal(w.objects.objects[historyKey], &h) != nil {
		return
	}
	for key, seen := range h.Findings {
		seen.FirstSeen = w.clock.now().Add(left - access.MaxExemption).UTC()
		h.Findings[key] = seen
	}
	body, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	w.clock.say("what runs found is as old as if exemptions end in %v: %d findings", left, len(h.Findings))
	w.objects.put(historyKey, body)
}

// race sometimes has someone remove by hand what a run is about to remove.
func (w *world) race(subject string) {
	d := w.source.dice("race")
	if !d.chance(0.3) {
		return
	}
	for _, t := range targets {
		for _, who := range people {
			if subject == (access.Subject{Target: t, PrincipalID: who.PrincipalID}).Key() {
				w.then(w.clock.now().Add(d.between(0, 500*time.Millisecond)), d.next(), func() { w.byHand(t, who, false) })
			}
		}
	}
}

// look is the scheduled job that looks for requests and leases that were left behind.
func (w *world) look() {
	payload := map[string]any{"operation": "look"}
	w.ledger.looks = append(w.ledger.looks, w.lambda.run("reconcile", payload, []byte(`{"operation":"look"}`), nil))
}

// isOver reports whether nothing more can happen, or the history takes too long.
func (w *world) isOver() bool {
	now := w.clock.now()
	if now.Before(w.at(busyFor + 15*time.Minute)) {
		return false
	}
	if len(w.violations) > 0 || now.After(w.trouble.quietAt.Add(settled)) {
		return true
	}
	if now.Before(w.trouble.quietAt) && (w.trouble.outages > 0 || w.trouble.stops > 0 || w.trouble.drift || w.trouble.insider) {
		return false
	}
	if w.executionsRunning(requestMachineARN)+w.executionsRunning(reconcileMachineARN) > 0 {
		return false
	}
	for id := range w.ledger.requests {
		if r, there := w.table.request(id); there && r.ClosedAt.IsZero() {
			return false
		}
	}
	if len(as[access.Blocks](w.table.rows["blocks"]).Unrecorded()) > 0 {
		return false
	}
	for key := range w.table.rows {
		if strings.HasPrefix(key, "lease#") || strings.HasPrefix(key, "claims#") && len(as[access.Claims](w.table.rows[key]).Claims) > 0 {
			return false
		}
	}
	return true
}

// plan is a request and what people do about it.
type plan struct {
	world    *world
	dice     *dice
	person   access.Person
	target   access.Target
	duration time.Duration
	view, id string
	turned   int  // how often the form was refused
	waits    bool // it will be sent again
}

// submit sends the form and plans what people do about the request.
func (p *plan) submit() {
	w, d := p.world, p.dice
	p.planAbsences()
	w.clock.say("%s asks for %s for %v: %s", p.person.SlackID, p.target, p.duration, p.id)
	body := p.form()
	p.waits = false
	send := func(at time.Duration) {
		w.then(w.clock.now().Add(at), d.next(), func() { w.sendFromSlack(p.id, body, p.retryForm) })
	}
	send(0)
	if w.trouble.groups > 0 && d.chance(w.trouble.groups/2) {
		group := pick(d, []string{"g-dev", "g-sec"})
		w.then(w.clock.now().Add(d.between(100*time.Millisecond, 2*time.Second)), d.next(), func() { w.toggle(group, p.person) })
	}
	for range d.below(3) { // Slack delivers again, or the person presses again
		send(pick(d, []time.Duration{0, d.between(0, 5*time.Second), 3 * time.Second}))
	}
	meet := d.between(time.Second, 4*time.Minute)
	for range d.below(4) {
		by := pick(d, people)
		action := pick(d, []string{"approve", "approve", "approve", "approve", "take_back", "deny", "withdraw"})
		if action == "withdraw" && d.chance(0.8) {
			by = p.person
		}
		at := d.between(200*time.Millisecond, 10*time.Minute)
		if d.chance(0.5) {
			at = meet + d.between(0, 100*time.Millisecond)
		}
		p.press(at, by, action)
		if d.chance(0.3) {
			p.press(at+d.between(0, 800*time.Millisecond), by, action)
		}
		if action == "approve" && d.chance(0.3) {
			p.press(at+d.between(0, 20*time.Second), by, "take_back")
		}
	}
	between := pick(d, []time.Duration{0, time.Millisecond, 300 * time.Millisecond, 20 * time.Second})
	// Approvers decide, so that most requests don't expire.
	if d.chance(0.8) {
		at, order, action := d.between(2*time.Second, 5*time.Minute), d.next(), pick(d, []string{"approve", "approve", "approve", "deny"})
		w.then(w.clock.now().Add(at), order, func() {
			policy := w.ledger.policies[len(w.ledger.policies)-1].policy
			now, x := w.clock.now(), access.NewIndex(&policy)
			c := w.ledger.casesSince(policy, access.Request{Requester: p.person, Target: p.target}, now)[0]
			several := len(x.Decide(c).Requirements) > 0
			for i, who := range people {
				if who.SlackID != guest && x.Permits(c, w.ledger.widest(policy, who, now)) {
					p.press(time.Duration(i)*between, who, action)
					if !several {
						return
					}
				}
			}
		})
	}
	if d.chance(w.trouble.policy) {
		w.then(w.clock.now().Add(d.between(0, 6*time.Minute)), d.next(), func() { w.enforce(pick(d, w.policies())) })
	}
	p.planHands()
	p.planOperators()
	p.watch()
	p.planBlock()
}

// retryForm sends the form again if it was refused because the person has an undecided
// request for the same access, or too many. It does so as soon as that request is
// decided, so that the access of both overlaps as often as possible.
func (p *plan) retryForm(inv *invocation) {
	w, d := p.world, p.dice
	var answer struct {
		Body string `json:"body"`
	}
	if json.Unmarshal(inv.raw, &answer) != nil || p.waits || w.ledger.request(p.id).row.ID != "" {
		return
	}
	same, pending := strings.Contains(answer.Body, "You already requested this"), strings.Contains(answer.Body, "still processing that request")
	many := strings.Contains(answer.Body, "wait for a decision")
	switch {
	case same || pending:
		w.ledger.count("Repeated")
	case many:
		w.ledger.count("TooMany")
	default:
		return
	}
	if p.turned++; p.turned > 6 || w.since() > busyFor+8*time.Minute {
		return
	}
	p.waits = true
	after, order := d.between(10*time.Second, 150*time.Second), d.next()
	if open := w.ledger.openFor(p.person.PrincipalID, p.target); same && open != nil {
		after = d.between(0, pick(d, []time.Duration{time.Second, 20 * time.Second}))
		open.onceDecided = append(open.onceDecided, func() { w.then(w.clock.now().Add(after), order, p.submit) })
		return
	}
	w.then(w.clock.now().Add(after), order, p.submit)
}

// watch reacts to changes of the request's row. It ends the access early, at any time
// or just at its end, or changes the policy between press and grant.
func (p *plan) watch() {
	w, d := p.world, p.dice
	early, sharp, change := d.chance(0.3), d.chance(0.3), d.chance(w.trouble.policy/2)
	policy := pick(d, w.policies())
	share, off := d.below(100), d.between(-2*time.Second, 2*time.Second)
	who := pick(d, append([]access.Person{p.person, p.person, p.person}, people...))
	lost, lostAt := d.chance(w.trouble.rows), d.below(110)
	order := d.next()
	moves, group, moveIn := d.chance(w.trouble.groups), pick(d, []string{"g-dev", "g-sec", "g-1"}), d.between(0, 2*time.Second)
	extends, extendAt := d.chance(0.3), d.below(100)
	leaves, kind := d.chance(w.trouble.gone/3), pick(d, []idtypes.UserStatus{idtypes.UserStatusDisabled, idtypesDeleted})
	w.ledger.request(p.id).watch = func(was, is access.Request) {
		if is.Outcome != nil && was.Outcome == nil && is.Outcome.Kind.Grants() && leaves {
			// This happens between the decision and the grant.
			gone := is.Requester
			if is.Outcome.Kind == access.OutcomeApproved && share < 50 {
				gone = is.Outcome.By
			}
			w.removeUser(gone, kind, 0, mix(order, 3))
		}
		if is.Outcome != nil && was.Outcome == nil && is.Outcome.Kind.Grants() && moves {
			mover := is.Requester
			if is.Outcome.Kind == access.OutcomeApproved && share < 60 {
				mover = is.Outcome.By
			}
			w.then(w.clock.now().Add(moveIn), mix(order, 4), func() { w.toggle(group, mover) })
		}
		if is.Outcome != nil && was.Outcome == nil && change {
			w.then(w.clock.now(), order, func() { w.enforce(policy) })
		}
		if is.GrantedAt.IsZero() || !was.GrantedAt.IsZero() {
			return
		}
		left := is.End.Sub(w.clock.now())
		if w.trouble.alone && w.since() < busyFor {
			// Someone requests the same access again, just when it is being removed.
			next := &plan{world: w, dice: w.source.dice("request"), person: p.person, target: p.target, duration: p.duration, view: p.view + "+"}
			next.id = access.RequestID(team, next.view)
			w.then(is.End.Add(off), mix(order, 1), next.submit)
		}
		if extends && w.since() < busyFor && !w.trouble.alone {
			p.extend(left*time.Duration(extendAt)/100, mix(order, 5))
		}
		if lost {
			w.then(w.clock.now().Add(left*time.Duration(lostAt)/100), mix(order, 2), func() { w.deleteRow(p.id) })
		}
		if early {
			p.press(left*time.Duration(share)/100, who, "end")
		}
		if sharp {
			p.press(max(0, left+off), p.person, "end")
			p.press(max(0, left+off/10), who, "end")
		}
	}
}

// extend plans that the person requests the same access again while they have it. Sometimes
// someone ends it at the moment at which the extension is decided, or after the end of the
// first request.
func (p *plan) extend(after time.Duration, order uint64) {
	w := p.world
	d := w.source.dice("extend")
	next := &plan{world: w, dice: w.source.dice("request"), person: p.person, target: p.target, duration: pick(d, durations), view: p.view + "e"}
	next.id = access.RequestID(team, next.view)
	w.then(w.clock.now().Add(after), order, next.submit)
	if d.chance(0.3) {
		// The message of the first request still has its button after its end.
		left := w.ledger.request(p.id).row.End.Sub(w.clock.now())
		p.press(left+d.between(0, 90*time.Second), pick(d, append([]access.Person{p.person, p.person, p.person}, people...)), "end")
	}
	if !d.chance(0.5) {
		return
	}
	which, at := pick(d, []*plan{p, next}), pick(d, []time.Duration{0, d.between(0, time.Second), d.between(0, 8*time.Second)})
	extension := w.ledger.request(next.id)
	extension.onceDecided = append(extension.onceDecided, func() {
		which.press(at, p.person, "end")
		p.press(at+d.between(0, 200*time.Millisecond), p.person, "end")
	})
}

// deleteRow deletes the request's row, as a person with access to the table may.
func (w *world) deleteRow(id string) {
	row, there := w.table.request(id)
	if !there {
		return
	}
	w.clock.say("somebody deletes the row of %s", id)
	r := w.ledger.request(id)
	r.deletedAt = w.clock.now()
	r.lost = r.lost || holds(row, r.deletedAt)
	w.ledger.count("rows deleted")
	w.table.write("request#"+id, nil)
}

// press presses a button of the request's message.
func (p *plan) press(after time.Duration, by access.Person, action string) {
	w := p.world
	w.then(w.clock.now().Add(after), p.dice.next(), func() {
		w.clock.say("%s presses %s of %s", by.SlackID, action, p.id)
		r := w.ledger.request(p.id)
		r.presses = append(r.presses, press{by, action, w.clock.now()})
		body := payload("block_actions", by, map[string]any{
			"actions":      []map[string]any{{"action_id": action, "value": p.id}},
			"response_url": "https://hooks.slack.com/actions/T1/1/x", "trigger_id": "t-1",
			"channel": map[string]any{"id": channel}, "message": map[string]any{"ts": "1.1"},
		})
		w.sendFromSlack(p.id, body, func(inv *invocation) {
			w.ledger.checkPress(p.id, action, by, inv)
			if callback := w.ledger.dialogs[inv]; callback != "" {
				if opens, _ := slack.ActionOf(callback); opens != action {
					w.ledger.broken(9, "%s of %s opened the dialog %s", action, p.id, callback)
				}
				p.confirm(by, callback, inv.source.dice("dialog"))
			}
		})
	})
}

// confirm plans that a person submits the dialog that their press opened, sometimes twice
// or not at all.
func (p *plan) confirm(by access.Person, callback string, d *dice) {
	w := p.world
	action, _ := slack.ActionOf(callback)
	for range pick(d, []int{1, 1, 1, 1, 1, 1, 2, 0}) {
		at := pick(d, []time.Duration{d.between(300*time.Millisecond, 2*time.Second), d.between(0, 30*time.Second)})
		w.then(w.clock.now().Add(at), d.next(), func() {
			w.clock.say("%s submits the dialog of %s", by.SlackID, p.id)
			inv := w.sendFromSlack(p.id, payload("view_submission", by, map[string]any{
				"view": map[string]any{"id": "V-dialog", "callback_id": callback, "private_metadata": p.id},
			}), func(inv *invocation) { w.ledger.checkPress(p.id, action, by, inv) })
			w.ledger.submits[inv] = true
		})
	}
}

// answerQuestion has people answer a run's question, soon or not at all.
func (w *world) answerQuestion(run string, d *dice) {
	for range d.below(3) {
		by, action := pick(d, people), pick(d, []string{"drift_remove", "drift_leave"})
		w.then(w.clock.now().Add(d.between(time.Second, 5*time.Minute)), d.next(), func() {
			w.clock.say("%s presses %s of %s", by.SlackID, action, run)
			w.sendFromSlack(run, payload("block_actions", by, map[string]any{
				"actions":      []map[string]any{{"action_id": action, "value": run}},
				"response_url": "https://hooks.slack.com/actions/T1/1/x",
				"channel":      map[string]any{"id": channel}, "message": map[string]any{"ts": "1.1"},
			}), nil)
		})
	}
}

// decideFindings has people press buttons of single findings in a run's report, soon, late
// or not at all. Some press buttons that the report doesn't have.
func (w *world) decideFindings(run string, d *dice) {
	for range d.below(8) {
		by, action := pick(d, people), pick(d, []string{access.ActionFindingRemove, access.ActionFindingLeave})
		value := access.FindingRef{Run: run, Index: pick(d, []int{0, 0, 0, 0, 1, 1, 2})}.ButtonValue()
		w.then(w.clock.now().Add(d.between(time.Second, 10*time.Minute)), d.next(), func() {
			w.clock.say("%s presses %s of %s", by.SlackID, action, value)
			w.sendFromSlack(run, payload("block_actions", by, map[string]any{
				"actions":      []map[string]any{{"action_id": action, "value": value}},
				"response_url": "https://hooks.slack.com/actions/T1/1/x",
				"channel":      map[string]any{"id": channel}, "message": map[string]any{"ts": "1.1"},
			}), nil)
		})
	}
}

// planHands plans for someone to create or remove the same access by hand.
func (p *plan) planHands() {
	w, d := p.world, p.dice
	for d.chance(w.trouble.byHand / 2) {
		create, at, order := d.chance(0.6), d.between(-time.Minute, 14*time.Minute), d.next()
		w.then(w.clock.now().Add(max(0, at)), order, func() { w.byHand(p.target, p.person, create) })
	}
}

// byHand creates or removes access as someone does in the console.
func (w *world) byHand(t access.Target, p access.Person, create bool) {
	s := access.Subject{Target: t, PrincipalID: p.PrincipalID}
	have := w.ledger.subject(s.Key())
	if exists, _ := w.hasAccess(s.Key()); exists == create {
		return
	}
	if w.isChanging(s.Key()) {
		return // the console shows a conflict
	}
	now := w.clock.now()
	if !create {
		w.clock.say("somebody removes %s by hand", s.Key())
		w.center.Remove(s)
		lost := have.lost
		w.ledger.noteRemoval(s.Key(), true)
		have.removed, have.lost = now, lost
		return
	}
	w.clock.say("somebody makes %s by hand", s.Key())
	w.center.Add(s)
	w.ledger.noteAppearance(s.Key(), true)
	have.byHand = now
	if t.Kind == access.KindAccount {
		// An assignment has no id. If the system grants access that someone also
		// created by hand, nothing tells the two apart, and the system takes both for
		// its own.
		_, held := w.table.lease(s.Key())
		have.mixed = held || w.ledger.isGranting(s.Key())
	}
}

// planOperators plans for someone to stop and redrive executions, to start others for
// the same request, and to resume its wait with a forged approval.
func (p *plan) planOperators() {
	w, d := p.world, p.dice
	if d.chance(w.trouble.stops / 2) {
		// This happens while the access is being created.
		after, state, order := d.between(0, 4*time.Second), pick(d, []string{"Grant", "Grant", "ConfirmGrant", "AuditGrant", "AwaitEnd"}), d.next()
		w.ledger.request(p.id).stopIn = state
		w.ledger.request(p.id).stop = func(e *execution) { w.then(w.clock.now().Add(after), order, e.stop) }
	}
	if !d.chance(w.trouble.stops) {
		return
	}
	for range 1 + d.below(3) {
		at, what, order := d.between(0, 16*time.Minute), d.below(8), d.next()
		name := fmt.Sprintf("%s-by-hand-%d", p.id, at)
		w.then(w.clock.now().Add(at), order, func() {
			e := w.steps.executions[w.ledger.request(p.id).row.ExecutionARN]
			if e == nil {
				return
			}
			switch what {
			case 0, 1, 2:
				e.stop()
			case 3:
				w.ledger.noteRedrive(e)
				e.redrive()
			case 4:
				w.steps.start(requestMachineARN, name, `{"request_id":"`+p.id+`"}`)
			case 5, 6:
				// Someone resumes the wait and claims that the request was approved.
				r := w.ledger.request(p.id).row
				if t := w.steps.tokens[r.ApprovalToken]; t != nil && t.state == tokenOpen && e.status == "RUNNING" {
					w.clock.say("somebody resumes the wait of %s with a forged approval", p.id)
					t.state, t.output = tokenUsed, map[string]any{"next": "approved", "wait_seconds": 1.0}
					w.clock.wake(t.strand.turn)
				}
			case 7:
				e.stop()
				again := w.clock.now().Add(d.between(time.Second, 3*time.Minute))
				w.then(again, mix(order, 1), func() {
					w.ledger.noteRedrive(e)
					e.redrive()
				})
			}
		})
	}
}

// sendFromSlack sends a signed request as Slack does. When it is answered, it calls
// then with the invocation.
func (w *world) sendFromSlack(about, body string, then func(*invocation)) *invocation {
	timestamp := strconv.FormatInt(w.clock.now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(signingSecret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	event := events.APIGatewayV2HTTPRequest{
		Headers: map[string]string{
			"content-type":              "application/x-www-form-urlencoded",
			"x-slack-request-timestamp": timestamp,
			"x-slack-signature":         "v0=" + hex.EncodeToString(mac.Sum(nil)),
		},
		Body: body,
	}
	event.RequestContext.TimeEpoch = w.clock.now().UnixMilli()
	text, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	inv := w.lambda.run("ingress", map[string]any{"request_id": about}, text, nil)
	inv.then = then
	return inv
}

// payload returns the body of an interaction, with the common fields and the given
// ones.
func payload(kind string, by access.Person, fields map[string]any) string {
	all := map[string]any{"type": kind, "team": map[string]any{"id": team}, "user": map[string]any{"id": by.SlackID}, "api_app_id": app}
	for k, v := range fields {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return url.Values{"payload": {string(text)}}.Encode()
}

// form returns the submission of the filled-in form.
func (p *plan) form() string {
	selected := func(value string) map[string]any {
		return map[string]any{"selected_option": map[string]any{"value": value}}
	}
	values := map[string]any{
		"duration": map[string]any{"duration": selected(strconv.Itoa(int(p.duration / time.Second)))},
		"reason":   map[string]any{"reason": map[string]any{"value": "to see what happens"}},
	}
	callback, metadata := "request_for_access", `{"kind":"account","account_id":"`+p.target.AccountID+`"}`
	if p.target.Kind == access.KindGroup {
		callback, metadata = "request_for_group_membership", `{"kind":"group"}`
		values["group"] = map[string]any{"group": selected(p.target.GroupID)}
	} else {
		values["account"] = map[string]any{"account": selected(p.target.AccountID)}
		values["permission_set-"+p.target.AccountID] = map[string]any{"permission_set": selected(p.target.PermissionSetARN)}
	}
	return payload("view_submission", p.person, map[string]any{"view": map[string]any{
		"id": p.view, "hash": "h1", "callback_id": callback, "private_metadata": metadata, "state": map[string]any{"values": values},
	}})
}
