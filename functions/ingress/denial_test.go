package ingress

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// denying returns a world where r1 waits, with a setting of deny_reason.
func denying(reason DenyReason) *world {
	w := newWorld()
	w.denyReason = reason
	w.rows["r1"] = waiting()
	return w
}

func outcomeOf(r access.Request) (kind access.OutcomeKind, reason string) {
	if r.Outcome == nil {
		return "", ""
	}
	return r.Outcome.Kind, r.Outcome.DenialReason
}

// A press of Deny opens the dialog unless the setting is off.
func TestDenyOpensTheDialog(t *testing.T) {
	for _, tt := range []struct {
		name, user string
		setting    DenyReason
		change     func(*world)
		opens      bool
		outcome    access.OutcomeKind
		told       []string
	}{
		{name: "optional", user: "UANN", setting: DenyReasonOptional, opens: true},
		{name: "required", user: "UANN", setting: DenyReasonRequired, opens: true},
		{name: "off", user: "UANN", setting: DenyReasonOff, outcome: access.OutcomeDenied},
		{name: "the requester is gone", user: "UANN", setting: DenyReasonOptional, opens: true, change: func(w *world) { delete(w.people, "UJANE") }},
		{name: "somebody who may not", user: "UBOB", setting: DenyReasonOptional, told: []string{"You can't approve or deny this request. ann@example.com or twin@example.com can."}},
		{name: "decided", user: "UANN", setting: DenyReasonOptional, change: func(w *world) { w.rows["r1"] = active() }, outcome: access.OutcomeApproved,
			told: []string{"ann@example.com already approved this request."}},
		{name: "the dialog can't be opened", user: "UANN", setting: DenyReasonOptional,
			change: func(w *world) { w.openErr = access.Errorf(access.CodeLost, "the trigger has expired") },
			told:   []string{"You haven't denied this yet, because the dialog didn't open. Please press Deny again."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := denying(tt.setting)
			if tt.change != nil {
				tt.change(w)
			}
			if got := w.send(t, pressBy(tt.user, "deny", "r1")); got.StatusCode != http.StatusOK || got.Body != "" {
				t.Fatalf("got %d %q", got.StatusCode, got.Body)
			}
			if kind, _ := outcomeOf(w.rows["r1"]); kind != tt.outcome || !slices.Equal(w.told, tt.told) {
				t.Errorf("outcome %q, told %q; want %q, %q", kind, w.told, tt.outcome, tt.told)
			}
			opened := len(w.views) == 1 && w.views[0].trigger == "t-10" && w.views[0].view.CallbackID == slack.CallbackDenial && w.views[0].view.PrivateMetadata == "r1"
			if opened != tt.opens || !tt.opens && len(w.views) > 0 {
				t.Errorf("views %+v, want the dialog: %t", w.views, tt.opens)
			}
		})
	}
}

// The submission of the dialog decides by what is true then, with the reason.
func TestDenyInTheDialog(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	const hostile = "<!channel> *no*\n> \"quoted\" <@UANN> :wave:"
	presses := func(body string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.send(t, body) }
	}
	to := func(change func(*world)) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { change(w) }
	}
	for _, tt := range []struct {
		name, user, reason string
		setting            DenyReason
		change             func(*testing.T, *world) // while the dialog is open
		outcome            access.OutcomeKind
		recorded, told     string
		mistake            string
	}{
		{name: "with a reason", user: "UANN", reason: " Use ReadOnly for this. \n", outcome: access.OutcomeDenied, recorded: "Use ReadOnly for this."},
		{name: "without one", user: "UANN", outcome: access.OutcomeDenied},
		{name: "hostile", user: "UANN", reason: hostile, outcome: access.OutcomeDenied, recorded: hostile},
		{name: "of the longest", user: "UANN", reason: strings.Repeat("名", 500), outcome: access.OutcomeDenied, recorded: strings.Repeat("名", 500)},
		{name: "too long", user: "UANN", reason: strings.Repeat("名", 501), mistake: "Use at most 500 characters."},
		{name: "required, and given", user: "UANN", setting: DenyReasonRequired, reason: "No.", outcome: access.OutcomeDenied, recorded: "No."},
		{name: "required, and missing", user: "UANN", setting: DenyReasonRequired, mistake: "Enter why you are denying this request."},
		{name: "required, and blank", user: "UANN", setting: DenyReasonRequired, reason: " \u2800\n\u200b", mistake: "Enter why you are denying this request."},
		{name: "the setting was turned off", user: "UANN", setting: DenyReasonOff, reason: "No.", outcome: access.OutcomeDenied, recorded: "No."},
		{name: "somebody approved", user: "UANN", reason: "No.", change: presses(pressBy("UTWIN2", "approve", "r1")), outcome: access.OutcomeApproved, told: "lead@example.com already approved this request."},
		{name: "somebody approved in the same instant", user: "UANN", reason: "No.", change: to(func(w *world) { w.rival = &access.Outcome{Kind: access.OutcomeApproved, By: bob} }),
			outcome: access.OutcomeApproved, told: "bob@example.com already approved this request."},
		{name: "the requester withdrew", user: "UANN", reason: "No.", change: presses(pressBy("UJANE", "withdraw", "r1")), outcome: access.OutcomeWithdrawn, told: "The requester withdrew this request."},
		{name: "submitted before", user: "UANN", reason: "Not now.", change: presses(deniedBy("UANN", "r1", "No.")), outcome: access.OutcomeDenied, recorded: "No.", told: "ann@example.com already denied this request."},
		{name: "expired", user: "UANN", reason: "No.", change: to(func(w *world) { r := w.rows["r1"]; r.ExpiresAt = now; w.rows["r1"] = r }), told: "This request has expired. The requester can submit a new one."},
		{name: "no longer an approver", user: "UANN", reason: "No.", change: to(func(w *world) { w.policy.Accounts[1].Approvers = []string{"lead@example.com"} }),
			told: "You can't approve or deny this request. lead@example.com can."},
		{name: "by somebody else, who may not", user: "UBOB", reason: "No.", told: "You can't approve or deny this request. ann@example.com, lead@example.com or twin@example.com can."},
		{name: "the table doesn't answer", user: "UANN", reason: "No.", change: to(func(w *world) { w.decideErr = unavailable }),
			mistake: "Something went wrong. Please try again in a moment."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := denying(tt.setting)
			w.people["UTWIN2"] = access.Person{SlackID: "UTWIN2", Email: "lead@example.com", PrincipalID: "p-lead"}
			w.policy.Accounts[1].Approvers = append(w.policy.Accounts[1].Approvers, "lead@example.com")
			if tt.change != nil {
				tt.change(t, w)
			}
			got := w.send(t, deniedBy(tt.user, "r1", tt.reason))
			if kind, reason := outcomeOf(w.rows["r1"]); kind != tt.outcome || reason != tt.recorded {
				t.Errorf("outcome %q, reason %q; want %q, %q", kind, reason, tt.outcome, tt.recorded)
			}
			want := ""
			if tt.mistake != "" {
				want = string(slack.FieldErrorsResponse(map[string]string{"denial_reason": tt.mistake}))
			} else if tt.told != "" {
				want = notice(t, "Access request", tt.told)
			}
			if got.StatusCode != http.StatusOK || got.Body != want || len(w.told) > 0 {
				t.Errorf("got %d %q, told %q; want %q", got.StatusCode, got.Body, w.told, want)
			}
			if tt.outcome == access.OutcomeDenied && tt.told == "" && !slices.Equal(w.resumed, []string{`approval-token {"next":"denied","wait_seconds":1}`}) {
				t.Errorf("resumed %q", w.resumed)
			}
		})
	}
}

// Once the dialog denied, a dialog to approve that is open comes too late.
func TestDeniedFirst(t *testing.T) {
	w := denying(DenyReasonOptional)
	w.policy.Accounts[1].Confirm = true
	w.send(t, pressBy("UANN", "approve", "r1"))
	w.send(t, deniedBy("UANN", "r1", "No."))
	got := w.send(t, confirmedBy("UANN", "r1"))
	if kind, reason := outcomeOf(w.rows["r1"]); kind != access.OutcomeDenied || reason != "No." {
		t.Errorf("outcome %q, reason %q", kind, reason)
	}
	if want := notice(t, "Access request", "ann@example.com already denied this request."); got.Body != want {
		t.Errorf("got %q, want %q", got.Body, want)
	}
}

// After a denial, the person can't request the same target again for some time, whichever
// of their Slack users they use. Other targets and other people are unaffected.
func TestDenyCooldown(t *testing.T) {
	cleared := string(slack.ClearResponse())
	refused := func(text string) string {
		return string(slack.FieldErrorsResponse(map[string]string{slack.BlockReason: text}))
	}
	// denied returns a world in which V1 was denied.
	denied := func(t *testing.T, cooldown time.Duration) *world {
		w := withSandboxApprover()
		w.cooldown = cooldown
		w.send(t, sentAs("V1", "UJANE", production, "3600"))
		w.send(t, deniedBy("UANN", idOf("V1"), "No."))
		if kind, _ := outcomeOf(w.rows[idOf("V1")]); kind != access.OutcomeDenied {
			t.Fatalf("outcome %q", kind)
		}
		return w
	}
	// ago moves the denial into the past.
	ago := func(w *world, d time.Duration) {
		c := w.claims["p-jane"]
		for key, denial := range c.Denials {
			denial.At = denial.At.Add(-d)
			c.Denials[key] = denial
		}
	}
	for _, tt := range []struct {
		name           string
		cooldown, pass time.Duration
		want           string
	}{
		{"at once", 15 * time.Minute, 0, refused("ann@example.com denied this less than a minute ago. You can request it again at 12:15 UTC.")},
		{"later", 15 * time.Minute, 3*time.Minute + 20*time.Second, refused("ann@example.com denied this 3 minutes ago. You can request it again at 12:12 UTC.")},
		{"a moment before the end", 15 * time.Minute, 15*time.Minute - time.Second, refused("ann@example.com denied this 14 minutes ago. You can request it again at 12:01 UTC.")},
		{"at the end", 15 * time.Minute, 15 * time.Minute, cleared},
		{"until tomorrow", 24 * time.Hour, time.Hour, refused("ann@example.com denied this 1 hour ago. You can request it again at 11:00 UTC on 2 January.")},
		{"none", 0, 0, cleared},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, user := range []string{"UJANE", "UTWIN"} {
				w := denied(t, tt.cooldown)
				ago(w, tt.pass)
				started := len(w.started)
				if got := w.send(t, sentAs("V2", user, production, "3600")); got.Body != tt.want {
					t.Errorf("%s: got %s\nwant %s", user, got.Body, tt.want)
				}
				if created := len(w.rows) == 2; created != (tt.want == cleared) || created != (len(w.started) > started) {
					t.Errorf("%s: %d requests, started %q", user, len(w.rows), w.started)
				}
			}
		})
	}
	t.Run("other targets, other people, and the same form", func(t *testing.T) {
		w := denied(t, 15*time.Minute)
		for _, body := range []string{sentAs("V3", "UJANE", sandbox, "3600"), sentAs("V4", "UBOB", production, "3600"), sentAs("V1", "UJANE", production, "3600")} {
			if got := w.send(t, body); got.Body != cleared {
				t.Errorf("got %s", got.Body)
			}
		}
		if len(w.rows) != 3 {
			t.Errorf("%d requests, want 3", len(w.rows))
		}
		// What else happens to the person's claims doesn't forget the denial.
		w.send(t, pressBy("UJANE", "withdraw", idOf("V3")))
		if got := w.send(t, sentAs("V5", "UJANE", production, "3600")); !strings.Contains(got.Body, "denied this") {
			t.Errorf("got %s, want the denial", got.Body)
		}
	})
	t.Run("withdrawn or approved", func(t *testing.T) {
		for _, body := range []string{pressBy("UJANE", "withdraw", idOf("V1")), pressBy("UANN", "approve", idOf("V1"))} {
			w := newWorld()
			w.cooldown = time.Hour
			w.send(t, sentAs("V1", "UJANE", production, "3600"))
			w.send(t, body)
			if got := w.send(t, sentAs("V2", "UJANE", production, "3600")); got.Body != cleared || len(w.rows) != 2 {
				t.Errorf("got %s", got.Body)
			}
		}
	})
}

// Only someone else's access needs a dialog to end it.
func TestEndInTheDialog(t *testing.T) {
	for _, tt := range []struct {
		name, user string
		change     func(*world) // while the dialog is open
		opens      bool
		ended      bool
		told       []string
	}{
		{name: "the requester", user: "UJANE", ended: true},
		{name: "an approver", user: "UANN", opens: true, ended: true},
		{name: "the requester's other Slack user, who is an approver", user: "UTWIN",
			told: []string{"You can't end this access. The requester or ann@example.com can."}},
		{name: "it has ended meanwhile", user: "UANN", opens: true, change: func(w *world) { r := w.rows["r1"]; r.RevokedAt = now; w.rows["r1"] = r },
			told: []string{"This access has already ended."}},
		{name: "no longer an approver", user: "UANN", opens: true, change: func(w *world) { w.policy.Accounts[1].Approvers = []string{"lead@example.com"} },
			told: []string{"You can't end this access. The requester or lead@example.com can."}},
		{name: "the execution can't be resumed", user: "UANN", opens: true, ended: true, change: func(w *world) { w.resumeErr = access.Errorf(access.CodeUnavailable, "no answer") },
			told: []string{"Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = active()
			w.send(t, pressBy(tt.user, "end", "r1"))
			if opened := len(w.views) == 1 && w.views[0].view.CallbackID == slack.CallbackEnd; opened != tt.opens {
				t.Fatalf("views %+v, want the dialog: %t", w.views, tt.opens)
			}
			if tt.opens {
				if w.rows["r1"].EndRequest != nil {
					t.Fatal("the press ended the access")
				}
				if tt.change != nil {
					tt.change(w)
				}
				w.submit(t, tt.user)
			}
			if e := w.rows["r1"].EndRequest; (e != nil) != tt.ended || e != nil && e.By.SlackID != tt.user {
				t.Errorf("end %+v, want one: %t", e, tt.ended)
			}
			if !slices.Equal(w.told, tt.told) {
				t.Errorf("told %q, want %q", w.told, tt.told)
			}
		})
	}
	w := newWorld()
	w.rows["r1"], w.openErr = active(), access.Errorf(access.CodeLost, "the trigger has expired")
	w.send(t, pressBy("UANN", "end", "r1"))
	if want := []string{"The access hasn't ended, because the dialog didn't open. Please press End now again."}; !slices.Equal(w.told, want) || w.rows["r1"].EndRequest != nil {
		t.Errorf("told %q, end %+v", w.told, w.rows["r1"].EndRequest)
	}
}

// After an approval, the message shows at once who approved, without buttons. It never
// replaces something newer.
func TestApprovalShowsAtOnce(t *testing.T) {
	posted := func() access.Request {
		r := waiting()
		r.Posts = map[string]access.Post{"announce": {Channel: "C1", TS: "1.1", Digest: "of the message with buttons"}}
		return r
	}
	granted := func(r *access.Request) { r.GrantedAt, r.End = now, now.Add(time.Hour) }
	const settingUp, isActive = "🔵 Approved: setting up access", "🟢 Access is active"
	for _, tt := range []struct {
		name   string
		row    access.Request
		change func(*world)
		shows  []string // titles
	}{
		{"at once", posted(), nil, []string{settingUp}},
		{"the message isn't posted yet", waiting(), nil, nil},
		{"notify updated it meanwhile", posted(), func(w *world) { w.late = granted }, []string{settingUp, isActive}},
		{"the update fails", posted(), func(w *world) { w.updateErr = access.Errorf(access.CodeThrottled, "slow down") }, nil},
		{"the execution can't be resumed", posted(), func(w *world) { w.resumeErr = access.Errorf(access.CodeUnavailable, "no answer") }, []string{settingUp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = tt.row
			if tt.change != nil {
				tt.change(w)
			}
			if got := w.send(t, pressBy("UANN", "approve", "r1")); got.StatusCode != http.StatusOK || got.Body != "" || len(w.told) > 0 {
				t.Errorf("got %d %q, told %q", got.StatusCode, got.Body, w.told)
			}
			if kind, _ := outcomeOf(w.rows["r1"]); kind != access.OutcomeApproved || len(w.resumed) != 1 {
				t.Errorf("outcome %q, resumed %q", kind, w.resumed)
			}
			var shows []string
			for _, m := range w.shows {
				blocks, err := json.Marshal(m.Blocks)
				if err != nil {
					t.Fatal(err)
				}
				for _, title := range []string{settingUp, isActive} {
					if strings.Contains(string(blocks), title) {
						shows = append(shows, title)
					}
				}
				if strings.Contains(string(blocks), `"approve"`) || strings.Contains(string(blocks), `"deny"`) {
					t.Errorf("the message has buttons: %s", blocks)
				}
			}
			if !slices.Equal(shows, tt.shows) || len(w.shows) != len(tt.shows) {
				t.Errorf("shows %q, want %q", shows, tt.shows)
			}
			if post := w.rows["r1"].Posts["announce"]; post != tt.row.Posts["announce"] {
				t.Errorf("the row's post changed: %+v", post)
			}
		})
	}
	t.Run("not after a denial", func(t *testing.T) {
		w := newWorld()
		w.rows["r1"] = posted()
		w.send(t, pressBy("UANN", "deny", "r1"))
		if len(w.shows) > 0 {
			t.Errorf("shows %+v", w.shows)
		}
	})
}
