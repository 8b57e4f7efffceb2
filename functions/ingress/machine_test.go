package ingress

import (
	"context"
	"regexp"
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

// The execution for a press gets the finding's reference and nothing else, and a name that
// nobody can take in advance.
func TestStartOfAPress(t *testing.T) {
	random := "ABCDEFGHIJ"
	var names []string
	var fails error
	m := pressMachine{arn: machineARN, random: func() string { return random }, client: startFunc(func(in *sfn.StartExecutionInput) error {
		if got, want := aws.ToString(in.StateMachineArn)+" "+aws.ToString(in.Input), machineARN+` {"index":3,"mode":"press","run":"r1"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		names = append(names, aws.ToString(in.Name))
		return fails
	})}
	start := func(index int) error { return m.Start(t.Context(), access.FindingRef{Run: "r1", Index: index}) }
	if err := start(3); err != nil {
		t.Fatal(err)
	}
	random = "KLMNOPQRST"
	if err := start(3); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^press-[0-9a-f]{16}-abcdefgh$`).MatchString(names[0]) || names[0] == names[1] {
		t.Errorf("the executions are named %q", names)
	}
	for want, err := range map[access.Code]error{access.CodeThrottled: &smithy.GenericAPIError{Code: "ThrottlingException"}, access.CodeInternal: &types.ExecutionAlreadyExists{}} {
		if fails = err; access.CodeOf(start(3)) == "" {
			t.Errorf("%v is no error, want %s", err, want)
		}
	}
}

func TestStartOfRefusedPresses(t *testing.T) {
	m := pressMachine{arn: machineARN, random: func() string { return "ABCDEFGHIJ" }, client: startFunc(func(in *sfn.StartExecutionInput) error {
		if got, want := aws.ToString(in.StateMachineArn)+" "+aws.ToString(in.Input), machineARN+` {"mode":"refused","run":"r1"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if !regexp.MustCompile(`^refused-[0-9a-f]{16}-abcdefgh$`).MatchString(aws.ToString(in.Name)) {
			t.Errorf("the execution is named %q", aws.ToString(in.Name))
		}
		return nil
	})}
	if err := m.StartRefused(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
}
