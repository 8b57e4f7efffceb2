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

// waitLease waits until the lease is in a state.
func (r *request) waitLease(t *testing.T, state string) {
	t.Helper()
	eventually(t, soon, "the lease is "+state, func() error {
		if r.leaseState(t) != state {
			return errNotYet
		}
		return nil
	})
}

// detail returns the detail of the request's record of an event.
func (r *request) detail(t *testing.T, event string) string {
	t.Helper()
	for _, rec := range r.audit(t) {
		if rec["event"] == event {
			detail, _ := rec["detail"].(string)
			return detail
		}
	}
	t.Fatalf("there is no record %q", event)
	return ""
}

// looks is how many checks find an operation under way in these tests. A function
// checks at most six times before it lets the machine wait. Other functions check
// too, when they search for creations of the access that they remove.
const looks = 12

// TestCreationFailsLater checks a creation that AWS accepts and that fails later.
// Message and record have AWS's reason, and there is neither access nor lease.
func TestCreationFailsLater(t *testing.T) {
	t.Parallel()
	const reason = "The account has as many roles as it may have (injected)"
	w := wish{lena, "payments-staging", "ReadOnlyAccess", 10}
	local.fault(t, faults.Rule{Kind: faults.Operation, Target: "CreateAccountAssignment", Polls: looks, FailureReason: reason, Body: local.about(t, w)})
	r := local.ask(t, w, whileCreating(t.Name()))
	defer local.forget(t, t.Name())
	r.waitLease(t, "creating")
	r.wantNotGreen(t)
	local.forget(t, t.Name())
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
	if got, want := path(states), "Evaluate OnlyToRevoke? Announce Route Grant ConfirmGrant "+removal; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	if state := r.leaseState(t); r.assigned(t) || state != "" {
		t.Errorf("access, or a lease %q, is left behind", state)
	}
	wantEvents(t, r, "requested", "approved", "not_granted")
	if got := r.detail(t, "not_granted"); !strings.Contains(got, reason) {
		t.Errorf("the record says %q, without AWS's reason", got)
	}
	wantOnce(t, r, "failed")
	m := r.message(t)
	for what, blocks := range map[string]post{"the message": m, "the word to the requester": r.thread(t)["failed"][0]} {
		texts := strings.Join(textsOf(t, blocks.Blocks), "\n")
		if !strings.Contains(texts, "AWS refused the change. Please submit the request again. If it fails again, tell the people who run this app.") || !strings.Contains(texts, reason) {
			t.Errorf("%s does not give AWS's reason: %q", what, texts)
		}
	}
	if m.has("end") || m.has("approve") || strings.Contains(string(m.Blocks), "🟢") {
		t.Errorf("the message is that of access: %s", m.Blocks)
	}
}

// wantNotGreen checks that there is no access, and that no message says so. The
// announcement of automatic requests may fail, so there may be no message yet.
func (r *request) wantNotGreen(t *testing.T) {
	t.Helper()
	if r.assigned(t) {
		t.Error("there is access while AWS is busy")
	}
	for _, m := range r.stack.postsAbout(t, r.id) {
		if strings.Contains(m.Text+string(m.Blocks), "🟢") {
			t.Errorf("green while AWS is busy: %s", m.Blocks)
		}
	}
}

// TestCreationTakesLong checks that the message turns green when the access exists,
// not when AWS accepts the creation.
func TestCreationTakesLong(t *testing.T) {
	t.Parallel()
	w := wish{lena, "shared-services", "ReadOnlyAccess", 20}
	local.fault(t, faults.Rule{Kind: faults.Operation, Target: "CreateAccountAssignment", Polls: looks, Body: local.about(t, w)})
	r := local.ask(t, w, whileCreating(t.Name()))
	defer local.forget(t, t.Name())
	r.waitLease(t, "creating")
	r.wantNotGreen(t)
	local.forget(t, t.Name())
	eventually(t, soon, "the message is green", func() error {
		before := strings.Contains(string(r.message(t).Blocks), "🟢")
		assigned := r.assigned(t)
		if before && !assigned {
			t.Fatal("the message was green without access")
		}
		if !before {
			return errNotYet
		}
		return nil
	})
	if state := r.leaseState(t); state != "held" {
		t.Errorf("the lease of the access is %q, want held", state)
	}
	went := r.waitGone(t, 20*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	wantLasted(t, r, went, 20*time.Second)
	if state := r.leaseState(t); state != "" {
		t.Errorf("a lease %q is left behind", state)
	}
}

// lateUpdates returns how often a function had no time to update one of the request's posts.
// A press tries for a few seconds at most, and logs a failure. The next state updates the posts.
func (r *request) lateUpdates(t *testing.T) int {
	t.Helper()
	return r.stack.loggedLate(t, r.id, "message could not be updated", "request could not be read after its messages were updated")
}

// TestApprovalShowsAtOnce checks that the message says so as soon as someone has approved
// the request, without the buttons, although AWS takes long to create the access.
func TestApprovalShowsAtOnce(t *testing.T) {
	t.Parallel()
	w := wish{lena, "shared-services", "DeveloperAccess", 20}
	local.fault(t, faults.Rule{Kind: faults.Operation, Target: "CreateAccountAssignment", Polls: looks, Body: local.about(t, w)})
	r := local.ask(t, w, whileCreating(t.Name()))
	defer local.forget(t, t.Name())
	late := r.lateUpdates(t)
	if res := local.press(t, bob, r.message(t), "approve", false); !res.OK || res.Detail != "" {
		t.Fatalf("press: %+v", res)
	}
	eventually(t, soon, "the message shows the approval, or was not updated in time", func() error {
		m := r.message(t)
		shown := strings.Contains(string(m.Blocks), "🔵 Approved: setting up access") && !m.has("approve") && !m.has("deny")
		if !shown && r.lateUpdates(t) == late {
			return fmt.Errorf("it shows %s", m.Blocks)
		}
		return nil
	})
	if r.assigned(t) {
		t.Error("there is access while AWS is busy")
	}
	local.forget(t, t.Name())
	r.shows(t, "🟢")
	r.endsByItself(t)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
}

// TestDeletionFailsLater checks a removal that AWS accepts and that fails later. It
// is recorded, the execution has AWS's reason, and the removal retries until the
// access is gone.
func TestDeletionFailsLater(t *testing.T) {
	t.Parallel()
	const reason = "The role is being changed by somebody else (injected)"
	w := wish{lena, "data-lake", "ReadOnlyAccess", 10}
	local.fault(t, faults.Rule{Kind: faults.Operation, Target: "DeleteAccountAssignment", Polls: 3, FailureReason: reason, Body: local.about(t, w)})
	r := local.ask(t, w)
	r.waitAssigned(t)
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+2*soon)
	if got, want := path(states), "Evaluate OnlyToRevoke? Announce Route Grant ConfirmGrant AuditGrant Active Revoke ConfirmRevoke RevokeFailed RevokeWait CountRound RoundsLeft? "+removal; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	if state := r.leaseState(t); r.assigned(t) || state != "" {
		t.Errorf("access, or a lease %q, is left behind", state)
	}
	wantEvents(t, r, "requested", "approved", "granted", "revoke_failed", "revoked")
	if got := r.detail(t, "revoke_failed"); !strings.HasPrefix(got, "AssignmentFailed: ") || !strings.Contains(got, reason) {
		t.Errorf("the record says %q, without AWS's reason", got)
	}
	if failed := r.failures(t); !slices.ContainsFunc(failed, func(f string) bool { return strings.Contains(f, reason) }) {
		t.Errorf("the execution says %q, without AWS's reason", failed)
	}
	wantOnce(t, r, "granted", "revoked")
}
