package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"sso-elevator/infra/deployed"
)

// stacksAPI is what the checks of the stack ask.
type stacksAPI interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
}

// theStack is the stack; nil where there is none.
func theStack(ctx context.Context, api stacksAPI, name string) (*types.Stack, error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	switch {
	case deployed.IsStackMissing(err):
		return nil, nil
	case err != nil:
		return nil, err
	case len(out.Stacks) != 1:
		return nil, errors.New("CloudFormation does not name the stack")
	}
	return &out.Stacks[0], nil
}

// checkStack says whether the stack can be deployed.
func checkStack(stack *types.Stack, name string) finding {
	if stack == nil {
		return finding{Status: ready, Found: "there is none yet: make deploy creates it"}
	}
	found := fmt.Sprintf("%s is %s", name, stack.StackStatus)
	if reason := strings.TrimSpace(aws.ToString(stack.StackStatusReason)); reason != "" {
		found += ": " + strings.Join(strings.Fields(reason), " ")
	}
	switch deployed.StackStateOf(stack.StackStatus) {
	case deployed.NeverCreated:
		return finding{Status: missing, Found: found + "; its first deployment failed", Fix: "make deploy removes what is left of it, and tries again. The CDK by itself can't."}
	case deployed.Busy:
		return finding{Status: warning, Found: found, Fix: "Wait until that is over before you deploy."}
	case deployed.RollbackFailed:
		return finding{Status: missing, Found: found, Fix: "Fix what the stack's events say, then: aws cloudformation continue-update-rollback --stack-name " + name}
	case deployed.DeleteFailed:
		return finding{Status: missing, Found: found, Fix: "Fix what the stack's events say, then: aws cloudformation delete-stack --stack-name " + name}
	}
	if !aws.ToBool(stack.EnableTerminationProtection) {
		return finding{Status: warning, Found: found + ", and not protected from deletion", Fix: "make deploy turns the protection on, and the alarms about silence."}
	}
	return finding{Status: ready, Found: found}
}
