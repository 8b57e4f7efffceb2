package clients

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// LambdaAPI is the part of Lambda that invokes functions.
type LambdaAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Invoke invokes the function with that ARN and doesn't wait for its result.
// payload is marshaled as JSON. In errors, doing says what the call is for.
func Invoke(ctx context.Context, client LambdaAPI, function string, payload any, doing string) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	_, err = client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: text})
	return host.AWSError(err, doing)
}
