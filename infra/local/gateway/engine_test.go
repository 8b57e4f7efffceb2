package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestEngine checks two executions on each of two machines, which use every
// language feature of the request machine.
func TestEngine(t *testing.T) {
	definition, err := os.ReadFile("testdata/engine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	child := createMachine(t, "engine-child", `{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}`)
	var executions []string
	for _, machine := range []string{"engine-a", "engine-b"} {
		arn := createMachine(t, machine, strings.ReplaceAll(string(definition), "${Child}", child))
		for i := range 2 {
			executions = append(executions, start(t, arn, fmt.Sprintf("run-%d", i)))
		}
	}
	for _, execution := range executions {
		resumeWhenWaiting(t, execution, "Token")
	}
	for _, execution := range executions {
		eventually(t, execution+" ends", func() bool { return describe(t, execution).Status != types.ExecutionStatusRunning })
		got := describe(t, execution)
		if got.Status != types.ExecutionStatusSucceeded {
			events := history(t, execution)
			t.Errorf("%s: %s (%s), after %v; last failure %s", execution, got.Status, aws.ToString(got.Cause), entered(events), lastFailure(events))
			continue
		}
		var output struct {
			Constant struct{ Started *bool }
			Round    struct{ Count int }
			Error    struct{ Error string }
			Timeout  struct{ Error string }
		}
		if err := json.Unmarshal([]byte(aws.ToString(got.Output)), &output); err != nil {
			t.Fatal(err)
		}
		if output.Constant.Started == nil || *output.Constant.Started || output.Round.Count != 2 || output.Error.Error != "AssignmentFailed" || output.Timeout.Error != "States.Timeout" {
			t.Errorf("%s: output %s", execution, *got.Output)
		}
	}
	started, err := sfn.NewFromConfig(stack.AWS()).ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(child)})
	if err != nil {
		t.Fatal(err)
	}
	if len(started.Executions) != len(executions) {
		t.Errorf("%d executions of the child, want %d", len(started.Executions), len(executions))
	}
	for _, e := range started.Executions {
		if !strings.HasPrefix(aws.ToString(e.Name), "a-") || len(aws.ToString(e.Name)) != 38 {
			t.Errorf("a child is called %q", aws.ToString(e.Name))
		}
	}
}

// lastFailure returns why the last failed task failed.
func lastFailure(events []types.HistoryEvent) string {
	for i := len(events) - 1; i >= 0; i-- {
		if d := events[i].TaskFailedEventDetails; d != nil {
			return aws.ToString(d.Error) + ": " + aws.ToString(d.Cause)
		}
	}
	return "none"
}

// waitingToken waits until a state of the execution has handed out a token, and
// returns it.
func waitingToken(t *testing.T, execution, state string) string {
	t.Helper()
	var token string
	eventually(t, execution+" waits in "+state, func() bool {
		events := history(t, execution)
		if !slices.Contains(entered(events), state) {
			return false
		}
		for i := len(events) - 1; i >= 0; i-- {
			d := events[i].TaskScheduledEventDetails
			if d == nil || !strings.HasSuffix(aws.ToString(d.Resource), "waitForTaskToken") {
				continue
			}
			if !descendsFromState(events, i, state) {
				continue
			}
			var parameters struct{ Payload struct{ Token string } }
			if err := json.Unmarshal([]byte(aws.ToString(d.Parameters)), &parameters); err != nil {
				t.Fatal(err)
			}
			token = parameters.Payload.Token
			return token != "" && slices.ContainsFunc(events[i:], func(e types.HistoryEvent) bool { return e.Type == types.HistoryEventTypeTaskSubmitted })
		}
		return false
	})
	return token
}

// descendsFromState reports whether the i-th event came directly from entering the
// state.
func descendsFromState(events []types.HistoryEvent, i int, state string) bool {
	for _, e := range events {
		if e.Id == events[i].PreviousEventId {
			return e.StateEnteredEventDetails != nil && aws.ToString(e.StateEnteredEventDetails.Name) == state
		}
	}
	return false
}

func resumeWhenWaiting(t *testing.T, execution, state string) {
	t.Helper()
	token := waitingToken(t, execution, state)
	_, err := sfn.NewFromConfig(stack.AWS()).SendTaskSuccess(context.Background(), &sfn.SendTaskSuccessInput{TaskToken: aws.String(token), Output: aws.String(`{}`)})
	if err != nil {
		t.Fatalf("resume %s in %s: %v", execution, state, err)
	}
}
