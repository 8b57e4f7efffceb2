package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/functions/internal/lambdaerr"
)

// InvokeAPI is the part of Lambda that starts other functions.
type InvokeAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// askForCatalog has the function with that ARN make a catalog, and does not
// wait for it.
func askForCatalog(client InvokeAPI, function string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName:   &function,
			InvocationType: types.InvocationTypeEvent,
			Payload:        []byte(`{"operation":"catalog"}`),
		})
		return lambdaerr.FromAWS(err, "ask for a catalog")
	}
}
