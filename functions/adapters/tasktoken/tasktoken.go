// Package tasktoken resumes executions of the state machines that wait with a task
// token.
package tasktoken

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// API is the part of Step Functions that resumes a wait.
type API interface {
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
}

var _ API = (*sfn.Client)(nil)

// Resumer resumes waits.
type Resumer struct{ API API }

// Resume ends the wait for that token. output is the wait's result, in JSON. It
// returns nil if the wait is already over: its execution reads the table. Errors
// never contain the token.
func (r Resumer) Resume(ctx context.Context, token, output string) error {
	const doing = "resume the execution"
	if token == "" {
		return access.Errorf(access.CodeInvalid, "%s: the task token is missing", doing)
	}
	_, err := r.API.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{
		TaskToken: aws.String(token),
		Output:    aws.String(output),
	})
	if err == nil || waitIsOver(err) {
		return nil
	}
	// Some messages of Step Functions contain the token, so only the code and
	// the kind of error are kept.
	code := access.CodeOf(host.AWSError(err, doing))
	var api smithy.APIError
	if errors.As(err, &api) {
		return access.Errorf(code, "%s: %s", doing, api.ErrorCode())
	}
	return access.Errorf(code, "%s: Step Functions did not answer", doing)
}

// waitIsOver reports whether the error means that no wait has the token any
// more.
func waitIsOver(err error) bool {
	var timedOut *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	var invalid *types.InvalidToken
	return errors.As(err, &timedOut) || errors.As(err, &gone) || errors.As(err, &invalid)
}

// ApprovalOutput returns the output for the wait for an approval: a hint at
// the outcome, in the shape of evaluate's result.
func ApprovalOutput(kind access.OutcomeKind) string {
	text, _ := json.Marshal(struct {
		Next        access.OutcomeKind `json:"next"`
		WaitSeconds int                `json:"wait_seconds"`
	}{kind, 1})
	return string(text)
}

// EndOutput is the output for the wait for the end.
const EndOutput = "{}"

// AnswerOutput is the output for a run's wait for an answer. The answer
// itself is only in the run's row.
const AnswerOutput = "{}"

// Connect returns the client of the state machines.
func Connect(cfg aws.Config) *sfn.Client { return sfn.NewFromConfig(cfg) }
