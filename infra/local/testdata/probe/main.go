// Command probe is a Lambda function for the tests of the local stack. Its event
// tells it what to do.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do    string          `json:"do"`
	Value json.RawMessage `json:"value,omitempty"`
	Type  string          `json:"type,omitempty"`
}

var calls int

func handle(ctx context.Context, e event) (any, error) {
	calls++
	switch e.Do {
	case "echo":
		return e.Value, nil
	case "clock": // an end two seconds from now, in the audit function's format
		return map[string]any{"end": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339)}, nil
	case "environment":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"pid":       os.Getpid(),
			"calls":     calls,
			"name":      lambdacontext.FunctionName,
			"version":   lambdacontext.FunctionVersion,
			"arn":       lc.InvokedFunctionArn,
			"request":   lc.AwsRequestID,
			"remaining": time.Until(deadline).Seconds(),
			"custom":    os.Getenv("CUSTOM"),
			"home":      os.Getenv("HOME"),
		}, nil
	case "fail":
		return nil, messages.InvokeResponse_Error{Type: e.Type, Message: "as asked"}
	case "exit":
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	case "log":
		fmt.Println("first line")
		fmt.Fprintln(os.Stderr, "second line")
	}
	return map[string]any{}, nil
}

// scripted returns a handler that answers by the event's operation. The script maps
// an operation to its answer, or to {"error": TYPE}. A number for "end_in" becomes
// the "seconds" and "end" of active access.
func scripted(script string) func(context.Context, map[string]any) (any, error) {
	return func(_ context.Context, e map[string]any) (any, error) {
		var answers map[string]map[string]any
		if err := json.Unmarshal([]byte(script), &answers); err != nil {
			return nil, err
		}
		answer, ok := answers[fmt.Sprint(e["operation"])]
		if !ok {
			return map[string]any{}, nil
		}
		if kind, ok := answer["error"].(string); ok {
			return nil, messages.InvokeResponse_Error{Type: kind, Message: "as scripted"}
		}
		if in, ok := answer["end_in"].(float64); ok {
			end := time.Now().Add(time.Duration(in) * time.Second)
			return map[string]any{"seconds": in, "end": end.UTC().Format(time.RFC3339)}, nil
		}
		return answer, nil
	}
}

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		os.Exit(4)
	}
	if script := os.Getenv("SCRIPT"); script != "" {
		lambda.Start(scripted(script))
	}
	if os.Getenv("HTTP") != "" {
		lambda.Start(func(_ context.Context, e map[string]any) (any, error) {
			echo, err := json.Marshal(e)
			return map[string]any{"statusCode": 201, "headers": map[string]string{"Content-Type": "application/json", "X-Probe": "yes"}, "body": string(echo)}, err
		})
	}
	lambda.Start(handle)
}
