package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
)

// show has notify, the function with that ARN, show a run's question, and does
// not wait for it.
func show(client LambdaAPI, notify string) func(ctx context.Context, run string) error {
	return func(ctx context.Context, run string) error {
		const doing = "have a question shown"
		payload, err := json.Marshal(map[string]string{"operation": "drift_question", "run": run})
		if err != nil {
			return access.Wrap(access.CodeInternal, err, doing)
		}
		_, err = client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &notify, InvocationType: types.InvocationTypeEvent, Payload: payload})
		return lambdaerr.FromAWS(err, doing)
	}
}

// newRunID names a run that asks. Half of it is random: nobody can start an
// execution under that name beforehand, whose row the run would then share.
func newRunID(at time.Time) string {
	return at.UTC().Format("2006-01-02-1504") + "-gone-" + strings.ToLower(rand.Text())
}
