package command

import "fmt"

// Problemf is fmt.Errorf for errors that the user reads unchanged: whole sentences
// that say what to do next.
func Problemf(format string, args ...any) error { return fmt.Errorf(format, args...) }
