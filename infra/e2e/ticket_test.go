package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/faults"
)

// block returns the form's block with that id, nil if there is none.
func (f *form) block(t *testing.T, id string) map[string]any {
	t.Helper()
	v := f.view(t)
	var view struct {
		Blocks []map[string]any `json:"blocks"`
	}
	if err := json.Unmarshal(v.Raw, &view); err != nil {
		t.Fatal(err)
	}
	for _, b := range view.Blocks {
		if b["block_id"] == id {
			return b
		}
	}
	return nil
}

// openForTicket opens the form and chooses a target.
func (s *stack) openForTicket(t *testing.T, w wish) *form {
	t.Helper()
	f := s.open(t, w.person)
	f.choose(t, "account", w.account)
	f.choose(t, "permission_set", w.permissionSet)
	return f
}

// wantError checks that a submission keeps the form open, with one error.
func (f *form) wantError(t *testing.T, values map[string]string, block, text string) {
	t.Helper()
	if res := f.submit(t, values); res.OK || !maps.Equal(res.FieldErrors, map[string]string{block: text}) {
		t.Errorf("%v: got %+v, want at %s: %s", values, res, block, text)
	}
}

// wantFormError does the same for what a client sends that doesn't check the fields.
func (f *form) wantFormError(t *testing.T, values map[string]string, block, text string) {
	t.Helper()
	body := f.submission(t, values, "")
	status, answer := f.stack.sendSigned(t, "an unchecked form", body)
	var said struct {
		Errors map[string]string `json:"errors"`
	}
	if err := json.Unmarshal([]byte(answer), &said); err != nil || status != http.StatusOK || !maps.Equal(said.Errors, map[string]string{block: text}) {
		t.Errorf("%v: status %d, %s; want at %s: %s", values, status, answer, block, text)
	}
}

// TestTicket checks the way of a ticket from the form to the audit record. A form without
// the right one creates no request.
func TestTicket(t *testing.T) {
	t.Parallel()
	w := wish{lena, "analytics-sandbox", "SupportAccess", 10}
	f := local.open(t, lena)
	defer f.unlock()
	f.choose(t, "account", w.account)
	if b := f.block(t, "ticket"); b != nil {
		t.Errorf("the form has the field before there is a choice: %v", b)
	}
	f.choose(t, "permission_set", w.permissionSet)
	b := f.block(t, "ticket")
	if hint, _ := b["hint"].(map[string]any); hint["text"] != "A Jira issue, such as OPS-12." || b["optional"] == true {
		t.Errorf("the field is %v", b)
	}

	id := access.RequestID(team, f.viewID)
	reason := fmt.Sprintf("%s, %d", t.Name(), time.Now().UnixNano())
	with := func(ticket string) map[string]string {
		return map[string]string{"duration": "10", "reason": reason, "ticket": ticket}
	}
	f.wantError(t, with(""), "ticket", "Please complete this required field.") // Slack's own
	f.wantError(t, with("see OPS-12"), "ticket", "The policy doesn't accept this ticket. A Jira issue, such as OPS-12.")
	choices := map[string]string{"account": local.accountID(t, w.account), "permission_set": local.permissionSetARN(t, w.permissionSet), "duration": "10", "reason": reason}
	f.wantFormError(t, choices, "reason", "The policy requires a ticket for this access. If the form has no field for it, close the form and open a new one.")
	choices["ticket"] = "\u200b"
	f.wantFormError(t, choices, "ticket", "The policy requires a ticket for this access. A Jira issue, such as OPS-12.")
	choices["ticket"] = strings.Repeat("A", 150) + "-1"
	f.wantFormError(t, choices, "ticket", "Use at most 150 characters.")
	local.nothingOf(t, "without the right ticket", id)

	// What was typed stays while the target changes.
	f.wantError(t, map[string]string{"duration": "10", "reason": " ", "ticket": " OPS-12 "}, "reason", "Please complete this required field.")
	f.choose(t, "account", w.account)
	if f.block(t, "ticket") == nil {
		t.Error("the field is gone while there is no permission set")
	}
	f.choose(t, "permission_set", w.permissionSet)
	if res := f.submit(t, map[string]string{"duration": "10", "reason": reason}); !res.OK {
		t.Fatalf("submit: %+v", res)
	}
	r := &request{stack: local, wish: w, reason: reason, id: id}
	m := r.message(t)
	wantTicket(t, m, "OPS-12")
	if res := local.press(t, bob, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantTicket(t, r.message(t), "OPS-12")
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	for _, rec := range r.audit(t) {
		if rec["ticket"] != "OPS-12" {
			t.Errorf("the record of %v has the ticket %v", rec["event"], rec["ticket"])
		}
	}
}

// wantTicket checks that a message shows the ticket after its label, as text.
func wantTicket(t *testing.T, p post, ticket string) {
	t.Helper()
	texts := textsOf(t, p.Blocks)
	if i := slices.Index(texts, "Ticket: "); i < 0 || i+1 == len(texts) || texts[i+1] != ticket {
		t.Errorf("the message doesn't show the ticket %q: %q", ticket, texts)
	}
}

// warningsOf returns the texts of the blocks that show warnings.
func warningsOf(blocks ...map[string]any) (texts []string) {
	for _, b := range blocks {
		if b["block_id"] == "warnings" {
			text, _ := b["text"].(map[string]any)
			texts = append(texts, fmt.Sprint(text["type"], " ", text["emoji"], ": ", text["text"]))
		}
	}
	return texts
}

// TestWarning checks that form and message show the policy's warning, and the message
// right above its buttons.
func TestWarning(t *testing.T) {
	t.Parallel()
	const want = "plain_text false: ⚠️ Production: changes are visible to customers."
	w := wish{lena, "data-lake", "SupportAccess", 10}
	f := local.open(t, lena)
	defer f.unlock()
	f.choose(t, "account", w.account)
	if got := warningsOf(f.block(t, "warnings")); len(got) > 0 {
		t.Errorf("before there is a choice, the form warns: %q", got)
	}
	f.choose(t, "permission_set", w.permissionSet)
	if got := warningsOf(f.block(t, "warnings")); !slices.Equal(got, []string{want}) {
		t.Errorf("the form warns %q, want %q", got, want)
	}
	reason := fmt.Sprintf("%s, %d", t.Name(), time.Now().UnixNano())
	if res := f.submit(t, map[string]string{"duration": "10", "reason": reason, "ticket": "OPS-13"}); !res.OK {
		t.Fatalf("submit: %+v", res)
	}
	r := &request{stack: local, wish: w, reason: reason, id: access.RequestID(team, f.viewID)}
	m := r.message(t)
	var blocks []map[string]any
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	buttons := slices.IndexFunc(blocks, func(b map[string]any) bool { return b["type"] == "actions" })
	if buttons < 1 || !slices.Equal(warningsOf(blocks[buttons-1]), []string{want}) {
		t.Errorf("the message doesn't warn above its buttons: %s", m.Blocks)
	}
	if res := local.press(t, lena, m, "withdraw", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	if err := json.Unmarshal(r.message(t).Blocks, &blocks); err != nil || len(warningsOf(blocks...)) > 0 {
		t.Errorf("a closed request warns: %v, %v", blocks, err)
	}
}

// TestHostileTicket checks that a ticket, a hint and a warning that try to mention, link
// and forge are shown as text. A ticket is one line.
func TestHostileTicket(t *testing.T) {
	t.Parallel()
	w := wish{mallory, "analytics-sandbox", "SupportAccess", 20}
	f := local.openForTicket(t, w)
	defer f.unlock()
	hint, _ := f.block(t, "ticket")["hint"].(map[string]any)
	if hint["type"] != "plain_text" || hint["emoji"] == true || hint["text"] != "*hint* <!here> <https://evil.test|x> :tada:" {
		t.Errorf("the hint is %v", hint)
	}
	const warning = "plain_text false: ⚠️ *bold* <!channel> <@U0CAROL03> <https://evil.test|x> :tada:"
	if got := warningsOf(f.block(t, "warnings")); !slices.Equal(got, []string{warning}) {
		t.Errorf("the form warns %q, want %q", got, warning)
	}
	ticket := "<!channel> <@U0CAROL03> @here *b* `c` :tada: <https://evil.test|x> &amp; &<> {\"type\":\"user\"}"
	typed := ticket + "\nApproved by: <@U0BOB0002>\r\u202e"
	ticket += " Approved by: <@U0BOB0002>"
	if n := utf8.RuneCountInString(ticket); n > access.MaxTicketLength {
		t.Fatalf("a ticket of %d characters", n)
	}
	reason := fmt.Sprintf("%s, %d", t.Name(), time.Now().UnixNano())
	if res := f.submit(t, map[string]string{"duration": "20", "reason": reason, "ticket": typed}); !res.OK {
		t.Fatalf("submit: %+v", res)
	}
	r := &request{stack: local, wish: w, reason: reason, id: access.RequestID(team, f.viewID)}
	m := r.message(t)
	wantTicket(t, m, ticket)
	checkAll(t, r, mallory, bob, grace)
	if res := local.press(t, bob, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	r.shows(t, "🟢")
	wantTicket(t, r.message(t), ticket)
	checkAll(t, r, mallory, bob)
	r.waitGone(t, 20*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	checkAll(t, r, mallory, bob)
	for _, rec := range r.audit(t) {
		if rec["ticket"] != ticket {
			t.Errorf("the record of %v has the ticket %q", rec["event"], rec["ticket"])
		}
	}
}

// requireTicket is what TestPolicyChanges adds to the policy.
const requireTicket = `  - {ResourceType: Account, Resource: "*", PermissionSet: [DeveloperAccess, ReadOnlyAccess], AllowedUsers: zoe@example.com, Ticket: {Required: true}}
`

// grantingWithoutTicket returns a request that is approved and waits for its grant, by a
// new process, until the test forgets the fault.
func grantingWithoutTicket(t *testing.T) *request {
	t.Helper()
	label := t.Name() + ", grant"
	r := quiet.ask(t, wish{zoe, "network", "ReadOnlyAccess", 12},
		faults.Rule{Kind: faults.Hold, Cold: true, Label: label, Function: "-grant", Operation: "start", Count: -1})
	t.Cleanup(func() { quiet.forget(t, label) })
	eventually(t, soon, "the request waits for its grant", func() error {
		if !quiet.hit(t, label) {
			return errNotYet
		}
		return nil
	})
	return r
}

// wantRefusedWithoutTicket checks that the press and the grant refuse requests that have
// no ticket, once the policy requires one.
func wantRefusedWithoutTicket(t *testing.T, waiting, granting *request) {
	t.Helper()
	granting.refusedAtGrant(t, "the current policy requires a ticket that the request doesn't have")
	m := waiting.message(t)
	if res := quiet.press(t, carol, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	quiet.wantToldAlone(t, carol, "The current policy requires a ticket that this request doesn't have. Please deny it. The requester can submit a new request with the ticket.")
	if now := waiting.message(t); !now.has("approve") || waiting.assigned(t) {
		t.Errorf("the press had an effect: %s", now.Blocks)
	}
	if res := quiet.press(t, carol, m, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	waiting.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, waiting, "requested", "press_refused", "denied")
}
