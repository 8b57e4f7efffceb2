package evaluate

import (
	"testing"

	"sso-elevator/statemachine/previous"
)

// Executions that the previous release started continue with this function.
func TestPreviousReleaseIsUnderstood(t *testing.T) {
	previous.CheckInput[Input](t, "evaluate")
	previous.CheckOutput(t, "evaluate", map[string]any{"evaluate": Evaluated{}, "next": Next{}})
}
