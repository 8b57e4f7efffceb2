package gateway

import (
	"encoding/json"
	"errors"
	"strings"
)

var (
	errMap          = errors.New("the local stack can't redrive a Map")
	errExecutionARN = errors.New("the local stack can't redrive a machine that computes with " + executionARNPath + " is not emulated")
)

// redriveDefinition returns the definition of a machine that continues an ended
// execution: the same machine, started at the state in which the execution ended
// (according to its events), with that state's input. The finished branches of a
// Parallel stay finished. States get the execution's ARN, not that of the part.
//
// If the execution ended between two states, the earlier one runs again. On AWS, that
// can't happen: it leaves one state and enters the next in one step.
func redriveDefinition(definition, executionARN string, events []event) (string, error) {
	var machine map[string]any
	if err := decodeNumbers([]byte(definition), &machine); err != nil {
		return "", err
	}
	if err := fillExecutionARN(machine, executionARN); err != nil {
		return "", err
	}
	if err := startWhereEnded(machine, events); err != nil {
		return "", err
	}
	raw, err := json.Marshal(machine)
	return string(raw), err
}

// startWhereEnded makes a machine, or a branch, start at the last state of its own that
// the events enter. It returns errMap if that state is a Map.
func startWhereEnded(machine map[string]any, events []event) error {
	states, _ := machine["States"].(map[string]any)
	last := -1
	for i, e := range events {
		if _, found := states[e.Entered.Name]; found {
			last = i
		}
	}
	if last < 0 {
		return nil // it never started
	}
	events = events[last:]
	name, input := events[0].Entered.Name, events[0].Entered.Input
	state, _ := states[name].(map[string]any)
	switch state["Type"] {
	case "Map":
		return errMap
	case "Parallel":
		branches, _ := state["Branches"].([]any)
		for _, b := range branches {
			branch, _ := b.(map[string]any)
			if err := startWhereEnded(branch, events); err != nil {
				return err
			}
		}
	}
	first := map[string]any{"Type": "Pass", "Result": json.RawMessage(input), "Next": name}
	if state["End"] == true || state["Type"] == "Succeed" {
		for _, e := range events {
			if e.Exited.Name == name {
				first = map[string]any{"Type": "Pass", "Result": json.RawMessage(e.Exited.Output), "End": true}
				clear(states)
			}
		}
	}
	machine["StartAt"] = redrivePrefix + name
	states[redrivePrefix+name] = first
	return nil
}

// executionARNPath is where states find their execution's ARN.
const executionARNPath = "$$.Execution.Id"

// fillExecutionARN replaces the fields of states that take their execution's ARN
// from the context object, where moto puts the ARN of the part. It returns
// errExecutionARN if a state uses the ARN in any other way.
func fillExecutionARN(value any, arn string) error {
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			if name, isPath := strings.CutSuffix(key, ".$"); isPath && item == executionARNPath {
				delete(value, key)
				value[name] = arn
			} else if err := fillExecutionARN(item, arn); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range value {
			if err := fillExecutionARN(item, arn); err != nil {
				return err
			}
		}
	case string:
		if strings.Contains(value, executionARNPath) {
			return errExecutionARN
		}
	}
	return nil
}
