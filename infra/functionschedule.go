package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// functionSchedule is a schedule that invokes the function reconcile.
type functionSchedule struct {
	name, description string
	every             time.Duration
	reconcile         function
	operation         string // of the function
	attempts          int    // retries to reach the function, before its next time comes
	deadLetters       awssqs.IQueue
}

func newFunctionSchedule(stack awscdk.Stack, id string, props functionSchedule) awsscheduler.CfnSchedule {
	in := constructs.NewConstruct(stack, jsii.String(id))
	role := awsiam.NewRole(in, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   ownAccountOnly(stack, "scheduler.amazonaws.com"),
		Description: jsii.String("Permissions of the schedule " + props.name),
	})
	role.AddToPolicy(allow([]string{"lambda:InvokeFunction"}, props.reconcile.alias.FunctionArn()))
	role.AddToPolicy(allow([]string{"sqs:SendMessage"}, props.deadLetters.QueueArn()))
	schedule := awsscheduler.NewCfnSchedule(in, jsii.String("Schedule"), &awsscheduler.CfnScheduleProps{
		Name:               &props.name,
		Description:        &props.description,
		ScheduleExpression: jsii.String(rate(props.every)),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     props.reconcile.alias.FunctionArn(),
			RoleArn: role.RoleArn(),
			Input:   jsii.String(`{"operation":"` + props.operation + `"}`),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts:     jsii.Number(props.attempts),
				MaximumEventAgeInSeconds: jsii.Number(wholeMinutes(props.every).Seconds()),
			},
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: props.deadLetters.QueueArn()},
		},
	})
	schedule.Node().AddDependency(role) // and on its policy: the first invocation comes at once
	return schedule
}

// wholeMinutes rounds d up to whole minutes, the unit of EventBridge Scheduler and of
// alarms.
func wholeMinutes(d time.Duration) time.Duration {
	return (d + time.Minute - 1).Truncate(time.Minute)
}

// rate returns a schedule expression.
func rate(every time.Duration) string {
	n := int(wholeMinutes(every) / time.Minute)
	if n == 1 {
		return "rate(1 minute)"
	}
	return fmt.Sprintf("rate(%d minutes)", n)
}
