package access

import "time"

// Heartbeat is a mark that a run leaves in the table and in the bucket. A later run
// compares the two, to see whether the table has lost data.
type Heartbeat struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}
