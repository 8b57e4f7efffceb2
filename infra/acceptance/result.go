package acceptance

import "time"

// State is the result of a step.
type State string

const (
	OK      State = "ok"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// Step is one thing that the acceptance checked.
type Step struct {
	Name    string   `json:"name"`
	State   State    `json:"state"`
	Saw     []string `json:"saw"`             // if the step is not ok, the last line says why
	Seconds float64  `json:"seconds"`         // how long the step took
	Bytes   int64    `json:"bytes,omitempty"` // the size of what the step checked, if it has one
}

// Result is everything that the acceptance saw.
type Result struct {
	Stack   string    `json:"stack"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Steps   []Step    `json:"steps"`
	// Times are in seconds. It has the longest time of each kind.
	Times map[string]float64 `json:"times"`
}

// Passed reports whether no step failed, and at least one was not skipped.
func (r Result) Passed() bool {
	failed, skipped := r.Count(Failed), r.Count(Skipped)
	return failed == 0 && skipped < len(r.Steps)
}

// Count returns how many steps ended in a state.
func (r Result) Count(s State) (n int) {
	for _, step := range r.Steps {
		if step.State == s {
			n++
		}
	}
	return n
}

// Step returns the step of that name.
func (r Result) Step(name string) (Step, bool) {
	for _, step := range r.Steps {
		if step.Name == name {
			return step, true
		}
	}
	return Step{}, false
}
