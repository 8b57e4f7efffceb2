// Package previous checks, in tests, that this release's functions work with the
// request machines of previous releases. Executions of these machines run for weeks.
// They call this release's functions as soon as the alias points to them.
package previous

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// Task is a call of a function by a state of a previous machine.
type Task struct {
	State     string // with the release before it
	Operation string
	Payload   []byte   // JSON, with an example of every value
	Reads     []string // top-level fields of the function's output that the definition reads
}

// examples are values for the paths in the payloads.
var examples = map[string]any{
	"$.request_id":         "abcdefgh23456777",
	"$$.Execution.Id":      "arn:aws:states:eu-west-1:123456789012:execution:sso-elevator-requests:x",
	"$$.Task.Token":        "a-token",
	"$$.State":             map[string]any{"EnteredTime": "2026-01-01T12:00:00Z"}, // functions need no other field
	"$.error.Error":        "Throttled",
	"$.revoke_error.Error": "Throttled",
	"$.revoke_error":       map[string]any{"Error": "Throttled", "Cause": "{}"},
	"$.subject": map[string]any{"kind": "account", "account_id": "123456789012", "account_name": "Sandbox", "permission_set": "Admin",
		"permission_set_arn": "arn:aws:sso:::permissionSet/ssoins-1/ps-1", "group_id": "", "group_name": "", "principal_id": "u-1"},
	"$.grant.started": true,
	"$.round.count":   0,
}

var payloadField = regexp.MustCompile(`^\$\.Payload\.(\w+)`)

// Dir returns the folder with the definitions, which have the names of their releases.
func Dir() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "testdata", "previous")
}

// Tasks returns the calls of a function, such as "evaluate".
func Tasks(t *testing.T, function string) []Task {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir(), "*.asl.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no definitions: %v", err)
	}
	var tasks []Task
	for _, file := range files {
		of := tasksOf(t, file, function)
		if len(of) == 0 {
			t.Fatalf("nothing in %s invokes %s", file, function)
		}
		tasks = append(tasks, of...)
	}
	return tasks
}

func tasksOf(t *testing.T, file, function string) []Task {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var definition any
	if err := json.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	var tasks []Task
	walk(definition, "", func(name string, state map[string]any) {
		parameters, _ := state["Parameters"].(map[string]any)
		payload, _ := parameters["Payload"].(map[string]any)
		invoked, _ := parameters["FunctionName"].(string)
		if payload == nil || !strings.EqualFold(invoked, "${"+function+"Function}") {
			return
		}
		task := Task{State: strings.TrimSuffix(filepath.Base(file), ".asl.json") + " " + name}
		task.Operation, _ = payload["operation"].(string)
		sent := map[string]any{}
		for key, value := range payload {
			field, isPath := strings.CutSuffix(key, ".$")
			if isPath {
				example, known := examples[value.(string)]
				if !known {
					t.Fatalf("%s sends %v, but there is no example for it", task.State, value)
				}
				value = example
			}
			sent[field] = value
		}
		if task.Payload, err = json.Marshal(sent); err != nil {
			t.Fatal(err)
		}
		task.Reads = readFields(state["ResultSelector"])
		tasks = append(tasks, task)
	})
	return tasks
}

// walk visits all Task states, at any depth.
func walk(node any, name string, visit func(string, map[string]any)) {
	switch node := node.(type) {
	case []any:
		for _, one := range node {
			walk(one, name, visit)
		}
	case map[string]any:
		if node["Type"] == "Task" {
			visit(name, node)
		}
		for key, one := range node {
			walk(one, key, visit)
		}
	}
}

func readFields(selector any) []string {
	var fields []string
	switch node := selector.(type) {
	case string:
		if found := payloadField.FindStringSubmatch(node); found != nil {
			fields = append(fields, found[1])
		}
	case map[string]any:
		for _, one := range node {
			fields = append(fields, readFields(one)...)
		}
	}
	return fields
}

// CheckInput fails the test if In lacks a field that a previous machine sends to the
// function. The value would be lost silently.
func CheckInput[In any](t *testing.T, function string) {
	t.Helper()
	for _, task := range Tasks(t, function) {
		var in In
		decoder := json.NewDecoder(bytes.NewReader(task.Payload))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil {
			t.Errorf("%s sends %s: %v", task.State, task.Payload, err)
		}
	}
}

// CheckOutput fails the test if the output of an operation lacks a field that a
// previous machine reads. The execution would fail there, even while its access
// exists.
func CheckOutput(t *testing.T, function string, answers map[string]any) {
	t.Helper()
	looked := map[string]bool{}
	for _, task := range Tasks(t, function) {
		if len(task.Reads) == 0 {
			continue
		}
		answer, ok := answers[task.Operation]
		if !ok {
			t.Errorf("%s reads the answer to %q, but the test has no such answer", task.State, task.Operation)
			continue
		}
		looked[task.Operation] = true
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for _, field := range task.Reads {
			if value, there := fields[field]; !there || value == nil {
				t.Errorf("%s reads %s, which is not in %s", task.State, field, text)
			}
		}
	}
	for operation := range answers {
		if !looked[operation] {
			t.Errorf("nothing reads the answer to %q", operation)
		}
	}
}
