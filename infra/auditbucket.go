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

// newAuditBucket is where the audit records and the policies that were ever in
// force stay: a bucket of its own that outlives the stack, or the existing one
// that the settings name, which is left as it is.
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
		// Not by ServerAccessLogsBucket: the target is somebody else's, and so is
		// its policy, which the CDK would warn of at every synthesis.
		bucket.Node().DefaultChild().(awss3.CfnBucket).SetLoggingConfiguration(&awss3.CfnBucket_LoggingConfigurationProperty{
			DestinationBucketName: &s.AuditLogBucket,
			LogFilePrefix:         orNil(s.AuditLogPrefix),
		})
	}
	return bucket
}

// protectRecords lets only writer write to the bucket that the stack made, only
// what is not there yet, and nobody delete. The policy stays with the bucket when
// the stack is deleted. A bucket that was there before keeps its own: the doctor
// says what to add to it.
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

// turnOnMFADelete is the command that the root user has to run, with the serial
// number and a code of their device: S3 takes it from nobody else, and from no
// role that CloudFormation could have.
func turnOnMFADelete(bucket awss3.IBucket) *string {
	return jsii.String("aws s3api put-bucket-versioning --bucket " + *bucket.BucketName() +
		` --versioning-configuration Status=Enabled,MFADelete=Enabled --mfa "SERIAL-NUMBER CODE"`)
}
