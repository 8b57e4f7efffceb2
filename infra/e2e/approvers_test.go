package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
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
	r.pressRefused(t, nils, m, "approve")
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

// pressRefused presses a button that the person may not press, until the request's row says
// so. If the app has no time to record a press, only its log has it, and a second press is
// recorded instead.
func (r *request) pressRefused(t *testing.T, person string, m post, action string) {
	t.Helper()
	const notRecorded = "refused press could not be recorded"
	for range patience {
		late := r.stack.loggedLate(t, r.id, notRecorded)
		if res := r.stack.press(t, person, m, action, false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		if slices.ContainsFunc(r.stack.requestRow(t, r.id).Events, func(e access.Event) bool {
			return e.Kind == access.EventPressRefused && e.By.SlackID == person
		}) {
			return
		}
		eventually(t, soon, "the log says that the press could not be recorded in time", func() error {
			if r.stack.loggedLate(t, r.id, notRecorded) == late {
				return errNotYet
			}
			return nil
		})
	}
	t.Fatalf("no press of %s by %s was recorded", action, person)
}

// askPastForm makes a request that nobody in Slack can approve. The form doesn't refuse
// it, because Slack fails when the form looks up the approver with that name. No form looks
// them up for other requests.
func askPastForm(t *testing.T, w wish, approver string) *request {
	t.Helper()
	local.slackFault(t, "users.lookupByEmail", "http_500", approver, -1, nil)
	defer local.mend(t, approver)
	return local.askBecause(t, w, t.Name(), func(string) { local.mend(t, approver) })
}

// TestFormRefusesUnreachable checks that the form refuses what it warned about: a request
// that nobody in Slack can approve.
func TestFormRefusesUnreachable(t *testing.T) {
	t.Parallel()
	const want = "one of the approvers is a full member of this Slack workspace with a confirmed email address: "
	// Only a process that has shown the warning knows. There may be others.
	eventually(t, soon, "the form refuses the request", func() error {
		f := local.open(t, grace)
		defer f.unlock()
		f.choose(t, "account", "data-lake")
		if got := f.previewOf(t, "permission_set", "OrphanAccess", "This would be refused, because n"+want); !strings.HasPrefix(got, "This would be refused, because n"+want) {
			t.Fatalf("the form says %q", got)
		}
		res := f.submit(t, map[string]string{"duration": "10", "reason": t.Name()})
		if res.OK {
			return errNotYet
		}
		if len(res.FieldErrors) != 1 || !strings.Contains(fmt.Sprint(res.FieldErrors), "N"+want+strings.Join(unknown, ", ")) {
			t.Fatalf("the submission says %+v", res)
		}
		if local.row(t, "request#"+access.RequestID(team, f.viewID)) != nil {
			t.Fatal("a refused form created a request")
		}
		return nil
	})
}

// TestAllApproversUnknown checks that a request is refused at once if nobody could
// approve it. The message and the record say who is missing.
func TestAllApproversUnknown(t *testing.T) {
	t.Parallel()
	r := askPastForm(t, wish{judy, "data-lake", "OrphanAccess", 10}, "vanished1")
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	m := r.message(t)
	texts := strings.Join(textsOf(t, m.Blocks), "")
	for _, want := range append([]string{"Nobody can approve this request. Ask the people who run this app to add an approver.", "vanished1@example.com"}, unknown...) {
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
