package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"sso-elevator/infra/deployed"
)

// stacksAPI is the part of CloudFormation that the checks of the stack use.
type stacksAPI interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
}

// checkStack checks that the stack can be deployed.
func checkStack(stack *types.Stack, name string) finding {
	if stack == nil {
		return finding{Status: ready, Found: "not deployed yet; make deploy creates it"}
	}
	found := fmt.Sprintf("%s is %s", name, stack.StackStatus)
	if reason := strings.TrimSpace(aws.ToString(stack.StackStatusReason)); reason != "" {
		found += ": " + strings.Join(strings.Fields(reason), " ")
	}
	switch deployed.StackStateOf(stack.StackStatus) {
	case deployed.NeverCreated:
		return finding{Status: missing, Found: found + "; its first deployment was never completed", Fix: "Run make deploy. It deletes what is left and tries again. Bare cdk deploy can't do that."}
	case deployed.Busy:
		return finding{Status: warning, Found: found, Fix: "Wait until the change is over before you deploy."}
	case deployed.RollbackFailed:
		return finding{Status: missing, Found: found, Fix: "Find the cause in the stack's events and fix it. Then run: aws cloudformation continue-update-rollback --stack-name " + name}
	case deployed.DeleteFailed:
		return finding{Status: missing, Found: found, Fix: "Find the cause in the stack's events and fix it. Then run: aws cloudformation delete-stack --stack-name " + name}
	}
	if !aws.ToBool(stack.EnableTerminationProtection) {
		return finding{Status: warning, Found: found + ", but not protected from deletion", Fix: "Run make deploy. It turns on the protection, and the alarms about missing data."}
	}
	return finding{Status: ready, Found: found}
}
