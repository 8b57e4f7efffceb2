package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// How long and how often EventBridge Scheduler tries to start a run. After that,
// waiting for the next run is better.
const (
	runStartAttempts = 10
	runStartAge      = 30 * time.Minute
)

// newReconcileSchedules makes the schedules of the runs that look for unknown access:
// one for runs that report it, one for runs that remove it. A
// schedule without a time in the settings is left out. deadLetters is the ARN of the
// queue for runs that could not be started.
//
// EventBridge Scheduler chooses the execution's name, which is the run's id. It may
// start a run twice; the second run finds only what the first one left.
func newReconcileSchedules(stack awscdk.Stack, s *settings.Settings, machineARN *string, machineName string, deadLetters *string) []awsscheduler.CfnSchedule {
	planned := []struct {
		id, name, expression, description string
		mode                              access.DriftMode
	}{
		{"Warn", s.WarnScheduleName, s.WarnSchedule, "Reports unknown access", access.DriftWarn},
		{"Revoke", s.RevokeScheduleName, s.RevokeSchedule, "Removes unknown access", access.DriftRevoke},
	}
	if s.WarnSchedule == "" && s.RevokeSchedule == "" {
		return nil
	}
	in := constructs.NewConstruct(stack, jsii.String("ReconcileSchedules"))
	role := awsiam.NewRole(in, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   ownAccountOnly(stack, "scheduler.amazonaws.com"),
		RoleName:    orNil(s.ScheduleRole),
		Description: jsii.String("Permissions of the schedules of " + machineName),
	})
	role.AddToPolicy(allow([]string{"states:StartExecution"}, machineARN))
	role.AddToPolicy(allow([]string{"sqs:SendMessage"}, deadLetters))
	var made []awsscheduler.CfnSchedule
	for _, one := range planned {
		if one.expression == "" {
			continue
		}
		schedule := awsscheduler.NewCfnSchedule(in, &one.id, &awsscheduler.CfnScheduleProps{
			Name:               &one.name,
			Description:        &one.description,
			ScheduleExpression: &one.expression,
			FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
			Target: &awsscheduler.CfnSchedule_TargetProperty{
				Arn:     machineARN,
				RoleArn: role.RoleArn(),
				Input:   jsii.String(fmt.Sprintf(`{"mode":%q}`, one.mode)),
				RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
					MaximumRetryAttempts:     jsii.Number(runStartAttempts),
					MaximumEventAgeInSeconds: jsii.Number(runStartAge.Seconds()),
				},
				DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: deadLetters},
			},
		})
		schedule.Node().AddDependency(role) // and on its policy: a rate begins at once
		made = append(made, schedule)
	}
	return made
}

// newScheduleGroup puts the schedules into a group of their own, if the settings name
// one.
func newScheduleGroup(stack awscdk.Stack, s *settings.Settings, schedules []awsscheduler.CfnSchedule) {
	if s.ScheduleGroup == "" {
		return
	}
	group := awsscheduler.NewCfnScheduleGroup(stack, jsii.String("ScheduleGroup"), &awsscheduler.CfnScheduleGroupProps{Name: &s.ScheduleGroup})
	for _, schedule := range schedules {
		schedule.SetGroupName(group.Ref())
	}
}

// ownAccountOnly returns the principal of a service, limited to resources of this
// account.
func ownAccountOnly(stack awscdk.Stack, service string) awsiam.IPrincipal {
	return awsiam.NewServicePrincipal(&service, &awsiam.ServicePrincipalOpts{
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
	})
}
