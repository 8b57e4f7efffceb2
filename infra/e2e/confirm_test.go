package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/slack"
	"sso-elevator/slack/simulator"
)

// forged posts a message with the app's token. It has the button of the request, and says
// something else. The caller can press the button.
func (r *request) forged(t *testing.T) post {
	t.Helper()
	token := func(context.Context) (string, error) { return botToken, nil }
	client := slack.NewClient(token, strings.TrimSuffix(r.stack.Page, "/")+"/api/", http.DefaultClient)
	channel := r.message(t).Channel
	text := func(s string) *slackgo.TextBlockObject {
		return slackgo.NewTextBlockObject(slackgo.PlainTextType, s, false, false)
	}
	ts, err := client.Post(t.Context(), channel, "", slack.Message{
		Text: "Nothing to see here", EventType: "forged", RequestID: r.id, Purpose: "forged",
		Blocks: []slackgo.Block{
			slackgo.NewSectionBlock(text("ReadOnlyAccess in playground, for one minute"), nil, nil),
			slackgo.NewActionBlock("actions", slackgo.NewButtonBlockElement(slack.ActionApprove, r.id, text("Say hello"))),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := post{Channel: channel, TS: ts}
	m.Metadata.EventPayload = map[string]string{"request_id": r.id}
	return m
}

// opens presses a button, which must open its dialog and decide nothing.
func (r *request) opens(t *testing.T, person, action string, m post) dialog {
	t.Helper()
	d, res := r.pressForDialog(t, person, action, m, false)
	if d.viewID == "" {
		t.Fatalf("no dialog opens for %s: %+v", person, res)
	}
	if row := r.stack.requestRow(t, r.id); row.Outcome != nil && action != "end" || len(row.Approvals) > 0 || row.EndRequest != nil {
		t.Errorf("the press had an effect: %+v, %+v, %+v", row.Outcome, row.Approvals, row.EndRequest)
	}
	return d
}

// pressForDialog presses a button that may open its dialog. If none opens, the result's
// Detail is what the person is told instead. With stale it also presses a button that is
// gone.
func (r *request) pressForDialog(t *testing.T, person, action string, m post, stale bool) (d dialog, res simulator.Result) {
	t.Helper()
	s := r.stack
	res = s.untilAnswered(t, person+" presses "+action, func() (res simulator.Result, told bool) {
		before := s.toldToPressAgain(t, person, m.TS)
		if err := s.post("/sim/press", map[string]any{"person": person, "channel": m.Channel, "ts": m.TS, "action_id": action, "stale": stale}, &res); err != nil {
			t.Fatal(err)
		}
		d, _ = s.opened(t, person, res, r.id, action)
		return res, s.toldToPressAgain(t, person, m.TS) > before
	})
	if d.viewID == "" {
		for _, p := range s.posts(t, person) {
			if p.Ephemeral == person && p.AnswerTo == m.TS {
				res.Detail = strings.Join(textsOf(t, p.Blocks), " ")
			}
		}
	}
	d.reopen = func(t *testing.T) (dialog, simulator.Result) { return r.pressForDialog(t, person, action, m, true) }
	return d, res
}

// TestConfirm checks that where Confirm counts, or the setting approve_confirmation, a
// press of Approve only opens a dialog. It shows the request's row, even if the message was
// forged. Its submission decides by what is true then.
func TestConfirm(t *testing.T) {
	t.Parallel()
	t.Run("the message is forged", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{alice, "payments-staging", "FallbackAccess", 10})
		d := r.opens(t, carol, "approve", r.forged(t))
		shown := string(d.raw)
		for _, want := range []string{"payments-staging", "FallbackAccess", r.reason, alice, "10 seconds", "⚠️ Look before you approve.", "the access starts at once"} {
			if !strings.Contains(shown, want) {
				t.Errorf("the dialog does not show %q: %s", want, shown)
			}
		}
		if strings.Contains(shown, "playground") || strings.Contains(shown, `"ReadOnlyAccess"`) {
			t.Errorf("the dialog shows what the message said: %s", shown)
		}
		if res := d.submit(t, nil); !res.OK || res.Detail != "" {
			t.Fatalf("submit: %+v", res)
		}
		r.endsByItself(t)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
	})
	t.Run("somebody denies while it is open", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{alice, "payments-production", "FallbackAccess", 10})
		m := r.message(t)
		d := r.opens(t, carol, "approve", m)
		if res := local.press(t, linus, m, "deny", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		if res := d.submit(t, nil); !res.OK || res.Detail != "linus.larsson@example.com already denied this request." {
			t.Errorf("the dialog says %q: %+v", res.Detail, res)
		}
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "denied")
		if r.assigned(t) {
			t.Error("there is access")
		}
	})
	t.Run("somebody approves while it is open", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{kim, "payments-production", "FallbackAccess", 10})
		m := r.message(t)
		d := r.opens(t, carol, "approve", m)
		if res := local.press(t, linus, m, "approve", false); !res.OK || res.Detail != "" {
			t.Fatalf("press: %+v", res)
		}
		if res := d.submit(t, nil); !res.OK || res.Detail != "linus.larsson@example.com already approved this request." {
			t.Errorf("the dialog says %q: %+v", res.Detail, res)
		}
		r.endsByItself(t)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
	})
	t.Run("it can't be opened", func(t *testing.T) {
		t.Parallel()
		denyWithoutDialog(t, wish{lena, "payments-production", "FallbackAccess", 10}, "approve",
			"You haven't approved this yet, because the dialog didn't open. Please press Approve again.")
	})
	t.Run("by the setting", func(t *testing.T) {
		t.Parallel()
		r := askQuiet(t, wish{alice, "payments-staging", "DeveloperAccess", 12})
		if res := r.opens(t, bob, "approve", r.message(t)).submit(t, nil); !res.OK || res.Detail != "" {
			t.Fatalf("submit: %+v", res)
		}
		r.endsByItself(t)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
	})
}

// TestChannel checks that a request of a statement with a channel is posted there, with
// everything that follows. Requests of other people go to the configured channel.
func TestChannel(t *testing.T) {
	t.Parallel()
	const channel = "C0SUPPORT1"
	r := local.ask(t, wish{dave, "network", "SupportAccess", 10})
	other := local.ask(t, wish{kim, "network", "SupportAccess", 10})
	if m := r.message(t); m.Channel != channel {
		t.Errorf("posted in %s, want %s", m.Channel, channel)
	}
	if m := other.message(t); m.Channel != "C0ACCESS01" {
		t.Errorf("another's request is posted in %s", m.Channel)
	}
	if announced := r.waitDirect(t, dave, "dm-announce"); !announced.has("withdraw") {
		t.Errorf("Dave is outside the channel, and is told: %s", announced.Blocks)
	}
	eventually(t, soon, "a reminder", func() error {
		if len(r.reminders(t)) == 0 {
			return errNotYet
		}
		return nil
	})
	if res := local.press(t, bob, r.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	if res := local.press(t, grace, other.message(t), "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.endsByItself(t)
	r.shows(t, "⚪")
	for _, purpose := range []string{"granted", "revoked"} {
		eventually(t, soon, "the message "+purpose+" in the thread", func() error {
			if len(r.thread(t)[purpose]) != 1 {
				return errNotYet
			}
			return nil
		})
	}
	for _, p := range local.postsAbout(t, r.id) {
		if p.Channel != channel && !strings.HasPrefix(p.Channel, "D") {
			t.Errorf("%s is posted in %s", p.Metadata.EventPayload["purpose"], p.Channel)
		}
	}
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	other.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
}
