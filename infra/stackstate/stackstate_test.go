package stackstate

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Each status that CloudFormation has, by its name: a stack that was ever
// created must never be taken for one that was not.
func TestOf(t *testing.T) {
	neverCreated := map[types.StackStatus]bool{"REVIEW_IN_PROGRESS": true, "CREATE_FAILED": true, "ROLLBACK_COMPLETE": true, "ROLLBACK_FAILED": true}
	for _, status := range types.StackStatus("").Values() {
		want := Updatable
		switch name := string(status); {
		case neverCreated[status]:
			want = NeverCreated
		case strings.HasSuffix(name, "_IN_PROGRESS"):
			want = Busy
		case strings.HasSuffix(name, "_ROLLBACK_FAILED"):
			want = RollbackFailed
		case name == "DELETE_FAILED":
			want = DeleteFailed
		}
		if got := Of(status); got != want {
			t.Errorf("%s is %d, want %d", status, got, want)
		}
	}
	if got := Of("SOMETHING_NEW"); got != Updatable {
		t.Errorf("an unknown status is %d", got)
	}
}
