package simulation

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/leases"
	"sso-elevator/functions/adapters/policyinforce"
	rows "sso-elevator/functions/adapters/table"
	"sso-elevator/functions/drift"
	"sso-elevator/slack"
)

// ledger knows what really happened, whatever the system believes. It checks the
// invariants during a history.
type ledger struct {
	world    *world
	policies []inForce
	requests map[string]*dossier // by id
	access   map[string]*subject // by lease key
	grants   []*invocation       // all invocations of grant
	looks    []*invocation       // of reconcile's search for what was left behind
	answers  map[*invocation]string
	dialogs  map[*invocation]string // which opened a dialog, and its callback id
	submits  map[*invocation]bool   // which that dialog's submission began
	counts   map[string]int
	blocks   blockList
	// removals are the deletions of findings that Identity Center accepted.
	removals map[access.FindingRef]*removal
	// sightings are when the history said that each access was first found.
	sightings map[string][]sighting
	// left is when each row was written that says that someone left access alone.
	left map[string]time.Time
	// groupDeleted are the groups that someone deleted, homes where each account is.
	groupDeleted map[string]bool
	homes        map[string][]home
}

// sighting is what the history said from a time on: when access was first found; zero if it
// said nothing.
type sighting struct{ from, first time.Time }

// removal is the removal of a finding.
type removal struct {
	key     string
	first   time.Time // of its deletions
	consent bool      // a person agreed to the run's removals
}

// maxRemovals is how many findings may be removed within 24 hours without a
// person's consent.
const maxRemovals = 1

type inForce struct {
	from   time.Time
	policy access.Policy
}

// dossier is what the ledger knows about a request.
type dossier struct {
	id      string
	row     access.Request // its latest version
	presses []press
	// attempts are the times at which revoke was invoked for it.
	attempts []time.Time
	starts   int // attempts that begin a removal
	// goneAt is when its execution first ended. If someone redrives an execution
	// during its wait, the wait starts over, and the sweep comes first.
	goneAt time.Time
	// deletedAt is when someone deleted its row. lost is set if it had access then.
	deletedAt time.Time
	lost      bool
	confirmed bool // its lease said when its access ends
	// redriven is set if someone redrove its execution.
	redriven bool
	created  time.Time // when the creation of its access was accepted, or zero
	active   bool      // it reached its wait for the end
	// stop is called when its execution enters the state stopIn.
	stopIn string
	stop   func(*execution)
	// evaluated, entered and granted are when it was evaluated, first entered the lease,
	// and was granted; or zero.
	evaluated, entered, granted time.Time
	// shown is the end of the access that it extended, as its approvers read it; zero if
	// they read of none.
	shown   time.Time
	endedBy *invocation // a person's press of its own End now
	// waits is set if its execution may have no task token in the row. Then the
	// execution doesn't learn about an early end; the sweep does.
	waits bool
	// noted is when an early end was accepted: its person was told nothing else.
	noted time.Time
	// onceDecided are called when the request is decided or given up.
	onceDecided []func()
	// closing is the last invocation of notify for its end.
	closing *invocation
	// watch is called after each change of the row.
	watch func(was, is access.Request)
}

type press struct {
	by   access.Person
	kind string
	at   time.Time
}

// subject is what the ledger knows about an assignment or a membership.
type subject struct {
	key     string
	there   bool
	since   time.Time
	byHand  time.Time // when someone last created it by hand
	removed time.Time // when someone last removed it by hand
	// lastByHand is set if someone, not the system, removed it last. deleted is when
	// Identity Center last accepted the system's deletion.
	lastByHand bool
	deleted    time.Time
	// foundGone is set if someone had removed it before the system's removal began.
	foundGone bool
	// mixed is set if access created by hand can't be told from the system's own,
	// because a grant of the same access was in progress or complete.
	mixed bool
	// lost is set if the response to a membership's creation may not have reached the
	// system.
	lost bool
	// periods are the times in which it existed, leases those in which it had a lease.
	periods, leases []period
}

func newLedger(w *world) *ledger {
	l := &ledger{world: w, requests: map[string]*dossier{}, access: map[string]*subject{}, answers: map[*invocation]string{}, dialogs: map[*invocation]string{}, submits: map[*invocation]bool{}, counts: map[string]int{}, removals: map[access.FindingRef]*removal{}, left: map[string]time.Time{},
		groupDeleted: map[string]bool{}, homes: map[string][]home{}}
	l.blocks.first, l.blocks.last = map[*invocation]time.Time{}, map[*invocation]time.Time{}
	for account, unit := range unitOf {
		l.homes[account] = []home{{w.clock.start, unit}}
	}
	return l
}

func (l *ledger) count(name string) { l.counts[name]++ }

func (l *ledger) request(id string) *dossier {
	r := l.requests[id]
	if r == nil {
		r = &dossier{id: id}
		l.requests[id] = r
	}
	return r
}

func (l *ledger) subject(key string) *subject {
	s := l.access[key]
	if s == nil {
		s = &subject{key: key}
		l.access[key] = s
	}
	return s
}

func (l *ledger) broken(invariant int, format string, args ...any) {
	l.world.broken(fmt.Sprintf("invariant %d", invariant), fmt.Sprintf(format, args...))
}

// noteAnswer notes what a person was told about their press.
func (l *ledger) noteAnswer(inv *invocation, text string) { l.answers[inv] = text }

// noteDialog notes that a press opened a dialog, which must be about its own request.
func (l *ledger) noteDialog(inv *invocation, view slackgo.ModalViewRequest) {
	l.dialogs[inv] = view.CallbackID
	if _, ok := slack.ActionOf(view.CallbackID); !ok || view.PrivateMetadata != inv.about {
		l.broken(9, "a press about %s opened the view %q about %q", inv.about, view.CallbackID, view.PrivateMetadata)
	}
}

// inForceSince returns the policies that a function may have used since a time. It may
// remember one for policyinforce.MaxAge.
func (l *ledger) inForceSince(from time.Time) []access.Policy {
	from = from.Add(-policyinforce.MaxAge)
	var all []access.Policy
	for i, p := range l.policies {
		if i+1 == len(l.policies) || l.policies[i+1].from.After(from) {
			all = append(all, p.policy)
		}
	}
	return all
}

// noteInvocation notes that a function runs.
func (l *ledger) noteInvocation(inv *invocation) {
	operation, _ := inv.payload["operation"].(string)
	switch {
	case inv.function == "revoke" && (operation == "start" || operation == "confirm"):
		r := l.request(inv.about)
		r.attempts = append(r.attempts, l.world.clock.now())
		if operation == "start" {
			r.starts++
		}
	case inv.function == "revoke" && operation == "settle":
		// If a request's row was deleted, the sweep of its lease removes the access.
		for _, r := range l.requests {
			if key, _ := inv.payload["lease"].(string); !r.deletedAt.IsZero() && r.row.Subject().Key() == key {
				r.attempts = append(r.attempts, l.world.clock.now())
			}
		}
	case inv.function == "notify" && (operation == "outcome" || operation == "revoked"):
		l.request(inv.about).closing = inv
	case inv.function == "grant":
		l.grants = append(l.grants, inv)
	}
}

func (l *ledger) noteState(e *execution, state string) {
	data, _ := e.root.data.(map[string]any)
	id, _ := data["request_id"].(string)
	if state == "WaitForEnd" {
		l.request(id).waits = true
	}
	if r := l.request(id); e.of == requestMachineARN && r.stop != nil && r.stopIn == state {
		r.stop(e)
		r.stop = nil
	}
	if r := l.request(id); state == "Close" && e.of == requestMachineARN && r.deletedAt.IsZero() && r.closing.failedIn(e) {
		l.broken(7, "request %s is closed, and its messages don't show how it ended: %s", id, r.closing.failure)
	}
	if state == "Complete?" {
		l.world.decideFindings(e.name, l.world.source.dice("findings"))
	}
	if state == "AwaitAnswer" {
		l.world.answerQuestion(e.name, l.world.source.dice("answer"))
	}
	if e.of != requestMachineARN || state != "Active" {
		return
	}
	r := l.request(id)
	r.active = true
	if r.deletedAt.IsZero() && !slices.ContainsFunc(r.row.Events, func(e access.Event) bool { return e.Kind == access.EventGranted }) {
		l.broken(3, "request %s is active, and its row has no record of it", id)
	}
}

// failedIn reports whether the invocation was made by the execution, and failed.
func (inv *invocation) failedIn(e *execution) bool {
	return inv != nil && inv.waiter != nil && inv.waiter.e == e && inv.failure != nil
}

func (l *ledger) noteEnd(e *execution) {
	for _, r := range l.requests {
		if r.row.ExecutionARN == e.arn && r.goneAt.IsZero() {
			r.goneAt = l.world.clock.now()
		}
	}
}

// noteRedrive notes that someone redrove an execution.
func (l *ledger) noteRedrive(e *execution) {
	for _, r := range l.requests {
		if r.row.ExecutionARN == e.arn {
			r.redriven = true
		}
	}
}

// checkCreation checks a creation of access that was accepted.
func (l *ledger) checkCreation(key string) {
	inv := l.world.doing
	if inv == nil || inv.function != "grant" {
		l.broken(1, "%s creates %s", inv.function, key)
		return
	}
	r := l.request(inv.about).row
	if d := l.request(inv.about); d.created.IsZero() {
		d.created = l.world.clock.now()
	}
	if r.Outcome != nil {
		l.checkNobodyGone("is granted", r, inv)
		l.checkNotBlocked(r)
	}
	switch {
	case r.ID == "":
		l.broken(1, "%s is created for a request that is not there: %q", key, inv.about)
	case r.Subject().Key() != key:
		l.broken(1, "%s is created for request %s, which is about %s", key, r.ID, r.Subject().Key())
	case r.Outcome == nil || !r.Outcome.Kind.Grants():
		l.broken(1, "%s is created for request %s, which is not approved", key, r.ID)
	case inv.payload["execution"] != r.ExecutionARN:
		l.broken(1, "%s is created for request %s by another execution, %v", key, r.ID, inv.payload["execution"])
	case !l.isPermitted(r, inv.began):
		l.broken(1, "%s is created for request %s, which no policy in force permits: %+v", key, r.ID, *r.Outcome)
	case r.Outcome.Kind == access.OutcomeApproved && !l.hasPressed(r.ID, "approve", r.Outcome.By):
		l.broken(1, "%s is created for request %s, which %s never approved", key, r.ID, r.Outcome.By.SlackID)
	}
	l.countByMembership(r)
}

// isPermitted reports whether a policy in force since then permits the row's
// decision.
func (l *ledger) isPermitted(r access.Request, since time.Time) bool {
	for _, p := range l.inForceSince(since) {
		for _, c := range l.casesSince(p, r, since) {
			switch r.Outcome.Kind {
			case access.OutcomeAutomatic:
				if access.NewIndex(&p).Decide(c).Outcome == access.DecideAutomatic && lets(p, c, r.Requester.PrincipalID, nil) {
					return true
				}
			case access.OutcomeApproved:
				if l.isApprovedUnder(p, c, r, since) {
					return true
				}
			default:
				denier := l.widest(p, r.Outcome.By, since)
				if r.Outcome.By.SlackID != guest && access.NewIndex(&p).PermitsDenial(c, denier) {
					return true
				}
			}
		}
	}
	return false
}

func (l *ledger) hasPressed(id, kind string, by access.Person) bool {
	return slices.ContainsFunc(l.request(id).presses, func(p press) bool { return p.kind == kind && p.by.SlackID == by.SlackID })
}

// checkDeletion checks a deletion of access that was accepted.
func (l *ledger) checkDeletion(key, membershipID string, byHand bool) {
	inv := l.world.doing
	now := l.world.clock.now()
	operation, _ := inv.payload["operation"].(string)
	_, run := inv.payload["run"]
	drift := run || operation == "settle" && l.isForDrift(key)
	if drift && !l.isCovered(key, inv.began) {
		l.broken(6, "%s is removed as drift, which no policy in force covers", key)
	}
	if drift {
		l.checkFindingRemoval(key, operation, inv)
	}
	s := l.subject(key)
	s.deleted = now
	// Without a row and a lease, the request's own execution treats the existing
	// access as its own.
	_, leased := l.world.table.lease(key)
	blind := !leased && !l.request(inv.about).deletedAt.IsZero()
	if byHand && !drift && !s.mixed && !blind && !(membershipID != "" && s.lost) {
		l.broken(6, "%s was made by hand, and %s %s of %s removes it", key, inv.function, operation, inv.about)
	}
	if inv.faults["dynamodb"] {
		return // if the table can't be read, removal takes precedence
	}
	for _, r := range l.requests {
		row := r.row
		if row.ID != "" && r.deletedAt.IsZero() && row.Subject().Key() == key && holds(row, now) && !(membershipID != "" && byHand) {
			l.broken(5, "%s is removed by %s %s of %s, while request %s holds it until %v", key, inv.function, operation, inv.about, row.ID, row.End.Sub(l.world.clock.start))
		}
	}
}

// checkFindingRemoval checks that a finding's removal was authorized: by its run, by
// the limit of removals without a person's consent, and by the exemptions.
func (l *ledger) checkFindingRemoval(key, operation string, inv *invocation) {
	lease, found := l.world.table.lease(key)
	if !found || lease.Drift == nil {
		return // access that a request left behind; a run joined its removal
	}
	ref := *lease.Drift
	run, found := l.world.table.run(ref.Run)
	if !found || !run.MayRemove(ref.Index) {
		l.broken(6, "%s is removed for the run %s, which may not: %+v", key, ref.Run, run)
	}
	now := l.world.clock.now()
	asks := run.Guard != ""
	press := run.PressAbout(ref.Index)
	if press != nil && press.Remove {
		l.counts["PressRemoved"]++
		if operation == "drift" && (!l.mayDecide(&access.RunAnswer{By: press.By}, lease.Subject.Target, inv.began) || press.By.PrincipalID == lease.Subject.PrincipalID) {
			l.broken(6, "%s is removed for the run %s, asked by somebody who may not: %+v", key, ref.Run, press)
		}
	}
	if leave, ok := l.world.table.leave(key); ok && operation == "drift" && l.left[key].Before(inv.began) && !leave.IsOver(now) && !leave.IsOverruledBy(press) {
		if l.blockedDuring(leave.By, inv.began, now) == nil {
			l.broken(6, "%s is removed for the run %s, and somebody left it: %+v", key, ref.Run, leave)
		}
		l.count("removed although a blocked person left it")
	}
	if by, _, ok := run.ConsentTo(ref.Index); ok && operation == "drift" && l.sawBlock(key+" is removed", by, l.blocks.first) {
		l.broken(15, "%s is removed for the run %s, released by %s, who is blocked", key, ref.Run, by.SlackID)
	}
	if run.Guard == access.GuardScopeGrew && slices.ContainsFunc(run.InScope, func(r [2]int) bool { return r[0] <= ref.Index && ref.Index < r[1] }) {
		// Nobody is asked about what the scope had before.
		asks = false
		if !l.wasCovered(key, run.StartedAt) {
			l.broken(6, "%s is removed for the run %s without consent, and no earlier policy covered it", key, ref.Run)
		}
	}
	if asks = asks || press != nil && press.Remove; operation == "drift" && asks && (press == nil || !press.Remove) && !l.mayDecide(run.AnswerAbout(ref.Index), lease.Subject.Target, inv.began) {
		l.broken(6, "%s is removed for the run %s, let go by somebody who approves it in no policy in force: %+v", key, ref.Run, run)
	}
	if operation == "drift" && l.isExempt(key, inv.began) {
		l.broken(6, "%s is removed for the run %s, and every policy in force exempts it", key, ref.Run)
	}
	if l.removals[ref] != nil {
		return
	}
	l.removals[ref] = &removal{key, now, asks}
	without := 0
	for _, r := range l.removals {
		if !r.consent && now.Sub(r.first) <= 24*time.Hour {
			without++
		}
	}
	if without > maxRemovals {
		l.broken(6, "%d findings were removed within 24 hours without a person's consent, the last one %s", without, key)
	}
}

// checkLeave checks that a person left the access alone, and not for longer than a press
// can. A Remove now may end a leave, after the access was removed for it.
func (l *ledger) checkLeave(leave access.Leave) {
	run, found := l.world.table.run(leave.Run)
	presses := run.PressesAbout(leave.Index)
	if i := slices.IndexFunc(presses, func(p access.FindingPress) bool { return p.By == leave.By && p.At.Equal(leave.At) }); found && i >= 0 {
		press := presses[i]
		switch {
		case press.Remove && leave.Until.Equal(leave.At):
			l.counts["LeaveEnded"]++
			ended := as[access.DriftRemoval](l.world.table.rows[fmt.Sprintf("removal#run#%s#%d", leave.Run, leave.Index)])
			if ended.FindingRef != leave.FindingRef || ended.Subject != leave.Subject {
				l.broken(6, "the leave of %s ended, and it was not removed: %+v, %+v", leave.Subject, leave, ended)
			}
			return
		case !press.Remove && !leave.Until.After(leave.At.Add(access.LeaveFor)):
			l.counts["Left"]++
			return
		}
	}
	l.broken(6, "%s is left alone, which nobody asked for: %+v, %+v", leave.Subject, leave, presses)
}

// mayDecide reports whether a policy in force since then lets the answer's author
// decide about the target.
func (l *ledger) mayDecide(a *access.RunAnswer, t access.Target, since time.Time) bool {
	return a != nil && slices.ContainsFunc(l.inForceSince(since), func(p access.Policy) bool {
		return access.NewIndex(&p).MayDecide(a.By, l.widest(p, a.By, since).Groups, t, unitsAbove(unitOf[t.AccountID]))
	})
}

// isExempt reports whether all policies in force since then exempt the access.
func (l *ledger) isExempt(key string, since time.Time) bool {
	for _, p := range l.inForceSince(since) {
		exempt := false
		for _, t := range targets {
			for _, who := range people {
				if key != (access.Subject{Target: t, PrincipalID: who.PrincipalID}).Key() {
					continue
				}
				if l.world.absent.kind(who.PrincipalID) == idtypesDeleted {
					continue // an exemption names an email, which nobody has any more
				}
				for _, e := range p.ExemptionsOf(t, l.world.clock.now()) {
					exempt = exempt || e.IsFor(who.Email)
				}
			}
		}
		if !exempt {
			return false
		}
	}
	if l.isUsedUp(key, since) {
		l.count("removed although exempt, 72 h after it was found")
		return false
	}
	return true
}

// noteHistory notes when the history says that access was first found.
func (l *ledger) noteHistory(body []byte) {
	var h drift.History
	if err := json.Unmarshal(body, &h); err != nil {
		panic(err)
	}
	now := l.world.clock.now()
	note := func(key string, first time.Time) {
		all := l.sightings[key]
		if len(all) > 0 && all[len(all)-1].first.Equal(first) || len(all) == 0 && first.IsZero() {
			return
		}
		if l.sightings == nil {
			l.sightings = map[string][]sighting{}
		}
		l.sightings[key] = append(all, sighting{now, first})
	}
	for key, seen := range h.Findings {
		note(key, seen.FirstSeen)
	}
	for key := range l.sightings {
		note(key, h.Findings[key].FirstSeen)
	}
}

// checkFindings checks that nothing is exempt for longer than 72 h after it was found.
func (l *ledger) checkFindings(body []byte) {
	var all []access.Finding
	if err := json.Unmarshal(body, &all); err != nil {
		panic(err)
	}
	for _, f := range all {
		if e := f.Exemption; e != nil && e.By == nil && (f.FirstSeen.IsZero() || e.Until.After(f.FirstSeen.Add(72*time.Hour))) {
			l.broken(6, "%s is exempt until %v, and was found at %v", f.Key(), e.Until, f.FirstSeen)
		}
	}
}

// isUsedUp reports whether exemptions of the access are over by what the history said at some
// moment since then.
func (l *ledger) isUsedUp(key string, since time.Time) bool {
	all := l.sightings[key]
	for i, s := range all {
		if i+1 < len(all) && !all[i+1].from.After(since) {
			continue // replaced before
		}
		if !s.first.IsZero() && !l.world.clock.now().Before(s.first.Add(72*time.Hour)) {
			return true
		}
	}
	return false
}

// holds reports whether the request is granted and has not ended.
func holds(r access.Request, now time.Time) bool {
	return !r.GrantedAt.IsZero() && r.RevokingAt.IsZero() && r.RevokedAt.IsZero() && r.EndRequest == nil && !r.Tombstone && now.Before(r.End)
}

// isForDrift reports whether the lease is for the removal of unknown access.
func (l *ledger) isForDrift(key string) bool {
	lease, found := l.world.table.lease(key)
	return found && lease.Drift != nil
}

// isCovered reports whether a policy in force since then covers the target.
func (l *ledger) isCovered(key string, since time.Time) bool {
	return slices.ContainsFunc(l.inForceSince(since), func(p access.Policy) bool { return covers(p, key) })
}

// wasCovered reports whether a policy covered the target at or before that time.
func (l *ledger) wasCovered(key string, at time.Time) bool {
	return slices.ContainsFunc(l.policies, func(p inForce) bool { return !p.from.After(at) && covers(p.policy, key) })
}

// covers reports whether the policy covers the target, whose units are those in the
// catalog.
func covers(p access.Policy, key string) bool {
	index := access.NewIndex(&p)
	return slices.ContainsFunc(slices.Concat(targets, decisionTargets), func(t access.Target) bool {
		return strings.HasPrefix(key, t.Key()+"#") && index.Covers(t, unitsAbove(unitOf[t.AccountID]))
	})
}

func (l *ledger) noteAppearance(key string, byHand bool) {
	s := l.subject(key)
	s.there, s.since = true, l.world.clock.now()
	end(s.periods, s.since)
	s.periods = append(s.periods, period{from: s.since, byHand: byHand})
}

func (l *ledger) noteRemoval(key string, byHand bool) {
	s := l.subject(key)
	s.there, s.since, s.mixed, s.lost, s.lastByHand = false, l.world.clock.now(), false, false, byHand
	end(s.periods, s.since)
}

// noteLostAnswer notes that the response to a membership's creation may not reach the
// caller.
func (l *ledger) noteLostAnswer(inv *invocation) {
	if r := l.request(inv.about).row; r.ID != "" {
		l.subject(r.Subject().Key()).lost = true
	}
}

// checkWrite checks each write of the table.
func (l *ledger) checkWrite(key string, before, after row) {
	if strings.HasPrefix(key, "lease#") && holdersOf(before) < 2 && holdersOf(after) >= 2 {
		l.counts["Overlap"]++
	}
	if strings.HasPrefix(key, "removal#run#") && after != nil {
		l.checkRemovalResult(as[access.DriftRemoval](after), before != nil)
	}
	if subject, ok := strings.CutPrefix(key, "left#"); ok && after != nil {
		l.left[subject] = l.world.clock.now()
		l.checkLeave(as[access.Leave](after))
	}
	if subject, ok := strings.CutPrefix(key, "lease#"); ok {
		l.noteLease(subject, before, after)
	}
	if subject, ok := strings.CutPrefix(key, "lease#"); ok && before == nil && as[access.Lease](after).Drift != nil {
		l.world.race(subject)
	}
	if key == rows.BlocksKey {
		l.checkBlocksWrite(before, after)
	}
	if strings.HasPrefix(key, "run#") && before != nil && after != nil {
		l.checkRunWrite(as[access.Run](before), as[access.Run](after))
	}
	id, ok := strings.CutPrefix(key, "request#")
	if !ok {
		return
	}
	r := l.request(id)
	if after == nil {
		if !r.deletedAt.Equal(l.world.clock.now()) {
			l.broken(4, "the row of request %s is removed", id)
		}
		return
	}
	was, is := r.row, as[access.Request](after)
	r.row = is
	if r.watch != nil {
		r.watch(was, is)
	}
	if was.Open() && !is.Open() {
		for _, do := range r.onceDecided {
			do()
		}
		r.onceDecided = nil
	}
	if before == nil {
		l.checkUndecided(is)
		// Revoke makes a row again that someone deleted.
		if is.Rebuilt == nil && l.sawBlock("request "+id+" is created", is.Requester, l.blocks.first) {
			l.broken(15, "request %s is created, and %s is blocked", id, is.Requester.SlackID)
		}
		return
	}
	l.checkUnchanged(was, is)
	now := l.world.clock.now()
	subject := is.Subject().Key()
	there, byHand := l.world.hasAccess(subject)
	s := l.subject(subject)
	if was.GrantedAt.IsZero() && !is.GrantedAt.IsZero() {
		if is.Outcome == nil || !is.Outcome.Kind.Grants() {
			l.broken(1, "request %s is granted without a decision", id)
		}
		if !there && now.Sub(s.removed) > time.Minute {
			l.broken(1, "request %s is granted, and its access is not there", id)
		}
		l.checkExtension(is)
		l.checkApproversOfGrant(is)
		r.granted = now
	}
	if was.EvaluatedDecision == nil && is.EvaluatedDecision != nil {
		r.evaluated = now
	}
	if d := is.EvaluatedDecision; d != nil && d.ChainTooLong && was.EvaluatedDecision == nil {
		l.count("extension too long")
	}
	if was.Outcome == nil && is.Outcome != nil {
		if is.Chain != nil {
			r.shown = is.Chain.End
		}
		l.checkDecision(is)
	}
	l.checkConfirmed(was, is)
	if was.EndRequest == nil && is.EndRequest != nil {
		l.checkEndRequest(is)
	}
	if was.Failure == nil && is.Failure != nil {
		l.checkFailure(is)
	}
	for _, e := range is.Events[min(len(was.Events), len(is.Events)):] {
		if e.Kind == access.EventPressRefused {
			l.checkPressRefused(is, e)
		}
	}
	if was.RevokedAt.IsZero() && !is.RevokedAt.IsZero() {
		l.checkRemoval(r, is)
	}
	// Identity Center may still list a deleted user's access; nobody can use it.
	usable := there && l.world.absent.kind(is.Requester.PrincipalID) != idtypesDeleted
	if was.RevokedAt.IsZero() && is.Removal == access.RemovalDone && usable && !byHand && s.since.Before(now.Add(-time.Second)) {
		if lease, held := l.world.table.lease(subject); !held || len(lease.Holders) < 2 && lease.State == access.LeaseDeleting {
			l.broken(2, "request %s is recorded as removed, and its access is there", id)
		}
	}
	if was.RevokingAt.IsZero() && !is.RevokingAt.IsZero() && holds(was, now) && l.world.trouble.faultless() && r.goneAt.IsZero() {
		l.broken(5, "the removal of request %s begins %v before its end", id, is.End.Sub(now))
	}
	if was.ClosedAt.IsZero() && !is.ClosedAt.IsZero() {
		if is.Audited != len(is.Events) && r.deletedAt.IsZero() {
			l.broken(3, "request %s is closed, and %d of its %d events are in the audit bucket", id, is.Audited, len(is.Events))
		}
		if !is.GrantedAt.IsZero() && is.RevokedAt.IsZero() {
			l.broken(2, "request %s is closed, and its access was not removed", id)
		}
	}
}

// checkUndecided checks that a person has at most one undecided request for a
// target, and at most openRequests in all.
func (l *ledger) checkUndecided(r access.Request) {
	same, all := 0, 0
	for _, d := range l.requests {
		if other := d.row; other.ID != "" && other.Open() && other.Requester.PrincipalID == r.Requester.PrincipalID {
			all++
			if other.Target.Key() == r.Target.Key() {
				same++
			}
		}
	}
	if same > 1 {
		l.broken(7, "request %s is created, and %s then has %d undecided requests for %s", r.ID, r.Requester.PrincipalID, same, r.Target)
	}
	if all > openRequests {
		l.broken(7, "request %s is created, and %s then has %d undecided requests", r.ID, r.Requester.PrincipalID, all)
	}
}

// openFor returns someone's undecided request for a target.
func (l *ledger) openFor(principalID string, t access.Target) *dossier {
	for _, d := range l.requests {
		if r := d.row; r.ID != "" && r.Open() && r.Requester.PrincipalID == principalID && r.Target.Key() == t.Key() {
			return d
		}
	}
	return nil
}

func holdersOf(lease row) int {
	if lease == nil {
		return 0
	}
	return len(as[access.Lease](lease).Holders)
}

// checkRemovalResult compares the recorded result of a finding's removal with
// what happened.
func (l *ledger) checkRemovalResult(r access.DriftRemoval, again bool) {
	if again {
		l.broken(4, "how the removal of %+v ended is written again", r)
	}
	made := l.removals[r.FindingRef]
	if r.Result != access.DriftRemoved {
		return
	}
	if made == nil || made.key != r.Subject {
		l.broken(3, "%s is recorded as removed for %+v, and the system never deleted it", r.Subject, r.FindingRef)
		return
	}
	there, byHand := l.world.hasAccess(r.Subject)
	if there && !byHand {
		l.broken(2, "%s is recorded as removed for %+v, and it is there", r.Subject, r.FindingRef)
	}
}

// noteLease notes whether someone else had removed the access, when the lease says so.
func (l *ledger) noteLease(key string, before, after row) {
	switch of := l.subject(key); {
	case before == nil && after != nil:
		of.leases = append(of.leases, period{from: l.world.clock.now()})
	case after == nil:
		end(of.leases, l.world.clock.now())
	}
	if after != nil {
		for id, holder := range as[access.Lease](after).Holders {
			if d := l.request(id); d.entered.IsZero() {
				d.entered = l.world.clock.now()
			}
			if !holder.End.IsZero() {
				l.request(id).confirmed = true
			}
		}
	}
	if after == nil || !as[access.Lease](after).Missing || before != nil && as[access.Lease](before).Missing {
		return
	}
	s := l.subject(key)
	there, _ := l.world.hasAccess(key)
	s.foundGone = !there && s.lastByHand
}

// checkRemoval checks the row's claim about who removed the access.
func (l *ledger) checkRemoval(d *dossier, r access.Request) {
	s := l.subject(r.Subject().Key())
	switch lease, _ := l.world.table.lease(s.key); {
	case r.Removal == access.RemovalAlreadyGone && !s.foundGone:
		l.broken(3, "request %s says that somebody else removed its access, and nobody did", r.ID)
	case r.Removal == access.RemovalDone && l.world.trouble.faultless() && d.starts == 1 && l.world.clock.now().Sub(l.firstAttempt(d)) < leases.UntouchedFor-time.Second && !lease.Shared && !r.Tombstone &&
		s.deleted.Before(r.GrantedAt) && s.removed.After(r.GrantedAt) && s.removed.Before(l.firstAttempt(d)):
		l.broken(3, "request %s says that its access was removed, and somebody else did", r.ID)
	}
}

// checkUnchanged checks that fields which are written once don't change.
func (l *ledger) checkUnchanged(was, is access.Request) {
	id := is.ID
	change := func(what string, was, is any) {
		if v := reflect.ValueOf(was); !v.IsZero() && !reflect.DeepEqual(was, is) {
			l.broken(4, "request %s: %s was %+v and is %+v", id, what, was, is)
		}
	}
	if was.Outcome != nil {
		change("the outcome", was.Outcome, is.Outcome)
	}
	approvers := func(r access.Request) (all []access.Person) {
		for _, a := range r.Approvals {
			all = append(all, a.By)
		}
		return all
	}
	if len(was.Events) == len(is.Events) && !slices.Equal(approvers(was), approvers(is)) || was.Outcome != nil && !reflect.DeepEqual(was.Approvals, is.Approvals) {
		l.broken(14, "request %s: the approvals were %+v and are %+v", id, was.Approvals, is.Approvals)
	}
	if was.EndRequest != nil {
		change("the early end", was.EndRequest, is.EndRequest)
	}
	change("its grant", was.GrantedAt, is.GrantedAt)
	change("its end", was.End, is.End)
	change("what it extends", was.Extends, is.Extends)
	change("the begin of its chain", was.ChainSince, is.ChainSince)
	change("the beginning of its removal", was.RevokingAt, is.RevokingAt)
	change("its removal", was.RevokedAt, is.RevokedAt)
	change("how it was removed", was.Removal, is.Removal)
	change("its close", was.ClosedAt, is.ClosedAt)
	change("its tombstone", was.Tombstone, is.Tombstone)
	change("its execution", was.ExecutionARN, is.ExecutionARN)
	change("its target", was.Target, is.Target)
	if was.Outcome != nil && was.Requester != is.Requester {
		l.broken(4, "request %s: the requester changed after the decision", is.ID)
	}
	if len(is.Events) < len(was.Events) || len(was.Events) > 0 && !reflect.DeepEqual(was.Events, is.Events[:len(was.Events)]) {
		l.broken(3, "request %s: its events were %v and are %v", is.ID, was.Events, is.Events)
	}
	if is.Audited < was.Audited {
		l.broken(3, "request %s: %d events were in the audit bucket, now %d", is.ID, was.Audited, is.Audited)
	}
}

// checkDecision checks a decision when it is written.
func (l *ledger) checkDecision(r access.Request) {
	inv := l.world.doing
	kinds := map[access.OutcomeKind]string{access.OutcomeApproved: "approve", access.OutcomeDenied: "deny", access.OutcomeWithdrawn: "withdraw"}
	if kind, byPerson := kinds[r.Outcome.Kind]; byPerson {
		// A reminder may approve a request that has enough approvals by now.
		byReminder := inv.function == "evaluate" && kind == "approve" && len(r.Approvals) > 0
		if inv.function != "ingress" && !byReminder || !l.hasPressed(r.ID, kind, r.Outcome.By) {
			l.broken(1, "request %s is %s by %s, who did not press: %s", r.ID, r.Outcome.Kind, r.Outcome.By.SlackID, inv.function)
		}
		if r.Outcome.Kind == access.OutcomeApproved {
			l.checkNobodyGone("is approved", r, inv)
			if l.sawBlock("request "+r.ID+" is approved", r.Requester, l.blocks.first) {
				l.broken(15, "request %s is approved, and its requester %s is blocked", r.ID, r.Requester.SlackID)
			}
		}
		if r.Outcome.Kind == access.OutcomeDenied && l.sawBlock("request "+r.ID+" is denied", r.Outcome.By, l.blocks.first) {
			l.broken(15, "request %s is denied by %s, who is blocked", r.ID, r.Outcome.By.SlackID)
		}
		if r.Outcome.Kind == access.OutcomeWithdrawn && r.Outcome.By.SlackID != r.Requester.SlackID {
			l.broken(1, "request %s is withdrawn by %s", r.ID, r.Outcome.By.SlackID)
		}
		if r.Outcome.Kind != access.OutcomeWithdrawn && !l.isPermitted(r, inv.began) {
			l.broken(1, "request %s is %s by %s, whom no policy in force lets", r.ID, r.Outcome.Kind, r.Outcome.By.SlackID)
		}
		return
	}
	if r.Outcome.Kind == access.OutcomeRefused && r.Outcome.Reason == string(access.CodeBlocked) {
		l.checkBlockedRefusal(r)
		return
	}
	if inv.function != "evaluate" {
		l.broken(1, "request %s is %s by %s", r.ID, r.Outcome.Kind, inv.function)
	}
	if r.Outcome.Kind.Grants() && l.sawBlock("request "+r.ID+" is granted automatically", r.Requester, l.blocks.first) {
		l.broken(15, "request %s is granted automatically, and %s is blocked", r.ID, r.Requester.SlackID)
	}
	if r.Outcome.Kind == access.OutcomeAutomatic && (!l.isPermitted(r, inv.began) || !l.isAutomatic(r, time.Duration(r.ChainSeconds())*time.Second, inv.began)) {
		l.broken(1, "request %s is granted automatically, which no policy in force says", r.ID)
	}
	if r.Outcome.Kind == access.OutcomeRefused {
		l.checkRefusal(r, inv)
	}
}
