package evaluate

import (
	"testing"

	"sso-elevator/statemachine/previous"
)

// Executions of the release before this one go on with this function.
func TestPreviousReleaseIsUnderstood(t *testing.T) {
	previous.CheckInput[Input](t, "evaluate")
	previous.CheckOutput(t, "evaluate", map[string]any{"evaluate": Evaluated{}, "next": Next{}})
}
