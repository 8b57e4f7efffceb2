package audit

import (
	"testing"

	"sso-elevator/statemachine/previous"
)

// Executions that the previous release started continue with this function.
func TestPreviousReleaseIsUnderstood(t *testing.T) {
	previous.CheckInput[Input](t, "audit")
	w := &world{row: granted(), refuses: -1}
	answer, err := w.do(t, "granted", "")
	if err != nil {
		t.Fatal(err)
	}
	previous.CheckOutput(t, "audit", map[string]any{"granted": answer})
}
