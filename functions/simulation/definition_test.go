package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sso-elevator/statemachine"
)

// machine is a definition in the Amazon States Language, in the subset that our
// state machines use. parse refuses everything else, so that the interpreter
// never ignores a field.
type machine struct {
	Comment string            `json:"Comment"`
	StartAt string            `json:"StartAt"`
	States  map[string]*state `json:"States"`
	// ProcessorConfig belongs to a Map's inner machine.
	ProcessorConfig *struct {
		Mode          string `json:"Mode"`
		ExecutionType string `json:"ExecutionType"`
	} `json:"ProcessorConfig"`
}

type state struct {
	Type, Comment, Next string

	Resource           string
	Parameters         any
	ResultSelector     any
	ResultPath         json.RawMessage
	TimeoutSeconds     int
	TimeoutSecondsPath string
	Retry              []retrier
	Catch              []catcher

	Choices []choice
	Default string

	Seconds       *int
	TimestampPath string

	Branches []*machine

	ItemsPath                  string
	ItemSelector               any
	ItemProcessor              *machine
	MaxConcurrency             int
	ToleratedFailurePercentage *float64

	Error, Cause string

	resultPath *string // nil if the result is dropped
}

type retrier struct {
	ErrorEquals     []string
	IntervalSeconds int
	BackoffRate     float64
	MaxDelaySeconds int
	MaxAttempts     *int
	JitterStrategy  string
}

type catcher struct {
	ErrorEquals []string
	ResultPath  json.RawMessage
	Next        string

	resultPath *string
}

type choice struct {
	Variable        string
	StringEquals    *string
	NumericLessThan *float64
	BooleanEquals   *bool
	IsPresent       *bool
	And             []choice
	Next            string
}

// used are the fields that each type of state may have here.
var used = map[string][]string{
	"Task":     {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "TimeoutSecondsPath", "Retry", "Catch", "Next"},
	"Choice":   {"Choices", "Default"},
	"Wait":     {"Seconds", "TimestampPath", "Next"},
	"Pass":     {"Parameters", "ResultPath", "Next"},
	"Parallel": {"Branches", "ResultPath", "Catch", "Next"},
	"Map":      {"ItemsPath", "ItemSelector", "ItemProcessor", "MaxConcurrency", "ToleratedFailurePercentage", "ResultPath", "Catch", "Next"},
	"Succeed":  {},
	"Fail":     {"Error", "Cause"},
}

// parse reads a definition. Fields that the interpreter doesn't know are errors.
func parse(definition string) (*machine, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(definition)))
	decoder.DisallowUnknownFields()
	var m machine
	if err := decoder.Decode(&m); err != nil {
		return nil, err
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(definition), &raw); err != nil {
		return nil, err
	}
	return &m, m.check(raw)
}

func (m *machine) check(raw map[string]any) error {
	states, _ := raw["States"].(map[string]any)
	if m.States[m.StartAt] == nil {
		return fmt.Errorf("there is no state %q to start at", m.StartAt)
	}
	for name, s := range m.States {
		known, ok := used[s.Type]
		if !ok {
			return fmt.Errorf("%s: the type %q is not known here", name, s.Type)
		}
		fields, _ := states[name].(map[string]any)
		for field := range fields {
			if field != "Type" && field != "Comment" && !slices.Contains(known, field) {
				return fmt.Errorf("%s: %s of a %s is not known here", name, field, s.Type)
			}
		}
		next := []string{s.Next}
		if s.Type == "Choice" {
			next = []string{s.Default}
		}
		for _, c := range s.Choices {
			next = append(next, c.Next)
		}
		if s.Type == "Succeed" || s.Type == "Fail" {
			next = nil
		}
		var err error
		if s.resultPath, err = pathOf(s.ResultPath); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i := range s.Catch {
			if s.Catch[i].resultPath, err = pathOf(s.Catch[i].ResultPath); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			next = append(next, s.Catch[i].Next)
		}
		for _, r := range s.Retry {
			if r.JitterStrategy != "" && r.JitterStrategy != "FULL" && r.JitterStrategy != "NONE" {
				return fmt.Errorf("%s: the jitter strategy %q is not known here", name, r.JitterStrategy)
			}
		}
		for _, to := range next {
			if m.States[to] == nil {
				return fmt.Errorf("%s: there is no state %q to go to", name, to)
			}
		}
		inner := s.Branches
		key := "Branches"
		if s.ItemProcessor != nil {
			inner, key = []*machine{s.ItemProcessor}, "ItemProcessor"
		}
		for i, m := range inner {
			below, _ := fields[key].(map[string]any)
			if list, ok := fields[key].([]any); ok {
				below, _ = list[i].(map[string]any)
			}
			if err := m.check(below); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func pathOf(raw json.RawMessage) (*string, error) {
	whole := "$"
	switch string(raw) {
	case "":
		return &whole, nil
	case "null":
		return nil, nil
	}
	var path string
	err := json.Unmarshal(raw, &path)
	return &path, err
}

// These are the defaults of a deployment: infra/settings and infra/requestmachine.go.
const (
	retryInterval   = time.Second
	retryMaxDelay   = 30 * time.Second
	confirmMaxDelay = 5 * time.Second
	revokeWait      = 60 * time.Second
	announceWait    = 30 * time.Second
	questionWait    = 20 * time.Minute // a day in a deployment
)

func seconds(d time.Duration) int { return int(d / time.Second) }

// definitions returns both machines, which call the functions by name.
func definitions() (request, reconcile *machine, err error) {
	text, err := statemachine.RequestPlaceholders{
		Partition:        "aws",
		EvaluateFunction: "evaluate", AwaitFunction: "await", NotifyFunction: "notify",
		GrantFunction: "grant", RevokeFunction: "revoke", AuditFunction: "audit",
		RetryIntervalSeconds: seconds(retryInterval), RetryMaxDelaySeconds: seconds(retryMaxDelay),
		ConfirmMaxDelaySeconds: seconds(confirmMaxDelay), ShowMaxDelaySeconds: seconds(20 * retryMaxDelay), RevokeWaitSeconds: seconds(revokeWait),
		AnnounceWaitSeconds: seconds(announceWait), RevokeRounds: statemachine.RevokeRounds,
	}.Render()
	if err != nil {
		return nil, nil, err
	}
	if request, err = parse(text); err != nil {
		return nil, nil, fmt.Errorf("request machine: %w", err)
	}
	text, err = statemachine.ReconcilePlaceholders{
		Partition:         "aws",
		ReconcileFunction: "reconcile", EvaluateFunction: "evaluate", AwaitFunction: "await",
		NotifyFunction: "notify", RevokeFunction: "revoke", AuditFunction: "audit",
		RetryIntervalSeconds: seconds(retryInterval), RetryMaxDelaySeconds: seconds(retryMaxDelay),
		ConfirmMaxDelaySeconds: seconds(confirmMaxDelay), QuestionSeconds: seconds(questionWait),
	}.Render()
	if err != nil {
		return nil, nil, err
	}
	if reconcile, err = parse(text); err != nil {
		return nil, nil, fmt.Errorf("reconcile machine: %w", err)
	}
	return request, reconcile, nil
}
