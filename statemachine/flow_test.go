package statemachine

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Reading a missing field is a States.Runtime error, which no Catch handles on
// AWS. This file follows the data. For each state it finds the paths that exist
// on every way to the state, and checks that the state reads only those.

// outputs are the fields that the functions promise, by function and
// operation. An operation that is not listed promises none.
var outputs = map[string]map[string][]string{
	"evaluate": {
		"evaluate": {"request_id", "next", "wait_seconds",
			"subject", "subject.kind", "subject.account_id", "subject.permission_set_arn", "subject.group_id", "subject.principal_id"},
		"next": {"next", "wait_seconds"},
	},
	"audit": {
		"granted": {"seconds", "end"},
	},
	"revoke": {
		"settle": {"result", "run", "index"},
	},
	"reconcile": {
		"tombstone": {"next", "execution", "subject", "granted"},
		"plan":      {"batches"},
		"collect":   {"found", "next", "removals", "exempted"},
		"answer":    {"next"},
		"report":    {"tell", "complete"},
		"press":     {"next"},
		// press_result says so although the access was removed, too.
		"press_result": {"failed"},
	},
}

// contextFields are the fields that the context object always has. It has a
// token only in a state that waits for one.
var contextFields = []string{"$$.Execution.Id", "$$.Execution.Name", "$$.StateMachine.Id", "$$.State"}

const (
	contextToken = "$$.Task.Token"
	contextItem  = "$$.Map.Item.Value" // only in an ItemSelector
)

// facts are the paths that are known to exist.
type facts map[string]bool

// under returns the facts below the path from, moved below the path to.
func (f facts) under(from, to string) facts {
	moved := facts{}
	for path := range f {
		if path == from || strings.HasPrefix(path, from+".") {
			moved[to+path[len(from):]] = true
		}
	}
	return moved
}

// with returns f after result replaced everything at path.
func (f facts) with(path string, result facts) facts {
	if path == "$" {
		return maps.Clone(result)
	}
	after := facts{}
	for known := range f {
		if known != path && !strings.HasPrefix(known, path+".") {
			after[known] = true
		}
	}
	maps.Copy(after, result.under("$", path))
	return after
}

// and returns the facts that f and other share.
func (f facts) and(other facts) facts {
	both := facts{}
	for path := range f {
		if other[path] {
			both[path] = true
		}
	}
	return both
}

// resultPath returns the path where a ResultPath puts a result, or "" if it drops it.
func resultPath(raw json.RawMessage) string {
	if raw == nil {
		return "$"
	}
	var path *string
	if err := json.Unmarshal(raw, &path); err != nil || path == nil {
		return ""
	}
	return *path
}

var (
	quotedText = regexp.MustCompile(`'(?:[^'\\]|\\.)*'`)
	pathInText = regexp.MustCompile(`\$\$?[\w.\[\]]*`)
)

// reads returns the paths that a payload template takes its values from.
func reads(template any) []string {
	var paths []string
	switch template := template.(type) {
	case map[string]any:
		for key, value := range template {
			if text, ok := value.(string); ok && strings.HasSuffix(key, ".$") {
				paths = append(paths, pathInText.FindAllString(quotedText.ReplaceAllString(text, ""), -1)...)
				continue
			}
			paths = append(paths, reads(value)...)
		}
	case []any:
		for _, value := range template {
			paths = append(paths, reads(value)...)
		}
	}
	slices.Sort(paths)
	return paths
}

// shape returns the facts about a payload template's result. The template reads
// from a value with the facts from.
func shape(template map[string]any, from facts) facts {
	known := facts{"$": true}
	for key, value := range template {
		path := "$." + strings.TrimSuffix(key, ".$")
		known[path] = true
		switch value := value.(type) {
		case map[string]any:
			maps.Copy(known, shape(value, from).under("$", path))
		case string:
			if strings.HasSuffix(key, ".$") && !strings.Contains(value, "(") {
				maps.Copy(known, from.under(value, path))
			}
		}
	}
	return known
}

// step is a state that follows another, and the facts there.
type step struct {
	next  string
	known facts
}

// follow lists what s reads that may be missing, and returns the next states.
func follow(name string, s *state, known facts) (missing []string, steps []step) {
	need := func(from facts, what string, paths ...string) {
		for _, path := range paths {
			if slices.Contains(contextFields, path) || path == contextToken && s.waitsForToken() || from[path] {
				continue
			}
			missing = append(missing, fmt.Sprintf("%s reads %s in its %s, which may be missing", name, path, what))
		}
	}

	result := facts{"$": true}
	switch s.Type {
	case "Task":
		need(known, "Parameters", reads(s.Parameters)...)
		if s.TimeoutSecondsPath != "" {
			need(known, "TimeoutSecondsPath", s.TimeoutSecondsPath)
		}
		// Anyone who has the token decides what it returns, so nothing is known.
		if !s.waitsForToken() && s.function() != "" {
			result["$.Payload"] = true
			for _, field := range outputs[s.function()][s.operation()] {
				result["$.Payload."+field] = true
			}
		}
		if s.ResultSelector != nil {
			need(result, "ResultSelector", reads(s.ResultSelector)...)
			result = shape(s.ResultSelector, result)
		}
	case "Pass":
		need(known, "Parameters", reads(s.Parameters)...)
		result = shape(s.Parameters, known)
	case "Wait":
		for _, path := range []string{s.SecondsPath, s.TimestampPath} {
			if path != "" {
				need(known, "time", path)
			}
		}
		result = known
	case "Parallel":
		for _, branch := range s.Branches {
			inside, _ := analyse(branch, known)
			missing = append(missing, inside...)
		}
	case "Map":
		need(known, "ItemsPath", s.ItemsPath)
		item := maps.Clone(known)
		item[contextItem] = true
		need(item, "ItemSelector", reads(s.ItemSelector)...)
		inside, _ := analyse(s.inner()[0], shape(s.ItemSelector, known))
		missing = append(missing, inside...)
	case "Choice":
		missed := map[string]bool{}
		for _, c := range s.Choices {
			holds := maps.Clone(known)
			conditions := c.And
			if conditions == nil {
				conditions = []choice{c}
			}
			for _, condition := range conditions {
				if condition.IsPresent != nil {
					if *condition.IsPresent {
						holds[condition.Variable] = true
					}
					continue
				}
				if !holds[condition.Variable] && !missed[condition.Variable] {
					missed[condition.Variable] = true
					need(holds, "Choices", condition.Variable)
				}
			}
			steps = append(steps, step{c.Next, holds})
		}
		return missing, append(steps, step{s.Default, known})
	case "Succeed", "Fail":
		return nil, nil
	default:
		missing = append(missing, fmt.Sprintf("%s is a %s, which this analysis does not know", name, s.Type))
	}

	after := known
	if path := resultPath(s.ResultPath); path != "" {
		after = known.with(path, result)
	}
	steps = append(steps, step{s.Next, after})
	for _, c := range s.Catch {
		after := known
		if path := resultPath(c.ResultPath); path != "" {
			// AWS omits Cause if there is none.
			after = known.with(path, facts{"$": true, "$.Error": true})
		}
		steps = append(steps, step{c.Next, after})
	}
	return missing, steps
}

// analyse follows m from its start with the facts initial until the facts no
// longer change. It returns what may be missing, and the facts at each state.
func analyse(m machine, initial facts) (missing []string, at map[string]facts) {
	at = map[string]facts{m.StartAt: initial}
	for open := []string{m.StartAt}; len(open) > 0; {
		name := open[0]
		open = open[1:]
		_, steps := follow(name, m.States[name], at[name])
		for _, s := range steps {
			before, seen := at[s.next]
			merged := s.known
			if seen {
				merged = before.and(s.known)
			}
			if !seen || len(merged) < len(before) {
				at[s.next] = merged
				open = append(open, s.next)
			}
		}
	}
	for name, known := range at {
		lost, _ := follow(name, m.States[name], known)
		missing = append(missing, lost...)
	}
	slices.Sort(missing)
	return missing, at
}

// input is the input of an execution. Ingress and HandOver provide it.
var input = facts{"$": true, "$.request_id": true}

func TestNoStateReadsWhatMayBeMissing(t *testing.T) {
	for _, test := range []struct {
		name    string
		machine machine
		input   facts
	}{
		{"requests", requestMachine(t), input},
		{"reconcile", reconcileMachine(t), facts{"$": true}},
	} {
		missing, _ := analyse(test.machine, test.input)
		for _, m := range missing {
			t.Errorf("%s: %s", test.name, m)
		}
	}
}

func TestHandOverGivesTheInputThatStartsAnExecution(t *testing.T) {
	handOver := requestMachine(t).States["HandOver"]
	given, ok := handOver.Parameters["Input"].(map[string]any)
	if !ok {
		t.Fatalf("the Input of HandOver is %T, want an object", handOver.Parameters["Input"])
	}
	got := shape(given, facts{})
	for path := range input {
		if !got[path] {
			t.Errorf("the Input of HandOver has no %s", path)
		}
	}
}

// Each operation in outputs is used by a Task. A renamed operation fails here.
func TestPromisedOutputsAreOfOperationsThatExist(t *testing.T) {
	asked := map[string]bool{}
	for _, s := range everyState(t) {
		asked[s.function()+" "+s.operation()] = true
	}
	for function, operations := range outputs {
		for operation := range operations {
			if !asked[function+" "+operation] {
				t.Errorf("no state asks %s for %s", function, operation)
			}
		}
	}
}

// This tests the analysis. Each machine below has the mistake in its name, or none.
func TestAnalysisFinds(t *testing.T) {
	tests := []struct {
		name   string
		states string
		want   []string
	}{
		{
			name: "nothing where all is there",
			states: `{
				"A": {"Type": "Task", "Parameters": {"x.$": "$.request_id", "y.$": "$$.Execution.Id"}, "ResultSelector": {"b": {"c": 1}}, "ResultPath": "$.a", "Next": "B"},
				"B": {"Type": "Choice", "Choices": [{"Variable": "$.a.b.c", "NumericLessThan": 1, "Next": "C"}], "Default": "C"},
				"C": {"Type": "Succeed"}}`,
		},
		{
			name: "a field that only one of two ways sets",
			states: `{
				"A": {"Type": "Task", "ResultSelector": {"b": 1}, "ResultPath": "$.a", "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "B"}], "Next": "B"},
				"B": {"Type": "Pass", "Parameters": {"x.$": "$.a.b"}, "Next": "C"},
				"C": {"Type": "Succeed"}}`,
			want: []string{"B reads $.a.b in its Parameters, which may be missing"},
		},
		{
			name: "a field that a later result replaced",
			states: `{
				"A": {"Type": "Pass", "Parameters": {"b": 1}, "ResultPath": "$.a", "Next": "B"},
				"B": {"Type": "Task", "ResultPath": "$.a", "Next": "C"},
				"C": {"Type": "Wait", "SecondsPath": "$.a.b", "Next": "D"},
				"D": {"Type": "Succeed"}}`,
			want: []string{"C reads $.a.b in its time, which may be missing"},
		},
		{
			name: "an output that the function does not promise",
			states: `{
				"A": {"Type": "Task", "Parameters": {"FunctionName": "audit", "Payload": {"operation": "granted"}}, "ResultSelector": {"x.$": "$.Payload.seconds", "y.$": "$.Payload.minutes"}, "Next": "B"},
				"B": {"Type": "Succeed"}}`,
			want: []string{"A reads $.Payload.minutes in its ResultSelector, which may be missing"},
		},
		{
			name: "a cause, which not every error has",
			states: `{
				"A": {"Type": "Task", "ResultPath": null, "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "B"}], "Next": "C"},
				"B": {"Type": "Pass", "Parameters": {"x.$": "States.Format('{} $.not.a.path', $.error.Error)", "y.$": "$.error.Cause"}, "Next": "C"},
				"C": {"Type": "Succeed"}}`,
			want: []string{"B reads $.error.Cause in its Parameters, which may be missing"},
		},
		{
			name: "a choice that compares before it looks",
			states: `{
				"A": {"Type": "Choice", "Choices": [
					{"And": [{"Variable": "$.a", "IsPresent": true}, {"Variable": "$.a", "StringEquals": "x"}], "Next": "B"},
					{"Variable": "$.b", "StringEquals": "x", "Next": "B"}], "Default": "B"},
				"B": {"Type": "Succeed"}}`,
			want: []string{"A reads $.b in its Choices, which may be missing"},
		},
		{
			name: "what it reads inside a branch, and a token where none is waited for",
			states: `{
				"A": {"Type": "Parallel", "Next": "B", "Branches": [{"StartAt": "C", "States": {
					"C": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"x.$": "$.a", "y.$": "$$.Task.Token"}, "Next": "D"},
					"D": {"Type": "Succeed"}}}]},
				"B": {"Type": "Succeed"}}`,
			want: []string{
				"C reads $$.Task.Token in its Parameters, which may be missing",
				"C reads $.a in its Parameters, which may be missing",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := analyse(decode(t, `{"StartAt": "A", "States": `+tt.states+`}`), input)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
