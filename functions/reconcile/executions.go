package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
)

// StepFunctionsAPI is the part of Step Functions that the sweep uses.
type StepFunctionsAPI interface {
	ListExecutions(context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

// machines are the request machine and the reconcile machine, by ARN.
type machines struct {
	client              StepFunctionsAPI
	requests, reconcile string
}

var _ Executions = (*machines)(nil)

func (m *machines) Requests(ctx context.Context) ([]string, error) { return m.running(ctx, m.requests) }
func (m *machines) Sweeps(ctx context.Context) ([]string, error)   { return m.running(ctx, m.reconcile) }

// running are the names of the machine's executions that run. The list may be
// some moments behind.
func (m *machines) running(ctx context.Context, machine string) ([]string, error) {
	var names []string
	pages := sfn.NewListExecutionsPaginator(m.client, &sfn.ListExecutionsInput{
		StateMachineArn: &machine,
		StatusFilter:    types.ExecutionStatusRunning,
		MaxResults:      1000, // the most there is
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, stepFunctionsError(err, "list the executions")
		}
		for _, execution := range page.Executions {
			names = append(names, aws.ToString(execution.Name))
		}
	}
	return names, nil
}

func (m *machines) State(ctx context.Context, arn string) (ExecutionState, error) {
	out, err := m.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var none *types.ExecutionDoesNotExist
	switch {
	case errors.As(err, &none):
		return Unknown, nil
	case err != nil:
		return "", stepFunctionsError(err, "look at the execution")
	case out.Status == types.ExecutionStatusRunning, out.Status == types.ExecutionStatusPendingRedrive:
		return Running, nil
	}
	return Over, nil
}

func (m *machines) Start(ctx context.Context, name string, input any) error {
	const doing = "start the sweep"
	text, err := json.Marshal(input)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	_, err = m.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &m.reconcile,
		Name:            &name,
		Input:           aws.String(string(text)),
	})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return stepFunctionsError(err, doing)
}

// stepFunctionsError codes an error. A machine that is not there is for a
// person to mend.
func stepFunctionsError(err error, doing string) error {
	var none *types.StateMachineDoesNotExist
	if errors.As(err, &none) {
		return access.Wrap(access.CodeMisconfigure, err, doing)
	}
	return lambdaerr.FromAWS(err, doing)
}
