package e2e

import (
	"encoding/json"
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

// TestBlock blocks the leaver ofBlock. ofBlockOther is the requester of another request
// there. No other test uses them.
const ofBlock, ofBlockOther = 57, 39

func init() {
	for _, n := range []int{ofBlock, ofBlockOther} {
		emails[leaver(n)] = fmt.Sprintf("crowd%02d@example.com", n)
	}
}

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
		// The first submission may have lifted the block.
		if action == slack.ActionLift && !s.blocksAtHome(t, person).lifts(value) {
			return dialog{}, simulator.Result{OK: true}
		}
		d, _ := s.pressAsResponder(t, person, action)
		if strings.Contains(string(d.raw), alreadyLifted) {
			return dialog{}, simulator.Result{OK: true}
		}
		return d, res
	}
	return d, value
}

// blocksAtHome opens a responder's Home tab until it shows the blocks.
func (s *stack) blocksAtHome(t *testing.T, person string) (h homeTab) {
	t.Helper()
	eventually(t, soon, person+" sees the blocks at Home", func() error {
		h = s.home(t, person)
		var out struct{ View json.RawMessage }
		if err := s.get("/sim/home?person="+person, &out); err != nil {
			return err
		}
		if block, _, _ := h.responderButton(slack.ActionBlock); block == "" || strings.Contains(string(out.View), "This list couldn't be read.") {
			return fmt.Errorf("the tab is %s", out.View)
		}
		return nil
	})
	return h
}

// lifts reports whether the Home tab has a button that lifts the block.
func (h homeTab) lifts(block string) bool {
	for _, b := range h.Blocks {
		for _, e := range b.Elements {
			if name, _, _ := strings.Cut(e.Action, "#"); name == slack.ActionLift && e.Value == block {
				return true
			}
		}
	}
	return false
}

// These are the app's texts if something took too long, and if someone lifted the block
// first.
const (
	blockAgain    = "Please press Block again."
	liftAgain     = "The block may still be there. Please try again."
	alreadyLifted = "Someone may have lifted it already."
)

// submitAsResponder submits a dialog about a block until the app answers it, as submit
// does. again reports that the person did so more than once.
func (d dialog) submitAsResponder(t *testing.T, values map[string]string) (res simulator.Result, again bool) {
	t.Helper()
	n, open := 0, true
	res = d.stack.untilAnswered(t, d.person+" submits the dialog", func() (res simulator.Result, told bool) {
		if n++; !open {
			next, res := d.reopen(t)
			if next.viewID == "" {
				return res, false
			}
			d = next
		}
		res = d.submitOnce(t, values)
		open = len(res.FieldErrors) > 0 // then the dialog stays open
		said := res.Detail + fmt.Sprint(res.FieldErrors)
		return res, slices.ContainsFunc([]string{notInTime, blockAgain, liftAgain}, func(text string) bool { return strings.Contains(said, text) })
	})
	return res, n > 1
}

// blocks blocks someone, and checks what the dialog says then. If the app had no time to
// check everything, it says so: the minute check ends what is left. A repeated submission
// may find that the first one refused and ended requests. blocks returns how long the end
// of access may take.
func (s *stack) blocks(t *testing.T, responder, person, reason string, texts ...string) time.Duration {
	t.Helper()
	d, _ := s.pressAsResponder(t, responder, slack.ActionBlock)
	res, again := d.submitAsResponder(t, map[string]string{slack.ActionBlockedPerson: person, slack.ActionBlockReason: reason})
	missing := slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(res.Detail, text) })
	unsure := strings.Contains(res.Detail, "Not everything could be checked in time.") || again && strings.Contains(res.Detail, " was already blocked, by ")
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
	// No other test uses this requester, so none has an undecided request for the same access.
	requester := leaver(ofBlockOther)
	quiet.hire(t, requester)
	quiet.join(t, requester, "Security Team")
	other := askQuiet(t, wish{requester, "payments-production", "SupportAccess", 12})
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
	limit := quiet.blocks(t, erin, person, reason, "Requests refused: 1", "Access that ends now: 2", "after the removal")
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
	if res, _ := d.submitAsResponder(t, nil); !res.OK || res.Detail != "" {
		t.Fatalf("frank lifts: %+v", res)
	}
	again := askQuiet(t, wish{person, "analytics-sandbox", "ReadOnlyAccess", 12})
	again.endsByItself(t)
	if res := quiet.press(t, requester, other.message(t), "withdraw", true); !res.OK {
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
