package e2e

import (
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/slack/simulator"
)

// TestDenyWithReason checks that Deny opens a dialog, and that everyone who needs the
// reason sees it: in the message, its thread, the requester's direct message and the audit
// record. A dialog that is open while someone else decides has no effect.
func TestDenyWithReason(t *testing.T) {
	t.Parallel()
	const why = "ReadOnlyAccess is enough here. <!channel>\n*Please* request that."
	t.Run("with a reason", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{dave, "log-archive", "DeveloperAccess", 10})
		m := r.message(t)
		d := r.opens(t, carol, "deny", m)
		if shown := string(d.raw); !strings.Contains(shown, "log-archive") || !strings.Contains(shown, r.reason) {
			t.Errorf("the dialog shows %s", shown)
		}
		if res := d.submit(t, map[string]string{"denial_reason": why}); !res.OK || res.Detail != "" || len(res.Problems) > 0 {
			t.Fatalf("submit: %+v", res)
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "denied")
		if got := r.audit(t)[1]["denial_reason"]; got != why {
			t.Errorf("the record has the reason %q, want %q", got, why)
		}
		posts := map[string]post{"message": r.message(t), "direct message": r.waitDirect(t, dave, "dm-outcome")}
		if thread := r.thread(t)["outcome"]; len(thread) == 1 {
			posts["thread"] = thread[0]
		} else {
			t.Errorf("%d replies in the thread, want one", len(thread))
		}
		for name, p := range posts {
			if text := strings.Join(textsOf(t, p.Blocks), "\n"); !strings.Contains(text, why) || strings.Contains(text, "Ask the approver why") || p.has("deny") || strings.Contains(p.Text, "ReadOnlyAccess") {
				t.Errorf("the %s says %q, and as a notification %q", name, text, p.Text)
			}
		}
	})
	t.Run("somebody approves while it is open", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{lena, "log-archive", "DeveloperAccess", 10})
		m := r.message(t)
		d := r.opens(t, carol, "deny", m)
		if res := local.press(t, bob, m, "approve", false); !res.OK || res.Detail != "" {
			t.Fatalf("press: %+v", res)
		}
		if res := d.submit(t, map[string]string{"denial_reason": why}); !res.OK || res.Detail != "bob@example.com already approved this request." {
			t.Errorf("the dialog says %q: %+v", res.Detail, res)
		}
		r.endsByItself(t)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
	})
	t.Run("it can't be opened", func(t *testing.T) {
		t.Parallel()
		denyWithoutDialog(t, wish{kim, "log-archive", "DeveloperAccess", 10}, "deny",
			"You haven't denied this yet, because the dialog didn't open. Please press Deny again.")
	})
}

// denyWithoutDialog requests w, and presses a button whose dialog Slack can't open. It
// checks that the press decides nothing and that carol reads says. Then she denies it.
func denyWithoutDialog(t *testing.T, w wish, action, says string) {
	t.Helper()
	r := local.ask(t, w)
	m := r.message(t)
	local.slackFault(t, "views.open", "expired_trigger_id", r.id, 1, nil)
	local.untilAnswered(t, "carol presses "+action, func() (res simulator.Result, told bool) {
		if err := local.post("/sim/press", map[string]any{"person": carol, "channel": m.Channel, "ts": m.TS, "action_id": action}, &res); err != nil {
			t.Fatal(err)
		}
		return res, local.slackFaultLeft(t, r.id) // then the app had no time to call Slack
	})
	local.wantToldAlone(t, carol, says)
	if row := local.requestRow(t, r.id); row.Outcome != nil {
		t.Errorf("decided: %+v", row.Outcome)
	}
	if res := local.press(t, carol, m, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "denied")
}

// TestDenyCooldown checks that a person can't request again what was denied until some
// time later, and that the next requests say how often it was denied today.
func TestDenyCooldown(t *testing.T) {
	t.Parallel()
	const cooldown = 12 * time.Second // deny_cooldown in testdata/quiet.yaml
	w := wish{kim, "playground", "DeveloperAccess", 12}
	if now := time.Now().UTC(); now.AddDate(0, 0, 1).Truncate(24*time.Hour).Sub(now) < 3*time.Minute {
		time.Sleep(3 * time.Minute) // the message counts the denials of a day
	}
	// denyAndAskAgain denies the request and submits a form that was filled in before. It
	// also reports whether that was refused. If it was, it submits the form again later.
	denyAndAskAgain := func(r *request) (again *request, refused bool) {
		t.Helper()
		f := quiet.open(t, w.person)
		defer f.unlock()
		f.choose(t, "account", w.account)
		f.choose(t, "permission_set", w.permissionSet)
		if res := quiet.press(t, bob, r.message(t), "deny", false); !res.OK || res.Detail != "" {
			t.Fatalf("press: %+v", res)
		}
		values := map[string]string{"duration": "12", "reason": t.Name()}
		res := f.submit(t, values)
		submitted, denied := time.Now(), quiet.requestRow(t, r.id, "outcome").Outcome.At
		switch {
		case !res.OK:
			if !strings.Contains(res.FieldErrors["reason"], "bob@example.com denied this less than a minute ago. You can request it again at ") {
				t.Fatalf("submit: %+v", res)
			}
			time.Sleep(time.Until(denied.Add(cooldown)))
			if res = f.submit(t, values); !res.OK {
				t.Fatalf("after the cooldown: %+v", res)
			}
			refused = true
		case submitted.Sub(denied) < cooldown:
			t.Fatalf("%s after the denial, the request is accepted", submitted.Sub(denied))
		}
		return &request{stack: quiet, wish: w, reason: t.Name(), id: access.RequestID(team, f.viewID)}, refused
	}
	times := []string{"once today (UTC), by Bob"}
	for _, several := range []string{"twice", "3 times", "4 times", "5 times", "6 times"} {
		times = append(times, several+" today (UTC), last by Bob")
	}
	r, seen := askQuiet(t, w), false
	var denied []*request
	// On a slow machine, a submission may come after the cooldown, or the app may have no time
	// to read the earlier requests. Then there is another round.
	for shown, isShown := 0, false; shown < 2 || !isShown || !seen; {
		if len(denied) == len(times) {
			t.Fatalf("%d denials: a submission came before the end of a cooldown: %t; %d messages could show the denials, the last one: %t", len(denied), seen, shown, isShown)
		}
		again, refused := denyAndAskAgain(r)
		denied, r, seen = append(denied, r), again, seen || refused
		if isShown = r.isSeen(t); isShown {
			shown++
			r.showsLine(t, "Earlier requests: denied "+times[len(denied)-1])
		}
	}
	if d := r.opens(t, carol, "approve", r.message(t)); !strings.Contains(string(d.raw), "denied "+times[len(denied)-1]) {
		t.Errorf("the dialog shows %s", d.raw)
	}
	r.pressed(t, w.person, "withdraw", "Withdrawn by @"+w.person)
	for _, r := range denied {
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	}
}
