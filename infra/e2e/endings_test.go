package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestForgedApprovalLeavesNothingPending: somebody resumes the wait of a request
// that nobody has decided, and says that it was approved. There is no access,
// and neither the channel nor the requester is left with a request that waits.
func TestForgedApprovalLeavesNothingPending(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{dave, "payments-staging", "DeveloperAccess", 10})
	r.waitDirect(t, dave, "dm-announce")
	pending := r.message(t)
	r.waitsIn(t, "AwaitApproval")
	var token string
	eventually(t, soon, "the token of the wait", func() error {
		if token = r.stack.requestRow(t, r.id, "approval_token").ApprovalToken; token == "" {
			return errNotYet
		}
		return nil
	})
	_, err := r.stack.sfn.SendTaskSuccess(context.Background(), &sfn.SendTaskSuccessInput{
		TaskToken: &token, Output: aws.String(`{"next":"approved","wait_seconds":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	states := r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	if !slices.Contains(states, "Grant") || slices.Contains(states, "ConfirmGrant") {
		t.Errorf("it went through %s", path(states))
	}
	const text = "This request was interrupted. Please submit it again."
	m := r.message(t)
	if m.has("approve") || m.has("deny") || m.has("withdraw") || !strings.Contains(strings.Join(textsOf(t, m.Blocks), "\n"), text) {
		t.Errorf("the message in the channel is %s", m.Blocks)
	}
	for where, p := range map[string]post{"thread": r.thread(t)["failed"][0], "direct": r.waitDirect(t, dave, "dm-failed")} {
		if p.has("withdraw") || !strings.Contains(strings.Join(textsOf(t, p.Blocks), "\n"), text) {
			t.Errorf("%s: %s", where, p.Blocks)
		}
	}
	// Who presses a button that their Slack still shows is told.
	if res := r.stack.press(t, bob, pending, "approve", true); !res.OK {
		t.Errorf("press: %+v", res)
	}
	eventually(t, soon, "the press is answered", func() error {
		if !r.stack.told(t, bob, "This request was interrupted before it was decided.") {
			return errNotYet
		}
		return nil
	})
	if r.assigned(t) {
		t.Error("access came of it")
	}
	wantEvents(t, r, "requested", "refused")
	if row := r.stack.requestRow(t, r.id); row.Outcome != nil || row.ClosedAt.IsZero() || row.Open() {
		t.Errorf("the row is %+v", row)
	}
	wantOnce(t, r, "failed")
}
