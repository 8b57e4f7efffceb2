package simulation

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/statemachine"
)

// interpret runs a machine with these states to its end. Its functions return the
// answers in order: JSON, or the name of an error.
func interpret(t *testing.T, states, input string, answers ...string) (e *execution, took time.Duration, told []string) {
	t.Helper()
	m, err := parse(`{"StartAt": "A", "States": ` + states + `}`)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		w := &world{clock: c, trouble: &trouble{}, source: newSource(1), logger: slog.New(slog.DiscardHandler)}
		w.steps = &steps{world: w, machines: map[string]*machine{requestMachineARN: m}, executions: map[string]*execution{}, tokens: map[string]*token{}, source: newSource(2)}
		w.ledger = newLedger(w)
		w.lambda = &lambda{world: w, idle: map[string][]handler{}, source: newSource(3), wire: func(*world, string) handler {
			return scripted(w, &answers, &told)
		}}
		e, _ = w.steps.start(requestMachineARN, "e", input)
		c.run(func() bool { return e.status != "RUNNING" || w.since() > 24*time.Hour })
		took = w.since()
		c.end()
		for _, v := range w.violations {
			t.Error(v)
		}
	})
	return e, took, told
}

func init() { statemachine.FunctionTimeouts["f"] = 30 * time.Second }

func TestInterpreter(t *testing.T) {
	task := func(more string) string {
		return `"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload": {"x.$": "$.x"}}, "TimeoutSeconds": 60` + more
	}
	waiting := func(more string) string {
		return `"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}` + more
	}
	const done = `"B": {"Type": "Succeed"}, "C": {"Type": "Fail", "Error": "Caught", "Cause": ""}`
	tests := []struct {
		name, states, input string
		answers             []string
		want                string // status and error
		output              any
		least, most         time.Duration
	}{
		{name: "a result in its place", states: `{"A": {` + task(`, "ResultSelector": {"y.$": "$.Payload.y"}, "ResultPath": "$.r", "Next": "B"`) + `}, ` + done + `}`,
			input: `{"x": 1}`, answers: []string{`{"y": 2}`}, want: "SUCCEEDED", output: map[string]any{"x": 1.0, "r": map[string]any{"y": 2.0}}},
		{name: "a field that is missing is a runtime error, which States.ALL does not take",
			states: `{"A": {` + task(`, "Next": "B", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]`) + `}, ` + done + `}`,
			input:  `{}`, want: "FAILED States.Runtime"},
		{name: "retried as often as it says, with its waits, then caught",
			states: `{"A": {` + task(`, "Next": "B", "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3, "MaxDelaySeconds": 5}], "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "C"}]`) + `}, ` + done + `}`,
			input:  `{"x": 1}`, answers: []string{"Busy", "Busy", "Busy", "Busy", "never"}, want: "FAILED Caught", least: 11 * time.Second, most: 15 * time.Second},
		{name: "an error that no Retry names is not retried",
			states: `{"A": {` + task(`, "Next": "B", "Retry": [{"ErrorEquals": ["Busy"]}]`) + `}, ` + done + `}`,
			input:  `{"x": 1}`, answers: []string{"Other"}, want: "FAILED Other"},
		{name: "a function that takes too long",
			states: `{"A": {` + strings.Replace(task(`, "Next": "B", "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "B"}, {"ErrorEquals": ["States.Timeout"], "Next": "C"}]`), "60", "5", 1) + `}, ` + done + `}`,
			input:  `{"x": 1}`, answers: []string{"sleep"}, want: "FAILED Caught", least: 5 * time.Second, most: 6 * time.Second},
		{name: "a token that nobody uses", states: `{"A": {` + waiting(`, "TimeoutSecondsPath": "$.s", "Next": "B", "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "C"}]`) + `}, ` + done + `}`,
			input: `{"s": 90}`, answers: []string{`{}`}, want: "FAILED Caught", least: 90 * time.Second, most: 92 * time.Second},
		{name: "a token that is used", states: `{"A": {` + waiting(`, "TimeoutSecondsPath": "$.s", "Next": "B"`) + `}, ` + done + `}`,
			input: `{"s": 90}`, answers: []string{"resume"}, want: "SUCCEEDED", output: map[string]any{"resumed": true}, most: 10 * time.Second},
		{name: "a retried wait has a new token", states: `{"A": {` + waiting(`, "TimeoutSecondsPath": "$.s", "Next": "B", "Retry": [{"ErrorEquals": ["Busy"]}]`) + `}, ` + done + `}`,
			input: `{"s": 90}`, answers: []string{"Busy", "resume"}, want: "SUCCEEDED", output: map[string]any{"resumed": true}},
		{name: "a timeout that is no whole number", states: `{"A": {` + waiting(`, "TimeoutSecondsPath": "$.s", "Next": "B", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]`) + `}, ` + done + `}`,
			input: `{"s": 0}`, want: "FAILED States.Runtime"},
		{name: "a wait until a time", states: `{"A": {"Type": "Wait", "TimestampPath": "$.at", "Next": "B"}, ` + done + `}`,
			input: `{"at": "2000-01-01T00:05:00Z"}`, want: "SUCCEEDED", output: map[string]any{"at": "2000-01-01T00:05:00Z"}, least: 5 * time.Minute, most: 5*time.Minute + time.Second},
		{name: "counting", states: `{"A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "D"}, "D": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 5, "Next": "A"}], "Default": "B"}, ` + done + `}`,
			input: `{"n": 1}`, want: "SUCCEEDED", output: map[string]any{"n": 5.0}},
		{name: "a branch that fails stops the other",
			states: `{"A": {"Type": "Parallel", "Next": "B", "Catch": [{"ErrorEquals": ["Busy"], "Next": "C"}], "Branches": [` +
				`{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "Next": "S"}, "S": {"Type": "Succeed"}}},` +
				`{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Busy", "Cause": ""}}}]}, ` + done + `}`,
			input: `{}`, want: "FAILED Caught", most: 10 * time.Second},
		{name: "a Map", states: `{"A": {"Type": "Map", "ItemsPath": "$.l", "ItemSelector": {"i.$": "$$.Map.Item.Value"}, "MaxConcurrency": 2, "ResultPath": "$.r", "Next": "B", ` +
			`"ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "S", "States": {"S": {"Type": "Succeed"}}}}, ` + done + `}`,
			input: `{"l": [1, 2, 3]}`, want: "SUCCEEDED",
			output: map[string]any{"l": []any{1.0, 2.0, 3.0}, "r": []any{map[string]any{"i": 1.0}, map[string]any{"i": 2.0}, map[string]any{"i": 3.0}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, took, _ := interpret(t, test.states, test.input, test.answers...)
			got := e.status
			if e.error != nil {
				got += " " + e.error.name
			}
			if got != test.want {
				t.Errorf("ended with %s (%v), want %s", got, e.error, test.want)
			}
			if test.output != nil && !reflect.DeepEqual(e.root.output, test.output) {
				t.Errorf("the output is %v, want %v", e.root.output, test.output)
			}
			if took < test.least || test.most > 0 && took > test.most {
				t.Errorf("took %v, want %v to %v", took, test.least, test.most)
			}
		})
	}
}

func TestStopAndRedrive(t *testing.T) {
	m, err := parse(`{"StartAt": "A", "States": {
		"A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "B"},
		"B": {"Type": "Wait", "Seconds": 60, "Next": "C"},
		"C": {"Type": "Succeed"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		w := &world{clock: c, trouble: &trouble{}, source: newSource(1)}
		w.steps = &steps{world: w, machines: map[string]*machine{requestMachineARN: m}, executions: map[string]*execution{}, tokens: map[string]*token{}, source: newSource(2)}
		w.ledger = newLedger(w)
		e, _ := w.steps.start(requestMachineARN, "e", `{"n": 1}`)
		if again, exists := w.steps.start(requestMachineARN, "e", `{"n": 1}`); again != e || exists {
			t.Error("the same start again is not as good as the first")
		}
		if _, exists := w.steps.start(requestMachineARN, "e", `{"n": 2}`); !exists {
			t.Error("another start under the same name is taken for the first")
		}
		w.then(w.at(30*time.Second), 1, e.stop)
		w.then(w.at(50*time.Second), 2, func() {
			if e.status != "ABORTED" || e.root.at != "B" {
				t.Errorf("stopped: %s in %s", e.status, e.root.at)
			}
			e.redrive()
		})
		c.run(func() bool { return w.since() > 10*time.Minute || e.status == "SUCCEEDED" })
		if took := w.since(); e.status != "SUCCEEDED" || took < 110*time.Second || took > 111*time.Second {
			t.Errorf("%s after %v, want a wait of a minute from the redrive on", e.status, took)
		}
		if want := map[string]any{"n": 2.0}; !reflect.DeepEqual(e.root.output, want) {
			t.Errorf("the output is %v, want %v: what was done is not done again", e.root.output, want)
		}
		c.end()
	})
}

// The interpreter refuses what it doesn't know rather than ignoring it.
func TestUnknownLanguageIsRefused(t *testing.T) {
	for name, states := range map[string]string{
		"a type":      `{"A": {"Type": "Activity", "Next": "A"}}`,
		"a field":     `{"A": {"Type": "Pass", "OutputPath": "$.x", "Next": "A"}}`,
		"a misplaced": `{"A": {"Type": "Pass", "Resource": "x", "Next": "A"}}`,
		"a target":    `{"A": {"Type": "Pass", "Next": "Nowhere"}}`,
		"inside":      `{"A": {"Type": "Parallel", "Next": "A", "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Pass", "Assign": {}, "Next": "X"}}}]}}`,
		"comparison":  `{"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "StringMatches": "*", "Next": "A"}], "Default": "A"}}`,
	} {
		if _, err := parse(`{"StartAt": "A", "States": ` + states + `}`); err == nil {
			t.Errorf("%s: a definition is read that is not understood: %s", name, states)
		}
	}
	for _, expression := range []string{"$.x = $.y", "States.Hash($.x, 'SHA-1')"} {
		func() {
			defer func() { _ = recover() }()
			if v, f := resolve(expression, map[string]any{"x": 1.0}, nil, func() uint64 { return 0 }); f == nil {
				t.Errorf("%s is %v", expression, v)
			}
		}()
	}
}
