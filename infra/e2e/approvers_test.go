package e2e

import (
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// unknown are approvers in the policy who can't approve: from another workspace,
// deactivated, a guest, not in Slack at all.
var unknown = []string{"nils@partner.example", "nobody@example.com", "olga@example.com", "paul@example.com"}

// TestApproversUnknownToSlack checks that the message names unknown approvers by
// email, without a mention, and that the other approvers can still decide.
func TestApproversUnknownToSlack(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{judy, "data-lake", "PartnerAccess", 10})
	m := r.message(t)
	texts := strings.Join(textsOf(t, m.Blocks), "")
	if !strings.Contains(texts, "Approvers not found in Slack: "+strings.Join(unknown, ", ")) {
		t.Errorf("the message does not name those who can't be asked: %q", texts)
	}
	tagged := map[any]bool{}
	for _, e := range elementsOf(t, m.Blocks) {
		if e["type"] == "user" {
			tagged[e["user_id"]] = true
		}
	}
	if len(tagged) != 2 || !tagged[judy] || !tagged[carol] {
		t.Errorf("the message tags %v, want the requester and the one approver", tagged)
	}
	// The stranger sees the message through a shared channel.
	if res := local.press(t, nils, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	told := false
	for _, p := range local.posts(t, nils) {
		told = told || p.Ephemeral == nils && strings.Contains(string(p.Blocks), "Guests, apps and people from other workspaces can't.")
	}
	if now := r.message(t); !told || !now.has("approve") || r.assigned(t) {
		t.Errorf("the stranger is told: %v; the message is %s", told, now.Blocks)
	}
	if res := local.press(t, carol, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "press_refused", "approved", "granted", "revoked")
}

// TestAllApproversUnknown checks that a request is refused at once if nobody could
// approve it. The message and the record say who is missing.
func TestAllApproversUnknown(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{judy, "data-lake", "OrphanAccess", 10})
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	m := r.message(t)
	texts := strings.Join(textsOf(t, m.Blocks), "")
	for _, want := range append([]string{"Nobody can approve this request. Ask the people who run this app to add an approver."}, unknown...) {
		if !strings.Contains(texts, want) {
			t.Errorf("the message does not say %q: %q", want, texts)
		}
	}
	if m.has("approve") || r.assigned(t) {
		t.Errorf("a refused request is open: %s", m.Blocks)
	}
	wantOnce(t, r, "outcome")
	wantEvents(t, r, "requested", "refused")
	for _, rec := range r.audit(t) {
		if rec["event"] != "refused" {
			continue
		}
		if detail, _ := rec["detail"].(string); rec["decision_reason"] != "NoApprovers" || !strings.Contains(detail, unknown[0]) {
			t.Errorf("the record says %v: %v", rec["decision_reason"], rec["detail"])
		}
	}
}
