package ingress

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/secrets"
)

type invokeFunc func(*lambda.InvokeInput) error

func (f invokeFunc) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	return &lambda.InvokeOutput{}, f(in)
}

func TestAskForCatalog(t *testing.T) {
	const function = "arn:aws:lambda:eu-west-1:123456789012:function:sso-elevator-reconcile:live"
	var asked string
	var answer error
	h, err := New(Settings{
		RequestMachine:    host.RequestMachine{ARN: "arn:aws:states:eu-west-1:123456789012:stateMachine:sso-elevator-requests"},
		ReconcileFunction: function,
	}, Clients{
		Lambda: invokeFunc(func(in *lambda.InvokeInput) error {
			asked = *in.FunctionName + " " + string(in.InvocationType) + " " + string(in.Payload)
			return answer
		}),
		SigningSecrets: secrets.New(nil, nil, nil),
	}, host.Process{Metrics: &host.Emitter{}})
	if err != nil {
		t.Fatal(err)
	}
	ask := h.Catalog.(*catalog.Catalog).Ask
	if err := ask(t.Context()); err != nil {
		t.Errorf("got %v, want none", err)
	}
	if want := function + ` Event {"operation":"catalog"}`; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	answer = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}
	if err := ask(t.Context()); access.CodeOf(err) != access.CodeMisconfigure {
		t.Errorf("got %v, want Misconfigured", err)
	}
}
