package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
	"sso-elevator/slack/simulator"
)

// removalLimit is the guarantee: the first attempt to remove access comes within 60
// s after its end.
const removalLimit = 60 * time.Second

// parallel are the states inside Active; their order is not fixed.
var parallel = []string{"AwaitEnd", "NotifyGranted", "Told", "Ended", "WaitForEnd"}

// path returns an execution's states, without those inside Active.
func path(states []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(states), func(s string) bool { return slices.Contains(parallel, s) }), " ")
}

// toGrant matches the ways from the wait for an approval to Grant. Either the press
// resumes the wait, or a reminder is due just then and the execution finds the
// decision. It may have reminded before that.
var toGrant = regexp.MustCompile(`\bAwaitApproval (?:RemindOrExpire Decided\? (?:Remind )?AwaitApproval )*(?:Approved\? OnlyTheHint|RemindOrExpire Decided\?) Grant\b`)

// approvedPath returns path with everything between Route and Grant replaced by
// "approval".
func approvedPath(states []string) string {
	return toGrant.ReplaceAllLiteralString(path(states), "approval Grant")
}

func TestApprovedPath(t *testing.T) {
	for way, want := range map[string]bool{
		"AwaitApproval Approved? OnlyTheHint":                                              true,
		"AwaitApproval RemindOrExpire Decided?":                                            true,
		"AwaitApproval RemindOrExpire Decided? Remind AwaitApproval Approved? OnlyTheHint": true,
		"AwaitApproval RemindOrExpire Decided? AwaitApproval RemindOrExpire Decided?":      true,
		"AwaitApproval RemindOrExpire Decided? AwaitApproval":                              false,
		"AwaitApproval":           false,
		"AwaitApproval Approved?": false,
		"AwaitApproval AwaitWait RemindOrExpire Decided?":                                         false,
		"AwaitApproval RemindOrExpire Decided? Refuse AwaitApproval RemindOrExpire Decided?":      false,
		"AwaitApproval RemindOrExpire Decided? AnnounceAgain AwaitApproval Approved? OnlyTheHint": false,
	} {
		states := strings.Fields("Route " + way + " Grant ConfirmGrant")
		if got := approvedPath(states) == "Route approval Grant ConfirmGrant"; got != want {
			t.Errorf("%s: %t, want %t", way, got, want)
		}
	}
}

const removal = "Revoke ConfirmRevoke AuditRevoke NotifyRevoked Close Done"

func wantEvents(t *testing.T, r *request, want ...string) {
	t.Helper()
	if got := r.events(t); !slices.Equal(got, want) {
		t.Errorf("audit records are %q, want %q", got, want)
	}
}

func wantOnce(t *testing.T, r *request, purposes ...string) {
	t.Helper()
	thread := r.thread(t)
	for _, purpose := range purposes {
		if n := len(thread[purpose]); n != 1 {
			t.Errorf("%d messages %q in the thread, want 1", n, purpose)
		}
	}
}

func TestApprovedRequest(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "shop-staging", "DeveloperAccess", 20})
	m := r.message(t)
	if !m.has("approve") || !m.has("deny") {
		t.Fatalf("the message has no buttons: %s", m.Blocks)
	}
	if r.assigned(t) {
		t.Fatal("access before approval")
	}
	if res := local.press(t, bob, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.shows(t, "🟢")
	if m := r.message(t); m.has("approve") || !m.has("end") {
		t.Errorf("while access is there the message has the wrong buttons: %s", m.Blocks)
	}
	went := r.waitGone(t, 20*time.Second+removalLimit)
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantLasted(t, r, went, 20*time.Second)
	if got, want := approvedPath(states), "Evaluate OnlyToRevoke? Announce Route approval Grant ConfirmGrant AuditGrant Active "+removal; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	wantOnce(t, r, "granted", "revoked")
	checkRecords(t, r)
}

// wantLasted checks that access was not removed before the requested time had
// passed since the grant. At gone the test saw that it was gone, which may be late
// but not early.
func wantLasted(t *testing.T, r *request, gone time.Time, asked time.Duration) {
	t.Helper()
	if lasted := gone.Sub(r.at(t, "granted")); lasted < asked {
		t.Errorf("the access was gone %s after it was granted, want %s", lasted, asked)
	}
}

// holdRemoval delays the request's removal until letGo is called. So another
// request can be granted before, however slow this machine is.
func (r *request) holdRemoval(t *testing.T) (letGo func()) {
	t.Helper()
	label := "removal of " + r.id
	r.stack.fault(t, faults.Rule{Kind: faults.Hold, Label: label, RequestID: r.id, Function: "-revoke", Operation: "start", Count: -1})
	return sync.OnceFunc(func() { r.stack.forget(t, label) })
}

// whileCreating returns a rule for ask that holds grant's confirmation, so that the request
// stays in creation until the test forgets the label.
func whileCreating(label string) faults.Rule {
	return faults.Rule{Kind: faults.Hold, Label: label, Function: "-grant", Operation: "confirm", Count: -1}
}

// checkRecords checks the order of the records, and what they say.
func checkRecords(t *testing.T, r *request) {
	t.Helper()
	for _, rec := range r.audit(t) {
		for field, want := range map[string]string{
			"request_id": r.id, "requester_email": emailOf(t, r.wish.person), "requester_slack_id": r.wish.person,
			"role_name": r.wish.permissionSet, "account_id": r.stack.accountID(t, r.wish.account), "reason": r.reason,
		} {
			if rec[field] != want {
				t.Errorf("record %v: %s is %v, want %q", rec["event"], field, rec[field], want)
			}
		}
	}
}

func TestAutomaticRequest(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "data-lake", "ReadOnlyAccess", 10})
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	if got, want := path(states), "Evaluate OnlyToRevoke? Announce Route Grant ConfirmGrant AuditGrant Active "+removal; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
}

func TestSelfApproval(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{grace, "network", "SupportAccess", 10})
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	for _, rec := range r.audit(t) {
		if by := rec["approver_email"]; rec["event"] != "requested" && (by != emailOf(t, grace) || rec["approvers"] != by || rec["approver_slack_id"] != grace) {
			t.Errorf("record %v: approver %v, %v, of %v", rec["event"], by, rec["approver_slack_id"], rec["approvers"])
		}
	}
}

// TestRefusedRequest checks a request that Slack knows none of the approvers of.
func TestRefusedRequest(t *testing.T) {
	t.Parallel()
	r := askPastForm(t, wish{alice, "network", "DatabaseAdmin", 10}, "vanished2")
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	if got, want := path(states), "Evaluate OnlyToRevoke? Announce Route AuditOutcome NotifyOutcome Close Done"; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	if m := r.message(t); m.has("approve") {
		t.Errorf("a refused request can still be approved: %s", m.Blocks)
	}
	if r.assigned(t) {
		t.Error("access although refused")
	}
	wantEvents(t, r, "requested", "refused")
}

func TestDeniedAndWithdrawn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, presser, action, event, account string
	}{
		{"denied", carol, "deny", "denied", "log-archive"},
		{"withdrawn", alice, "withdraw", "withdrawn", "security-tooling"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := local.ask(t, wish{alice, tt.account, "DeveloperAccess", 10})
			m := r.message(t)
			if res := local.press(t, tt.presser, m, tt.action, false); !res.OK {
				t.Fatalf("press: %+v", res)
			}
			r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
			if m := r.message(t); m.has("approve") || m.has("deny") {
				t.Errorf("the buttons are still there: %s", m.Blocks)
			}
			// An approval that comes too late is told the outcome.
			if res := local.press(t, bob, m, "approve", true); !res.OK {
				t.Errorf("late press: %+v", res)
			}
			if r.assigned(t) {
				t.Error("access although " + tt.event)
			}
			wantEvents(t, r, "requested", tt.event)
		})
	}
}

// These are the times of reminders and expiry in testdata/elevator.yaml.
const (
	firstReminder      = 10 * time.Second
	reminderMultiplier = 1.5
	expiration         = 80 * time.Second
)

// reminderDue returns how long after the creation of a request its nth reminder is
// due.
func reminderDue(n int) time.Duration {
	due, wait := time.Duration(0), float64(firstReminder)
	for range n {
		due += time.Duration(wait)
		wait *= reminderMultiplier
	}
	return due
}

// late is how long the tests wait for something that must not appear in Slack,
// after it would be due.
const late = 6 * time.Second

// look is one time that the function evaluate decided what comes next. It read the
// clock some time between began and ended.
type look struct {
	began, ended time.Time
	wait         time.Duration // for an approval, or 0 if there is none
	reminds      bool
}

// looks returns those of the execution, in order.
func (r *request) looks(t *testing.T) (looks []look) {
	t.Helper()
	for _, e := range r.history(t) {
		d := e.StateEnteredEventDetails
		if d == nil {
			continue
		}
		if n := len(looks); n > 0 {
			last := &looks[n-1]
			if last.ended.IsZero() {
				last.ended = *e.Timestamp
			}
			switch *d.Name {
			case "Remind":
				last.reminds = true
			case "AwaitApproval":
				var input struct {
					Approval struct {
						WaitSeconds int64 `json:"wait_seconds"`
					} `json:"approval"`
				}
				if err := json.Unmarshal([]byte(*d.Input), &input); err != nil {
					t.Fatal(err)
				}
				last.wait = time.Duration(input.Approval.WaitSeconds) * time.Second
			}
		}
		if *d.Name == "Evaluate" || *d.Name == "RemindOrExpire" {
			looks = append(looks, look{began: *e.Timestamp})
		}
	}
	return looks
}

// clockError is how far times in the history, which are in milliseconds, may differ
// from the function's clock.
const clockError = 2 * time.Millisecond

// waitsUntilDue reports whether the wait ends at the first of dues after the look,
// in whole seconds, rounded up. This does not depend on how busy this machine is.
func (l look) waitsUntilDue(dues ...time.Time) bool {
	for i, due := range dues {
		// Between began and ended, this may still be the next due time.
		ahead := due.After(l.began) && (i == 0 || !dues[i-1].After(l.ended))
		if ahead && !l.began.Add(l.wait).After(due.Add(time.Second+clockError)) && !l.ended.Add(l.wait).Before(due.Add(-clockError)) {
			return true
		}
	}
	return false
}

// postedAt returns when a message was posted.
func postedAt(t *testing.T, p post) time.Time {
	t.Helper()
	seconds, err := strconv.ParseFloat(p.TS, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

// wantNotBefore checks that something came when it was due, or later. How much
// later depends on the machine; looks say whether the wait had the right length.
func wantNotBefore(t *testing.T, what string, at, due time.Time) {
	t.Helper()
	t.Logf("%s came %s after it was due", what, at.Sub(due))
	if at.Before(due) {
		t.Errorf("%s came %s before it was due", what, due.Sub(at))
	}
}

// reminders returns the reminders in the request's thread, by number, and checks
// that each appears once.
func (r *request) reminders(t *testing.T) map[int]post {
	t.Helper()
	found := map[int]post{}
	for purpose, posts := range r.thread(t) {
		text, is := strings.CutPrefix(purpose, "remind-")
		if !is {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || len(posts) != 1 {
			t.Errorf("%d messages %q in the thread", len(posts), purpose)
			continue
		}
		found[n] = posts[0]
	}
	return found
}

// TestExpiredAfterReminders checks that the first reminder comes after the first
// wait, each further one after a growing wait, and then the request expires. All
// times count from the request's creation.
func TestExpiredAfterReminders(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "analytics-sandbox", "DeveloperAccess", 10})
	m := r.message(t)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, expiration+soon)
	wantEvents(t, r, "requested", "expired")
	made := r.at(t, "requested")
	var dues []time.Time // of the reminders, then of the expiry
	for n := 1; reminderDue(n) < expiration; n++ {
		dues = append(dues, made.Add(reminderDue(n)))
	}
	if len(dues) != 3 {
		t.Fatalf("the settings have %d reminders, want 3", len(dues))
	}
	dues = append(dues, made.Add(expiration))
	due := func(at time.Time) (n int) { // how many reminders exist by then
		for n < len(dues) && !at.Before(dues[n]) {
			n++
		}
		return n
	}

	// Each check finds what is due by then, and waits for what is due next. A reminder
	// that a busy machine missed is not sent later.
	looks, reminders, sent := r.looks(t), r.reminders(t), 0
	for i, l := range looks[:len(looks)-1] {
		if !l.waitsUntilDue(dues...) {
			t.Errorf("look %d, %s to %s after the request, waits %s: not until the next of %v", i, l.began.Sub(made), l.ended.Sub(made), l.wait, dues)
		}
		least, most := due(l.began.Add(-clockError)), due(l.ended.Add(clockError))
		if least > sent && !l.reminds || l.reminds && most <= sent {
			t.Errorf("look %d, %s to %s after the request: a reminder is %t, of %d due and %d sent", i, l.began.Sub(made), l.ended.Sub(made), l.reminds, least, sent)
		}
		if !l.reminds {
			continue
		}
		for sent = max(least, sent+1); sent < most && reminders[sent].TS == ""; sent++ {
		}
		p, ok := reminders[sent]
		if !ok {
			t.Errorf("there is no reminder %d", sent)
			continue
		}
		wantNotBefore(t, fmt.Sprintf("reminder %d", sent), postedAt(t, p), dues[sent-1])
		delete(reminders, sent)
	}
	if sent == 0 || len(reminders) > 0 {
		t.Errorf("%d reminders, and more than were due: %v", sent, reminders)
	}
	last := looks[len(looks)-1]
	expired := r.at(t, "expired")
	wantNotBefore(t, "the expiry", expired, made.Add(expiration))
	if expired.After(last.ended.Add(clockError)) || last.reminds || last.wait != 0 {
		t.Errorf("it expired at %v, after the last look, which ended at %v", expired, last.ended)
	}
	wantNotBefore(t, "the word that it has expired", postedAt(t, r.thread(t)["outcome"][0]), made.Add(expiration))
	wantOnce(t, r, "outcome")
	if now := r.message(t); now.has("approve") {
		t.Errorf("the buttons are still there: %s", now.Blocks)
	}
	local.press(t, bob, m, "approve", true)
	if r.assigned(t) {
		t.Error("access after the request had expired")
	}
	wantEvents(t, r, "requested", "expired")
}

// TestNoReminderAfterTheOutcome checks that no reminder is sent after the outcome,
// neither while there is access nor after a denial.
func TestNoReminderAfterTheOutcome(t *testing.T) {
	t.Parallel()
	for action, account := range map[string]string{"approve": "shop-development", "deny": "shop-staging"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			r := local.ask(t, wish{lena, account, "DeveloperAccess", 20})
			m := r.message(t)
			eventually(t, soon, "the first reminder", func() error {
				if len(r.reminders(t)) == 0 {
					return errNotYet
				}
				return nil
			})
			if res := local.press(t, bob, m, action, false); !res.OK {
				t.Fatalf("press: %+v", res)
			}
			r.finished(t, sfntypes.ExecutionStatusSucceeded, 20*time.Second+removalLimit+soon)
			decided, made := r.stack.requestRow(t, r.id, "outcome").Outcome.At, r.at(t, "requested")
			next := 1 // the first one due after the outcome
			for !made.Add(reminderDue(next)).After(decided) {
				next++
			}
			time.Sleep(time.Until(made.Add(reminderDue(next) + late)))
			for n := range r.reminders(t) {
				if n >= next {
					t.Errorf("reminder %d came although it was decided before it was due", n)
				}
			}
		})
	}
}

func TestEndedEarly(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "shared-services", "ReadOnlyAccess", 120})
	r.waitAssigned(t)
	eventually(t, soon, "the button to end it", func() error {
		if !r.message(t).has("end") {
			return errNotYet
		}
		return nil
	})
	if res := local.press(t, alice, r.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitGone(t, removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
}

func TestNonApproverPresses(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "payments-staging", "DeveloperAccess", 10})
	m := r.message(t)
	for _, person := range []string{erin, alice} { // an approver of other targets, and the requester
		r.pressRefused(t, person, m, "approve")
		if res := local.press(t, person, m, "deny", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		told := 0
		for _, p := range local.posts(t, person) {
			if p.Ephemeral == person && p.Channel == m.Channel {
				told++
			}
		}
		if told == 0 {
			t.Errorf("%s is not told that they may not", person)
		}
	}
	if now := r.message(t); !now.has("approve") {
		t.Errorf("the request is not open any more: %s", now.Blocks)
	}
	local.press(t, bob, m, "approve", false)
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "press_refused", "press_refused", "approved", "granted", "revoked")
	var who []string
	for _, rec := range r.audit(t) {
		if rec["event"] == "press_refused" {
			who = append(who, fmt.Sprint(rec["actor_slack_id"], " ", rec["actor_principal_id"] == local.principalID(t, rec["actor_slack_id"].(string)), " ", rec["action"], " ", rec["decision_reason"]))
		}
	}
	if want := []string{erin + " true approve NotApprover", alice + " true approve NotApprover"}; !slices.Equal(who, want) {
		t.Errorf("the records of the presses say %q, want %q", who, want)
	}
}

// TestTwoApproversAtOnce checks that two presses at once have one outcome and one
// effect. No press is lost silently: if nothing is decided, someone was told to
// press again, and does.
func TestTwoApproversAtOnce(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "shop-production", "DeveloperAccess", 10})
	m := r.message(t)
	var warned atomic.Bool
	var all sync.WaitGroup
	for _, p := range []struct{ person, action string }{{bob, "approve"}, {carol, "deny"}, {bob, "approve"}, {carol, "approve"}} {
		all.Go(func() {
			var res simulator.Result
			local.post("/sim/press", map[string]any{"person": p.person, "channel": m.Channel, "ts": m.TS, "action_id": p.action, "stale": true}, &res)
			if res.Status == http.StatusInternalServerError || res.Error == "timeout" {
				warned.Store(true) // Slack shows them a warning
			}
		})
	}
	all.Wait()
	if local.requestRow(t, r.id, "outcome").Outcome == nil {
		if !warned.Load() && local.toldToPressAgain(t, bob, m.TS)+local.toldToPressAgain(t, carol, m.TS) == 0 {
			t.Fatal("four presses came to nothing, and nobody was told to press again")
		}
		local.press(t, bob, m, "approve", true)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+soon)
	got := r.events(t)
	if !slices.Equal(got, []string{"requested", "denied"}) && !slices.Equal(got, []string{"requested", "approved", "granted", "revoked"}) {
		t.Errorf("audit records are %q", got)
	}
	if r.assigned(t) {
		t.Error("access is left behind")
	}
}

// TestOverlappingRequests checks that access ends with the last of two requests, and that
// the first one's messages then say until when the access continues. The second one extends
// the first, so the test can see that it outlives the first.
func TestOverlappingRequests(t *testing.T) {
	t.Parallel()
	w := wish{frank, "payments-production", "ReadOnlyAccess", 60}
	first := local.ask(t, w)
	letGo := first.holdRemoval(t)
	defer letGo()
	first.waitAssigned(t)
	second := local.ask(t, w)
	second.shows(t, "🟢")
	letGo()
	first.finished(t, sfntypes.ExecutionStatusSucceeded, 60*time.Second+removalLimit)
	if !second.assigned(t) {
		t.Error("the first request took the second's access away")
	}
	if m := second.message(t); !m.has("end") {
		t.Errorf("the second request's message is not that of access: %s", m.Blocks)
	}
	m, until := first.message(t), local.requestRow(t, second.id, "end").End
	says(t, "the first request's message", m, "⚪ Request ended: access continues through another request", " still has this access through another request (message), until ")
	wantTime(t, m, until)
	other := second.message(t)
	if link := "/archives/" + other.Channel + "/p" + strings.ReplaceAll(other.TS, ".", "") + `"`; !strings.Contains(string(m.Blocks), link) {
		t.Errorf("the first request's message has no link to the second's: %s", m.Blocks)
	}
	if m.has("end") {
		t.Errorf("the first request's message can still end the access: %s", m.Blocks)
	}
	replies := first.thread(t)["revoked"]
	if len(replies) != 1 {
		t.Fatalf("%d replies about the first request's end, want one", len(replies))
	}
	says(t, "the reply about the first request's end", replies[0], "your request has ended. You still have this access through another request (message), until ")
	wantTime(t, replies[0], until)
	if res := local.press(t, frank, second.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	second.waitGone(t, removalLimit)
	second.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, first, "requested", "approved", "granted", "revoked")
	wantEvents(t, second, "requested", "approved", "granted", "ended", "revoked")
	for r, want := range map[*request]string{first: "kept", second: "removed"} {
		for _, rec := range r.audit(t) {
			if rec["event"] == "revoked" && rec["removal"] != want {
				t.Errorf("the record of the removal says %v, want %s", rec["removal"], want)
			}
		}
	}
}
