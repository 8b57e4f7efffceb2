package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// longestLook is the longest wait between two checks of an operation in Identity
// Center, which takes seconds.
const longestLook = 5 * time.Second

// maxDelays returns the longest delays between retries and between checks of an
// operation. They are at least twice the first delay, because Step Functions accepts
// only a MaxDelaySeconds above IntervalSeconds.
func maxDelays(s *settings.Settings) (retry, confirm time.Duration) {
	least := 2 * s.RetryInterval
	return max(s.RetryMaxDelay, least), max(min(longestLook, s.RetryMaxDelay), least)
}

// newRequestMachine makes the state machine that runs one execution per request.
func newRequestMachine(stack awscdk.Stack, s *settings.Settings, functions map[string]function) awsstepfunctions.StateMachine {
	in := constructs.NewConstruct(stack, jsii.String("Requests"))
	definition, err := requestPlaceholders(s, *stack.Partition(), func(name string) string { return *functions[name].alias.FunctionArn() }).Render()
	if err != nil {
		// The settings were checked before, so an error here is a defect.
		panic(fmt.Sprintf("request machine: %v", err))
	}

	invoked := []string{"evaluate", "await", "notify", "grant", "revoke", "audit"}
	machine := newMachine(in, s, requestMachineName(s), definition, invoked, functions)
	machine.role.AddToPolicy(allow([]string{"states:StartExecution"}, requestMachineARN(stack, s))) // a new execution of the same machine
	return machine.StateMachine
}

// requestPlaceholders returns the values in the definition that depend on the
// settings and on AWS's partition. arn returns the ARN that invokes a function.
func requestPlaceholders(s *settings.Settings, partition string, arn func(name string) string) statemachine.RequestPlaceholders {
	retryMaxDelay, confirmMaxDelay := maxDelays(s)
	whole := func(d time.Duration) int { return int(d / time.Second) }
	return statemachine.RequestPlaceholders{
		Partition:              partition,
		EvaluateFunction:       arn("evaluate"),
		AwaitFunction:          arn("await"),
		NotifyFunction:         arn("notify"),
		GrantFunction:          arn("grant"),
		RevokeFunction:         arn("revoke"),
		AuditFunction:          arn("audit"),
		RetryIntervalSeconds:   whole(s.RetryInterval),
		RetryMaxDelaySeconds:   whole(retryMaxDelay),
		ConfirmMaxDelaySeconds: whole(confirmMaxDelay),
		ShowMaxDelaySeconds:    whole(20 * retryMaxDelay),
		RevokeWaitSeconds:      whole(s.RevokeRetryWait),
		AnnounceWaitSeconds:    whole(s.AnnounceRetryWait),
		RevokeRounds:           statemachine.RevokeRounds,
	}
}
