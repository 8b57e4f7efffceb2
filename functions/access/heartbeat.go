package access

import "time"

// Heartbeat is what a run that looks for unknown access leaves in the table and
// in the bucket. A later run compares the two, to see whether the table still
// remembers earlier runs.
type Heartbeat struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}
