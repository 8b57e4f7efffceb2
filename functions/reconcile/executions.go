package reconcile

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
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

const (
	// pageSize is how many executions ListExecutions returns at most (API
	// reference, maxResults).
	pageSize = 1000
	// mostPages is how many pages of running executions are read. ListExecutions
	// allows a burst of 100 calls, and 5 more each second (Step Functions quotas,
	// the smaller Regions).
	mostPages = 20
	// sweepPages is the same for the reconcile machine, whose sweeps end within
	// minutes.
	sweepPages = 2
)

// Running returns the ARNs of the request machine's running executions. The list
// may be some moments behind.
func (m *machines) Running(ctx context.Context) (arns map[string]bool, complete bool, err error) {
	arns = map[string]bool{}
	complete, err = m.list(ctx, m.requests, mostPages, func(e types.ExecutionListItem) { arns[aws.ToString(e.ExecutionArn)] = true })
	return arns, complete, err
}

func (m *machines) Sweeps(ctx context.Context) (names []string, err error) {
	_, err = m.list(ctx, m.reconcile, sweepPages, func(e types.ExecutionListItem) { names = append(names, aws.ToString(e.Name)) })
	return names, err
}

func (m *machines) list(ctx context.Context, machine string, most int, each func(types.ExecutionListItem)) (complete bool, err error) {
	pages := sfn.NewListExecutionsPaginator(m.client, &sfn.ListExecutionsInput{
		StateMachineArn: &machine,
		StatusFilter:    types.ExecutionStatusRunning,
		MaxResults:      pageSize,
	})
	for n := 0; n < most && pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, stepFunctionsError(err, "list the executions")
		}
		for _, execution := range page.Executions {
			each(execution)
		}
	}
	return !pages.HasMorePages(), nil
}

func (m *machines) Describe(ctx context.Context, arn string) (Execution, error) {
	out, err := m.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var none *types.ExecutionDoesNotExist
	switch {
	case errors.As(err, &none):
		return Execution{State: Unknown}, nil
	case err != nil:
		return Execution{}, stepFunctionsError(err, "describe the execution")
	}
	e := Execution{State: Ended, Input: aws.ToString(out.Input), StartedAt: aws.ToTime(out.StartDate), EndedAt: aws.ToTime(out.StopDate)}
	if out.Status == types.ExecutionStatusRunning || out.Status == types.ExecutionStatusPendingRedrive {
		e.State = Running
	}
	return e, nil
}

func (m *machines) DescribeSweep(ctx context.Context, name string) (Execution, error) {
	return m.Describe(ctx, strings.Replace(m.reconcile, ":stateMachine:", ":execution:", 1)+":"+name)
}

func (m *machines) Start(ctx context.Context, name, input string) (taken bool, err error) {
	_, err = m.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &m.reconcile, Name: &name, Input: &input})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		return true, nil
	}
	return false, stepFunctionsError(err, "start the sweep")
}

// stepFunctionsError gives an error of Step Functions a code. If there is no such
// machine, the code is Misconfigured, because someone must fix that.
func stepFunctionsError(err error, doing string) error {
	var none *types.StateMachineDoesNotExist
	if errors.As(err, &none) {
		return access.Wrap(access.CodeMisconfigure, err, doing)
	}
	return host.AWSError(err, doing)
}
