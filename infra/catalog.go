package main

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// catalogKey is the object that has the catalog; functions/internal/catalog
// gives the name.
const catalogKey = "catalog.json.gz"

// catalogAttempts is how often the schedule tries to reach the function, before
// its next time comes.
const catalogAttempts = 3

// newCatalogBucket is where the accounts, permission sets and groups that can be
// asked for are kept for who types. It is not the audit bucket: that may be
// another team's, be locked for years, or be read by Athena as a whole, and a
// new version comes every few minutes. What is lost here is listed again.
func newCatalogBucket(scope constructs.Construct) awss3.Bucket {
	return awss3.NewBucket(scope, jsii.String("Catalog"), &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		// CloudFormation deletes no bucket that has something in it.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
	})
}

// newCatalogSchedule refreshes the catalog. A schedule with a rate and without
// a start date begins when it is made, so that a fresh deployment has a catalog
// within minutes.
func newCatalogSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function) awsscheduler.CfnSchedule {
	in := constructs.NewConstruct(stack, jsii.String("CatalogRefresh"))
	name := s.NamePrefix + "-catalog"
	role := awsiam.NewRole(in, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			// Nobody else's schedule.
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
		}),
		Description: jsii.String("What the schedule " + name + " may do"),
	})
	role.AddToPolicy(allow([]string{"lambda:InvokeFunction"}, reconcile.alias.FunctionArn()))
	schedule := awsscheduler.NewCfnSchedule(in, jsii.String("Schedule"), &awsscheduler.CfnScheduleProps{
		Name:               &name,
		Description:        jsii.String("Refreshes the catalog of what can be asked for"),
		ScheduleExpression: jsii.String(rate(s.CatalogRefresh)),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     reconcile.alias.FunctionArn(),
			RoleArn: role.RoleArn(),
			Input:   jsii.String(`{"operation":"catalog"}`),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts:     jsii.Number(catalogAttempts),
				MaximumEventAgeInSeconds: jsii.Number((wholeMinutes(s.CatalogRefresh)).Seconds()),
			},
		},
	})
	schedule.Node().AddDependency(role) // its policy, too: the first invocation comes at once
	return schedule
}

// wholeMinutes is d, rounded up: EventBridge Scheduler and alarms count in
// minutes.
func wholeMinutes(d time.Duration) time.Duration {
	return (d + time.Minute - 1).Truncate(time.Minute)
}

// rate is a schedule expression.
func rate(every time.Duration) string {
	n := int(wholeMinutes(every) / time.Minute)
	if n == 1 {
		return "rate(1 minute)"
	}
	return fmt.Sprintf("rate(%d minutes)", n)
}
