package ingress

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// confirmedBy is the submission by user of the dialog that confirms an approval.
func confirmedBy(user, requestID string) string {
	return submittedBy(user, slack.CallbackConfirmation, requestID)
}

// deniedBy is the submission by user of the dialog that denies a request.
func deniedBy(user, requestID, reason string) string {
	v := view(slack.CallbackDenial, requestID, nil)
	v["state"] = object{"values": object{"denial_reason": object{"denial_reason": object{"type": "plain_text_input", "value": reason}}}}
	return payload("view_submission", user, object{"view": v})
}

// submittedBy is the submission by user of the dialog with that callback id.
func submittedBy(user, callback, requestID string) string {
	return payload("view_submission", user, object{"view": view(callback, requestID, nil)})
}

// noticeText returns the text of a notice that replaces a dialog; "" if body is no such response.
func noticeText(body string) string {
	var response struct {
		Action string `json:"response_action"`
		View   struct {
			Blocks []struct{ Text struct{ Text string } }
		}
	}
	if json.Unmarshal([]byte(body), &response) != nil || response.Action != "update" || len(response.View.Blocks) != 1 {
		return ""
	}
	return response.View.Blocks[0].Text.Text
}

// press presses a button. If a dialog opens, the person submits it, and what it then says
// is told to them.
func (w *world) press(t *testing.T, user, action, requestID string) {
	t.Helper()
	before, dialogs := w.state(), len(w.views)
	w.send(t, pressBy(user, action, requestID))
	if len(w.views) == dialogs {
		return
	}
	if w.state() != before {
		t.Errorf("%s opened a dialog, and changed something", action)
	}
	w.submit(t, user)
}

// submit submits the dialog that opened last.
func (w *world) submit(t *testing.T, user string) {
	t.Helper()
	dialog := w.views[len(w.views)-1].view
	if _, ok := slack.ActionOf(dialog.CallbackID); !ok {
		t.Fatalf("the view %q is not a dialog", dialog.CallbackID)
	}
	got := w.send(t, submittedBy(user, dialog.CallbackID, dialog.PrivateMetadata))
	if text := noticeText(got.Body); text != "" {
		w.told = append(w.told, text)
	} else if got.StatusCode != http.StatusOK || got.Body != "" {
		t.Errorf("got %d %q, want 200 without a body, which closes the dialog", got.StatusCode, got.Body)
	}
}

// confirming is a world where approvals of r1 must be confirmed.
func confirming() *world {
	w := newWorld()
	w.policy.Accounts[1].Confirm = true
	w.rows["r1"] = waiting()
	return w
}

// A press of Approve opens the dialog where Confirm counts, and approves elsewhere.
func TestConfirmCounts(t *testing.T) {
	tests := []struct {
		name         string
		user, action string
		change       func(*world)
		all          bool // the setting
		opens        bool
		outcome      access.OutcomeKind // after the press
		told         []string
	}{
		{name: "by the statement", user: "UANN", action: "approve", opens: true},
		{name: "nowhere", user: "UANN", action: "approve", change: func(w *world) { w.policy.Accounts[1].Confirm = false }, outcome: access.OutcomeApproved},
		{name: "by the setting", user: "UANN", action: "approve", change: func(w *world) { w.policy.Accounts[1].Confirm = false }, all: true, opens: true},
		{name: "by a statement that doesn't apply to the requester", user: "UANN", action: "approve", opens: true, change: func(w *world) {
			w.policy.Accounts[1].Confirm = false
			w.policy.Accounts = append(w.policy.Accounts, access.Statement{Resources: []string{"*"}, PermissionSets: []string{"*"}, Allowed: []string{"bob@example.com"}, Confirm: true})
		}},
		{name: "not by a statement about other access", user: "UANN", action: "approve", outcome: access.OutcomeApproved, change: func(w *world) {
			w.policy.Accounts[1].Confirm, w.policy.Accounts[2].Confirm = false, true
		}},
		{name: "not as of the evaluation", user: "UANN", action: "approve", outcome: access.OutcomeApproved, change: func(w *world) {
			w.policy.Accounts[1].Confirm = false
			r := waiting()
			r.EvaluatedDecision = &access.Decision{Confirm: true}
			w.rows["r1"] = r
		}},
		{name: "deny", user: "UANN", action: "deny", outcome: access.OutcomeDenied},
		{name: "deny, with the setting", user: "UANN", action: "deny", all: true, outcome: access.OutcomeDenied},
		{name: "withdraw, with the setting", user: "UJANE", action: "withdraw", all: true, outcome: access.OutcomeWithdrawn},
		{name: "somebody who may not", user: "UBOB", action: "approve", told: []string{"You can't approve or deny this request. ann@example.com or twin@example.com can."}},
		{name: "a guest", user: "UGUEST", action: "approve", told: []string{"You can't approve or deny this request. No guests. The request's message names the approvers."}},
		{name: "the requester is gone", user: "UANN", action: "approve", change: func(w *world) { delete(w.people, "UJANE") },
			told: []string{"The requester is gone. This request can't be approved. Please deny it."}},
		{name: "expired", user: "UANN", action: "approve", change: func(w *world) { r := waiting(); r.ExpiresAt = now; w.rows["r1"] = r },
			told: []string{"This request has expired. The requester can submit a new one."}},
		{name: "decided", user: "UANN", action: "approve", change: func(w *world) { w.rows["r1"] = active() }, outcome: access.OutcomeApproved,
			told: []string{"ann@example.com already approved this request."}},
		{name: "the dialog can't be opened", user: "UANN", action: "approve", change: func(w *world) { w.openErr = access.Errorf(access.CodeLost, "the trigger has expired") },
			told: []string{"You haven't approved this yet, because the dialog didn't open. Please press Approve again."}},
		{name: "the policy can't be read", user: "UANN", action: "approve", change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") },
			told: []string{"Something went wrong. Please try again in a moment."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := confirming()
			if tt.change != nil {
				tt.change(w)
			}
			h := w.handler()
			h.ConfirmApprovals = tt.all
			if got, err := handle(t, h, sign(pressBy(tt.user, tt.action, "r1"), now)); err != nil || got.StatusCode != http.StatusOK || got.Body != "" {
				t.Fatalf("got %d %q, %v", got.StatusCode, got.Body, err)
			}
			var outcome access.OutcomeKind
			if o := w.rows["r1"].Outcome; o != nil {
				outcome = o.Kind
			}
			if outcome != tt.outcome || !slices.Equal(w.told, tt.told) {
				t.Errorf("outcome %q, told %q; want %q, %q", outcome, w.told, tt.outcome, tt.told)
			}
			opened := len(w.views) == 1 && w.views[0].trigger == "t-10" && w.views[0].view.CallbackID == slack.CallbackConfirmation && w.views[0].view.PrivateMetadata == "r1"
			if opened != tt.opens || !tt.opens && len(w.views) > 0 {
				t.Errorf("views %+v, want the dialog: %t", w.views, tt.opens)
			}
			if tt.opens && w.timeLeft() > responseTimeout-tellTime {
				t.Errorf("the dialog is opened with %s left, want at most %s", w.timeLeft(), responseTimeout-tellTime)
			}
		})
	}
}

// The submission of the dialog decides by what is true then. It answers inside the dialog.
func TestConfirmDecidesAnew(t *testing.T) {
	const (
		again = "Something went wrong. Please try again in a moment. Close this dialog, then press Approve in the message."
		gone  = "The requester is gone. This request can't be approved. Please deny it."
	)
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	presses := func(user, action string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.send(t, pressBy(user, action, "r1")) }
	}
	row := func(change func(*access.Request)) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) {
			r := w.rows["r1"]
			change(&r)
			w.rows["r1"] = r
		}
	}
	to := func(change func(*world)) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { change(w) }
	}
	tests := []struct {
		name    string
		user    string // who submits; ann if empty
		change  func(*testing.T, *world)
		outcome access.OutcomeKind
		told    string
		refusal access.Refusal
	}{
		{name: "nothing changed", outcome: access.OutcomeApproved},
		{name: "somebody denied", change: presses("UTWIN2", "deny"), outcome: access.OutcomeDenied, told: "lead@example.com already denied this request."},
		{name: "the requester withdrew", change: presses("UJANE", "withdraw"), outcome: access.OutcomeWithdrawn, told: "The requester withdrew this request."},
		{name: "the same person denied", change: presses("UANN", "deny"), outcome: access.OutcomeDenied, told: "ann@example.com already denied this request."},
		{name: "somebody denied in the same instant", change: to(func(w *world) { w.rival = &access.Outcome{Kind: access.OutcomeDenied, By: bob} }),
			outcome: access.OutcomeDenied, told: "bob@example.com already denied this request."},
		{name: "the dialog was submitted before", change: func(t *testing.T, w *world) { w.send(t, confirmedBy("UANN", "r1")) },
			outcome: access.OutcomeApproved, told: "ann@example.com already approved this request."},
		{name: "expired", change: row(func(r *access.Request) { r.ExpiresAt = now }), told: "This request has expired. The requester can submit a new one."},
		{name: "interrupted", change: row(func(r *access.Request) { r.Tombstone = true }), told: "This request was interrupted before a decision. The requester can submit it again."},
		{name: "gone from the table", change: to(func(w *world) { delete(w.rows, "r1") }),
			told: "This app no longer has this request. If you still need the access, submit a new request."},
		{name: "no longer an approver", change: to(func(w *world) { w.policy.Accounts[1].Approvers = []string{"lead@example.com"} }),
			told: "You can't approve or deny this request. lead@example.com can.", refusal: access.RefusalNotApprover},
		{name: "the requester is gone", change: to(func(w *world) { delete(w.people, "UJANE") }), told: gone, refusal: access.RefusalRequesterGone},
		{name: "the approver is gone", change: to(func(w *world) { delete(w.people, "UANN") }),
			told: "You can't approve or deny this request. No guests. The request's message names the approvers.", refusal: access.RefusalNotEligible},
		{name: "Confirm counts no more", change: to(func(w *world) { w.policy.Accounts[1].Confirm = false }), outcome: access.OutcomeApproved},
		{name: "the policy asks for a shorter time", change: func(_ *testing.T, w *world) {
			r := w.rows["r1"]
			r.Duration = 7200
			w.rows["r1"], w.policy.Accounts[1].MaxDuration = r, 3600
		}, told: "This request can't be approved. The current policy allows this access for at most 1 hour. Please deny it. The requester can submit a new request for a shorter time.", refusal: access.RefusalNotPermitted},
		{name: "the table doesn't answer", change: to(func(w *world) { w.decideErr = unavailable }), told: again},
		{name: "the policy can't be read", change: to(func(w *world) { w.policyErr = unavailable }), told: again},
		{name: "Slack doesn't say who this is", change: to(func(w *world) { w.peopleErr = unavailable }), told: again},
		{name: "the execution can't be resumed", change: to(func(w *world) { w.resumeErr = unavailable }), outcome: access.OutcomeApproved},
		{name: "submitted by the requester", user: "UJANE", told: "You can't approve or deny this request. This is your own request. ann@example.com, lead@example.com or twin@example.com can.", refusal: access.RefusalNotApprover},
		{name: "submitted by somebody else", user: "UBOB", told: "You can't approve or deny this request. ann@example.com, lead@example.com or twin@example.com can.", refusal: access.RefusalNotApprover},
		{name: "submitted by another approver", user: "UTWIN2", outcome: access.OutcomeApproved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := confirming()
			w.people["UTWIN2"] = access.Person{SlackID: "UTWIN2", Email: "lead@example.com", PrincipalID: "p-lead"}
			w.policy.Accounts[1].Approvers = append(w.policy.Accounts[1].Approvers, "lead@example.com")
			w.send(t, pressBy("UANN", "approve", "r1"))
			if len(w.views) != 1 {
				t.Fatalf("no dialog, told %q", w.told)
			}
			if tt.change != nil {
				tt.change(t, w)
			}
			user := tt.user
			if user == "" {
				user = "UANN"
			}
			w.submit(t, user)
			r := w.rows["r1"]
			if o := r.Outcome; (o == nil) != (tt.outcome == "") || o != nil && o.Kind != tt.outcome {
				t.Errorf("outcome %+v, want %q", o, tt.outcome)
			}
			if o := r.Outcome; o != nil && o.Kind == access.OutcomeApproved && (o.By.SlackID != user || o.PolicyDigest != "d1" || !o.At.Equal(now) || len(w.resumed) == 0) {
				t.Errorf("approved by %+v, resumed %q", o, w.resumed)
			}
			if told := strings.Join(w.told, "|"); told != tt.told {
				t.Errorf("told %q, want %q", told, tt.told)
			}
			var refusals []string
			for _, e := range r.Events {
				refusals = append(refusals, e.By.SlackID+" "+e.Action+" "+e.Reason)
			}
			if want := user + " approve " + string(tt.refusal); tt.refusal != "" && !slices.Equal(refusals, []string{want}) || tt.refusal == "" && len(refusals) > 0 {
				t.Errorf("recorded %q, want %q", refusals, tt.refusal)
			}
			if strings.Contains(w.log.String(), "-token") {
				t.Errorf("the log has a task token: %s", &w.log)
			}
		})
	}
}

// Once the dialog approved, other presses come too late.
func TestConfirmedFirst(t *testing.T) {
	w := confirming()
	w.press(t, "UANN", "approve", "r1")
	want := w.rows["r1"].Outcome
	w.send(t, pressBy("UANN", "deny", "r1"))
	w.send(t, pressBy("UJANE", "withdraw", "r1"))
	text := "ann@example.com already approved this request."
	if got := w.rows["r1"].Outcome; got != want || want == nil || want.Kind != access.OutcomeApproved || !slices.Equal(w.told, []string{text, text}) {
		t.Errorf("outcome %+v, told %q", got, w.told)
	}
}

// The dialog shows the row and the policy in force, whatever the message said.
func TestConfirmShowsTheRow(t *testing.T) {
	w := confirming()
	w.policy.Accounts[1].Warning = "Production: changes are visible to customers."
	r := waiting()
	r.Reason, r.Ticket, r.Duration, r.ExpiresAt = "deploy", "OPS-12", 3600, now.Add(time.Hour)
	r.EvaluatedDecision = &access.Decision{Warnings: []string{"As of the evaluation."}}
	w.rows["r1"] = r
	w.send(t, payload("block_actions", "UANN", object{
		"actions":      []object{{"type": "button", "action_id": "approve", "value": "r1", "text": object{"type": "plain_text", "text": "Read the manual"}}},
		"response_url": "https://hooks.slack.com/actions/T1/2/x", "trigger_id": "t-10", "channel": object{"id": "C1"},
		"message": object{"ts": "1.1", "text": "ReadOnly in Sandbox", "blocks": []object{{"type": "section", "text": object{"type": "plain_text", "text": "ReadOnly in Sandbox"}}}},
	}))
	if len(w.views) != 1 {
		t.Fatalf("no dialog, told %q", w.told)
	}
	want := slack.ConfirmationView(slack.Confirmation{Request: r, Warnings: []string{"Production: changes are visible to customers."}, Last: true})
	if got := w.views[0].view; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Of a request that needs several approvals, the dialog shows those that it has, counted
// anew, and whether this one is the last.
func TestConfirmShowsTheApprovals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		row    access.Request
		change func(*world)
		lines  []string
		last   bool
	}{
		{"the first", approvedBy(), nil, []string{"Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com"}, false},
		{"the last", approvedBy(ann), nil, []string{"Approvals 1 of 2: approved by @UANN. Still needs annie@example.com, bob@example.com or twin@example.com"}, true},
		{"after one that lapsed", approvedBy(ann), func(w *world) { delete(w.people, "UANN") },
			[]string{"Approvals 0 of 2: needs 2 of ann@example.com, annie@example.com, bob@example.com, twin@example.com",
				"No longer counts: the approval by @UANN, because their user in Slack or IAM Identity Center was disabled or changed"}, false},
		{"fewer are needed by now", approvedBy(ann), func(w *world) { w.policy.Accounts[3].ApprovalsNeeded = 1 },
			[]string{"Approvals 1 of 1: approved by @UANN"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			w.rows["r4"] = tt.row
			if tt.change != nil {
				tt.change(w)
			}
			w.send(t, pressBy("UBOB", "approve", "r4"))
			if len(w.views) != 1 || w.rows["r4"].Outcome != nil || !reflect.DeepEqual(w.rows["r4"], tt.row) {
				t.Fatalf("views %+v, row %+v", w.views, w.rows["r4"])
			}
			blocks := w.views[0].view.Blocks.BlockSet
			lines := linesOf(t, slack.Message{Blocks: blocks})
			for _, want := range tt.lines {
				if !slices.Contains(lines, want) {
					t.Errorf("the dialog shows %q, want %q", lines, want)
				}
			}
			text, _ := json.Marshal(blocks)
			if last := strings.Contains(string(text), "the access starts at once"); last != tt.last {
				t.Errorf("the last approval: %t, want %t; the dialog shows %s", last, tt.last, text)
			}
		})
	}
}
