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

// sweepEvery is the time between two sweeps: the shortest that EventBridge Scheduler
// has.
const sweepEvery = time.Minute

func reconcileMachineName(s *settings.Settings) string { return s.NamePrefix + "-reconcile" }

func reconcileMachineARN(stack awscdk.Stack, s *settings.Settings) *string {
	return machineARN(stack, reconcileMachineName(s))
}

// newReconcileMachine creates the state machine that finishes requests without an
// execution, and finds unknown access.
func newReconcileMachine(stack awscdk.Stack, s *settings.Settings, functions map[string]function) awsstepfunctions.StateMachine {
	in := constructs.NewConstruct(stack, jsii.String("Reconciliation"))
	definition, err := reconcilePlaceholders(s, *stack.Partition(), func(name string) string { return *functions[name].alias.FunctionArn() }).Render()
	if err != nil {
		panic(fmt.Sprintf("reconcile machine: %v", err))
	}
	invoked := []string{"reconcile", "evaluate", "await", "notify", "revoke", "audit"}
	machine := newMachine(in, s, reconcileMachineName(s), definition, invoked, functions)
	// A distributed Map starts executions of its own machine, reads their state, and stops
	// or redrives them with their run. The CDK gives the same permissions to definitions
	// that it writes itself.
	parts := executionsOf(stack, reconcileMachineName(s)+"/*")
	machine.role.AddToPolicy(allow([]string{"states:StartExecution"}, reconcileMachineARN(stack, s)))
	machine.role.AddToPolicy(allow([]string{"states:DescribeExecution", "states:StopExecution"}, executionsOf(stack, reconcileMachineName(s)), parts))
	machine.role.AddToPolicy(allow([]string{"states:RedriveExecution"}, parts))
	return machine.StateMachine
}

// reconcilePlaceholders returns the values in the definition that depend on the
// settings and on AWS's partition. arn returns the ARN that invokes a function.
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

// newSweepSchedule makes the schedule of the sweep. Neither the schedule nor Lambda
// retries a failed invocation, because the next one checks everything again.
func newSweepSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function, deadLetters awssqs.IQueue) awsscheduler.CfnSchedule {
	return newFunctionSchedule(stack, "Sweep", functionSchedule{
		name:        s.NamePrefix + "-sweep",
		description: "Finds requests whose execution is gone, and access that is still there after its end",
		every:       sweepEvery,
		reconcile:   reconcile,
		operation:   host.OperationLook,
		deadLetters: deadLetters,
	})
}

// recheckEvery is the time between two rechecks. A recheck looks up at most as many
// people as the pace allows in that time.
const recheckEvery = time.Minute

// newRecheckSchedule makes the schedule that looks up people with active access. It
// is separate from the sweep's, so that neither delays the other.
func newRecheckSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function, deadLetters awssqs.IQueue) awsscheduler.CfnSchedule {
	return newFunctionSchedule(stack, "Recheck", functionSchedule{
		name:        s.NamePrefix + "-recheck",
		description: "Looks up people with active access, and ends the access of those who are disabled or deleted",
		every:       recheckEvery,
		reconcile:   reconcile,
		operation:   host.OperationRecheck,
		deadLetters: deadLetters,
	})
}
