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

// catalogAttempts is how often the schedule tries to reach the function, before
// its next time comes.
const catalogAttempts = 3

// newCatalogBucket is where the accounts, permission sets and groups that can be
// asked for are kept for who types, and the emails with capital letters for who
// looks people up. It is not the audit bucket: that may be
// another team's, be locked for years, or be read by Athena as a whole, and a
// new version comes every few minutes. What is lost here is listed again.
func newCatalogBucket(scope constructs.Construct, s *settings.Settings) awss3.Bucket {
	props := &awss3.BucketProps{
		BucketName:        orNil(s.CatalogBucketName),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		// CloudFormation deletes no bucket that has something in it.
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
	}
	encryptBucket(scope, "Catalog", s, props)
	return awss3.NewBucket(scope, jsii.String("Catalog"), props)
}

// newCatalogSchedule refreshes the catalog. A schedule with a rate and without
// a start date begins when it is made, so that a fresh deployment has a catalog
// within minutes.
func newCatalogSchedule(stack awscdk.Stack, s *settings.Settings, reconcile function, deadLetters awssqs.IQueue) awsscheduler.CfnSchedule {
	return newFunctionSchedule(stack, "CatalogRefresh", functionSchedule{
		name:        s.NamePrefix + "-catalog",
		description: "Refreshes the catalog of what can be asked for",
		every:       s.CatalogRefresh,
		reconcile:   reconcile,
		operation:   host.OperationCatalog,
		attempts:    catalogAttempts,
		deadLetters: deadLetters,
	})
}
