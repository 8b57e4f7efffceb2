package deployed_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"sso-elevator/infra/deployed"
)

// TestStackStateOf checks that each of CloudFormation's statuses is classified. A
// stack that was created must never be NeverCreated.
func TestStackStateOf(t *testing.T) {
	neverCreated := map[types.StackStatus]bool{"REVIEW_IN_PROGRESS": true, "CREATE_FAILED": true, "ROLLBACK_COMPLETE": true, "ROLLBACK_FAILED": true}
	for _, status := range types.StackStatus("").Values() {
		want := deployed.Updatable
		switch name := string(status); {
		case neverCreated[status]:
			want = deployed.NeverCreated
		case strings.HasSuffix(name, "_IN_PROGRESS"):
			want = deployed.Busy
		case strings.HasSuffix(name, "_ROLLBACK_FAILED"):
			want = deployed.RollbackFailed
		case name == "DELETE_FAILED":
			want = deployed.DeleteFailed
		}
		if got := deployed.StackStateOf(status); got != want {
			t.Errorf("%s is %d, want %d", status, got, want)
		}
	}
	if got := deployed.StackStateOf("SOMETHING_NEW"); got != deployed.Updatable {
		t.Errorf("an unknown status is %d", got)
	}
}
