package doctor

// status is how it stands with one thing.
type status string

const (
	ready     status = "ready"
	warning   status = "warning"     // the system would run, and there is something to know
	missing   status = "missing"     // it would not run, or not as the settings say
	unchecked status = "not checked" // it could not be found out: nobody should take it for ready
)

// finding is one line of the answer.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	Found  string `json:"found"`
	// Items are what Found is about, where it is about several things.
	Items []string `json:"items,omitempty"`
	// Fix is what to do about it, in one sentence; empty where nothing is.
	Fix string `json:"fix,omitempty"`
}
