package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

func redrive(execution string) error {
	_, err := sfn.NewFromConfig(stack.AWS()).RedriveExecution(context.Background(), &sfn.RedriveExecutionInput{ExecutionArn: aws.String(execution)})
	return err
}

func ended(t *testing.T, execution string, want types.ExecutionStatus) *sfn.DescribeExecutionOutput {
	t.Helper()
	eventually(t, "the execution ends", func() bool { return describe(t, execution).Status != types.ExecutionStatusRunning })
	got := describe(t, execution)
	if got.Status != want {
		t.Fatalf("status %s, want %s; way %v; last failure %s", got.Status, want, entered(history(t, execution)), lastFailure(history(t, execution)))
	}
	return got
}

// TestRedrive checks that an execution that was stopped while one of its two
// branches waited continues there, as the same execution. Finished states don't run
// again.
func TestRedrive(t *testing.T) {
	client := sfn.NewFromConfig(stack.AWS())
	machine := createMachine(t, "redrive", `{"StartAt":"First","States":{
		"First":{"Type":"Pass","Result":{"n":12345678901234567890},"ResultPath":"$.first","Next":"Both"},
		"Both":{"Type":"Parallel","ResultPath":"$.both","Next":"Last","Branches":[
			{"StartAt":"Before","States":{
				"Before":{"Type":"Pass","ResultPath":"$.before","Result":1,"Next":"Await"},
				"Await":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":3600,
					"Parameters":{"FunctionName":"probe","Payload":{"do":"echo","execution.$":"$$.Execution.Id","token.$":"$$.Task.Token"}},
					"ResultPath":"$.awaited","End":true}}},
			{"StartAt":"Quick","States":{"Quick":{"Type":"Pass","ResultPath":"$.quick","Result":2,"End":true}}}]},
		"Last":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","ResultSelector":{"execution.$":"$.Payload"},
			"Parameters":{"FunctionName":"probe","Payload":{"do":"echo","value.$":"$$.Execution.Id"}},"ResultPath":"$.last","End":true}}}`)
	out, err := client.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: aws.String(machine), Name: aws.String("run"), Input: aws.String(`{"given":"yes"}`)})
	if err != nil {
		t.Fatal(err)
	}
	execution := aws.ToString(out.ExecutionArn)
	first := waitingToken(t, execution, "Await")
	eventually(t, "the other branch is done", func() bool {
		return slices.ContainsFunc(history(t, execution), func(e types.HistoryEvent) bool {
			return e.StateExitedEventDetails != nil && aws.ToString(e.StateExitedEventDetails.Name) == "Quick"
		})
	})
	if code := errorCode(t, redrive(execution)); code != "ExecutionNotRedrivable" {
		t.Errorf("while it runs: %q, want ExecutionNotRedrivable", code)
	}
	tokens := []string{first}
	for n := range int32(2) {
		stop(t, execution)
		if err := redrive(execution); err != nil {
			t.Fatal(err)
		}
		got := describe(t, execution)
		if got.Status != types.ExecutionStatusRunning || aws.ToInt32(got.RedriveCount) != n+1 || got.RedriveDate == nil || got.StopDate != nil ||
			aws.ToString(got.StateMachineArn) != machine || aws.ToString(got.ExecutionArn) != execution || aws.ToString(got.Input) != `{"given":"yes"}` || !got.StartDate.Equal(*out.StartDate) {
			t.Errorf("after redrive %d it is shown as %+v, started %v", n+1, got, got.StartDate)
		}
		var token string
		eventually(t, "it waits with another token", func() bool {
			token = waitingToken(t, execution, "Await")
			return !slices.Contains(tokens, token)
		})
		for _, old := range tokens {
			if code := errorCode(t, succeed(old, `{}`)); code != "TaskTimedOut" {
				t.Errorf("an old token: %q, want TaskTimedOut", code)
			}
		}
		tokens = append(tokens, token)
	}
	list, err := client.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(machine)})
	if err != nil || len(list.Executions) != 1 || list.Executions[0].Status != types.ExecutionStatusRunning || aws.ToString(list.Executions[0].ExecutionArn) != execution {
		t.Errorf("it is listed as %+v (%v)", list, err)
	}
	machines, err := client.ListStateMachines(context.Background(), &sfn.ListStateMachinesInput{})
	if err != nil || !slices.ContainsFunc(machines.StateMachines, func(m types.StateMachineListItem) bool { return aws.ToString(m.Name) == "redrive" }) ||
		slices.ContainsFunc(machines.StateMachines, func(m types.StateMachineListItem) bool { return strings.HasPrefix(aws.ToString(m.Name), "redriven-") }) {
		t.Errorf("machines %+v (%v)", machines.StateMachines, err)
	}

	if err := succeed(tokens[2], `"pressed"`); err != nil {
		t.Fatal(err)
	}
	var output map[string]json.RawMessage
	if err := json.Unmarshal([]byte(aws.ToString(ended(t, execution, types.ExecutionStatusSucceeded).Output)), &output); err != nil {
		t.Fatal(err)
	}
	before := `{"given":"yes","first":{"n":12345678901234567890}`
	for name, want := range map[string]string{
		"first": `{"n":12345678901234567890}`,
		"both":  `[` + before + `,"before":1,"awaited":"pressed"},` + before + `,"quick":2}]`,
		"last":  `{"execution":"` + execution + `"}`,
	} {
		var got bytes.Buffer
		if err := json.Compact(&got, output[name]); err != nil || got.String() != want {
			t.Errorf("output.%s is %s, want %s", name, got.String(), want)
		}
	}

	events := history(t, execution)
	counts := map[string]int{}
	for i, e := range events {
		if e.Id != int64(i+1) || e.PreviousEventId >= e.Id {
			t.Errorf("event %d has the id %d, and comes after %d", i+1, e.Id, e.PreviousEventId)
		}
		if e.Type == types.HistoryEventTypeExecutionStarted || e.Type == types.HistoryEventTypeExecutionRedriven || e.Type == types.HistoryEventTypeExecutionSucceeded {
			counts[string(e.Type)]++
		}
	}
	for _, name := range entered(events) {
		counts[name]++
	}
	for name, want := range map[string]int{"ExecutionStarted": 1, "ExecutionRedriven": 2, "ExecutionSucceeded": 1, "First": 1, "Both": 3, "Before": 1, "Await": 3, "Quick": 1, "Last": 1} {
		if counts[name] != want {
			t.Errorf("the history has %d times %s, want %d", counts[name], name, want)
		}
		delete(counts, name)
	}
	if len(counts) > 0 {
		t.Errorf("the history also has %v", counts)
	}
	if code := errorCode(t, redrive(execution)); code != "ExecutionNotRedrivable" {
		t.Errorf("once it has succeeded: %q, want ExecutionNotRedrivable", code)
	}
	if code := errorCode(t, redrive(execution+"-not")); code != "ExecutionDoesNotExist" {
		t.Errorf("one that is not there: %q, want ExecutionDoesNotExist", code)
	}
}

// TestRedriveAfterFailure checks that a failed execution retries the task at which
// it failed, with all of the task's own retries.
func TestRedriveAfterFailure(t *testing.T) {
	execution := start(t, createMachine(t, "redrive-failed", `{"StartAt":"First","States":{"First":{"Type":"Pass","Result":{"do":"fail","type":"Throttled"},"Next":"Fails"},
		"Fails":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"probe","Payload.$":"$"},
			"Retry":[{"ErrorEquals":["Throttled"],"IntervalSeconds":1,"MaxAttempts":1}],"End":true}}}`), "run")
	for n := range 3 {
		ended(t, execution, types.ExecutionStatusFailed)
		events := history(t, execution)
		failures := 0
		for _, e := range events {
			if e.TaskFailedEventDetails != nil {
				failures++
			}
		}
		if got := entered(events); len(got) != n+2 || failures != 2*(n+1) {
			t.Errorf("after %d redrives: way %v, %d failures", n, got, failures)
		}
		if err := redrive(execution); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRedriveOfComputedARN checks that a redrive that would show moto's ARN is
// refused.
func TestRedriveOfComputedARN(t *testing.T) {
	execution := start(t, createMachine(t, "redrive-computed", `{"StartAt":"Named","States":{
		"Named":{"Type":"Pass","Parameters":{"name.$":"States.Format('of {}', $$.Execution.Id)"},"Next":"Fails"},
		"Fails":{"Type":"Fail","Error":"Wanted"}}}`), "run")
	ended(t, execution, types.ExecutionStatusFailed)
	if code := errorCode(t, redrive(execution)); code != "UnknownOperationException" {
		t.Errorf("%q, want UnknownOperationException", code)
	}
}

func TestRedriveOfAMap(t *testing.T) {
	execution := start(t, createMachine(t, "redrive-map", `{"StartAt":"Each","States":{"Each":{"Type":"Map","ItemsPath":"$.none","ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE"},
		"StartAt":"One","States":{"One":{"Type":"Pass","End":true}}},"End":true}}}`), "run")
	ended(t, execution, types.ExecutionStatusFailed)
	if code := errorCode(t, redrive(execution)); code != "UnknownOperationException" {
		t.Errorf("%q, want UnknownOperationException", code)
	}
}
