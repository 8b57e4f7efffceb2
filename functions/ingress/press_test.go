package ingress

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// pressBy is a press of a button by user.
func pressBy(user, action, requestID string) string {
	return payload("block_actions", user, object{
		"actions":      []object{{"action_id": action, "value": requestID}},
		"response_url": "https://hooks.slack.com/actions/T1/1/x", "trigger_id": "t-10",
		"channel": object{"id": "C1"}, "message": object{"ts": "1.1"},
	})
}

// waiting is jane's request for Admin in production. Only ann can approve it.
func waiting() access.Request {
	return access.Request{
		ID: "r1", Requester: jane, ApprovalToken: "approval-token", EndToken: "end-token", CreatedAt: now,
		ExecutionARN: stateARN + "r1",
		Target:       access.Target{Kind: access.KindAccount, AccountID: production, PermissionSetARN: admin, PermissionSet: "Admin"},
	}
}

func active() access.Request {
	r := waiting()
	r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: ann, At: now}
	r.GrantedAt, r.End = now, now.Add(time.Hour)
	return r
}

// A press resumes all executions before it updates any message: access must not wait for Slack.
func TestResumesBeforeUpdates(t *testing.T) {
	for name, tt := range map[string]struct {
		user, action string
		row          access.Request
		change       func(*world)
		resumed      []string // sorted
		updates      int
	}{
		"approve":                  {user: "UANN", action: "approve", row: waiting(), resumed: []string{"resume approval-token"}, updates: 3},
		"the last of two approves": {user: "UANN", action: "approve", row: approvedBy(bob), resumed: []string{"resume approval-token-of-two"}, updates: 3},
		"the requester ends":       {user: "UJANE", action: "end", row: active(), resumed: []string{"resume end-token"}, updates: 3},
		"an approver ends":         {user: "UANN", action: "end", row: active(), resumed: []string{"resume end-token"}, updates: 3},
		"end two requests": {user: "UJANE", action: "end", row: active(), resumed: []string{"resume end-token", "resume r2-token"}, updates: 6,
			change: func(w *world) { w.beside("r2", func(r *access.Request) { r.Posts = postsOf("2") }) }},
		"end the other request": {user: "UJANE", action: "end", resumed: []string{"resume r2-token"}, updates: 3,
			row:    func() access.Request { r := active(); r.RevokingAt, r.RevokedAt = now, now; return r }(),
			change: func(w *world) { w.beside("r2", func(r *access.Request) { r.Posts = postsOf("2") }) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			tt.row.Posts = postsOf("1")
			w.rows[tt.row.ID] = tt.row
			if tt.change != nil {
				tt.change(w)
			}
			w.press(t, tt.user, tt.action, tt.row.ID)
			n := min(len(tt.resumed), len(w.order))
			first := slices.Sorted(slices.Values(w.order[:n]))
			isUpdate := func(what string) bool { return strings.HasPrefix(what, "update ") }
			if rest := w.order[n:]; !slices.Equal(first, tt.resumed) || len(rest) != tt.updates || slices.ContainsFunc(rest, func(s string) bool { return !isUpdate(s) }) {
				t.Errorf("order %q, want %q and then %d updates", w.order, tt.resumed, tt.updates)
			}
		})
	}
}

// A release may change a button's label. Messages in Slack keep the old label, and it
// still works.
func TestOldButtonDecides(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = waiting()
	w.send(t, payload("block_actions", "UANN", object{
		"actions": []object{{"type": "button", "action_id": "deny", "value": "r1", "style": "danger",
			"text": object{"type": "plain_text", "text": "Discard"}}},
		"response_url": "https://hooks.slack.com/actions/T1/2/x", "channel": object{"id": "C1"}, "message": object{"ts": "1.1"},
	}))
	if o := w.rows["r1"].Outcome; o == nil || o.Kind != access.OutcomeDenied || o.By != ann || len(w.told) > 0 {
		t.Errorf("outcome %+v, told %q; want denied by ann", o, w.told)
	}
}

// The browser follows a link by itself. Slack still reports the press, and shows a
// warning unless the answer is 200.
func TestLinkButtonDoesNothing(t *testing.T) {
	for _, value := range []string{"r1", "", "<!channel>"} {
		w := newWorld()
		w.rows["r1"] = active()
		w.peopleErr, w.policyErr = access.Errorf(access.CodeInternal, "nobody needs to be asked"), access.Errorf(access.CodeInternal, "not needed")
		got := w.send(t, pressBy("UJANE", "open_portal", value))
		if got.StatusCode != http.StatusOK || got.Body != "" {
			t.Errorf("%q: status %d, body %q", value, got.StatusCode, got.Body)
		}
		if w.log.Len() > 0 || len(w.told)+len(w.views)+len(w.resumed)+len(w.updated) > 0 || !reflect.DeepEqual(w.rows["r1"], active()) {
			t.Errorf("%q: log %s, told %q, row %+v", value, w.log.String(), w.told, w.rows["r1"])
		}
	}
}

func TestPress(t *testing.T) {
	decided := func(kind access.OutcomeKind, by access.Person) *access.Outcome {
		return &access.Outcome{
			Kind: kind, By: by, At: now, Reason: "RequiresApproval", PolicyDigest: "d1", Statements: []int{1},
			Rule: "config[1]: approval by ann@example.com or twin@example.com",
		}
	}
	const (
		notYours = "You can't approve or deny this request."
		theyCan  = " ann@example.com or twin@example.com can."
	)
	tests := []struct {
		name         string
		user, action string
		row          access.Request
		change       func(*world)
		outcome      *access.Outcome
		ended        *access.EndRequest
		resumed      []string
		told         []string
	}{
		{name: "approve", user: "UANN", action: "approve", row: waiting(),
			outcome: decided(access.OutcomeApproved, ann), resumed: []string{`approval-token {"next":"approved","wait_seconds":1}`}},
		{name: "deny", user: "UANN", action: "deny", row: waiting(),
			outcome: decided(access.OutcomeDenied, ann), resumed: []string{`approval-token {"next":"denied","wait_seconds":1}`}},
		{name: "approve, but the requester is gone", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { delete(w.people, "UJANE") },
			told:   []string{"The requester is gone. This request can't be approved. Please deny it."}},
		{name: "approve, but the requester has another user by now", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { p := jane; p.PrincipalID = "p-new"; w.people["UJANE"] = p },
			told:   []string{"The requester is gone. This request can't be approved. Please deny it."}},
		{name: "approve, but nobody can say whether the requester is gone", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { w.remainsErr = access.Errorf(access.CodeThrottled, "slow down") },
			told:   []string{"Something went wrong. Please try again in a moment."}},
		{name: "deny, though the requester is gone", user: "UANN", action: "deny", row: waiting(),
			change:  func(w *world) { delete(w.people, "UJANE") },
			outcome: decided(access.OutcomeDenied, ann), resumed: []string{`approval-token {"next":"denied","wait_seconds":1}`}},
		{name: "an approver who is gone", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { delete(w.people, "UANN") }, told: []string{notYours + " No guests. The request's message names the approvers."}},
		{name: "approve before the wait has begun", user: "UANN", action: "approve",
			row:     func() access.Request { r := waiting(); r.ApprovalToken = ""; return r }(),
			outcome: decided(access.OutcomeApproved, ann)},
		{name: "the machine can't be resumed: the decision stands", user: "UANN", action: "approve", row: waiting(),
			change:  func(w *world) { w.resumeErr = access.Errorf(access.CodeUnavailable, "no answer") },
			outcome: decided(access.OutcomeApproved, ann), resumed: []string{`approval-token {"next":"approved","wait_seconds":1}`}},
		{name: "somebody else approves", user: "UBOB", action: "approve", row: waiting(), told: []string{notYours + theyCan}},
		{name: "somebody else denies", user: "UBOB", action: "deny", row: waiting(), told: []string{notYours + theyCan}},
		{name: "a guest approves", user: "UGUEST", action: "approve", row: waiting(), told: []string{notYours + " No guests. The request's message names the approvers."}},
		{name: "the requester approves", user: "UJANE", action: "approve", row: waiting(), told: []string{notYours + " This is your own request." + theyCan}},
		{name: "the requester's second Slack user, who is listed, approves", user: "UTWIN", action: "approve", row: waiting(), told: []string{notYours + " This is your own request. ann@example.com can."}},
		{name: "an approver under a secondary domain", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { p := ann; p.SecondaryDomain = true; w.people["UANN"] = p }, told: []string{notYours + " twin@example.com can."}},
		{name: "an approver whom the policy in force lists no more", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { w.policy.Accounts[1].Approvers = []string{"bob@example.com"} }, told: []string{notYours + " bob@example.com can."}},
		{name: "nobody whom the policy in force lists", user: "UBOB", action: "approve", row: waiting(),
			change: func(w *world) { w.policy.Accounts[1].Approvers = nil },
			told:   []string{notYours + " Nobody can under the current policy. The requester can withdraw the request."}},
		{name: "the policy in force asks nobody, and still lets those decide who were asked", user: "UBOB", action: "approve",
			row: func() access.Request { r := waiting(); r.Approvers = []access.Person{ann, bob}; return r }(),
			change: func(w *world) {
				yes := true
				w.policy.Accounts[1].ApprovalIsNotRequired = &yes
			},
			told: []string{notYours + " ann@example.com can."}},
		{name: "the policy can't be read", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") },
			told:   []string{"Something went wrong. Please try again in a moment."}},
		{name: "the table does not answer", user: "UANN", action: "approve", row: waiting(),
			change: func(w *world) { w.decideErr = access.Errorf(access.CodeUnavailable, "no answer") },
			told:   []string{"Something went wrong. Please try again in a moment."}},
		{name: "decided a moment before", user: "UANN", action: "approve", row: waiting(),
			change:  func(w *world) { w.rival = &access.Outcome{Kind: access.OutcomeWithdrawn} },
			outcome: &access.Outcome{Kind: access.OutcomeWithdrawn}, resumed: []string{`approval-token {"next":"withdrawn","wait_seconds":1}`},
			told: []string{"The requester withdrew this request."}},
		{name: "decided before", user: "UBOB", action: "approve", row: active(),
			outcome: active().Outcome, told: []string{"ann@example.com already approved this request."}},
		{name: "closed without an outcome", user: "UANN", action: "approve",
			row: func() access.Request { r := waiting(); r.Tombstone = true; return r }(), told: []string{"This request was interrupted before a decision. The requester can submit it again."}},
		{name: "approve after the expiry, which the machine has not entered yet", user: "UANN", action: "approve",
			row: func() access.Request { r := waiting(); r.ExpiresAt = now; return r }(), told: []string{"This request has expired. The requester can submit a new one."}},
		{name: "approve just before the expiry", user: "UANN", action: "approve",
			row:     func() access.Request { r := waiting(); r.ExpiresAt = now.Add(time.Second); return r }(),
			outcome: decided(access.OutcomeApproved, ann), resumed: []string{`approval-token {"next":"approved","wait_seconds":1}`}},
		{name: "withdraw", user: "UJANE", action: "withdraw", row: waiting(),
			outcome: &access.Outcome{Kind: access.OutcomeWithdrawn, By: jane, At: now}, resumed: []string{`approval-token {"next":"withdrawn","wait_seconds":1}`}},
		{name: "somebody else withdraws", user: "UANN", action: "withdraw", row: waiting(), told: []string{"Only the requester can withdraw this request. Approvers can deny it."}},
		{name: "the requester ends", user: "UJANE", action: "end", row: active(), outcome: active().Outcome,
			ended: &access.EndRequest{By: jane, At: now}, resumed: []string{"end-token {}"}},
		{name: "an approver ends", user: "UANN", action: "end", row: active(), outcome: active().Outcome,
			ended: &access.EndRequest{By: ann, At: now}, resumed: []string{"end-token {}"}},
		{name: "a guest ends", user: "UGUEST", action: "end", row: active(), outcome: active().Outcome,
			told: []string{"You can't end this access. No guests. The requester, ann@example.com or twin@example.com can."}},
		{name: "somebody else ends", user: "UBOB", action: "end", row: active(), outcome: active().Outcome,
			told: []string{"You can't end this access. The requester, ann@example.com or twin@example.com can."}},
		{name: "end before it is there", user: "UJANE", action: "end", row: waiting(), told: []string{"This access isn't active yet. Please try again in a moment."}},
		{name: "end what has ended", user: "UJANE", action: "end",
			row:     func() access.Request { r := active(); r.RevokedAt = now; return r }(),
			outcome: active().Outcome, told: []string{"This access has already ended."}},
		{name: "end, but the machine can't be resumed", user: "UJANE", action: "end", row: active(), outcome: active().Outcome,
			change: func(w *world) { w.resumeErr = access.Errorf(access.CodeUnavailable, "no answer") },
			ended:  &access.EndRequest{By: jane, At: now}, resumed: []string{"end-token {}"},
			told: []string{"Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."}},
		{name: "end, but the wait has no token", user: "UJANE", action: "end",
			row:     func() access.Request { r := active(); r.EndToken = ""; return r }(),
			outcome: active().Outcome, ended: &access.EndRequest{By: jane, At: now},
			told: []string{"Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."}},
		{name: "end again, because the machine may not have been resumed", user: "UJANE", action: "end",
			row:     func() access.Request { r := active(); r.EndRequest = &access.EndRequest{By: ann, At: now}; return r }(),
			outcome: active().Outcome, ended: &access.EndRequest{By: ann, At: now}, resumed: []string{"end-token {}"},
			told: []string{"This access is already being removed."}},
		{name: "end what is being removed", user: "UJANE", action: "end",
			row:     func() access.Request { r := active(); r.RevokingAt = now; return r }(),
			outcome: active().Outcome, told: []string{"This access is already being removed."}},
		{name: "an unknown button", user: "UJANE", action: "extend", row: waiting(), told: []string{"This app doesn't know this button. Please tell the people who run it."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = test.row
			if test.change != nil {
				test.change(w)
			}
			got := w.send(t, pressBy(test.user, test.action, "r1"))
			if got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, want 200 without a body", got.StatusCode, got.Body)
			}
			if len(w.views) > 0 {
				w.submit(t, test.user)
			}
			if row := w.rows["r1"]; !reflect.DeepEqual(row.Outcome, test.outcome) || !reflect.DeepEqual(withoutPress(row.EndRequest), withoutPress(test.ended)) {
				t.Errorf("outcome %+v, end %+v; want %+v, %+v", row.Outcome, row.EndRequest, test.outcome, test.ended)
			}
			if !slices.Equal(w.resumed, test.resumed) {
				t.Errorf("resumed %q, want %q", w.resumed, test.resumed)
			}
			if !slices.Equal(w.told, test.told) {
				t.Errorf("told %q, want %q", w.told, test.told)
			}
			if strings.Contains(w.log.String(), "-token") {
				t.Errorf("the log has a task token: %s", &w.log)
			}
			for line := range strings.Lines(w.log.String()) {
				known := strings.Contains(line, `"request_id":"r1"`) && strings.Contains(line, `"execution":"`+stateARN+`r1"`)
				if !known && test.action != "extend" {
					t.Errorf("a line without request and execution: %s", line)
				}
			}
		})
	}
}

func TestPressTwiceHasOneEffect(t *testing.T) {
	tests := []struct {
		name, user, action string
		row                access.Request
		want               []string // the second press gets the reply
	}{
		{"approve", "UANN", "approve", waiting(), []string{"ann@example.com already approved this request."}},
		{"end", "UJANE", "end", active(), []string{"This access is already being removed."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = test.row
			w.send(t, pressBy(test.user, test.action, "r1"))
			after := w.rows["r1"]
			w.send(t, pressBy(test.user, test.action, "r1"))
			if !reflect.DeepEqual(w.rows["r1"], after) || !slices.Equal(w.told, test.want) {
				t.Errorf("row %+v, told %q; want %+v, %q", w.rows["r1"], w.told, after, test.want)
			}
		})
	}
}

// If the lookups use up all the time, some is left for the reply.
func TestSlowPressIsAnswered(t *testing.T) {
	for _, action := range []string{"approve", "deny", "withdraw", "end"} {
		w := newWorld()
		w.rows["r1"] = active()
		w.send(t, pressBy("UJANE", action, "r1"))
		if w.timeLeft() <= 0 || w.timeLeft() > responseTimeout-tellTime {
			t.Errorf("%s: the table is asked with %s left, want at most %s", action, w.timeLeft(), responseTimeout-tellTime)
		}
	}
}

func TestPressOfAnUnknownRequest(t *testing.T) {
	w := newWorld()
	w.respondErr = access.Errorf(access.CodeLost, "the response URL has expired")
	w.send(t, pressBy("UANN", "approve", "r9"))
	if want := []string{"C1 UANN This app no longer has this request. If you still need the access, submit a new request."}; !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
}

// A person who can't be told that a press failed must not believe that it worked.
// After an error status, Slack shows a warning beside the button.
func TestPressThatNobodyIsToldOf(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	for _, test := range []struct {
		name                    string
		decide, respond, nobody error
		want                    int
	}{
		{"decided", nil, unavailable, unavailable, http.StatusOK},
		{"told", unavailable, nil, unavailable, http.StatusOK},
		{"told in the channel", unavailable, unavailable, nil, http.StatusOK},
		{"not told", unavailable, unavailable, unavailable, http.StatusInternalServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = waiting()
			w.decideErr, w.respondErr, w.ephemeralErr = test.decide, test.respond, test.nobody
			if got := w.send(t, pressBy("UANN", "approve", "r1")); got.StatusCode != test.want || got.Body != "" {
				t.Errorf("got %d %q, want %d without a body", got.StatusCode, got.Body, test.want)
			}
		})
	}
}

// A refused press is recorded in the request's row, with the person, the button and
// the reason. Other presses aren't.
func TestRefusedPressesAreRecorded(t *testing.T) {
	guest := access.Person{SlackID: "UGUEST"}
	closed := func() access.Request { r := waiting(); r.ClosedAt = now; return r }
	refused := func(action string, by access.Person, why access.Refusal, message, digest string) []access.Event {
		return []access.Event{{Kind: access.EventPressRefused, At: now, By: by, Action: action, Reason: string(why), Message: message, PolicyDigest: digest}}
	}
	tests := []struct {
		name         string
		user, action string
		row          access.Request
		change       func(*world)
		want         []access.Event
	}{
		{name: "not an approver approves", user: "UBOB", action: "approve", row: waiting(), want: refused("approve", bob, access.RefusalNotApprover, "", "d1")},
		{name: "not an approver denies", user: "UBOB", action: "deny", row: waiting(), want: refused("deny", bob, access.RefusalNotApprover, "", "d1")},
		{name: "not an approver ends", user: "UBOB", action: "end", row: active(), want: refused("end", bob, access.RefusalNotApprover, "", "d1")},
		{name: "the requester approves", user: "UJANE", action: "approve", row: waiting(), want: refused("approve", jane, access.RefusalNotApprover, "", "d1")},
		{name: "the requester's second Slack user", user: "UTWIN", action: "approve", row: waiting(), want: refused("approve", twin, access.RefusalNotApprover, "", "d1")},
		{name: "a guest approves", user: "UGUEST", action: "approve", row: waiting(), want: refused("approve", guest, access.RefusalNotEligible, "No guests.", "")},
		{name: "a guest denies", user: "UGUEST", action: "deny", row: waiting(), want: refused("deny", guest, access.RefusalNotEligible, "No guests.", "")},
		{name: "a guest ends", user: "UGUEST", action: "end", row: active(), want: refused("end", guest, access.RefusalNotEligible, "No guests.", "")},
		{name: "not the requester withdraws", user: "UANN", action: "withdraw", row: waiting(), want: refused("withdraw", access.Person{SlackID: "UANN"}, access.RefusalNotRequester, "", "")},
		{name: "not the requester asks again", user: "UBOB", action: "ask_again", row: active(), want: refused("ask_again", access.Person{SlackID: "UBOB"}, access.RefusalNotRequester, "", "")},
		{name: "not the requester asks for more time", user: "UBOB", action: "more_time", row: active(), want: refused("more_time", access.Person{SlackID: "UBOB"}, access.RefusalNotRequester, "", "")},
		{name: "the requester asks for more time", user: "UJANE", action: "more_time", row: active()},
		{name: "an approver, of a requester who is gone", user: "UANN", action: "approve", row: waiting(), change: func(w *world) { delete(w.people, "UJANE") },
			want: refused("approve", ann, access.RefusalRequesterGone, "The requester is gone.", "d1")},
		{name: "an approver approves", user: "UANN", action: "approve", row: waiting()},
		{name: "an approver ends", user: "UANN", action: "end", row: active()},
		{name: "the requester withdraws", user: "UJANE", action: "withdraw", row: waiting()},
		{name: "somebody comes too late", user: "UBOB", action: "approve", row: active()},
		{name: "on a closed request", user: "UANN", action: "withdraw", row: closed()},
		{name: "Slack does not say who this is", user: "UBOB", action: "approve", row: waiting(), change: func(w *world) { w.peopleErr = access.Errorf(access.CodeUnavailable, "no answer") }},
		{name: "the policy can't be read", user: "UBOB", action: "approve", row: waiting(), change: func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = test.row
			if test.change != nil {
				test.change(w)
			}
			for range 3 {
				w.send(t, pressBy(test.user, test.action, "r1"))
			}
			if got := w.rows["r1"].Events; !reflect.DeepEqual(got, test.want) {
				t.Errorf("recorded %+v\nwant     %+v", got, test.want)
			}
		})
	}

	t.Run("once for each person and reason", func(t *testing.T) {
		w := newWorld()
		w.rows["r1"] = waiting()
		for _, p := range []struct{ user, action string }{
			{"UBOB", "approve"}, {"UBOB", "deny"}, {"UBOB", "withdraw"}, {"UGUEST", "approve"}, {"UGUEST", "withdraw"}, {"UBOB", "approve"},
		} {
			w.send(t, pressBy(p.user, p.action, "r1"))
		}
		var got []string
		for _, e := range w.rows["r1"].Events {
			got = append(got, e.By.SlackID+" "+e.Action+" "+e.Reason)
		}
		if want := []string{"UBOB approve NotApprover", "UBOB withdraw NotRequester", "UGUEST approve NotEligible", "UGUEST withdraw NotRequester"}; !slices.Equal(got, want) {
			t.Errorf("recorded %q, want %q", got, want)
		}
	})
	t.Run("a bounded number", func(t *testing.T) {
		w := newWorld()
		w.rows["r1"] = waiting()
		for i := range access.MaxRefusedPresses + 5 {
			w.send(t, pressBy(fmt.Sprintf("UGUEST%d", i), "approve", "r1"))
		}
		if got := len(w.rows["r1"].Events); got != access.MaxRefusedPresses {
			t.Errorf("recorded %d, want %d", got, access.MaxRefusedPresses)
		}
	})
	t.Run("the table does not answer", func(t *testing.T) {
		w := newWorld()
		w.rows["r1"] = waiting()
		w.appendErr = access.Errorf(access.CodeUnavailable, "no answer")
		w.send(t, pressBy("UBOB", "approve", "r1"))
		if want := []string{"You can't approve or deny this request. ann@example.com or twin@example.com can."}; !slices.Equal(w.told, want) || w.rows["r1"].Outcome != nil || !strings.Contains(w.log.String(), "refused press could not be recorded") {
			t.Errorf("told %q, outcome %+v, log %s; want %q, none, and a line about it", w.told, w.rows["r1"].Outcome, &w.log, want)
		}
	})
}
