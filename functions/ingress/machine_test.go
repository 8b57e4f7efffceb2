package ingress

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
)

const machineARN = "arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:sso-elevator-request"

type startFunc func(*sfn.StartExecutionInput) error

func (f startFunc) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	return &sfn.StartExecutionOutput{}, f(in)
}

func TestStart(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want access.Code
	}{
		{"started", nil, ""},
		{"ran already", &types.ExecutionAlreadyExists{}, ""},
		{"too many", &smithy.GenericAPIError{Code: "ThrottlingException"}, access.CodeThrottled},
		{"no such machine", &types.StateMachineDoesNotExist{}, access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := newMachine(startFunc(func(in *sfn.StartExecutionInput) error {
				got := aws.ToString(in.StateMachineArn) + " " + aws.ToString(in.Name) + " " + aws.ToString(in.Input)
				if want := machineARN + ` name {"request_id":"r1"}`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				return test.err
			}), machineARN)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Start(t.Context(), access.Request{ID: "r1", ExecutionName: "name", Reason: "deploy"}); access.CodeOf(err) != test.want {
				t.Errorf("got %v, want code %q", err, test.want)
			}
		})
	}
}

func TestExecutionARN(t *testing.T) {
	m, err := newMachine(nil, machineARN)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.ExecutionARN("name"), "arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:sso-elevator-request:name"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := newMachine(nil, "sso-elevator-request"); access.CodeOf(err) != access.CodeMisconfigure {
		t.Errorf("a name for an ARN: got %v, want code Misconfigured", err)
	}
}
