package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

// ofBlock is the leaver whom TestBlock blocks. No other test uses them.
const ofBlock = 57

func init() { emails[leaver(ofBlock)] = fmt.Sprintf("crowd%02d@example.com", ofBlock) }

// blocking lets only one test at a time block someone on the quiet stack, because a
// responder's Home tab shows all blocks.
var blocking sync.Mutex

// responderButton returns the block and the full action id of a button in the Home tab's
// part for incident responders, and its value.
func (h homeTab) responderButton(action string) (block, id, value string) {
	for _, b := range h.Blocks {
		for _, e := range b.Elements {
			if name, _, _ := strings.Cut(e.Action, "#"); name == action {
				return b.ID, e.Action, e.Value
			}
		}
	}
	return "", "", ""
}

// pressAsResponder presses that button, and returns the view that opens.
func (s *stack) pressAsResponder(t *testing.T, person, action string) (d dialog, value string) {
	t.Helper()
	var view, block, id string
	// The Home tab lacks the button if a read fails.
	eventually(t, soon, fmt.Sprintf("%s sees the button %s at Home", person, action), func() error {
		h := s.home(t, person)
		view = h.ID
		if block, id, value = h.responderButton(action); id == "" {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
	res := s.untilAnswered(t, person+" presses "+action, func() (res simulator.Result, told bool) {
		if err := s.post("/sim/press", map[string]any{"person": person, "view_id": view, "block_id": block, "action_id": id, "value": value}, &res); err != nil {
			t.Fatalf("%s presses %s: %v", person, action, err)
		}
		v, _ := s.view(t, person, res.Opened)
		d = dialog{stack: s, person: person, viewID: v.ID, raw: v.Raw}
		return res, v.says(notInTime)
	})
	if !res.OK || d.viewID == "" {
		t.Fatalf("%s presses %s, and no dialog opens: %+v", person, action, res)
	}
	d.reopen = func(t *testing.T) (dialog, simulator.Result) {
		d, _ := s.pressAsResponder(t, person, action)
		return d, res
	}
	return d, value
}

// wantBlocked checks what the dialog says after a block. If the app had no time to check
// everything, it says so: the minute check ends what is left. wantBlocked returns how long the
// end of access may take.
func wantBlocked(t *testing.T, res simulator.Result, texts ...string) time.Duration {
	t.Helper()
	missing := slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(res.Detail, text) })
	unsure := strings.Contains(res.Detail, "Not everything could be checked in time.")
	if !res.OK || len(missing) > 0 && !unsure {
		t.Fatalf("after a block, without %q: %+v", missing, res)
	}
	if unsure {
		return sweepLimit
	}
	return removalLimit
}

// TestBlock checks that a block ends everything a person has, and keeps them from
// requesting and approving until another responder lifts it.
func TestBlock(t *testing.T) {
	t.Parallel()
	const reason = "Laptop stolen <!channel>"
	blocking.Lock()
	defer blocking.Unlock()
	person := leaver(ofBlock)
	quiet.hire(t, person)
	quiet.join(t, person, "Security Team")
	other := askQuiet(t, wish{alice, "payments-production", "SupportAccess", 12})
	other.pressed(t, person, "approve", "Approvals 1 of 2: approved by @"+person)
	active := askQuiet(t, wish{person, "analytics-sandbox", "ReadOnlyAccess", 36 * 3600})
	active.waitAssigned(t)
	active.waitsIn(t, "AwaitEnd")
	pending := askQuiet(t, wish{person, "analytics-sandbox", "DeveloperAccess", 12})
	pending.waitsIn(t, "AwaitApproval")
	// AWS is still creating this one when the person is blocked.
	w := wish{person, "log-archive", "ReadOnlyAccess", 36 * 3600}
	quiet.fault(t, faults.Rule{Kind: faults.Operation, Target: "CreateAccountAssignment", Polls: looks, Body: quiet.about(t, w)})
	granting := askQuiet(t, w, whileCreating(t.Name()))
	defer quiet.forget(t, t.Name())
	granting.waitLease(t, "creating")

	if block, _, _ := quiet.home(t, bob).responderButton(slack.ActionBlock); block != "" {
		t.Error("bob, who is no incident responder, sees the button")
	}
	d, _ := quiet.pressAsResponder(t, erin, slack.ActionBlock)
	res := d.submit(t, map[string]string{slack.ActionBlockedPerson: person, slack.ActionBlockReason: reason})
	limit := wantBlocked(t, res, "Requests refused: 1", "Access that ends now: 2", "after the removal")
	if row := quiet.requestRow(t, granting.id); !row.GrantedAt.IsZero() {
		t.Errorf("the access was there before the block: %v", row.GrantedAt)
	}
	quiet.forget(t, t.Name())
	active.waitGone(t, limit)
	active.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, active, "requested", "approved", "granted", "ended", "revoked")
	active.showsLine(t, "Ended because an incident responder blocked the requester.")
	granting.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+3*soon)
	// It may have existed for a moment, without being confirmed. Then it was removed.
	if got := strings.Join(granting.events(t), " "); got != "requested approved not_granted" && got != "requested approved revoked" {
		t.Errorf("the records are %q", got)
	}
	if granting.assigned(t) {
		t.Error("access was created for the blocked person")
	}
	pending.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, pending, "requested", "refused")
	pending.showsLine(t, "An incident responder blocked the requester.")
	for _, r := range []*request{active, pending} {
		rec := r.audit(t)[slices.Index(r.events(t), map[bool]string{true: "ended", false: "refused"}[r == active])]
		if rec["actor_slack_id"] != erin || strings.Contains(fmt.Sprint(rec), reason) {
			t.Errorf("the record of %s says %v", r.id, rec)
		}
	}

	f := quiet.open(t, person)
	f.choose(t, "account", "analytics-sandbox")
	f.choose(t, "permission_set", "ReadOnlyAccess")
	refused := f.submit(t, map[string]string{"duration": "12", "reason": "again"})
	f.unlock()
	if text := fmt.Sprint(refused.FieldErrors); refused.OK || !strings.Contains(text, "You can't request access at the moment.") {
		t.Errorf("the blocked person requests: %+v", refused)
	}
	// The dialog opens, and decides nothing.
	if res := quiet.press(t, person, other.message(t), "deny", true); !strings.Contains(res.Detail, "You can't approve or deny requests at the moment.") {
		t.Errorf("the blocked person denies: %+v", res)
	}
	other.pressed(t, carol, "approve", "the approval by @"+person+", because an incident responder blocked them")
	if row := quiet.requestRow(t, other.id); row.Outcome != nil {
		t.Errorf("decided with an approval of the blocked person: %+v", row.Outcome)
	}

	d, block := quiet.pressAsResponder(t, erin, slack.ActionLift)
	if text := string(d.raw); !strings.Contains(text, "another incident responder must lift the block") {
		t.Errorf("erin lifts the block that she wrote: %s", text)
	}
	d, _ = quiet.pressAsResponder(t, frank, slack.ActionLift)
	if text := strings.Join(textsOf(t, d.raw), " "); !strings.Contains(text, reason) {
		t.Errorf("frank doesn't see the reason: %s", text)
	}
	if res := d.submit(t, nil); !res.OK || res.Detail != "" {
		t.Fatalf("frank lifts: %+v", res)
	}
	again := askQuiet(t, wish{person, "analytics-sandbox", "ReadOnlyAccess", 12})
	again.endsByItself(t)
	if res := quiet.press(t, alice, other.message(t), "withdraw", true); !res.OK {
		t.Errorf("withdraw: %+v", res)
	}
	other.finished(t, sfntypes.ExecutionStatusSucceeded, soon)

	records := &request{stack: quiet, id: block}
	eventually(t, 2*time.Minute+soon, "both are recorded", func() error {
		if got := records.events(t); !slices.Equal(got, []string{"blocked", "unblocked"}) {
			return fmt.Errorf("recorded %q", got)
		}
		return nil
	})
	eventually(t, 2*time.Minute+soon, "the refused press is recorded", func() error {
		for _, rec := range (&request{stack: quiet, id: "refused-"}).audit(t) {
			if rec["event"] == "press_refused" && rec["actor_slack_id"] == erin && rec["action"] == "lift" && rec["decision_reason"] == "OwnBlock" && rec["detail"] == "Block: "+block && rec["requester_slack_id"] == person {
				return nil
			}
		}
		return errors.New("it isn't")
	})
	for i, rec := range records.audit(t) {
		if rec["reason"] != reason || rec["requester_slack_id"] != person || rec["actor_slack_id"] != []string{erin, frank}[i] || rec["audit_entry_type"] != "block" {
			t.Errorf("the record says %v", rec)
		}
	}
}
