package e2e

import (
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

// says checks that the texts of a message contain all of these.
func says(t *testing.T, where string, p post, want ...string) {
	t.Helper()
	text := strings.Join(textsOf(t, p.Blocks), "")
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s doesn't say %q: %s", where, w, text)
		}
	}
}

// TestExtension checks that a request for access that the person has joins its end
// without a gap, that all messages say so, and that End now of one request ends both.
func TestExtension(t *testing.T) {
	t.Parallel()
	w := wish{mallory, "payments-staging", "ReadOnlyAccess", 60}
	first := local.ask(t, w)
	first.waitAssigned(t)
	letGo := first.holdRemoval(t) // a press that comes after the end counts until the removal begins
	defer letGo()
	first.shows(t, "🟢")
	w.seconds = 20
	second := local.ask(t, w)
	second.shows(t, "🟢")
	a, b := local.requestRow(t, first.id), local.requestRow(t, second.id)
	if !b.End.Equal(a.End.Add(20*time.Second)) || b.Extends != a.ID || !b.ChainSince.Equal(a.GrantedAt) {
		t.Errorf("the extension ends at %v, extends %q since %v; the first is active from %v to %v", b.End, b.Extends, b.ChainSince, a.GrantedAt, a.End)
	}
	says(t, "the message in the channel", second.message(t), "Extends access they have had since ")
	eventually(t, soon, "the requester reads until when the access lasts", func() error {
		if len(second.thread(t)["granted"]) == 0 {
			return errNotYet
		}
		return nil
	})
	says(t, "the message to the requester", second.thread(t)["granted"][0], "your access continues until ", "press End now, which ends all of it.")

	if res := local.press(t, mallory, first.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	letGo()
	second.waitGone(t, removalLimit)
	left := 0
	for r, want := range map[*request]string{first: "first", second: "second"} {
		r.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
		wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
		row := local.requestRow(t, r.id)
		if e := row.EndRequest; e == nil || e.By.SlackID != mallory || row.EndedUnexpectedly() {
			t.Errorf("the %s request has the end %+v", want, e)
		}
		for _, rec := range r.audit(t) {
			if rec["event"] == "ended" && rec["actor_slack_id"] != mallory || rec["event"] == "granted" && (rec["ends_at"] != row.End.UTC().Format(time.RFC3339Nano) || (rec["extended_request_id"] == first.id) != (r == second)) {
				t.Errorf("the %s request has the record %v", want, rec)
			}
		}
		r.shows(t, "⚪")
		says(t, "the message of the "+want+" request", r.message(t), "Ended early by ")
		removal := "Access removed "
		if row.Removal == access.RemovalKept {
			left++
			removal = "All other requests for this access are ending, too."
		}
		for where, p := range map[string]post{"the message": r.message(t), "the reply": r.thread(t)["revoked"][0]} {
			says(t, where+" of the "+want+" request", p, removal)
			if text := strings.Join(textsOf(t, p.Blocks), ""); strings.Contains(text, "continues") || strings.Contains(text, "through another request") {
				t.Errorf("%s of the %s request says that the access goes on: %s", where, want, text)
			}
		}
	}
	if left != 1 {
		t.Errorf("%d requests left the access to others, want the one that left first", left)
	}
	if a, b := local.requestRow(t, first.id), local.requestRow(t, second.id); !a.EndRequest.At.Equal(b.EndRequest.At) {
		t.Errorf("one press, and two times: %v and %v", a.EndRequest.At, b.EndRequest.At)
	}
}

// TestLongExtensionNeedsApproval checks that an extension that the policy would grant
// automatically needs an approval if the access would last too long in all, and that the
// approver reads so.
func TestLongExtensionNeedsApproval(t *testing.T) {
	t.Parallel()
	w := wish{hopper, "payments-staging", "BillingAccess", 120}
	first := local.ask(t, w)
	first.waitAssigned(t)
	first.shows(t, "🟢")
	if o := local.requestRow(t, first.id).Outcome; o == nil || o.Kind != access.OutcomeAutomatic {
		t.Fatalf("the first request is decided by %+v", o)
	}
	w.seconds = 20
	second := local.ask(t, w)
	second.shows(t, "🟡")
	says(t, "the message to approvers", second.message(t), "Extends access they have had since ", "Total with this request: 3 minutes, which is too long without an approval")
	if res := local.press(t, bob, second.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	second.shows(t, "🟢")
	a, b := local.requestRow(t, first.id), local.requestRow(t, second.id)
	if b.Outcome.Kind != access.OutcomeApproved || b.Outcome.By.SlackID != bob || !b.End.Equal(a.End.Add(20*time.Second)) {
		t.Errorf("decided by %+v, ends at %v, the first at %v", b.Outcome, b.End, a.End)
	}
	if res := local.press(t, hopper, second.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	first.waitGone(t, removalLimit)
	for _, r := range []*request{first, second} {
		r.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
		wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
	}
}
