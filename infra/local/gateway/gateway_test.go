package gateway_test

import (
	"context"
	"errors"
	"log"
	"os"
	"testing"
	"time"

	"sso-elevator/infra/local/localtest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
)

// stack is shared by all tests of the package, because moto takes seconds to start.
var stack *localtest.Stack

func TestMain(m *testing.M) {
	var err error
	if stack, err = localtest.Start(); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	stack.Stop()
	os.Exit(code)
}

// errorCode returns the AWS error code of err, "" for nil.
func errorCode(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("not an answer of AWS: %v", err)
		return "none"
	}
	return api.ErrorCode()
}

// eventually waits until holds returns true, for at most 2 minutes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not come true: %s", what)
		}
	}
}

func createMachine(t *testing.T, name, definition string) string {
	t.Helper()
	client := sfn.NewFromConfig(stack.AWS())
	out, err := client.CreateStateMachine(context.Background(), &sfn.CreateStateMachineInput{
		Name: aws.String(name), Definition: aws.String(definition),
		RoleArn: aws.String("arn:aws:iam::123456789012:role/machine"), Type: types.StateMachineTypeStandard,
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.StateMachineArn)
}

func start(t *testing.T, machine, name string) string {
	t.Helper()
	out, err := sfn.NewFromConfig(stack.AWS()).StartExecution(context.Background(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(machine), Name: aws.String(name), Input: aws.String(`{"request_id":"abcdefghij234567"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ExecutionArn)
}

func describe(t *testing.T, execution string) *sfn.DescribeExecutionOutput {
	t.Helper()
	out, err := sfn.NewFromConfig(stack.AWS()).DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: aws.String(execution)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// history returns all events of an execution, oldest first.
func history(t *testing.T, execution string) []types.HistoryEvent {
	t.Helper()
	pages := sfn.NewGetExecutionHistoryPaginator(sfn.NewFromConfig(stack.AWS()), &sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(execution)})
	var all []types.HistoryEvent
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Events...)
	}
	return all
}

// entered returns the names of the states that an execution entered, in order.
func entered(events []types.HistoryEvent) []string {
	var names []string
	for _, e := range events {
		if e.StateEnteredEventDetails != nil {
			names = append(names, aws.ToString(e.StateEnteredEventDetails.Name))
		}
	}
	return names
}
