// Package tasktoken resumes the waits of the state machines.
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

// Resume lets the wait that has the token go on with output, which is JSON. A
// token whose wait is over is no error: whoever waited looks into the table.
// An error never has the token in it.
func (r Resumer) Resume(ctx context.Context, token, output string) error {
	const doing = "resume the execution"
	if token == "" {
		return access.Errorf(access.CodeInvalid, "%s: there is no task token", doing)
	}
	_, err := r.API.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{
		TaskToken: aws.String(token),
		Output:    aws.String(output),
	})
	if err == nil || waitIsOver(err) {
		return nil
	}
	// Step Functions repeats the token in some of its messages: the code and
	// the error's kind have to do.
	code := access.CodeOf(host.AWSError(err, doing))
	var api smithy.APIError
	if errors.As(err, &api) {
		return access.Errorf(code, "%s: %s", doing, api.ErrorCode())
	}
	return access.Errorf(code, "%s: no answer from Step Functions", doing)
}

func waitIsOver(err error) bool {
	var timedOut *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	var invalid *types.InvalidToken
	return errors.As(err, &timedOut) || errors.As(err, &gone) || errors.As(err, &invalid)
}

// ApprovalOutput is what the wait for an approval goes on with: a hint at the
// outcome, in the shape that evaluate answers with.
func ApprovalOutput(kind access.OutcomeKind) string {
	text, _ := json.Marshal(struct {
		Next        access.OutcomeKind `json:"next"`
		WaitSeconds int                `json:"wait_seconds"`
	}{kind, 1})
	return string(text)
}

// EndOutput is what the wait for the end goes on with.
const EndOutput = "{}"

// AnswerOutput is what a run's wait for an answer goes on with: the answer is
// in the run's row, and nowhere else.
const AnswerOutput = "{}"
