package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// sweepEvery is how often what was left behind is looked for: EventBridge
// Scheduler counts in minutes.
const sweepEvery = time.Minute

func reconcileMachineName(s *settings.Settings) string { return s.NamePrefix + "-reconcile" }

func reconcileMachineARN(stack awscdk.Stack, s *settings.Settings) *string {
	return machineARN(stack, reconcileMachineName(s))
}

// newReconcileMachine is the state machine that clears up after requests whose
// execution is gone, and finds what no request granted.
func newReconcileMachine(stack awscdk.Stack, s *settings.Settings, functions map[string]function) awsstepfunctions.StateMachine {
	in := constructs.NewConstruct(stack, jsii.String("Reconciliation"))
	definition, err := reconcilePlaceholders(s, *stack.Partition(), func(name string) string { return *functions[name].alias.FunctionArn() }).Render()
	if err != nil {
		panic(fmt.Sprintf("reconcile machine: %v", err))
	}
	invoked := []string{"reconcile", "evaluate", "await", "notify", "revoke", "audit"}
	machine := newMachine(in, s, reconcileMachineName(s), definition, invoked, functions)
	// A distributed Map starts executions of its own machine, looks at them, and
	// stops or redrives them with the run that they are a part of. These are the
	// rights that the CDK gives where it writes the definition itself.
	parts := executionsOf(stack, reconcileMachineName(s)+"/*")
	machine.role.AddToPolicy(allow([]string{"states:StartExecution"}, reconcileMachineARN(stack, s)))
	machine.role.AddToPolicy(allow([]string{"states:DescribeExecution", "states:StopExecution"}, executionsOf(stack, reconcileMachineName(s)), parts))
	machine.role.AddToPolicy(allow([]string{"states:RedriveExecution"}, parts))
	return machine.StateMachine
}

// reconcilePlaceholders are what the settings make of the definition in a
// partition of AWS; arn gives the ARN under which a function is invoked.
func reconcilePlaceholders(s *settings.Settings, partition string, arn func(name string) string) statemachine.ReconcilePlaceholders {
	retryMaxDelay, confirmMaxDelay := maxDelays(s)
	whole := func(d time.Duration) int { return int(d / time.Second) }
	return statemachine.ReconcilePlaceholders{
		Partition:              partition,
		ReconcileFunction:      arn("reconcile"),
		EvaluateFunction:       arn("evaluate"),
		AwaitFunction:          arn("await"),
		NotifyFunction:         arn("notify"),
		RevokeFunction:         arn("revoke"),
		AuditFunction:          arn("audit"),
		RetryIntervalSeconds:   whole(s.RetryInterval),
		RetryMaxDelaySeconds:   whole(retryMaxDelay),
		ConfirmMaxDelaySeconds: whole(confirmMaxDelay),
		QuestionSeconds:        whole(s.QuestionWait),
	}
}

// newSweepSchedule looks every minute for what was left behind. Neither the
// schedule nor Lambda repeats an invocation that failed: the next one looks at
// everything again.
func newSweepSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function, deadLetters awssqs.IQueue) awsscheduler.CfnSchedule {
	return newFunctionSchedule(stack, "Sweep", functionSchedule{
		name:        s.NamePrefix + "-sweep",
		description: "Looks for requests whose execution is gone, and for access that is still there after its end",
		every:       sweepEvery,
		reconcile:   reconcile,
		operation:   host.OperationLook,
		deadLetters: deadLetters,
	})
}

// recheckEvery is the time between two rechecks. Each looks up at most as many
// people as the pace allows in that time.
const recheckEvery = time.Minute

// newRecheckSchedule looks up people who have active access. It is beside the
// sweep's schedule, so that a slow look delays no recheck, nor the reverse.
func newRecheckSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function, deadLetters awssqs.IQueue) awsscheduler.CfnSchedule {
	return newFunctionSchedule(stack, "Recheck", functionSchedule{
		name:        s.NamePrefix + "-recheck",
		description: "Looks up people who have active access, and ends the access of those who are disabled or deleted",
		every:       recheckEvery,
		reconcile:   reconcile,
		operation:   host.OperationRecheck,
		deadLetters: deadLetters,
	})
}
