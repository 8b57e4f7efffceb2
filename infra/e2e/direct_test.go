package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/infra/local/faults"
)

// direct returns the direct messages about the request to a person, by purpose.
func (r *request) direct(t *testing.T, person string) map[string][]post {
	t.Helper()
	sent := map[string][]post{}
	for _, p := range r.stack.posts(t, "") {
		if p.Channel == "D"+strings.TrimPrefix(person, "U") && p.Metadata.EventPayload["request_id"] == r.id {
			purpose := p.Metadata.EventPayload["purpose"]
			sent[purpose] = append(sent[purpose], p)
		}
	}
	return sent
}

func (r *request) waitDirect(t *testing.T, person, purpose string) post {
	t.Helper()
	var found post
	eventually(t, soon, "the direct message "+purpose, func() error {
		sent := r.direct(t, person)[purpose]
		if len(sent) == 0 {
			return errNotYet
		}
		found = sent[0]
		return nil
	})
	return found
}

// TestDirectMessages checks that Dave, who is not in the channel, learns about his
// request by direct messages, once each, and can end his access from there.
func TestDirectMessages(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{dave, hostileAccount, "DeveloperAccess", 120})
	m := r.message(t)
	if announced := r.waitDirect(t, dave, "dm-announce"); !announced.has("withdraw") || announced.has("approve") {
		t.Errorf("his message has the wrong buttons: %s", announced.Blocks)
	}
	if res := local.press(t, bob, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitAssigned(t)
	granted := r.waitDirect(t, dave, "dm-granted")
	if text := strings.Join(textsOf(t, granted.Blocks), ""); !strings.Contains(text, "your access is ready") || !strings.Contains(text, hostileAccount) {
		t.Errorf("he is told %q", text)
	}
	if res := local.press(t, dave, granted, "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.waitGone(t, removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	r.waitDirect(t, dave, "dm-revoked")
	for purpose, sent := range r.direct(t, dave) {
		mentioned := []string{dave}
		if purpose == "dm-announce" {
			mentioned = append(mentioned, bob, carol) // who can approve it
		}
		checkText(t, sent[0], mentioned...)
		if sent[0].has("withdraw") || sent[0].has("end") {
			t.Errorf("%s still has buttons: %s", purpose, sent[0].Blocks)
		}
		if len(sent) != 1 || !slices.Contains([]string{"dm-announce", "dm-granted", "dm-revoked"}, purpose) {
			t.Errorf("%d direct messages %q", len(sent), purpose)
		}
	}
	wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
}

// TestDirectMessageWithdraw checks that Dave can withdraw a request from a direct
// message before it is decided.
func TestDirectMessageWithdraw(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{dave, "log-archive", "DeveloperAccess", 10})
	if res := local.press(t, dave, r.waitDirect(t, dave, "dm-announce"), "withdraw", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	r.waitDirect(t, dave, "dm-outcome")
	wantEvents(t, r, "requested", "withdrawn")
}

// TestNoDirectMessageInTheChannel checks that Zoe, who is on the last page of the
// channel's members, gets no direct messages.
func TestNoDirectMessageInTheChannel(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{zoe, "log-archive", "ReadOnlyAccess", 10})
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantOnce(t, r, "granted", "revoked")
	if sent := r.direct(t, zoe); len(sent) > 0 {
		t.Errorf("she is in the channel and got direct messages: %v", sent)
	}
}

// TestApproverOutsideTheChannel checks that Dave, the only approver, who is not in the
// channel, is asked by a direct message, is reminded below it, and approves from it. From
// then on, the direct message shows the state of the request: after his presses at once, even
// if AWS is slow.
func TestApproverOutsideTheChannel(t *testing.T) {
	t.Parallel()
	const asked = "approver-" + dave
	r := local.ask(t, wish{alice, hostileAccount, "BillingAccess", 120})
	m := r.message(t)
	dm := r.waitDirect(t, dave, asked)
	if !dm.has("approve") || !dm.has("deny") || dm.has("withdraw") {
		t.Errorf("his message has the wrong buttons: %s", dm.Blocks)
	}
	for _, want := range []string{"<@" + alice + "> requests BillingAccess in ", " for 2 minutes"} {
		if !strings.Contains(dm.Text, want) || !strings.Contains(m.Text, want) {
			t.Errorf("the notifications are %q and %q, want %q", dm.Text, m.Text, want)
		}
	}
	eventually(t, soon, "the channel says that he was told", func() error {
		if !strings.Contains(strings.Join(textsOf(t, r.message(t).Blocks), ""), "Notified by direct message: ") {
			return errNotYet
		}
		return nil
	})
	// If the request reached him only with a reminder, the next one reminds him.
	n := local.requestRow(t, r.id).Posts[asked].Reminder + 1
	reminder := r.waitDirect(t, dave, fmt.Sprintf("approver-remind-%d-%s", n, dave))
	if text := strings.Join(textsOf(t, reminder.Blocks), ""); reminder.ThreadTS != dm.TS || !strings.Contains(text, "'s request for BillingAccess in "+hostileAccount+" for 2 minutes has been waiting "+[]string{"1", "2", "4"}[n-1]) {
		t.Errorf("the reminder below %s is %+v", dm.TS, reminder)
	}
	late := 0 // updates before the press
	shows := func(what string, parts ...string) {
		t.Helper()
		eventually(t, soon, "the channel and his message show "+what, func() error {
			if r.lateUpdates(t) > late {
				return nil
			}
			for _, p := range []post{r.message(t), r.direct(t, dave)[asked][0]} {
				text := p.Text + "\n" + strings.Join(textsOf(t, p.Blocks), "")
				for _, part := range parts {
					if !strings.Contains(text, part) {
						return errNotYet
					}
				}
				for _, button := range []string{"approve", "deny", "withdraw", "end"} {
					if p.has(button) {
						return errNotYet
					}
				}
			}
			return nil
		})
	}
	local.fault(t, faults.Rule{Kind: faults.Operation, Target: "CreateAccountAssignment", Polls: looks, Body: local.about(t, r.wish)})
	hold := whileCreating(t.Name())
	hold.RequestID = r.id
	local.fault(t, hold)
	defer local.forget(t, t.Name())
	late = r.lateUpdates(t)
	if res := local.press(t, dave, dm, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	shows("the approval", "🔵 Approved: setting up access", "Approved by ")
	if r.assigned(t) {
		t.Error("they showed the approval only when the access existed")
	}
	local.forget(t, t.Name())
	r.waitAssigned(t)
	active := func() error {
		if dm = r.direct(t, dave)[asked][0]; !dm.has("end") || dm.has("approve") {
			return errNotYet
		}
		return nil
	}
	eventually(t, soon, "his message shows the access", active)
	letGo := r.holdRemoval(t)
	defer letGo()
	late = r.lateUpdates(t)
	if res := local.press(t, dave, dm, "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	shows("the removal", "🟠 Removing access", "Ended early by ")
	letGo()
	r.waitGone(t, removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	for purpose, sent := range r.direct(t, dave) {
		checkText(t, sent[0], alice, dave)
		if len(sent) != 1 || purpose != asked && !strings.HasPrefix(purpose, "approver-remind-") {
			t.Errorf("%d direct messages %q", len(sent), purpose)
		}
		if purpose == asked && (sent[0].has("end") || !strings.HasPrefix(sent[0].Text, "⚪")) {
			t.Errorf("his message doesn't show the end: %s %s", sent[0].Text, sent[0].Blocks)
		}
	}
	wantOnce(t, r, "granted", "revoked")
	wantEvents(t, r, "requested", "approved", "granted", "ended", "revoked")
}
