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

// After access ends, the first attempt to remove it comes within these times: while
// the execution runs, and once it is gone.
const (
	whileAlive = 60 * time.Second
	onceGone   = 150 * time.Second
)

// isGranting reports whether a function that may create this access is running,
// or began less than a minute ago: its call may still arrive.
func (l *ledger) isGranting(key string) bool {
	now := l.world.clock.now()
	for _, inv := range l.grants {
		r := l.request(inv.about).row
		if r.ID != "" && r.Subject().Key() == key && (!inv.ended || now.Sub(inv.began) < time.Minute) {
			return true
		}
	}
	return false
}

// checkPress compares a press, or the submission of its dialog, with what its person was
// told. Status 200 without a message, a dialog or a body means that the press counted, so
// the row must have an outcome. After any other status, Slack shows a warning.
func (l *ledger) checkPress(id, action string, by access.Person, inv *invocation) {
	text, told := l.answers[inv]
	var answer struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"` // what the dialog says
	}
	unreadable := json.Unmarshal(inv.raw, &answer) != nil
	told = told || answer.StatusCode == 200 && answer.Body != ""
	if action == "end" {
		l.checkLateEnd(l.request(id), by, inv, text)
	}
	if r := l.request(id); action == "end" && inv.failure == nil && !inv.dead && !told && !inv.faults["slack"] && r.row.EndRequest != nil && r.noted.IsZero() {
		r.noted = l.world.clock.now()
	}
	if inv.failure != nil || inv.dead || told || l.dialogs[inv] != "" || action == "end" {
		return
	}
	if unreadable || answer.StatusCode != 200 {
		return
	}
	r := l.request(id)
	if !r.deletedAt.Before(inv.began) { // somebody deleted the row, and the decision with it
		return
	}
	recorded := map[string]access.EventKind{"approve": access.EventApprovalGiven, "take_back": access.EventApprovalTakenBack}[action]
	changed := slices.ContainsFunc(r.row.Events, func(e access.Event) bool { return e.Kind == recorded && access.SamePerson(e.By, by) })
	if r.row.Outcome == nil && !changed {
		l.broken(4, "%s pressed %s of %s and was told nothing (%q), and nothing is decided", by.SlackID, action, id, text)
	}
}

// checkClaimsLeft checks a row of claims that is left: it has no claims, but denials of the
// person's requests.
func (l *ledger) checkClaimsLeft(key string, c access.Claims) {
	if len(c.Claims) > 0 || len(c.Denials) == 0 {
		l.broken(7, "there still is %s: %v", key, c)
	}
	for target, d := range c.Denials {
		r := l.request(d.RequestID).row
		if o := r.Outcome; o == nil || o.Kind != access.OutcomeDenied || o.By != d.By || !o.At.Equal(d.At) || r.Target.Key() != target || r.Requester.PrincipalID != c.PrincipalID {
			l.broken(7, "%s has a denial of %s that never was: %+v, %+v", key, target, d, o)
		}
	}
}

// checkEnd checks the end of a history, after everything has worked for long enough.
func (l *ledger) checkEnd() {
	w := l.world
	if len(w.violations) > 0 {
		return
	}
	for _, e := range w.steps.inOrder {
		if e.status == "RUNNING" {
			l.broken(2, "execution %s still runs, in %s", e.name, e.root.at)
		}
		if e.error != nil && e.error.name == "States.Runtime" {
			l.broken(2, "execution %s ended by %v", e.name, e.error)
		}
	}
	for key := range w.table.rows {
		if strings.HasPrefix(key, "lease#") {
			l.broken(2, "there still is %s", key)
		}
		if strings.HasPrefix(key, "claims#") {
			l.checkClaimsLeft(key, as[access.Claims](w.table.rows[key]))
		}
	}
	for _, s := range l.access {
		// If Identity Center fails to remove the assignment of a deleted user, nobody
		// has access through it: the system counts it as gone (Vanished).
		if w.absent.kind(s.key[strings.LastIndexByte(s.key, '#')+1:]) == idtypesDeleted && w.failedToDelete(s.key) {
			continue
		}
		if there, byHand := w.hasAccess(s.key); there && !byHand {
			l.broken(2, "%s is still there", s.key)
		}
	}
	ids := make([]string, 0, len(l.requests))
	for id := range l.requests {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	records := l.records()
	for _, id := range ids {
		if d := l.requests[id]; !d.deletedAt.IsZero() {
			l.checkDeletedRequest(d, records[id])
		} else if d.row.ID != "" {
			l.checkClosedRequest(d, records[id])
		} else if len(records[id]) > 0 {
			l.broken(3, "there are audit records of request %s, which is not there", id)
		}
	}
	l.checkRemovals()
	l.checkEndings()
	l.checkPosts()
	for _, id := range ids {
		l.checkCurrent(l.requests[id])
	}
	l.checkTimes()
	l.checkRemovalsOfGone()
	l.checkBlocksAtEnd()
}

// checkRemovals checks that a finding has a record of its removal exactly if the
// system removed it, was allowed to, and the table says so.
func (l *ledger) checkRemovals() {
	recorded := map[access.FindingRef]auditrecord.Record{}
	for _, key := range l.world.objects.order {
		var rec auditrecord.Record
		if !strings.HasPrefix(key, auditBucket+"/logs/") || json.Unmarshal(l.world.objects.objects[key], &rec) != nil {
			continue
		}
		ref := access.FindingRef{Run: rec.RequestID, Index: rec.Sequence}
		if rec.Event == string(access.EventDriftPressed) {
			run, _ := l.world.table.run(ref.Run)
			presses := run.PressesAbout(ref.Index)
			i := slices.IndexFunc(presses, func(p access.FindingPress) bool {
				return p.By.SlackID == rec.ApproverSlackID && p.Action() == rec.Action && p.At.UnixMilli() == rec.Timestamp
			})
			if i < 0 {
				l.broken(3, "there is a record of a press on %+v, and nobody pressed so: %+v, %+v", ref, rec, presses)
			} else if strings.HasSuffix(key, "-2.json") != (i == 1) {
				l.broken(3, "the record of press %d on %+v is %s", i, ref, key)
			}
		}
		if run, ok := l.world.table.run(ref.Run); ok && rec.Event == string(access.EventPressRefused) {
			if presses := run.RefusedPresses; ref.Index >= len(presses) || presses[ref.Index].By.SlackID != rec.ActorSlackID || string(presses[ref.Index].Reason) != rec.DecisionReason {
				l.broken(3, "there is a record of a refused press on %+v, and nobody pressed so: %+v", ref, rec)
			}
		}
		if rec.Event != string(access.EventDriftRevoked) {
			continue
		}
		recorded[ref] = rec
		made := l.removals[ref]
		if made == nil || !strings.HasSuffix(made.key, "#"+rec.SSOUserPrincipalID) {
			l.broken(3, "there is a record that %+v was removed, and the system did not: %+v", ref, rec)
		}
		if run, found := l.world.table.run(ref.Run); !found || !run.MayRemove(ref.Index) {
			l.broken(3, "there is a record that %+v was removed, which its run may not", ref)
		}
	}
	for key, r := range l.world.table.rows {
		if !strings.HasPrefix(key, "removal#run#") {
			continue
		}
		ended := as[access.DriftRemoval](r)
		_, there := recorded[ended.FindingRef]
		if !there && l.world.insider != nil {
			continue // stopping executions can prevent a record, but not forge one
		}
		if there != (ended.Result == access.DriftRemoved) {
			l.broken(3, "the removal of %+v ended with %q, and a record of it is there: %v", ended.FindingRef, ended.Result, there)
		}
	}
}

func (l *ledger) checkClosedRequest(d *dossier, records map[int]auditrecord.Record) {
	r := d.row
	if r.ClosedAt.IsZero() {
		l.broken(2, "request %s is not closed: outcome %+v, granted %v, revoking %v, revoked %v, tombstone %v",
			r.ID, r.Outcome, r.GrantedAt, r.RevokingAt, r.RevokedAt, r.Tombstone)
		return
	}
	if r.ApprovalToken != "" || r.EndToken != "" {
		l.broken(7, "request %s is closed and has a task token", r.ID)
	}
	if len(records) != len(r.Events) {
		l.broken(3, "request %s has %d events, and %d audit records", r.ID, len(r.Events), len(records))
	}
	for i, e := range r.Events {
		rec, ok := records[i]
		if !ok || rec.Event != string(e.Kind) || rec.Sequence != i || rec.RequesterSlackID != r.Requester.SlackID ||
			rec.AccountID != orNA(r.Target.AccountID) || rec.GroupID != orNA(r.Target.GroupID) || rec.Time != e.At.UTC().Format(time.RFC3339Nano) {
			l.broken(3, "request %s: the audit record of event %d, %+v, is %+v", r.ID, i, e, rec)
		}
	}
	var kinds []access.EventKind
	for _, e := range r.Events {
		kinds = append(kinds, e.Kind)
	}
	want := l.eventsOf(r)
	got := slices.DeleteFunc(slices.Clone(kinds), func(k access.EventKind) bool {
		return k == access.EventRevokeFailed || k == access.EventPressRefused || isOfApproval(k)
	})
	l.checkApprovals(r)
	refused := map[string]bool{}
	for _, e := range r.Events {
		if e.Kind != access.EventPressRefused {
			continue
		}
		if !l.hasPressed(r.ID, e.Action, e.By) && !l.hasPressedLate(r, e) {
			l.broken(7, "request %s has the refused press %+v, which nobody made", r.ID, e)
		}
		if who := e.By.SlackID + " " + e.Reason; refused[who] {
			l.broken(7, "request %s has two refused presses of %s", r.ID, who)
		} else {
			refused[who] = true
		}
	}
	if !reflect.DeepEqual(got, want) {
		l.broken(7, "request %s has the events %v, want %v", r.ID, kinds, want)
	}
	if !r.GrantedAt.IsZero() && r.Removal == access.RemovalNothing {
		l.broken(3, "request %s was granted, and is recorded as never", r.ID)
	}
}

// checkDeletedRequest checks a request whose row somebody deleted: if it had
// access, the end of the access must still be recorded.
func (l *ledger) checkDeletedRequest(d *dossier, records map[int]auditrecord.Record) {
	r, there := l.world.table.request(d.id)
	switch {
	case there && (r.ClosedAt.IsZero() || r.Rebuilt != nil && r.RevokedAt.IsZero()):
		l.broken(2, "request %s, whose row was deleted, is not closed: revoking %v, revoked %v", d.id, r.RevokingAt, r.RevokedAt)
	case there && r.Rebuilt != nil && r.Outcome != nil:
		l.broken(4, "request %s, whose row was deleted, is decided: %+v", d.id, *r.Outcome)
	case there && r.Rebuilt == nil:
		return // its form was delivered again and created it again
	case !there && !d.lost:
		return // its access had ended, or nearly
	case !there && !d.confirmed:
		return // its lease never said that it had access, and was deleted with the other holders
	}
	ends := 0
	for _, rec := range records {
		if (rec.Event == string(access.EventRevoked) || rec.Event == string(access.EventNotGranted)) && strings.HasPrefix(rec.Detail, string(access.CodeRowLost)) {
			ends++
		}
	}
	if ends != 1 {
		l.broken(3, "request %s had access when its row was deleted, and there are %d records of its end: %v", d.id, ends, records)
	}
}

// eventsOf returns the events that a closed request must have, each once.
func (l *ledger) eventsOf(r access.Request) []access.EventKind {
	kinds := []access.EventKind{access.EventRequested}
	if r.Outcome != nil {
		kinds = append(kinds, access.EventOf(r.Outcome.Kind))
	}
	if !r.GrantedAt.IsZero() {
		kinds = append(kinds, access.EventGranted)
	}
	if r.EndRequest != nil {
		kinds = append(kinds, access.EventEnded)
	}
	switch {
	case r.RevokedAt.IsZero():
	case r.Removal != access.RemovalNothing:
		kinds = append(kinds, access.EventRevoked)
	case r.Outcome != nil && r.Outcome.Kind.Grants():
		kinds = append(kinds, access.EventNotGranted)
	case r.Outcome == nil || access.EventOf(r.Outcome.Kind) != access.EventRefused:
		kinds = append(kinds, access.EventRefused)
	}
	return kinds
}

func orNA(text string) string {
	if text == "" {
		return "NA"
	}
	return text
}

// records returns the audit bucket's records by request and event.
func (l *ledger) records() map[string]map[int]auditrecord.Record {
	all := map[string]map[int]auditrecord.Record{}
	for _, key := range l.world.objects.order {
		name, ok := strings.CutPrefix(key, auditBucket+"/logs/")
		if !ok {
			continue
		}
		if n := l.world.objects.written[key]; n != 1 {
			l.broken(7, "the audit record %s was written %d times", name, n)
		}
		var rec auditrecord.Record
		if err := json.Unmarshal(l.world.objects.objects[key], &rec); err != nil {
			l.broken(3, "the audit record %s can't be read: %v", name, err)
		}
		if strings.HasPrefix(rec.Event, "drift_") {
			continue
		}
		if all[rec.RequestID] == nil {
			all[rec.RequestID] = map[int]auditrecord.Record{}
		}
		if !l.request(rec.RequestID).deletedAt.IsZero() {
			// A rebuilt row counts its events from 0.
			all[rec.RequestID][len(all[rec.RequestID])] = rec
			continue
		}
		if _, twice := all[rec.RequestID][rec.Sequence]; twice {
			l.broken(7, "there are two audit records of event %d of request %s", rec.Sequence, rec.RequestID)
		}
		all[rec.RequestID][rec.Sequence] = rec
	}
	return all
}

// checkPosts checks that each message was posted once. Slack has no idempotency key,
// so a message may repeat in two cases. Either two functions ran at the same time,
// because one was given up or its execution was redriven. Or a call arrived after its
// sender died.
func (l *ledger) checkPosts() {
	first := map[string]*post{}
	for _, p := range l.world.slack.posts {
		if r, there := l.world.table.request(p.request); there && r.Rebuilt == nil && !l.request(p.request).deletedAt.IsZero() {
			continue // its row was deleted, and its form created it again
		}
		what := p.channel + " " + p.request + " " + p.purpose
		before := first[what]
		if before == nil {
			first[what] = p
			continue
		}
		if !before.by.overlaps(p.by) && !before.at.After(before.by.endedAt) && !p.at.After(p.by.endedAt) {
			l.broken(7, "the message %s was sent twice", what)
		}
	}
}

// checkCurrent checks that the direct messages about a request show how it ended, if the
// task that updates them succeeded.
func (l *ledger) checkCurrent(d *dossier) {
	inv := d.closing
	if d.row.ID == "" || !d.deletedAt.IsZero() || d.row.Rebuilt != nil || inv == nil || !inv.ended || inv.dead || inv.failure != nil {
		return
	}
	for _, s := range slack.DirectPosts(d.row) {
		for _, p := range l.world.slack.posts {
			if p.channel != s.Post.Channel || p.ts != s.Post.TS {
				continue
			}
			if l.count("direct messages"); p.digest != s.Message.Digest() {
				l.broken(7, "the direct message %s of request %s doesn't show its end", p.purpose, d.id)
			}
		}
	}
}

// overlaps reports whether the two ran at the same time.
func (inv *invocation) overlaps(other *invocation) bool {
	return inv.began.Before(other.endedAt) && other.began.Before(inv.endedAt)
}

// checkTimes checks that the first attempt to remove access comes soon after its
// end.
func (l *ledger) checkTimes() {
	for _, d := range l.requests {
		r := d.row
		if r.GrantedAt.IsZero() {
			l.checkTimeUngranted(d)
			continue
		}
		if !d.deletedAt.IsZero() && !d.confirmed {
			continue
		}
		within, from := whileAlive, r.End
		if !d.noted.IsZero() && d.noted.Before(from) && d.deletedAt.IsZero() {
			from = d.noted
			if d.waits {
				within = onceGone
			}
		}
		if !d.goneAt.IsZero() && d.goneAt.Before(l.firstAttempt(d)) {
			within = onceGone
			from = latest(from, d.goneAt)
			if !d.deletedAt.IsZero() {
				from = l.lastEnd(r.Subject().Key(), from)
			}
		}
		from = from.Add(l.outageDelay(from, within))
		first := l.firstAttempt(d)
		if within == onceGone {
			within += l.failedLookDelay(from, first)
		}
		if !d.deletedAt.IsZero() && !d.goneAt.IsZero() {
			// Only the lease knows about it. Someone may join the lease before the
			// next check.
			within += time.Minute
		}
		if first.After(from.Add(within)) {
			l.broken(2, "request %s ended at %v, and its removal was first tried at %v", r.ID, from.Sub(l.world.clock.start), first.Sub(l.world.clock.start))
		}
	}
}

// checkTimeUngranted checks that access which was created but never confirmed is
// removed soon after its execution ended, unless somebody redrove the execution.
func (l *ledger) checkTimeUngranted(d *dossier) {
	if d.created.IsZero() || d.goneAt.IsZero() || d.redriven {
		return
	}
	from := latest(d.created, d.goneAt)
	from = from.Add(l.outageDelay(from, onceGone))
	if first := l.firstAttempt(d); first.After(from.Add(onceGone + l.failedLookDelay(from, first))) {
		l.broken(2, "request %s was created and not confirmed, its execution ended at %v, and its removal was first tried at %v", d.id, from.Sub(l.world.clock.start), first.Sub(l.world.clock.start))
	}
}

// lastEnd returns when the last request for the access ends. If a request has neither
// a row nor an execution, only the lease leads to it. The lease is due at that end;
// until then, someone is meant to have the access.
func (l *ledger) lastEnd(key string, from time.Time) (last time.Time) {
	last = from
	for _, other := range l.requests {
		// Someone may also join before a check sees that the access has ended.
		if row := other.row; row.ID != "" && row.Subject().Key() == key && row.GrantedAt.Before(from.Add(onceGone)) {
			last = latest(last, row.End)
		}
	}
	return last
}

// failedLookDelay returns how late a removal may be because checks failed, at one per
// minute. The usual limit allows one failed check.
func (l *ledger) failedLookDelay(from, to time.Time) time.Duration {
	failed := 0
	for _, look := range l.looks {
		if (look.dead || look.failure != nil) && look.began.After(from) && look.began.Before(to) {
			failed++
		}
	}
	return time.Duration(max(failed-1, 0)) * time.Minute
}

// outageDelay returns how late a removal may be because Step Functions or the table is
// down. The system then can't tell that an execution is gone.
func (l *ledger) outageDelay(from time.Time, within time.Duration) time.Duration {
	var d time.Duration
	for _, o := range l.world.outages {
		if (o.service == "states" || o.service == "dynamodb") && o.from.Before(from.Add(within)) && o.to.After(from) {
			d = max(d, o.to.Sub(from)+2*time.Minute)
		}
	}
	return d
}

// firstAttempt returns when revoke was first invoked for the request, or the current
// time if it never was.
func (l *ledger) firstAttempt(d *dossier) time.Time {
	if len(d.attempts) == 0 {
		return l.world.clock.now()
	}
	return d.attempts[0]
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
