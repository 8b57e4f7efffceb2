package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// waitsForToken is a machine that waits for a token for so many seconds, and then
// for a minute.
const waitsForToken = `{"StartAt":"Await","States":{
	"Await":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":%d,
		"Parameters":{"FunctionName":"probe:live","Payload":{"do":"echo","execution.$":"$$.Execution.Id","token.$":"$$.Task.Token"}},
		"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":null,"Next":"After"}],"ResultPath":null,"Next":"After"},
	"After":{"Type":"Wait","Seconds":60,"Next":"Done"},
	"Done":{"Type":"Succeed"}}}`

func stop(t *testing.T, execution string) {
	t.Helper()
	_, err := sfn.NewFromConfig(stack.AWS()).StopExecution(context.Background(), &sfn.StopExecutionInput{ExecutionArn: aws.String(execution)})
	if err != nil {
		t.Error(err)
	}
}

func TestDeadToken(t *testing.T) {
	client := sfn.NewFromConfig(stack.AWS())
	patient := createMachine(t, "token-patient", fmt.Sprintf(waitsForToken, 60))
	hasty := createMachine(t, "token-hasty", fmt.Sprintf(waitsForToken, 10))

	t.Run("used", func(t *testing.T) {
		execution := start(t, patient, "used")
		defer stop(t, execution)
		token := waitingToken(t, execution, "Await")
		if err := succeed(token, `{}`); err != nil {
			t.Fatal(err)
		}
		if code := errorCode(t, succeed(token, `{}`)); code != "TaskTimedOut" {
			t.Errorf("at once again: %q, want TaskTimedOut", code)
		}
		eventually(t, "the execution goes on", func() bool {
			names := entered(history(t, execution))
			return names[len(names)-1] == "After"
		})
		_, err := client.SendTaskFailure(context.Background(), &sfn.SendTaskFailureInput{TaskToken: aws.String(token)})
		if code := errorCode(t, err); code != "TaskTimedOut" {
			t.Errorf("failure after success: %q, want TaskTimedOut", code)
		}
	})
	t.Run("timed out", func(t *testing.T) {
		execution := start(t, hasty, "late")
		defer stop(t, execution)
		token := waitingToken(t, execution, "Await")
		eventually(t, "the wait times out", func() bool {
			names := entered(history(t, execution))
			return names[len(names)-1] == "After"
		})
		if code := errorCode(t, succeed(token, `{}`)); code != "TaskTimedOut" {
			t.Errorf("%q, want TaskTimedOut", code)
		}
	})
	t.Run("of a stopped execution", func(t *testing.T) {
		execution := start(t, patient, "stopped")
		token := waitingToken(t, execution, "Await")
		stop(t, execution)
		if code := errorCode(t, succeed(token, `{}`)); code != "TaskTimedOut" {
			t.Errorf("%q, want TaskTimedOut", code)
		}
	})
	t.Run("of nobody", func(t *testing.T) {
		if code := errorCode(t, succeed("01234567-89ab-cdef-0123-456789abcdef", `{}`)); code != "TaskDoesNotExist" {
			t.Errorf("%q, want TaskDoesNotExist", code)
		}
	})
	t.Run("no token", func(t *testing.T) {
		if code := errorCode(t, succeed("token", `{}`)); code != "InvalidToken" {
			t.Errorf("%q, want InvalidToken", code)
		}
	})
	t.Run("output is no JSON", func(t *testing.T) {
		execution := start(t, patient, "output")
		defer stop(t, execution)
		token := waitingToken(t, execution, "Await")
		if code := errorCode(t, succeed(token, `{`)); code != "InvalidOutput" {
			t.Errorf("%q, want InvalidOutput", code)
		}
		if err := succeed(token, `{}`); err != nil {
			t.Errorf("the token was lost: %v", err)
		}
	})
}

func TestStopExecution(t *testing.T) {
	machines := map[string]string{
		"token": fmt.Sprintf(waitsForToken, 3600),
		"wait":  `{"StartAt":"Await","States":{"Await":{"Type":"Wait","Seconds":3600,"Next":"After"},"After":{"Type":"Succeed"}}}`,
		"parallel": `{"StartAt":"Both","States":{"Both":{"Type":"Parallel","Next":"After","Branches":[
			{"StartAt":"Await","States":{"Await":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":3600,
				"Parameters":{"FunctionName":"probe","Payload":{"do":"echo","execution.$":"$$.Execution.Id","token.$":"$$.Task.Token"}},"End":true}}},
			{"StartAt":"Pass","States":{"Pass":{"Type":"Pass","End":true}}}]},
			"After":{"Type":"Succeed"}}}`,
	}
	client := sfn.NewFromConfig(stack.AWS())
	for name, definition := range machines {
		t.Run(name, func(t *testing.T) {
			machine := createMachine(t, "stop-"+name, definition)
			execution := start(t, machine, "stopped")
			if strings.Contains(definition, "waitForTaskToken") {
				waitingToken(t, execution, "Await")
			}
			eventually(t, "the execution waits", func() bool { return len(entered(history(t, execution))) > 0 })
			stop(t, execution)
			got := describe(t, execution)
			if got.Status != types.ExecutionStatusAborted || got.StopDate == nil {
				t.Errorf("status %s, stopped at %v; want ABORTED and a time", got.Status, got.StopDate)
			}
			for status, want := range map[types.ExecutionStatus]int{types.ExecutionStatusAborted: 1, types.ExecutionStatusRunning: 0} {
				list, err := client.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(machine), StatusFilter: status})
				if err != nil || len(list.Executions) != want {
					t.Errorf("%d executions are %s (%v), want %d", len(list.Executions), status, err, want)
				}
			}
			time.Sleep(500 * time.Millisecond) // anything that continues after the stop has had time to
			if names := entered(history(t, execution)); names[len(names)-1] == "After" {
				t.Errorf("went on after the stop: %v", names)
			}
			stop(t, execution) // a second stop is no error
		})
	}
}
