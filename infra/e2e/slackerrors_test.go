package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/statemachine"
)

// slackFault makes calls to Slack fail: those whose arguments contain match.
func (s *stack) slackFault(t *testing.T, method, code, match string, count int, more map[string]any) {
	t.Helper()
	fault := map[string]any{"method": method, "error": code, "match": match, "count": count}
	for k, v := range more {
		fault[k] = v
	}
	if err := s.post("/sim/faults", fault, nil); err != nil {
		t.Fatal(err)
	}
}

// slackFaultLeft reports whether a fault with that match has not occurred yet.
func (s *stack) slackFaultLeft(t *testing.T, match string) bool {
	t.Helper()
	var pending struct {
		Faults []struct {
			Match string `json:"match"`
		} `json:"faults"`
	}
	if err := s.get("/sim/faults", &pending); err != nil {
		t.Fatal(err)
	}
	for _, f := range pending.Faults {
		if f.Match == match {
			return true
		}
	}
	return false
}

// mend deletes the faults with that match.
func (s *stack) mend(t *testing.T, match string) {
	t.Helper()
	remove(t, s.Page+"sim/faults?match="+url.QueryEscape(match))
}

// history returns what the execution went through.
func (r *request) history(t *testing.T) []sfntypes.HistoryEvent {
	t.Helper()
	var events []sfntypes.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(r.stack.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: r.execution(t).ExecutionArn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, page.Events...)
	}
	return events
}

// failures returns the tasks that failed, as the history says it: "error: cause".
func (r *request) failures(t *testing.T) []string {
	t.Helper()
	var failed []string
	for _, e := range r.history(t) {
		if d := e.TaskFailedEventDetails; d != nil {
			failed = append(failed, aws.ToString(d.Error)+": "+aws.ToString(d.Cause))
		}
	}
	return failed
}

// failure is a failed attempt of a task.
type failure struct {
	says string        // "error: cause"
	took time.Duration // since it was scheduled
}

// failuresIn returns the failed attempts of these states. AwaitEnd runs beside
// NotifyGranted, so the order of the events doesn't say which state failed.
func (r *request) failuresIn(t *testing.T, states ...string) (failed []failure) {
	t.Helper()
	type task struct {
		state     string
		scheduled time.Time
	}
	tasks := map[int64]task{} // by event
	for _, e := range r.history(t) {
		of := tasks[e.PreviousEventId]
		if d := e.StateEnteredEventDetails; d != nil {
			of = task{*d.Name, *e.Timestamp}
		}
		if e.TaskScheduledEventDetails != nil {
			of.scheduled = *e.Timestamp
		}
		tasks[e.Id] = of
		if !slices.Contains(states, of.state) {
			continue
		}
		took := e.Timestamp.Sub(of.scheduled)
		if d := e.TaskFailedEventDetails; d != nil {
			failed = append(failed, failure{aws.ToString(d.Error) + ": " + aws.ToString(d.Cause), took})
		}
		if d := e.TaskTimedOutEventDetails; d != nil {
			failed = append(failed, failure{aws.ToString(d.Error) + ": " + aws.ToString(d.Cause), took})
		}
	}
	return failed
}

// has reports whether the attempt failed with this code and text.
func (f failure) has(code, text string) bool {
	return strings.HasPrefix(f.says, code+": ") && strings.Contains(f.says, text)
}

// slackTooSlow is what a function says if a call to Slack took too long.
const slackTooSlow = "Slack did not answer in time"

// isOverload reports whether the attempt failed because something took too long. On an
// overloaded machine, this happens without any fault.
func (f failure) isOverload() bool {
	return f.has("Sandbox.Timedout", "") || f.has("States.Timeout", "") || strings.Contains(f.says, "deadline exceeded") || strings.Contains(f.says, slackTooSlow)
}

// failedWith counts the attempts in these states that failed with this code and text.
// All others must have failed because of an overload, which overload reports.
func (r *request) failedWith(t *testing.T, code, text string, states ...string) (n int, overload bool) {
	t.Helper()
	for _, f := range r.failuresIn(t, states...) {
		switch {
		case f.has(code, text):
			n++
		case f.isOverload():
			overload = true
		default:
			t.Errorf("%q fails with %q, want %s and %q", states, f.says, code, text)
		}
	}
	return n, overload
}

// maxTries is how often a test that depends on time may try.
const maxTries = 3

// untilInTime calls try until nothing is wrong. After an overload it calls try again, which
// must make a new request. What an overload doesn't excuse, try reports itself.
func untilInTime(t *testing.T, try func() (wrong string, overload bool)) {
	t.Helper()
	for n := 1; ; n++ {
		wrong, overload := try()
		if wrong == "" {
			return
		}
		if !overload || n == maxTries {
			t.Errorf("try %d: %s", n, wrong)
			return
		}
		t.Logf("try %d, on an overloaded machine: %s; once more", n, wrong)
	}
}

// timeInState returns how long the execution was in the state, which it has left.
func (r *request) timeInState(t *testing.T, state string) time.Duration {
	t.Helper()
	var entered, exited time.Time
	for _, e := range r.history(t) {
		if d := e.StateEnteredEventDetails; d != nil && *d.Name == state {
			entered = *e.Timestamp
		}
		if d := e.StateExitedEventDetails; d != nil && *d.Name == state {
			exited = *e.Timestamp
		}
	}
	if entered.IsZero() || exited.Before(entered) {
		t.Fatalf("the execution was in %s from %v to %v", state, entered, exited)
	}
	return exited.Sub(entered)
}

// ended waits for the execution's end if no message leads to it.
func (r *request) ended(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, within, "the execution succeeds", func() error {
		if status := r.execution(t).Status; status != sfntypes.ExecutionStatusSucceeded {
			return fmt.Errorf("it is %s", status)
		}
		return nil
	})
}

// wantMisconfigured waits until the metric was raised this many times since before. A
// function's output may reach the log after its response.
func wantMisconfigured(t *testing.T, before, atLeast int) {
	t.Helper()
	eventually(t, soon, "the metric is raised", func() error {
		if raised := misconfigured(t) - before; raised < atLeast {
			return fmt.Errorf("it was raised %d times, want at least %d", raised, atLeast)
		}
		return nil
	})
}

// waitMisconfigured waits until an attempt in these states fails because someone must fix
// something.
func (r *request) waitMisconfigured(t *testing.T, states ...string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("%q fails with Misconfigured", states), func() error {
		if failed := r.failuresIn(t, states...); !slices.ContainsFunc(failed, func(f failure) bool { return f.has("Misconfigured", "") }) {
			return fmt.Errorf("it failed with %v", failed)
		}
		return nil
	})
}

// misconfigured returns how often the metric was raised so far.
func misconfigured(t *testing.T) int {
	t.Helper()
	log, err := os.ReadFile(local.log)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, []byte(`"Misconfigured":1`))
}

// TestSlackWantsMending checks errors that someone must fix. The execution names
// the error and says what to do, and the alarm's metric is raised. Once it is
// fixed, the request continues by itself. The test runs before the parallel tests,
// because its effects must come before the requests expire.
func TestSlackWantsMending(t *testing.T) {
	before := misconfigured(t)
	type trouble struct {
		code, account, says string
		*request
	}
	var troubles []*trouble
	for _, tt := range []*trouble{
		{code: "channel_not_found", account: "shop-production", says: "check the channel id in the settings"},
		{code: "not_in_channel", account: "shop-staging", says: "invite the app to the channel"},
		{code: "token_revoked", account: "shop-development", says: "store the app's current bot token"},
	} {
		reason := fmt.Sprintf("%s, %s", t.Name(), tt.code)
		tt.request = local.askBecause(t, wish{zoe, tt.account, "DeveloperAccess", 10}, reason, func(id string) {
			local.slackFault(t, "chat.postMessage", tt.code, id, -1, nil)
		})
		troubles = append(troubles, tt)
	}
	for _, tt := range troubles {
		tt.waitsIn(t, "WaitForSlack")
		tt.waitMisconfigured(t, "Announce", "AnnounceAgain")
		tt.failedWith(t, "Misconfigured", tt.code+"; "+tt.says, "Announce", "AnnounceAgain")
		local.mend(t, tt.id)
	}
	wantMisconfigured(t, before, len(troubles))
	for _, tt := range troubles {
		if res := local.press(t, bob, tt.message(t), "deny", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
	}
	for _, tt := range troubles {
		tt.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, tt.request, "requested", "denied")
	}
}

// TestRevokeNeverWaitsForSlack revokes the token before the request. Access comes,
// ends in time, and is recorded, although no message can be posted. With the new token, a
// message shows that it has ended.
func TestRevokeNeverWaitsForSlack(t *testing.T) {
	t.Parallel()
	untilInTime(t, func() (wrong string, overload bool) {
		r := local.askBecause(t, wish{zoe, "data-lake", "ReadOnlyAccess", 10}, t.Name(), func(id string) {
			local.slackFault(t, "*", "token_revoked", id, -1, nil)
		})
		defer local.mend(t, r.id)
		r.waitAssigned(t)
		r.waitGone(t, 10*time.Second+removalLimit)
		r.waitRecorded(t, "revoked")
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
		end, gone := r.at(t, "granted").Add(10*time.Second), r.at(t, "revoked")
		if late := gone.Sub(end); late > removalLimit {
			t.Errorf("the access was gone %s after its end", late)
		}
		r.waitMisconfigured(t, "NotifyRevoked")
		for _, state := range []string{"Announce", "NotifyGranted", "NotifyRevoked"} {
			if n, slow := r.failedWith(t, "Misconfigured", "token_revoked", state); n == 0 {
				wrong, overload = state+" doesn't say that the token is revoked", slow
				break
			}
		}
		for _, f := range r.failuresIn(t, "Evaluate", "Grant", "ConfirmGrant", "AuditGrant", "Revoke", "ConfirmRevoke", "AuditRevoke") {
			if !f.isOverload() {
				t.Errorf("it also failed with %q", f.says)
			}
		}
		local.mend(t, r.id)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		r.shows(t, "⚪")
		wantOnce(t, r, "revoked")
		return wrong, overload
	})
}

// TestGrantNeverWaitsForSlack keeps Slack from answering when the app posts a
// request that the policy approved. The access is granted anyway, and the request appears
// later, once.
func TestGrantNeverWaitsForSlack(t *testing.T) {
	t.Parallel()
	const longest = 7500 * time.Millisecond // one try of two seconds and a cold start; two tries of four would take longer
	untilInTime(t, func() (wrong string, overload bool) {
		r := local.askBecause(t, wish{grace, "data-lake", "ReadOnlyAccess", 10}, t.Name(), func(id string) {
			local.slackFault(t, "chat.postMessage", "", id, 2, map[string]any{"delay": "10s"})
		})
		r.ended(t, 10*time.Second+removalLimit+soon)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
		r.onlyOnce(t)
		for _, f := range r.failuresIn(t, "Announce") {
			if strings.Contains(f.says, slackTooSlow) && !f.has("NotPosted", "") {
				t.Errorf("Announce fails with %q, want NotPosted if Slack is slow", f.says)
			}
		}
		n, overload := r.failedWith(t, "NotPosted", "", "Announce")
		if n > 1 {
			t.Errorf("%d attempts failed with NotPosted, want 1", n)
		}
		if n == 0 {
			return "Announce doesn't fail with NotPosted", overload
		}
		// One run in time is enough, because each run has one attempt.
		if took := r.timeInState(t, "Announce"); took > longest {
			return fmt.Sprintf("announcing took %s, want at most %s", took, longest), true
		}
		return "", false
	})
}

// TestSlackRateLimit checks that the call waits as long as Slack asks for, and that
// the message appears once.
func TestSlackRateLimit(t *testing.T) {
	t.Parallel()
	const wait = 2 * time.Second
	// An attempt that took this long had no time to wait.
	noTime := statemachine.FunctionTimeouts["notify"] - wait
	untilInTime(t, func() (wrong string, overload bool) {
		r := local.askBecause(t, wish{zoe, "network", "DeveloperAccess", 10}, t.Name(), func(id string) {
			local.slackFault(t, "chat.postMessage", "ratelimited", id, 1, map[string]any{"retry_after": int(wait.Seconds())})
		})
		m := r.message(t)
		r.waitsIn(t, "AwaitApproval")
		if took := r.timeInState(t, "Announce"); took < wait {
			t.Errorf("announcing took %s: Slack asked to wait %s", took, wait)
		}
		for _, f := range r.failuresIn(t, "Announce", "AnnounceAgain") {
			wrong = fmt.Sprintf("it failed with %q after %s", f.says, f.took)
			overload = f.isOverload() || f.has("Throttled", "") && f.took >= noTime
			if !overload {
				break
			}
		}
		local.press(t, zoe, m, "withdraw", false)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		r.onlyOnce(t)
		return wrong, overload
	})
}

// onlyOnce checks that the channel has no second message about the request, and that the
// thread below it has each reply once, and at most two of them besides reminders.
func (r *request) onlyOnce(t *testing.T) {
	t.Helper()
	n := 0
	for _, p := range r.stack.posts(t, "") {
		if p.ThreadTS == "" && p.Ephemeral == "" && p.Metadata.EventPayload["request_id"] == r.id {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d messages about the request, want 1", n)
	}
	replies := 0
	for purpose, posts := range r.thread(t) {
		if len(posts) != 1 {
			t.Errorf("%d replies %q, want 1", len(posts), purpose)
		}
		if !strings.HasPrefix(purpose, "remind-") {
			replies++
		}
	}
	if replies > 2 {
		t.Errorf("%d replies about the request, want at most 2", replies)
	}
}

// TestSlackAnswerLost checks that a message is not posted again if Slack accepted
// it but its answer was lost or late.
func TestSlackAnswerLost(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]map[string]any{
		"the connection breaks": {"lost": true},
		"the answer is late":    {"lost": true, "delay": "5s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			untilInTime(t, func() (wrong string, overload bool) {
				r := local.askBecause(t, wish{zoe, "shared-services", "DeveloperAccess", 10}, t.Name(), func(id string) {
					local.slackFault(t, "chat.postMessage", "", id, 1, more)
				})
				m := r.message(t)
				r.waitsIn(t, "AwaitApproval")
				n, overload := r.failedWith(t, "Unavailable", "post a message", "Announce", "AnnounceAgain")
				if n == 0 {
					wrong = "no attempt failed because the answer was lost"
				}
				local.press(t, zoe, m, "withdraw", false)
				r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
				r.onlyOnce(t)
				return wrong, overload
			})
		})
	}
}

// TestSlackScopeMissing checks that a request is refused if the approvers can't be
// looked up, and that requester and operators are told.
func TestSlackScopeMissing(t *testing.T) {
	t.Parallel()
	// Only this request has this approver, so no function has looked them up before.
	const approver = "unasked@example.com"
	local.slackFault(t, "users.lookupByEmail", "missing_scope", approver, -1, nil)
	defer local.mend(t, approver)
	r := local.ask(t, wish{zoe, "playground", "DatabaseAdmin", 10})
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	r.shows(t, "This app is not set up correctly.")
	wantEvents(t, r, "requested", "refused")
	if n, _ := r.failedWith(t, "Misconfigured", "add the scope to the Slack app", "Evaluate"); n == 0 {
		t.Error("Evaluate doesn't say that a scope is missing")
	}
}

// TestSlackTokenRevokedInTheForm checks that the requester is told, and the metric
// raised.
func TestSlackTokenRevokedInTheForm(t *testing.T) {
	t.Parallel()
	const somebody = "U0CROWD59"
	before := misconfigured(t)
	local.slackFault(t, "users.info", "token_revoked", somebody, -1, nil)
	defer local.mend(t, somebody)
	f := local.open(t, somebody)
	defer f.unlock()
	v := f.view(t)
	if !strings.Contains(string(v.Raw), "This app is not set up correctly.") {
		t.Errorf("the form says %s", v.Raw)
	}
	wantMisconfigured(t, before, 1)
}
