// Package metric counts things for CloudWatch by writing them to the log in
// the embedded metric format: no call, no permission, nothing that can fail.
package metric

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// namespaceVariable is the environment variable that names the namespace in which
// the alarms look for the metrics. Each stack has its own.
const namespaceVariable = "ELEVATOR_METRIC_NAMESPACE"

// Names of the metrics.
const (
	RevokeFailed  = "RevokeFailed"  // access is still there after every retry of a round
	AuditDeferred = "AuditDeferred" // S3 did not take a record; it waits in the request's row, or with the run's findings
	Misconfigured = "Misconfigured" // something failed that a person has to mend; the log says what
	// The catalog was refreshed in full; an alarm tells when that stays away.
	CatalogRefreshed = "CatalogRefreshed"
	// The sweep has looked for what was left behind; an alarm tells when that
	// stays away. Swept counts what it found.
	SweepLooked = "SweepLooked"
	Swept       = "Swept"
	Outcome     = "Outcome" // a request was decided; dimension Kind, an access.OutcomeKind
	Granted     = "Granted"
	Revoked     = "Revoked"

	// How long it took, in milliseconds: from the request to its outcome
	// (dimension Kind, an access.OutcomeKind), and from there to the access.
	TimeToDecision = "TimeToDecision"
	TimeToGrant    = "TimeToGrant"
	// How much access there is that this system gave, as often as the sweep
	// looks: leases, of which there is one for each assignment or membership.
	ActiveAccess = "ActiveAccess"
	// How much access is still there a minute after it should have been removed,
	// each time the sweep looks; an alarm tells when there is any.
	AccessOverdue = "AccessOverdue"

	// Rechecks of the people who have active access. Rechecked is counted by each
	// run; an alarm tells when they stay away. RecheckLate: somebody was not
	// looked up in time. PeopleGone is counted for each request that ended because
	// its requester is gone; PeopleGoneHeld while many are gone at once and a
	// person has to say what becomes of their access.
	Rechecked      = "Rechecked"
	RecheckLate    = "RecheckLate"
	PeopleGone     = "PeopleGone"
	PeopleGoneHeld = "PeopleGoneHeld"

	// Of the runs that look for access that no request granted.
	DriftFound          = "DriftFound"          // it was found for the first time
	DriftRevoked        = "DriftRevoked"        // it was removed
	DriftFailed         = "DriftFailed"         // it could not be removed
	ReconcileBegun      = "ReconcileBegun"      // a run began that looks at everything, and not at what an event names; dimension Mode; an alarm tells when they stay away
	ReconcileCompleted  = "ReconcileCompleted"  // a run read all of its scope; dimension Mode, an access.DriftMode
	ReconcileIncomplete = "ReconcileIncomplete" // a run could not read all of it; the log says what and why
)

// Emitter writes metrics to W, one line each.
type Emitter struct {
	W         io.Writer
	Now       func() time.Time
	Namespace string

	mu sync.Mutex
}

var standard = &Emitter{W: os.Stdout, Now: time.Now, Namespace: os.Getenv(namespaceVariable)}

// Count adds one to the metric on standard output, where Lambda's log is.
func Count(name string, dims map[string]string) { standard.Count(name, dims) }

// Measure notes how long something took, on standard output.
func Measure(name string, took time.Duration, dims map[string]string) {
	standard.Measure(name, took, dims)
}

// Gauge notes how many there are now, on standard output.
func Gauge(name string, n int) { standard.Gauge(name, n) }

// Count adds one to the metric called name, with the dimensions dims (nil for
// none; CloudWatch takes at most 30). No dimension may have the metric's own
// name: both are members of the same JSON object.
func (e *Emitter) Count(name string, dims map[string]string) { e.emit(name, "Count", 1, dims) }

// Measure enters a time, in milliseconds, with dimensions as Count has them.
// Two clocks may disagree by more than it took: never less than 0.
func (e *Emitter) Measure(name string, took time.Duration, dims map[string]string) {
	e.emit(name, "Milliseconds", max(took, 0).Milliseconds(), dims)
}

// Gauge enters a number that stands until the next one.
func (e *Emitter) Gauge(name string, n int) { e.emit(name, "Count", int64(n), nil) }

func (e *Emitter) emit(name, unit string, value int64, dims map[string]string) {
	type definition struct {
		Name, Unit string
	}
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	line := map[string]any{
		"_aws": map[string]any{
			"Timestamp": e.Now().UnixMilli(),
			"CloudWatchMetrics": []directive{{
				Namespace:  e.Namespace,
				Dimensions: [][]string{append([]string{}, slices.Sorted(maps.Keys(dims))...)},
				Metrics:    []definition{{Name: name, Unit: unit}},
			}},
		},
	}
	for k, v := range dims {
		line[k] = v
	}
	line[name] = value
	text, err := json.Marshal(line)
	if err != nil {
		panic("metric: " + err.Error()) // strings and numbers always marshal
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.W.Write(append(text, '\n'))
}
