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
		failed := tt.failures(t)
		if len(failed) == 0 || !strings.HasPrefix(failed[0], "Misconfigured: ") || !strings.Contains(failed[0], tt.code) || !strings.Contains(failed[0], tt.says) {
			t.Errorf("%s: the execution says %q", tt.code, failed)
		}
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
	var failed []string
	eventually(t, soon, "all three messages fail", func() error {
		if failed = r.failures(t); len(failed) < 3 {
			return fmt.Errorf("the execution says %q", failed)
		}
		return nil
	})
	if slices.ContainsFunc(failed, func(f string) bool { return !strings.HasPrefix(f, "Misconfigured: ") }) {
		t.Errorf("the execution says %q, want only Misconfigured", failed)
	}
	local.mend(t, r.id)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	r.shows(t, "⚪")
	wantOnce(t, r, "revoked")
}

// TestGrantNeverWaitsForSlack keeps Slack from answering when the app posts a
// request that the policy approved. The access is granted anyway, and the request appears
// later, once.
func TestGrantNeverWaitsForSlack(t *testing.T) {
	t.Parallel()
	const longest = 7500 * time.Millisecond // one try of two seconds and a cold start; two tries of four would take longer
	r := local.askBecause(t, wish{grace, "data-lake", "ReadOnlyAccess", 10}, t.Name(), func(id string) {
		local.slackFault(t, "chat.postMessage", "", id, 2, map[string]any{"delay": "10s"})
	})
	r.ended(t, 10*time.Second+removalLimit+soon)
	if took := r.timeInState(t, "Announce"); took > longest {
		t.Errorf("announcing took %s, want at most %s", took, longest)
	}
	if failed := r.failures(t); len(failed) == 0 || !strings.HasPrefix(failed[0], "NotPosted: ") || strings.Count(strings.Join(failed, "\n"), "NotPosted: ") != 1 {
		t.Errorf("the execution says %q, want NotPosted first, and once", failed)
	}
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	r.onlyOnce(t)
}

// TestSlackRateLimit checks that the call waits as long as Slack asks for, and that
// the message appears once.
func TestSlackRateLimit(t *testing.T) {
	t.Parallel()
	const wait = 2 * time.Second
	r := local.askBecause(t, wish{zoe, "network", "DeveloperAccess", 10}, t.Name(), func(id string) {
		local.slackFault(t, "chat.postMessage", "ratelimited", id, 1, map[string]any{"retry_after": int(wait.Seconds())})
	})
	m := r.message(t)
	r.waitsIn(t, "AwaitApproval")
	if took := r.timeInState(t, "Announce"); took < wait {
		t.Errorf("announcing took %s: Slack asked to wait %s", took, wait)
	}
	if failed := r.failures(t); len(failed) > 0 {
		t.Errorf("it failed with %q although there was time to wait", failed)
	}
	local.press(t, zoe, m, "withdraw", false)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	r.onlyOnce(t)
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
			r := local.askBecause(t, wish{zoe, "shared-services", "DeveloperAccess", 10}, t.Name(), func(id string) {
				local.slackFault(t, "chat.postMessage", "", id, 1, more)
			})
			m := r.message(t)
			r.waitsIn(t, "AwaitApproval")
			if failed := r.failures(t); len(failed) == 0 || !strings.HasPrefix(failed[0], "Unavailable: ") {
				t.Errorf("the execution says %q, want Unavailable first", failed)
			}
			local.press(t, zoe, m, "withdraw", false)
			r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
			r.onlyOnce(t)
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
	if failed := r.failures(t); len(failed) == 0 || !strings.HasPrefix(failed[0], "Misconfigured: ") || !strings.Contains(failed[0], "add the scope to the Slack app") {
		t.Errorf("the execution says %q", failed)
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
