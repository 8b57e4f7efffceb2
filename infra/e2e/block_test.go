package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

// ofBlock is the leaver whom TestBlock blocks. No other test uses them.
const ofBlock = 57

func init() { emails[leaver(ofBlock)] = fmt.Sprintf("crowd%02d@example.com", ofBlock) }

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
	h := s.home(t, person)
	block, id, value := h.responderButton(action)
	if id == "" {
		t.Fatalf("%s sees no button %s at Home: %+v", person, action, h)
	}
	var res simulator.Result
	if err := s.post("/sim/press", map[string]any{"person": person, "view_id": h.ID, "block_id": block, "action_id": id, "value": value}, &res); err != nil || !res.OK {
		t.Fatalf("%s presses %s: %+v, %v", person, action, res, err)
	}
	var open struct {
		Views []json.RawMessage `json:"views"`
	}
	if err := s.get("/sim/views?person="+person, &open); err != nil || len(open.Views) == 0 {
		t.Fatalf("%s presses %s, and no dialog opens: %v", person, action, err)
	}
	raw := open.Views[len(open.Views)-1]
	var v struct{ ID string }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return dialog{stack: s, person: person, viewID: v.ID, raw: raw}, value
}

// TestBlock checks that a block ends everything a person has, and keeps them from
// requesting and approving until another responder lifts it.
func TestBlock(t *testing.T) {
	t.Parallel()
	const reason = "Laptop stolen <!channel>"
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

	if block, _, _ := quiet.home(t, bob).responderButton(slack.ActionBlock); block != "" {
		t.Error("bob, who is no incident responder, sees the button")
	}
	d, _ := quiet.pressAsResponder(t, erin, slack.ActionBlock)
	res := d.submit(t, map[string]string{slack.ActionBlockedPerson: person, slack.ActionBlockReason: reason})
	if !res.OK || !strings.Contains(res.Detail, "Requests refused: 1") || !strings.Contains(res.Detail, "Access that ends now: 1") {
		t.Fatalf("erin blocks: %+v", res)
	}
	active.waitGone(t, removalLimit)
	active.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, active, "requested", "approved", "granted", "ended", "revoked")
	active.showsLine(t, "Ended because an incident responder blocked the requester.")
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
	quiet.press(t, person, other.message(t), "deny", true)
	quiet.wantToldAlone(t, person, "You can't approve or deny requests at the moment.")
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
	for i, rec := range records.audit(t) {
		if rec["reason"] != reason || rec["requester_slack_id"] != person || rec["actor_slack_id"] != []string{erin, frank}[i] || rec["audit_entry_type"] != "block" {
			t.Errorf("the record says %v", rec)
		}
	}
}
