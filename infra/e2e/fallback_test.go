package e2e

import (
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestSecondaryDomain checks Ivan, whom Identity Center knows under another domain
// than Slack, and with capitals. He gets access, the message warns and names the
// user, and every record says so.
func TestSecondaryDomain(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{ivan, "network", "DeveloperAccess", 10})
	m := r.message(t)
	if text := strings.Join(textsOf(t, m.Blocks), "\n"); !strings.Contains(text, "Found under a fallback email domain") || !strings.Contains(text, "Check that this is the right person") || !strings.Contains(text, "User in IAM Identity Center: \nIvan@Corp.example.net") {
		t.Errorf("the message does not warn: %q", text)
	}
	if res := local.press(t, bob, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	for _, rec := range r.audit(t) {
		if rec["secondary_domain_was_used"] != true || rec["requester_email"] != "ivan@example.com" || rec["sso_user_principal_id"] != local.principalID(t, ivan) {
			t.Errorf("record %v: secondary_domain_was_used %v, requester_email %v, sso_user_principal_id %v",
				rec["event"], rec["secondary_domain_was_used"], rec["requester_email"], rec["sso_user_principal_id"])
		}
	}
}

// TestSecondaryDomainNeverApproves checks that Ivan can't approve although the
// policy names him, and that people found under their own address cause no warning.
func TestSecondaryDomainNeverApproves(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{judy, "network", "FallbackAccess", 10})
	m := r.message(t)
	if strings.Contains(string(m.Blocks), "fallback email domain") {
		t.Errorf("a warning about somebody who has none: %s", m.Blocks)
	}
	told := func() (n int) {
		for _, p := range local.posts(t, ivan) {
			if p.Ephemeral == ivan && strings.Contains(strings.Join(textsOf(t, p.Blocks), ""), "You can't approve or deny this request") {
				n++
			}
		}
		return n
	}
	r.pressRefused(t, ivan, m, "approve")
	before := told()
	if res := local.press(t, ivan, m, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	if after := told(); before == 0 || after == before { // more if he had to press again
		t.Errorf("he is told %d times that he may not, and %d times after the second press", before, after)
	}
	if now := r.message(t); !now.has("approve") || r.assigned(t) {
		t.Errorf("his press had an effect: %s", now.Blocks)
	}
	if res := local.press(t, carol, m, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "press_refused", "denied") // once for each person and reason
}
