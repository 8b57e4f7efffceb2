package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
	"sso-elevator/slack/simulator"
)

// askQuiet is ask on the quiet stack.
func askQuiet(t *testing.T, w wish, rules ...faults.Rule) *request {
	t.Helper()
	asking.Lock()
	defer asking.Unlock()
	return quiet.ask(t, w, rules...)
}

// pressed presses a button of the request's message, which then shows that line. If the app
// had no time to update the message, it says so, and another press makes it do that.
func (r *request) pressed(t *testing.T, person, action, line string) {
	t.Helper()
	for range patience {
		before := r.stack.toldLater(t, person)
		res := r.stack.press(t, person, r.message(t), action, true)
		if !res.OK {
			t.Fatalf("%s presses %s: %+v", person, action, res)
		}
		if !strings.Contains(res.Detail, showsLater) && r.stack.toldLater(t, person) == before {
			break
		}
		r.stack.doAgain(t, time.Duration(res.Millis)*time.Millisecond, person+" presses "+action)
	}
	r.showsLine(t, line)
}

// showsLater is what the app says if it recorded a press and could not update the message.
const showsLater = "Your press is recorded. The message will show it later."

// toldLater returns how often a person was told that.
func (s *stack) toldLater(t *testing.T, person string) (times int) {
	t.Helper()
	for _, p := range s.posts(t, person) {
		if p.Ephemeral == person && strings.Contains(p.Text, showsLater) {
			times++
		}
	}
	return times
}

// showsLine waits until the channel's message has a line that contains text, in which
// "@" begins the Slack id of a mentioned user.
func (r *request) showsLine(t *testing.T, text string) {
	t.Helper()
	eventually(t, soon, fmt.Sprintf("the message shows %q", text), func() error {
		var all strings.Builder
		for _, e := range elementsOf(t, r.message(t).Blocks) {
			if id, ok := e["user_id"].(string); ok {
				all.WriteString("@" + id)
			}
			if s, ok := e["text"].(string); ok {
				all.WriteString(s)
			}
		}
		if !strings.Contains(all.String(), text) {
			return fmt.Errorf("it shows %q", all.String())
		}
		return nil
	})
}

// endsByItself waits for the end of access that was granted.
func (r *request) endsByItself(t *testing.T) {
	t.Helper()
	r.waitAssigned(t)
	r.waitGone(t, 12*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
}

// TestManagerAndSecurity checks that two statements demand one approval each: a second
// manager doesn't replace security.
func TestManagerAndSecurity(t *testing.T) {
	t.Parallel()
	r := askQuiet(t, wish{alice, "data-lake", "PartnerAccess", 12})
	r.showsLine(t, "Approvals 0 of 1: needs @"+bob+" or @"+carol)
	r.showsLine(t, "Approvals 0 of 1: needs @"+frank)
	if m := r.message(t); m.has("take_back") {
		t.Errorf("an approval can be taken back before there is one: %s", m.Blocks)
	}
	r.pressed(t, bob, "approve", "Approvals 1 of 1: approved by @"+bob)
	r.pressed(t, carol, "approve", "Approvals 1 of 1: approved by @"+bob+", @"+carol)
	if row := quiet.requestRow(t, r.id); row.Outcome != nil || len(row.Approvals) != 2 || r.assigned(t) {
		t.Errorf("outcome %+v, %d approvals, and security didn't approve", row.Outcome, len(row.Approvals))
	}
	r.pressed(t, frank, "approve", "Approved by @"+bob+", @"+carol+", @"+frank)
	r.endsByItself(t)
	wantEvents(t, r, "requested", "approval_given", "approval_given", "approval_given", "approved", "granted", "revoked")
	for _, rec := range r.audit(t) {
		switch rec["event"] {
		case "approval_given":
			if rec["actor_slack_id"] != rec["approver_slack_id"] || rec["decision_reason"] != "RequiresApproval" || rec["policy_digest"] == "NA" {
				t.Errorf("the record says %v approved because of %v under %v", rec["approver_slack_id"], rec["decision_reason"], rec["policy_digest"])
			}
		case "approved", "granted", "revoked":
			if rec["approver_slack_id"] != frank || rec["approvers"] != "bob@example.com,carol@example.com,frank@example.com" {
				t.Errorf("the record of %v has the approver %v, and the approvers %v", rec["event"], rec["approver_slack_id"], rec["approvers"])
			}
		}
	}
	checkContext(t, r)
}

// checkContext checks what the records of TestManagerAndSecurity say about the decision,
// the access and AWS's calls.
func checkContext(t *testing.T, r *request) {
	t.Helper()
	row, m := quiet.requestRow(t, r.id), r.message(t)
	var approvals []string
	for _, a := range row.Approvals {
		approvals = append(approvals, a.By.Email+" "+a.At.UTC().Format(time.RFC3339Nano))
	}
	if row.AWSCreateRequestID == "" || row.AWSDeleteRequestID == "" || row.AWSCreateRequestID == row.AWSDeleteRequestID {
		t.Errorf("AWS's request ids: created by %q, deleted by %q", row.AWSCreateRequestID, row.AWSDeleteRequestID)
	}
	for _, rec := range r.audit(t) {
		// The indexes depend on the policy in force: another test removes a statement.
		manager, security, _ := strings.Cut(fmt.Sprint(rec["decision_statements"]), ",")
		want := map[string]string{
			"permission_set_arn": quiet.permissionSetARN(t, "PartnerAccess"), "request_source": "slack",
			"message_permalink":  "https://example-corp.slack.com/archives/" + m.Channel + "/p" + strings.ReplaceAll(m.TS, ".", ""),
			"eligible_approvers": "bob@example.com,carol@example.com,frank@example.com",
			"rule":               fmt.Sprintf("config[%[1]s], config[%[2]s]: 1 approval by bob@example.com or carol@example.com (config[%[1]s]); 1 approval by frank@example.com (config[%[2]s])", manager, security),
			"approvals":          "NA", "ends_at": "NA", "aws_create_request_id": "NA", "aws_delete_request_id": "NA",
		}
		switch rec["event"] {
		case "requested":
			want["eligible_approvers"], want["rule"] = "NA", "NA"
		case "approved", "granted", "revoked":
			want["approvals"] = strings.Join(approvals, ",")
		}
		if rec["event"] == "granted" || rec["event"] == "revoked" {
			want["ends_at"], want["aws_create_request_id"] = row.End.UTC().Format(time.RFC3339Nano), row.AWSCreateRequestID
		}
		if rec["event"] == "revoked" {
			want["aws_delete_request_id"] = row.AWSDeleteRequestID
		}
		for field, value := range want {
			if rec[field] != value {
				t.Errorf("record %v: %s is %v, want %q", rec["event"], field, rec[field], value)
			}
		}
	}
}

// TestTwoApprovalsAtOnce checks that two approvals in the same instant lose nothing and
// count once each, however often people press and submit the dialog.
func TestTwoApprovalsAtOnce(t *testing.T) {
	t.Parallel()
	r := askQuiet(t, wish{alice, "network", "DatabaseAdmin", 12})
	m := r.message(t)
	twice := func(do func(person string)) {
		var all sync.WaitGroup
		for _, person := range []string{bob, carol, bob, carol} {
			all.Go(func() { do(person) })
		}
		all.Wait()
	}
	twice(func(person string) {
		var res simulator.Result
		quiet.post("/sim/press", map[string]any{"person": person, "channel": m.Channel, "ts": m.TS, "action_id": "approve", "stale": true}, &res)
	})
	if row := quiet.requestRow(t, r.id); row.Outcome != nil || len(row.Approvals) > 0 {
		t.Errorf("approved without a dialog: %+v, %+v", row.Outcome, row.Approvals)
	}
	dialogs := map[string]dialog{}
	for _, person := range []string{bob, carol} {
		if d, ok := quiet.dialog(t, person, r.id, "approve"); ok {
			dialogs[person] = d
		}
	}
	twice(func(person string) {
		if d, ok := dialogs[person]; ok {
			// The dialog closes with the first submission, so the second may find none.
			quiet.post("/sim/submit", map[string]any{"person": person, "view_id": d.viewID}, nil)
		}
	})
	for _, person := range []string{bob, carol} {
		// Somebody whom moto let wait too long presses again.
		if row := quiet.requestRow(t, r.id); row.Outcome == nil && row.ApprovalBy(access.Person{SlackID: person}) < 0 {
			quiet.press(t, person, m, "approve", true)
		}
	}
	r.endsByItself(t)
	wantEvents(t, r, "requested", "approval_given", "approval_given", "approved", "granted", "revoked")
	var by []string
	for _, a := range quiet.requestRow(t, r.id).Approvals {
		by = append(by, a.By.SlackID)
	}
	if slices.Sort(by); !slices.Equal(by, []string{bob, carol}) {
		t.Errorf("approved by %q", by)
	}
}

// TestApprovalTakenBack checks that an approver can take their approval back until the
// last one, and deny afterwards.
func TestApprovalTakenBack(t *testing.T) {
	t.Parallel()
	r := askQuiet(t, wish{alice, "security-tooling", "DatabaseAdmin", 12})
	r.pressed(t, bob, "approve", "Approvals 1 of 2: approved by @"+bob+". Still needs @"+carol+" or @"+erin)
	r.pressed(t, bob, "approve", "Approvals 1 of 2: approved by @"+bob)
	quiet.wantToldAlone(t, bob, "You already approved this request. It still needs an approval from carol@example.com or erin@example.com.")
	r.pressed(t, carol, "take_back", "Approvals 1 of 2: approved by @"+bob)
	quiet.wantToldAlone(t, carol, "You haven't approved this request, so there is nothing to take back.")
	r.pressed(t, bob, "take_back", "Approvals 0 of 2: needs 2 of @"+bob+", @"+carol+", @"+erin)
	r.pressed(t, carol, "approve", "Approvals 1 of 2: approved by @"+carol)
	r.pressed(t, bob, "approve", "Approved by @"+carol+", @"+bob)
	r.waitAssigned(t)
	r.pressed(t, bob, "take_back", "Approved by @"+carol+", @"+bob) // too late
	r.endsByItself(t)
	wantEvents(t, r, "requested", "approval_given", "press_refused", "approval_taken_back", "approval_given", "approval_given", "approved", "granted", "revoked")
}

// TestDeniedAfterApproval checks that a denial after the first approval ends the
// request, also by the person who approved.
func TestDeniedAfterApproval(t *testing.T) {
	t.Parallel()
	for account, denier := range map[string]string{"log-archive": carol, "shared-services": bob} {
		r := askQuiet(t, wish{kim, account, "DatabaseAdmin", 12})
		r.pressed(t, bob, "approve", "Approvals 1 of 2: approved by @"+bob)
		r.pressed(t, denier, "deny", "Denied by @"+denier)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "approval_given", "denied")
		if r.assigned(t) {
			t.Error("there is access")
		}
	}
}

// TestOneOfTwoApproversDisabled checks that an approval of somebody who is disabled
// doesn't count, neither at the next press nor at the grant.
func TestOneOfTwoApproversDisabled(t *testing.T) {
	t.Parallel()
	approver := leaver(ofApprover)
	user := quiet.hire(t, approver)
	t.Cleanup(func() { quiet.setStatus(t, user, "DISABLED") })
	waiting := askQuiet(t, wish{kim, "network", crowdAccess, 12})
	granting := askQuiet(t, wish{alice, "network", crowdAccess, 12}, faults.Rule{Kind: faults.Hold, Label: t.Name(), Function: "-grant", Operation: "start", Count: -1})
	defer quiet.forget(t, t.Name())
	waiting.pressed(t, approver, "approve", "Approvals 1 of 2: approved by @"+approver)
	granting.pressed(t, approver, "approve", "Approvals 1 of 2: approved by @"+approver)
	if res := quiet.press(t, bob, granting.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	quiet.awaitHeld(t, t.Name())
	quiet.disable(t, user)
	quiet.forget(t, t.Name())

	waiting.pressed(t, bob, "approve", "No longer counts: the approval by @"+approver+", because their user in Slack or IAM Identity Center was disabled or changed")
	waiting.showsLine(t, "Approvals 1 of 2: approved by @"+bob)
	waiting.pressed(t, carol, "approve", "Approved by @"+bob+", @"+carol)
	waiting.endsByItself(t)
	wantEvents(t, waiting, "requested", "approval_given", "approval_given", "approval_given", "approved", "granted", "revoked")
	granting.refusedAtGrant(t, "approvals are missing: 1 of 2 from bob@example.com, carol@example.com, crowd44@example.com. No longer counted: crowd44@example.com")
	wantEvents(t, granting, "requested", "approval_given", "approval_given", "approved", "not_granted")
}

// awaitHeld waits until the function that the rule with that label holds was called.
func (s *stack) awaitHeld(t *testing.T, label string) {
	t.Helper()
	eventually(t, time.Minute, "the call is held: "+label, func() error {
		if !s.hit(t, label) {
			return errNotYet
		}
		return nil
	})
}

// TestReminderDecides checks that a reminder approves a request that has enough approvals
// by then, because the policy was changed.
func TestReminderDecides(t *testing.T) {
	t.Parallel()
	const file = "testdata/elevator.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	later := edit(t, string(text), "ApprovalsNeeded: 2}", "ApprovalsNeeded: 1}")
	// New processes, which have read no policy yet, look whether a reminder is due, and grant.
	r := local.ask(t, wish{lena, "security-tooling", "PartnerAccess", 10},
		faults.Rule{Kind: faults.Hold, Cold: true, Label: t.Name(), Function: "-evaluate", Operation: "next", Count: -1},
		faults.Rule{Kind: faults.Delay, Cold: true, Function: "-grant", Operation: "start", DelayMS: 1})
	defer local.forget(t, t.Name())
	r.pressed(t, bob, "approve", "Approvals 1 of 2: approved by @"+bob)
	local.awaitHeld(t, t.Name())
	if row := local.requestRow(t, r.id); row.Outcome != nil {
		t.Fatalf("decided by one of two: %+v", row.Outcome)
	}
	digest := local.deployPolicy(t, file, []byte(later))
	local.forget(t, t.Name())
	r.showsLine(t, "Approved by @"+bob)
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approval_given", "approved", "granted", "revoked")
	for _, rec := range r.audit(t) {
		if rec["event"] == "approved" && (rec["policy_digest"] != digest || rec["approver_slack_id"] != bob) {
			t.Errorf("approved by %v under the policy %v, want %s under %s", rec["approver_slack_id"], rec["policy_digest"], bob, digest)
		}
	}
	if sent := r.reminders(t); len(sent) > 0 {
		t.Errorf("%d reminders were sent", len(sent))
	}
}

// overtaken asks for access whose policy then needs more approvals. It has enough, but
// the grant is held: by a new process, which has read no policy yet. The label is of the
// rule that holds it.
func overtaken(t *testing.T, label string) *request {
	t.Helper()
	r := quiet.ask(t, wish{alice, "network", "FallbackAccess", 12},
		faults.Rule{Kind: faults.Hold, Cold: true, Label: label, Function: "-grant", Operation: "start", Count: -1})
	r.pressed(t, bob, "approve", "Approvals 1 of 2: approved by @"+bob)
	if res := quiet.press(t, carol, r.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	return r
}

// wantOvertaken checks that nothing is granted, and that the message says which approvals
// are missing.
func wantOvertaken(t *testing.T, r *request) {
	t.Helper()
	r.refusedAtGrant(t, "approvals are missing: 2 of 3 from bob@example.com, carol@example.com, erin@example.com")
	wantEvents(t, r, "requested", "approval_given", "approval_given", "approved", "not_granted")
}

// approvalsBefore asks for access whose policy then needs fewer approvals, and for access
// whose policy then needs more. Bob approves both.
func approvalsBefore(t *testing.T) (lowered, raised *request) {
	t.Helper()
	lowered = quiet.ask(t, wish{kim, "network", "OrphanAccess", 12})
	raised = quiet.ask(t, wish{kim, "network", "FallbackAccess", 12})
	for _, r := range []*request{lowered, raised} {
		r.pressed(t, bob, "approve", "Approvals 1 of 2: approved by @"+bob)
	}
	return lowered, raised
}

// wantApprovalsAfter checks that the next press decides if one approval is enough by
// now, and that two are not enough if three are needed by now.
func wantApprovalsAfter(t *testing.T, lowered, raised *request) {
	t.Helper()
	lowered.pressed(t, carol, "approve", "Approved by @"+bob)
	raised.pressed(t, carol, "approve", "Approvals 2 of 3: approved by @"+bob+", @"+carol+". Still needs @"+erin)
	if row := quiet.requestRow(t, raised.id); row.Outcome != nil || raised.assigned(t) {
		t.Errorf("decided by two of three: %+v", row.Outcome)
	}
	raised.pressed(t, erin, "approve", "Approved by @"+bob+", @"+carol+", @"+erin)
	lowered.finished(t, sfntypes.ExecutionStatusSucceeded, 12*time.Second+removalLimit+soon)
	raised.finished(t, sfntypes.ExecutionStatusSucceeded, 12*time.Second+removalLimit+soon)
	wantEvents(t, lowered, "requested", "approval_given", "approved", "granted", "revoked")
	wantEvents(t, raised, "requested", "approval_given", "approval_given", "approval_given", "approved", "granted", "revoked")
}
