package tasktoken_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/tasktoken"
)

type mock func(*sfn.SendTaskSuccessInput) error

var _ tasktoken.API = mock(nil)

func (m mock) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	return &sfn.SendTaskSuccessOutput{}, m(in)
}

func TestResume(t *testing.T) {
	const token = "AQB8-secret-token"
	says := func(s string) *string { return &s }
	tests := []struct {
		name string
		err  error
		want access.Code
	}{
		{"resumed", nil, ""},
		{"the wait timed out", &types.TaskTimedOut{}, ""},
		{"the execution is over", &types.TaskDoesNotExist{}, ""},
		{"no such token", &types.InvalidToken{Message: says("Invalid Token: '" + token + "'")}, ""},
		{"output refused", &types.InvalidOutput{Message: says(token)}, access.CodeInternal},
		{"throttled", &smithy.GenericAPIError{Code: "ThrottlingException", Message: token}, access.CodeThrottled},
		{"no permission", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: token}, access.CodeMisconfigure},
		{"no connection", context.DeadlineExceeded, access.CodeUnavailable},
		{"anything else", errors.New(token), access.CodeInternal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got sfn.SendTaskSuccessInput
			r := tasktoken.Resumer{API: mock(func(in *sfn.SendTaskSuccessInput) error {
				got = *in
				return test.err
			})}
			err := r.Resume(context.Background(), token, "{}")
			if access.CodeOf(err) != test.want {
				t.Errorf("error = %v, want code %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the token in it: %v", err)
			}
			if *got.TaskToken != token || *got.Output != "{}" {
				t.Errorf("sent %q, %q", *got.TaskToken, *got.Output)
			}
		})
	}
	never := tasktoken.Resumer{API: mock(func(*sfn.SendTaskSuccessInput) error { panic("called") })}
	if err := never.Resume(context.Background(), "", "{}"); access.CodeOf(err) != access.CodeInvalid {
		t.Errorf("without a token: %v", err)
	}
}

func TestApprovalOutput(t *testing.T) {
	if got, want := tasktoken.ApprovalOutput(access.OutcomeDenied), `{"next":"denied","wait_seconds":1}`; got != want {
		t.Errorf("output = %s, want %s", got, want)
	}
}
