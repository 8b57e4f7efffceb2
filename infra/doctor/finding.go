package doctor

// status is the result of one check.
type status string

const (
	ready     status = "ready"
	warning   status = "warning"     // the system would run, but someone should know this
	missing   status = "missing"     // the system would not run, or not as the settings say
	unchecked status = "not checked" // unknown, which does not mean ready
)

// finding is one line of the report.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	Found  string `json:"found"`
	// Items are the things that Found refers to, if there are several.
	Items []string `json:"items,omitempty"`
	// Fix says what to do, in one sentence; empty if there is nothing to do.
	Fix string `json:"fix,omitempty"`
}
