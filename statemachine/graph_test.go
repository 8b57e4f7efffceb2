package statemachine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// machine and state are the parts of the Amazon States Language that the
// definitions use. Decoding is strict, because the tests of this package don't
// understand other fields.
type machine struct {
	Comment string
	StartAt string
	States  map[string]*state
}

type state struct {
	Comment string
	Type    string

	Resource           string
	Parameters         map[string]any
	TimeoutSeconds     int
	TimeoutSecondsPath string
	ResultSelector     map[string]any
	ResultPath         json.RawMessage // missing: "$"; null: drops the result
	Retry              []retrier
	Catch              []catcher

	Choices []choice
	Default string

	Branches []machine

	ItemProcessor              *processor
	ItemsPath                  string
	ItemSelector               map[string]any
	MaxConcurrency             int
	ToleratedFailurePercentage float64

	Seconds       int
	SecondsPath   string
	TimestampPath string

	Error, Cause string

	Next string
}

// processor is what a Map runs for each item.
type processor struct {
	ProcessorConfig struct{ Mode, ExecutionType string }
	StartAt         string
	States          map[string]*state
}

type retrier struct {
	ErrorEquals     []string
	IntervalSeconds int
	BackoffRate     float64
	MaxDelaySeconds int
	MaxAttempts     int
	JitterStrategy  string
}

type catcher struct {
	ErrorEquals []string
	ResultPath  json.RawMessage
	Next        string
}

type choice struct {
	Variable        string
	StringEquals    *string
	BooleanEquals   *bool
	NumericLessThan *float64
	IsPresent       *bool
	And             []choice
	Next            string
}

// filled and filledReconcile are the values of a deployment with default settings.
var filled = RequestPlaceholders{
	Partition:              "aws",
	EvaluateFunction:       "evaluate",
	AwaitFunction:          "await",
	NotifyFunction:         "notify",
	GrantFunction:          "grant",
	RevokeFunction:         "revoke",
	AuditFunction:          "audit",
	RetryIntervalSeconds:   1,
	RetryMaxDelaySeconds:   30,
	ConfirmMaxDelaySeconds: 5,
	ShowMaxDelaySeconds:    600,
	RevokeWaitSeconds:      60,
	AnnounceWaitSeconds:    120,
	RevokeRounds:           RevokeRounds,
}

var filledReconcile = ReconcilePlaceholders{
	Partition:              "aws",
	ReconcileFunction:      "reconcile",
	EvaluateFunction:       "evaluate",
	AwaitFunction:          "await",
	NotifyFunction:         "notify",
	RevokeFunction:         "revoke",
	AuditFunction:          "audit",
	RetryIntervalSeconds:   1,
	RetryMaxDelaySeconds:   30,
	ConfirmMaxDelaySeconds: 5,
	QuestionSeconds:        43_200,
}

func requestMachine(t *testing.T) machine   { return machines(t)["requests"] }
func reconcileMachine(t *testing.T) machine { return machines(t)["reconcile"] }

// renderedMachines returns both definitions, by the names that the tests use.
func renderedMachines(t *testing.T) map[string]string {
	t.Helper()
	requests, err := filled.Render()
	if err != nil {
		t.Fatal(err)
	}
	reconcile, err := filledReconcile.Render()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"requests": requests, "reconcile": reconcile}
}

func machines(t *testing.T) map[string]machine {
	t.Helper()
	decoded := map[string]machine{}
	for name, rendered := range renderedMachines(t) {
		decoded[name] = decode(t, rendered)
	}
	return decoded
}

// everyState returns the states of both machines, as "<machine>/<name>".
func everyState(t *testing.T) map[string]*state {
	t.Helper()
	states := map[string]*state{}
	for name, m := range machines(t) {
		for inner, s := range m.all() {
			states[name+"/"+inner] = s
		}
	}
	return states
}

func decode(t *testing.T, definition string) machine {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(definition))
	decoder.DisallowUnknownFields()
	var m machine
	if err := decoder.Decode(&m); err != nil {
		t.Fatalf("decode definition: %v", err)
	}
	return m
}

// all returns the states of m and of the machines inside it, by name.
func (m machine) all() map[string]*state {
	states := maps.Clone(m.States)
	for _, s := range m.States {
		for _, b := range s.inner() {
			maps.Copy(states, b.all())
		}
	}
	return states
}

// inner returns the machines inside s: a Parallel's branches or a Map's processor.
func (s *state) inner() []machine {
	if s.ItemProcessor != nil {
		return []machine{{StartAt: s.ItemProcessor.StartAt, States: s.ItemProcessor.States}}
	}
	return s.Branches
}

// next returns the states that s leads to within its own machine, each once.
func (s *state) next() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(s.Next)
	add(s.Default)
	for _, c := range s.Choices {
		add(c.Next)
	}
	for _, c := range s.Catch {
		add(c.Next)
	}
	return names
}

// function returns the name of the function that a Task invokes, or "" if it
// invokes none.
func (s *state) function() string {
	name, _ := s.Parameters["FunctionName"].(string)
	return name
}

// operation returns the operation that a Task requests from its function.
func (s *state) operation() string {
	payload, _ := s.Parameters["Payload"].(map[string]any)
	operation, _ := payload["operation"].(string)
	return operation
}

func (s *state) waitsForToken() bool { return strings.HasSuffix(s.Resource, ".waitForTaskToken") }

// attempts returns how often s runs if it uses up all its retriers.
func (s *state) attempts() int {
	n := 1
	for _, r := range s.Retry {
		n += r.MaxAttempts
	}
	return n
}

// reachable returns from and all states that can follow it on ways that avoid the
// states in without.
func (m machine) reachable(from string, without ...string) map[string]bool {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if seen[name] || slices.Contains(without, name) {
			return
		}
		seen[name] = true
		for _, next := range m.States[name].next() {
			visit(next)
		}
	}
	visit(from)
	return seen
}

// longest returns the weight of the heaviest path from a state to a terminal
// state, or to just before a state in without. A cycle on the way is an error.
func (m machine) longest(from string, weight func(*state) int, without ...string) (int, error) {
	const onTheWay = -1
	done := map[string]int{}
	var visit func(string) (int, error)
	visit = func(name string) (int, error) {
		if slices.Contains(without, name) {
			return 0, nil
		}
		if w, ok := done[name]; ok {
			if w == onTheWay {
				return 0, fmt.Errorf("a cycle goes through %q", name)
			}
			return w, nil
		}
		done[name] = onTheWay
		heaviest := 0
		for _, next := range m.States[name].next() {
			w, err := visit(next)
			if err != nil {
				return 0, err
			}
			heaviest = max(heaviest, w)
		}
		done[name] = heaviest + weight(m.States[name])
		return done[name], nil
	}
	return visit(from)
}
