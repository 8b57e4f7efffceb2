package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/infra/settings"
)

// catalogAttempts is how often the schedule retries an invocation before its next one
// is due.
const catalogAttempts = 3

// newCatalogBucket makes the bucket for the catalog (the accounts, permission sets
// and groups that the form offers) and for the index of emails.
// Everything in it can be listed again. It is separate from the audit bucket, because
// it gets a new version every few minutes. The audit bucket may belong to another
// team, be locked for years, or be read by Athena as a whole.
func newCatalogBucket(scope constructs.Construct, s *settings.Settings) awss3.Bucket {
	props := &awss3.BucketProps{
		BucketName:        orNil(s.CatalogBucketName),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		// CloudFormation can't delete a bucket that is not empty.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	}
	encryptBucket(scope, "Catalog", s, props)
	return awss3.NewBucket(scope, jsii.String("Catalog"), props)
}

// newCatalogSchedule makes the schedule that refreshes the catalog. A schedule with a
// rate and without a start date begins when it is created, so a new deployment has a
// catalog within minutes.
func newCatalogSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function, deadLetters awssqs.IQueue) awsscheduler.CfnSchedule {
	return newFunctionSchedule(stack, "CatalogRefresh", functionSchedule{
		name:        s.NamePrefix + "-catalog",
		description: "Refreshes the catalog of what people can request",
		every:       s.CatalogRefresh,
		reconcile:   reconcile,
		operation:   host.OperationCatalog,
		attempts:    catalogAttempts,
		deadLetters: deadLetters,
	})
}
