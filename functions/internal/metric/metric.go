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

// Namespace is where the alarms look for the metrics.
const Namespace = "SsoElevator"

// Names of the metrics.
const (
	RevokeFailed  = "RevokeFailed"  // access is still there after every retry of a round
	AuditDeferred = "AuditDeferred" // S3 did not take a record; it waits in the request's row, or with the run's findings
	Misconfigured = "Misconfigured" // something failed that a person has to mend; the log says what
	// The catalog was refreshed in full; an alarm tells when that stays away.
	CatalogRefreshed = "CatalogRefreshed"
	Outcome          = "Outcome" // a request was decided; dimension Kind, an access.OutcomeKind
	Granted          = "Granted"
	Revoked          = "Revoked"
)

// Emitter writes metrics to W, one line each.
type Emitter struct {
	W   io.Writer
	Now func() time.Time

	mu sync.Mutex
}

var standard = &Emitter{W: os.Stdout, Now: time.Now}

// Count adds one to the metric on standard output, where Lambda's log is.
func Count(name string, dims map[string]string) { standard.Count(name, dims) }

// Count adds one to the metric called name, with the dimensions dims (nil for
// none; CloudWatch takes at most 30). No dimension may have the metric's own
// name: both are members of the same JSON object.
func (e *Emitter) Count(name string, dims map[string]string) {
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
				Namespace:  Namespace,
				Dimensions: [][]string{append([]string{}, slices.Sorted(maps.Keys(dims))...)},
				Metrics:    []definition{{Name: name, Unit: "Count"}},
			}},
		},
	}
	for k, v := range dims {
		line[k] = v
	}
	line[name] = 1
	text, err := json.Marshal(line)
	if err != nil {
		panic("metric: " + err.Error()) // strings and numbers always marshal
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.W.Write(append(text, '\n'))
}
