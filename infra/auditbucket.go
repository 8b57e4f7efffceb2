package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/auditpolicy"
	"sso-elevator/infra/settings"
)

// newAuditBucket returns the bucket for the audit records and for every policy that
// was ever in force. It creates a bucket that outlives the stack, or returns the
// existing bucket that the settings name, unchanged.
func newAuditBucket(scope constructs.Construct, s *settings.Settings) awss3.IBucket {
	id := jsii.String("Records")
	if s.ExistingAuditBucket != "" {
		return awss3.Bucket_FromBucketName(scope, id, &s.ExistingAuditBucket)
	}
	props := &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE,
		Versioned:         jsii.Bool(true),
		BucketName:        orNil(s.AuditBucketName),
	}
	encryptBucket(scope, *id, s, props)
	if s.ObjectLock {
		props.ObjectLockEnabled = jsii.Bool(true)
		if s.ObjectLockDays > 0 {
			days := awscdk.Duration_Days(jsii.Number(s.ObjectLockDays))
			props.ObjectLockDefaultRetention = awss3.ObjectLockRetention_Governance(days)
			if s.ObjectLockMode == "COMPLIANCE" {
				props.ObjectLockDefaultRetention = awss3.ObjectLockRetention_Compliance(days)
			}
		}
	}
	bucket := awss3.NewBucket(scope, id, props)
	if s.AuditLogBucket != "" {
		// We don't use ServerAccessLogsBucket: someone else owns the target and its policy,
		// so the CDK would warn at every synthesis.
		bucket.Node().DefaultChild().(awss3.CfnBucket).SetLoggingConfiguration(&awss3.CfnBucket_LoggingConfigurationProperty{
			DestinationBucketName: &s.AuditLogBucket,
			LogFilePrefix:         orNil(s.AuditLogPrefix),
		})
	}
	return bucket
}

// protectRecords protects the records in a bucket that the stack makes: only writer
// may write, only new objects, and nobody may delete. The policy stays with the
// bucket when the stack is deleted. An existing bucket keeps its own policy; the
// doctor prints the statements to add.
func protectRecords(bucket awss3.IBucket, s *settings.Settings, writer awsiam.IRole) {
	if s.ExistingAuditBucket != "" {
		return
	}
	for _, one := range auditpolicy.Statements(*bucket.BucketArn(), s.AuditPrefix, *writer.RoleArn()) {
		conditions := map[string]any{}
		for operator, keys := range one.Condition {
			conditions[operator] = keys
		}
		bucket.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: &one.Sid, Effect: awsiam.Effect_DENY, Principals: &[]awsiam.IPrincipal{awsiam.NewAnyPrincipal()},
			Actions: jsii.Strings(one.Action...), Resources: jsii.Strings(one.Resource...), Conditions: &conditions,
		}))
	}
	bucket.Policy().ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE)
}

// turnOnMFADelete returns the command that the root user must run, with the serial
// number and a code of their MFA device. S3 accepts it only from the root user, so
// CloudFormation can't do it.
func turnOnMFADelete(bucket awss3.IBucket) *string {
	return jsii.String("aws s3api put-bucket-versioning --bucket " + *bucket.BucketName() +
		` --versioning-configuration Status=Enabled,MFADelete=Enabled --mfa "SERIAL-NUMBER CODE"`)
}
