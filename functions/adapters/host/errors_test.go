package host_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

func says(s string) *string { return &s }

// answered is an error as the SDK returns it for an HTTP response.
func answered(status int, err error) error {
	return &smithy.OperationError{ServiceID: "SSO Admin", OperationName: "X", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
	}}
}

func TestFromAWS(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want access.Code
	}{
		{"throttled", answered(400, &types.ThrottlingException{}), access.CodeThrottled},
		{"too many requests, whatever it is called", answered(429, &smithy.GenericAPIError{Code: "Odd"}), access.CodeThrottled},
		{"throughput", &ddbtypes.ProvisionedThroughputExceededException{}, access.CodeThrottled},
		{"conflict", answered(400, &types.ConflictException{}), access.CodeConflict},
		{"not found", answered(400, &types.ResourceNotFoundException{}), access.CodeNotFound},
		{"server fault", answered(500, &types.InternalServerException{}), access.CodeUnavailable},
		{"server fault without a known code", answered(503, &smithy.GenericAPIError{Code: "Odd"}), access.CodeUnavailable},
		{"HTML instead of an answer", answered(500, errors.New("invalid character '<'")), access.CodeUnavailable},
		{"no permission", answered(400, &types.AccessDeniedException{}), access.CodeMisconfigure},
		{"condition", &ddbtypes.ConditionalCheckFailedException{}, access.CodeLost},
		{"validation", answered(400, &types.ValidationException{}), access.CodeInternal},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), access.CodeUnavailable},
		{"canceled", &smithy.CanceledError{Err: context.Canceled}, access.CodeUnavailable},
		{"connection", &net.OpError{Op: "dial", Err: errors.New("refused")}, access.CodeUnavailable},
		{"request not sent", &smithyhttp.RequestSendError{Err: errors.New("x")}, access.CodeUnavailable},
		{"anything else", errors.New("x"), access.CodeInternal},
		{"coded already", access.Errorf(access.CodeForeign, "x"), access.CodeForeign},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := host.AWSError(test.err, "do it")
			if got := access.CodeOf(err); got != test.want {
				t.Errorf("code = %q, want %q", got, test.want)
			}
			if !errors.Is(err, test.err) || !strings.HasPrefix(err.Error(), "do it: ") {
				t.Errorf("error = %v", err)
			}
			if got := host.ErrorCode(test.err); got != test.want {
				t.Errorf("Code = %q, want %q", got, test.want)
			}
		})
	}
	if host.AWSError(nil, "do it") != nil || host.ErrorCode(nil) != "" || access.ErrorMessage(nil) != "" {
		t.Error("nil does not stay nil")
	}
}

func TestConvert(t *testing.T) {
	token := strings.Repeat("AQCkAAAAKgAAAAMAAAAAAAAAAb", 20)
	tests := []struct {
		name string
		err  error
		want messages.InvokeResponse_Error
	}{
		{
			"wrapped code", fmt.Errorf("outer: %w", access.Errorf(access.CodeLeaseDeleting, "inner")),
			messages.InvokeResponse_Error{Type: "LeaseDeleting", Message: "outer: inner"},
		},
		{
			"AWS's own words", access.Wrap(access.CodeConflict, answered(400, &types.ConflictException{Message: says("busy")}), "create"),
			messages.InvokeResponse_Error{Type: "Conflict", Message: "create: ConflictException: busy"},
		},
		{
			"an error of AWS without code", answered(400, &types.ThrottlingException{Message: says("slow down")}),
			messages.InvokeResponse_Error{Type: "Throttled", Message: "ThrottlingException: slow down"},
		},
		{"no code", errors.New("oops"), messages.InvokeResponse_Error{Type: "Internal", Message: "oops"}},
		{"converted already", host.LambdaError(access.Errorf(access.CodeLost, "x")), messages.InvokeResponse_Error{Type: "Lost", Message: "x"}},
		{
			"secrets", fmt.Errorf("a xoxb-1-2-abc b https://hooks.slack.com/actions/T1/2/3 c %s d", token),
			messages.InvokeResponse_Error{Type: "Internal", Message: "a … b … c … d"},
		},
		{
			"ids are no secrets", errors.New("arn:aws:states:us-east-1:123456789012:execution:sso-elevator-request:2026-03-02-ReadOnly-abcdefghijklmnop"),
			messages.InvokeResponse_Error{Type: "Internal", Message: "arn:aws:states:us-east-1:123456789012:execution:sso-elevator-request:2026-03-02-ReadOnly-abcdefghijklmnop"},
		},
		{"long", errors.New(strings.Repeat("ab ", 1000)), messages.InvokeResponse_Error{Type: "Internal", Message: strings.Repeat("ab ", 334)[:1000] + "…"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := host.LambdaError(test.err).(messages.InvokeResponse_Error)
			if !ok || got.Type != test.want.Type || got.Message != test.want.Message {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
	if host.LambdaError(nil) != nil {
		t.Error("nil does not stay nil")
	}
}
