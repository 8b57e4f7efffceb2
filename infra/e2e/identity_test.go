package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestCapitals checks emails with capitals, which Identity Center finds by their
// exact letters only. Grace Hopper has capitals there that Slack doesn't have. Her
// approver has some in Slack and in the policy. Everything works.
func TestCapitals(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{hopper, "playground", "FallbackAccess", 10})
	m := r.message(t)
	if text := string(m.Blocks); !strings.Contains(text, linus) || strings.Contains(text, "fallback email domain") {
		t.Errorf("the message names no approver with capitals, or warns of a fallback domain: %s", text)
	}
	if res := local.press(t, linus, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	for _, rec := range r.audit(t) {
		if rec["requester_email"] != "grace.hopper@example.com" || rec["sso_user_principal_id"] != local.principalID(t, hopper) || rec["secondary_domain_was_used"] != false {
			t.Errorf("record %v: requester_email %v, sso_user_principal_id %v, secondary_domain_was_used %v",
				rec["event"], rec["requester_email"], rec["sso_user_principal_id"], rec["secondary_domain_was_used"])
		}
		if rec["event"] != "requested" && (rec["approver_email"] != "linus.larsson@example.com" || rec["approver_principal_id"] != local.principalID(t, linus)) {
			t.Errorf("record %v: approver_email %v, approver_principal_id %v", rec["event"], rec["approver_email"], rec["approver_principal_id"])
		}
	}
}

// wantNoForm checks that the person gets no form, and is told why.
func wantNoForm(t *testing.T, person, why string) {
	t.Helper()
	f := local.open(t, person)
	defer f.unlock()
	v := f.view(t)
	if strings.Contains(string(v.Raw), `"action_id":"reason"`) || !strings.Contains(string(v.Raw), why) {
		t.Errorf("the form of %s does not say %q: %s", person, why, v.Raw)
	}
}

// wantPressRefused checks that the person, who is listed as an approver, can
// neither approve nor deny, is told why, and that one record says so.
func wantPressRefused(t *testing.T, person, why string) {
	t.Helper()
	r := local.ask(t, wish{judy, "data-lake", "FallbackAccess", 10})
	m := r.message(t)
	r.pressRefused(t, person, m, "approve")
	if res := local.press(t, person, m, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	if !local.told(t, person, why) {
		t.Errorf("%s is not told %q", person, why)
	}
	if now := r.message(t); !now.has("approve") || r.assigned(t) {
		t.Errorf("the press had an effect: %s", now.Blocks)
	}
	if res := local.press(t, carol, m, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "press_refused", "denied")
	if rec := r.audit(t)[1]; rec["actor_slack_id"] != person || rec["action"] != "approve" || rec["decision_reason"] != "NotEligible" || !strings.Contains(rec["detail"].(string), why) {
		t.Errorf("the record says that %v pressed %v, refused because of %v: %v", rec["actor_slack_id"], rec["action"], rec["decision_reason"], rec["detail"])
	}
}

// TestSharedEmail checks that Tina is refused, because two users have her email,
// and that the operators learn who they are.
func TestSharedEmail(t *testing.T) {
	t.Parallel()
	const why = "Several users in IAM Identity Center have your email address, tina@example.com"
	wantNoForm(t, tina, why)
	wantPressRefused(t, tina, why)
	log, err := os.ReadFile(local.log)
	if err != nil {
		t.Fatal(err)
	}
	named := false
	for line := range strings.Lines(string(log)) {
		named = named || strings.Contains(line, "the same email address") && strings.Contains(line, `"tina@example.com"`) && strings.Contains(line, `"Tina@Example.com"`) &&
			strings.Contains(line, local.principalID(t, tina))
	}
	if !named {
		t.Error("no line of the log names the two users")
	}
}

// TestUnconfirmedEmail checks that an unconfirmed address counts for nothing,
// because anyone could have entered it.
func TestUnconfirmedEmail(t *testing.T) {
	t.Parallel()
	const why = "Your email address in Slack is not confirmed."
	wantNoForm(t, uma, why)
	wantPressRefused(t, uma, why)
}

// TestOptionsOfNobody checks that guests, people of other workspaces, and people
// whom the form refuses learn no account names.
func TestOptionsOfNobody(t *testing.T) {
	t.Parallel()
	options := func(person string) int {
		t.Helper()
		payload, err := json.Marshal(map[string]any{
			"type": "block_suggestion", "api_app_id": "A0ELEVATOR", "team": map[string]any{"id": team}, "user": map[string]any{"id": person, "team_id": team},
			"action_id": "account", "block_id": "account", "value": "",
			"view": map[string]any{"id": "V0ANY", "callback_id": "request_for_access", "state": map[string]any{"values": map[string]any{}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		body := url.Values{"payload": {string(payload)}}.Encode()
		status, answer := local.sendSigned(t, "the options of "+person, body)
		var offered struct{ Options []any }
		if err := json.Unmarshal([]byte(answer), &offered); err != nil || status != 200 {
			t.Fatalf("%s: %d %s: %v", person, status, answer, err)
		}
		return len(offered.Options)
	}
	if n := options(alice); n < 10 {
		t.Errorf("%d accounts are offered to somebody who may ask", n)
	}
	for _, person := range []string{paul, nils, heidi, uma, tina, "U0OLGA015", "U0NOBODY00"} {
		if n := options(person); n != 0 {
			t.Errorf("%d accounts are offered to %s", n, person)
		}
	}
}
