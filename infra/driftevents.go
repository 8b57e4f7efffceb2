package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// newDriftEvents creates the rule that starts a run as soon as someone creates access
// outside this app, if the settings ask for it. The rule is on CloudTrail's events,
// which are best effort. The run covers only the event's target, and removes nothing.
// docs/operate/cloudtrail.md says what the rule needs outside of this stack.
//
// The rule ignores grantRoleARN, the role of the function grant, because access from
// grant is not drift. If a run can't be started, the event goes to deadLetters.
func newDriftEvents(stack awscdk.Stack, s *settings.Settings, machineARN, grantRoleARN *string, deadLetters awssqs.IQueue) {
	if !s.DriftEvents {
		return
	}
	in := constructs.NewConstruct(stack, jsii.String("DriftEvents"))
	name := s.NamePrefix + "-drift"
	role := awsiam.NewRole(in, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   ownAccountOnly(stack, "events.amazonaws.com"),
		Description: jsii.String("Permissions of the rule " + name),
	})
	role.AddToPolicy(allow([]string{"states:StartExecution"}, machineARN))
	rule := awsevents.NewCfnRule(in, jsii.String("Rule"), &awsevents.CfnRuleProps{
		Name:         &name,
		Description:  jsii.String("Access in Identity Center that someone created outside this app"),
		EventPattern: driftPattern(*grantRoleARN),
		Targets: []*awsevents.CfnRule_TargetProperty{{
			Id:      jsii.String("Reconcile"),
			Arn:     machineARN,
			RoleArn: role.RoleArn(),
			InputTransformer: &awsevents.CfnRule_InputTransformerProperty{
				InputPathsMap: map[string]*string{"event": jsii.String("$.detail")},
				InputTemplate: jsii.String(fmt.Sprintf(`{"mode":%q,"event":<event>}`, access.DriftWarn)),
			},
			RetryPolicy: &awsevents.CfnRule_RetryPolicyProperty{
				MaximumRetryAttempts:     jsii.Number(runStartAttempts),
				MaximumEventAgeInSeconds: jsii.Number(runStartAge.Seconds()),
			},
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()},
		}},
	})
	rule.Node().AddDependency(role)
	// The rule itself sends to the queue, without the target's role.
	deadLetters.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("RunsThatAnEventDidNotStart"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{deadLetters.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": stack.FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("events"), Resource: jsii.String("rule"), ResourceName: &name,
		})}},
	}))
}

// driftPattern matches the calls that create access: assignments, and memberships
// through the API, the console and SCIM.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/logging-using-cloudtrail.html
// lists the event sources. EventBridge's source is "aws." and the event source without
// its domain. Only AWS can send events with such a source.
func driftPattern(grantRoleARN string) map[string]any {
	absent := map[string]any{"exists": false}
	return map[string]any{
		"source":      []any{"aws.sso", "aws.sso-directory", "aws.identitystore", "aws.identitystore-scim"},
		"detail-type": []any{"AWS API Call via CloudTrail", "AWS Console Action via CloudTrail", "AWS Service Event via CloudTrail"},
		"detail": map[string]any{
			"eventName": []any{
				"CreateAccountAssignment",
				"CreateGroupMembership", // Identity Store API
				"AddMemberToGroup",      // console
				"PatchGroup",            // SCIM
			},
			// A refused call changed nothing.
			"errorCode": []any{absent},
			// anything-but alone would miss callers without a role session, like an IAM user or
			// root.
			"userIdentity": map[string]any{"sessionContext": map[string]any{"sessionIssuer": map[string]any{
				"arn": []any{absent, map[string]any{"anything-but": []any{grantRoleARN}}},
			}}},
		},
	}
}
