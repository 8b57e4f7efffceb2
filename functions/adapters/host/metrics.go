package host

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Emitter writes metrics to W in CloudWatch's embedded metric format, one line each.
// That takes neither a call nor a permission, and can't fail.
type Emitter struct {
	W         io.Writer
	Now       func() time.Time
	Namespace string

	mu sync.Mutex
}

// Count adds one to the metric name, with the dimensions dims. dims may be nil, and
// CloudWatch accepts at most 30. No dimension may have the metric's own name, because
// both are members of the same JSON object.
func (e *Emitter) Count(name string, dims map[string]string) { e.emit(name, "Count", 1, dims) }

// Measure records a duration in milliseconds, with dimensions as in Count. A negative
// duration, from two clocks that differ, counts as 0.
func (e *Emitter) Measure(name string, took time.Duration, dims map[string]string) {
	e.emit(name, "Milliseconds", max(took, 0).Milliseconds(), dims)
}

// Gauge records a number that is valid until the next one is recorded.
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
