package main

import (
	"testing"

	"sso-elevator/functions/internal/previous"
)

// Executions of the release before this one go on with this function.
func TestPreviousReleaseIsUnderstood(t *testing.T) {
	previous.Accepts[Input](t, "await")
}
