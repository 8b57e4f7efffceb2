// Package invoke invokes other functions.
package invoke

import (
	"context"
	"encoding/json"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// API is the part of Lambda that invokes functions.
type API interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Function invokes the function with that ARN and doesn't wait for its result.
// payload is marshaled as JSON. doing describes the call in errors.
func Function(ctx context.Context, client API, function string, payload any, doing string) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	_, err = client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: text})
	return host.AWSError(err, doing)
}

// Connect returns the client of Lambda.
func Connect(cfg aws.Config) *lambda.Client { return lambda.NewFromConfig(cfg) }
