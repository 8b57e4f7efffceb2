package ingress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// StartAPI is the part of Step Functions that starts executions.
type StartAPI interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

// machine is the request machine in Step Functions.
type machine struct {
	client StartAPI
	arn    string
}

// newMachine returns the machine with that ARN. The error is Misconfigured if
// it isn't the ARN of a state machine.
func newMachine(client StartAPI, arn string) (*machine, error) {
	if parts := strings.Split(arn, ":"); len(parts) != 7 || parts[2] != "states" || parts[5] != "stateMachine" {
		return nil, access.Errorf(access.CodeMisconfigure, "%q is not the ARN of a state machine", arn)
	}
	return &machine{client: client, arn: arn}, nil
}

// ExecutionARN returns the machine's ARN with "execution" in place of
// "stateMachine", and the name at the end.
func (m *machine) ExecutionARN(name string) string {
	parts := strings.Split(m.arn, ":")
	parts[5] = "execution"
	return strings.Join(append(parts, name), ":")
}

// Start starts the execution that the row names. Its input is the request's
// id and nothing else: the machine trusts only the row.
func (m *machine) Start(ctx context.Context, r access.Request) error {
	input, err := json.Marshal(map[string]string{"request_id": r.ID})
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "start the execution")
	}
	_, err = m.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &m.arn,
		Name:            &r.ExecutionName,
		Input:           aws.String(string(input)),
	})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return host.AWSError(err, "start the execution")
}

// pressMachine is the reconcile machine, as far as presses start it.
type pressMachine struct {
	client StartAPI
	arn    string
	random func() string
}

// Start starts an execution for a recorded press on a finding. Its input names the finding
// and nothing else: the execution reads in the run's row who pressed, and what they decided.
// Nobody can occupy the execution's name in advance, because a part of it is random. If
// two executions start for one press, the second finds the removal under way.
func (m pressMachine) Start(ctx context.Context, ref access.FindingRef) error {
	return m.start(ctx, "press-", ref.ButtonValue(), map[string]any{"mode": "press", "run": ref.Run, "index": ref.Index})
}

// StartRefused starts an execution that writes the audit records of the refused presses
// in a run's row. Its input names only the run.
func (m pressMachine) StartRefused(ctx context.Context, run string) error {
	return m.start(ctx, "refused-", run, map[string]any{"mode": "refused", "run": run})
}

// start starts an execution. Its name has a hash of what it is about.
func (m pressMachine) start(ctx context.Context, prefix, about string, fields map[string]any) error {
	const doing = "start the execution for a press"
	input, err := json.Marshal(fields)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	sum := sha256.Sum256([]byte(about))
	name := prefix + hex.EncodeToString(sum[:8]) + "-" + strings.ToLower(m.random()[:8])
	_, err = m.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &m.arn, Name: &name, Input: aws.String(string(input))})
	return host.AWSError(err, doing)
}
