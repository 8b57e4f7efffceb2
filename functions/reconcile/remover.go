package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
)

// LambdaAPI is the part of Lambda that starts other functions.
type LambdaAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// removerFunction is the function revoke, by ARN.
type removerFunction struct {
	client LambdaAPI
	arn    string
}

var _ Remover = removerFunction{}

// removeOf removes the access of a request that was granted.
func removeOf(r Remover) func(ctx context.Context, requestID string, s access.Subject) error {
	return func(ctx context.Context, requestID string, s access.Subject) error {
		return r.Remove(ctx, Removal{Operation: "confirm", RequestID: requestID, Subject: s, Granted: true})
	}
}

// Remove invokes revoke, and does not wait for it. A removal that does not
// succeed at once is invoked again by the next look.
func (f removerFunction) Remove(ctx context.Context, in Removal) error {
	const doing = "invoke revoke"
	payload, err := json.Marshal(in)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	_, err = f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.arn, InvocationType: types.InvocationTypeEvent, Payload: payload})
	return lambdaerr.FromAWS(err, doing)
}
