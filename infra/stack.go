package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

// elevatorProps are the inputs of the stack.
type elevatorProps struct {
	settings *settings.Settings
	example  bool // the settings are the example's: not to be deployed
	// first is true for the first deployment of a stack. A second deployment follows at
	// once and adds two things. Deletion protection is left out at first, because it would
	// keep CloudFormation from cleaning up after a failure. The alarms about missing data
	// are left out, because there is no data yet.
	first    bool
	binaries map[string]build.Binary // of the functions, by name
	policy   build.Asset
	// center is the Identity Center instance in the settings, or the one that infra/deploy
	// found.
	center identitycenter.Settings
}

// newElevatorStack makes the whole system in one stack, for any account and region.
//
// Don't change the ids of the constructs: they become the logical ids in
// CloudFormation. With another id, CloudFormation would create a new table or bucket,
// or a new machine without the running executions.
func newElevatorStack(scope constructs.Construct, props elevatorProps) awscdk.Stack {
	s := props.settings
	stack := awscdk.NewStack(scope, &s.NamePrefix, &awscdk.StackProps{
		StackName:             &s.NamePrefix,
		Description:           jsii.String("Temporary access to AWS accounts and Identity Center groups, requested and approved in Slack"),
		TerminationProtection: jsii.Bool(!props.first),
		AnalyticsReporting:    jsii.Bool(false),
		// All stacks of the account share the bootstrap bucket. With a prefix of its
		// own, this stack's functions can read only its own objects.
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{BucketPrefix: jsii.String(assetPrefix(s))}),
	})
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		awscdk.Tags_Of(stack).Add(jsii.String(key), jsii.String(s.Tags[key]), nil)
	}
	for i, warning := range s.Warnings {
		awscdk.Annotations_Of(stack).AddWarningV2(jsii.String(fmt.Sprintf("sso-elevator:settings-%d", i+1)), &warning)
	}
	// Unlike a warning, this doesn't fail a synthesis with --strict.
	for _, notice := range s.Notices {
		awscdk.Annotations_Of(stack).AddInfo(&notice)
	}
	if s.PermissionsBoundary != "" {
		// This is an aspect, so it also covers roles that the CDK makes.
		boundary := awsiam.ManagedPolicy_FromManagedPolicyArn(stack, jsii.String("PermissionsBoundary"), &s.PermissionsBoundary)
		awsiam.PermissionsBoundary_Of(stack).Apply(boundary)
	}
	if props.example {
		forbidDeployment(stack)
	}

	table := newTable(stack, s, !props.first)
	audit := newAuditBucket(stack, s)
	catalog := newCatalogBucket(stack, s)
	policy := newPolicyInForce(stack, s, props.policy)
	functions := newFunctions(stack, functionsProps{
		settings: s,
		binaries: props.binaries,
		table:    table,
		audit:    audit,
		catalog:  catalog,
		policy:   policy,
		center:   props.center,
	})
	policy.follow(functions)
	protectRecords(audit, s, functions["audit"].role)
	machine := newRequestMachine(stack, s, functions)
	reconciliation := newReconcileMachine(stack, s, functions)
	slack := newSlackEndpoint(stack, s, functions["ingress"])
	deadLetters := newDeadLetters(stack, s)
	tellOfFailures(functions["reconcile"], deadLetters)
	forgetInvocations(functions["revoke"])
	forgetInvocations(functions["notify"])
	refresh := newCatalogSchedule(stack, s, functions["reconcile"], deadLetters)
	runs := newReconcileSchedules(stack, s, reconciliation.StateMachineArn(), reconcileMachineName(s), deadLetters.QueueArn())
	newDriftEvents(stack, s, reconciliation.StateMachineArn(), functions["grant"].role.RoleArn(), deadLetters)
	sweep := newSweepSchedule(stack, s, functions["reconcile"], deadLetters)
	recheck := newRecheckSchedule(stack, s, functions["reconcile"], deadLetters)
	newScheduleGroup(stack, s, append(runs, refresh, sweep, recheck))
	alarms := newAlarms(stack, alarmProps{settings: s, first: props.first, requests: machine, reconciliation: reconciliation, slack: slack, refresh: refresh, sweep: sweep, recheck: recheck,
		functions: functions, deadLetters: deadLetters})
	newDashboard(stack, dashboardProps{settings: s, alarms: alarms, requests: machine, reconciliation: reconciliation, slack: slack,
		functions: functions, table: table, deadLetters: deadLetters})
	if s.Athena {
		newAuditTable(stack, s, audit)
	}

	output := func(name, description string, value *string) {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Description: jsii.String(description), Value: value})
	}
	output("SlackRequestURL", "URL that Slack calls: request URL and options load URL of the Slack app", slack.url)
	if slack.function != nil {
		output("SlackFunctionURL", "URL of the function itself, which answers like SlackRequestURL", slack.function.Url())
	}
	output("AuditBucket", "Bucket with the audit records", audit.BucketName())
	if s.MFADelete {
		output("TurnOnMFADelete", "Run this once with the root user's credentials, because CloudFormation can't", turnOnMFADelete(audit))
	}
	output("RequestMachineArn", "State machine that runs one execution per request", machine.StateMachineArn())
	output("ReconcileMachineArn", "State machine that finishes interrupted requests and searches for unknown access", reconciliation.StateMachineArn())
	output("SlackManifest", "Manifest of the Slack app, ready to paste", jsii.String(slackManifest(s, *slack.url).json()))
	return stack
}

// forbidDeployment adds a rule that always fails. CloudFormation checks rules before
// it makes anything.
func forbidDeployment(stack awscdk.Stack) {
	awscdk.NewCfnRule(stack, jsii.String("SettingsAreTheExample"), &awscdk.CfnRuleProps{
		Assertions: &[]*awscdk.CfnRuleAssertion{{
			Assert:            awscdk.Fn_ConditionEquals(jsii.String(exampleConfig), jsii.String(defaultConfig)),
			AssertDescription: jsii.String("This template has the settings of " + exampleConfig + ". Copy that file to " + defaultConfig + ", fill in your own settings, and deploy again."),
		}},
	})
}
