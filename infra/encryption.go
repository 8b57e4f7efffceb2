package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// customerKey is the key that the settings name, as a construct of that id, which
// is in no template; nil where they name none, and
// AWS's own keys encrypt. Its policy is its owner's: docs/security.md has what
// must be in it.
//
// The state machines keep AWS's key: an execution that can't read its own
// history ends, past any Catch, and a key that is disabled for an hour would
// leave access behind that only the sweep takes away.
func customerKey(scope constructs.Construct, id string, s *settings.Settings) awskms.IKey {
	if s.KMSKeyARN == "" {
		return nil
	}
	return awskms.Key_FromKeyArn(scope, &id, &s.KMSKeyARN)
}

// encryptBucket sets the encryption of the bucket id, which the stack makes. A bucket
// key saves a call of KMS for nearly every object.
func encryptBucket(scope constructs.Construct, id string, s *settings.Settings, props *awss3.BucketProps) {
	props.Encryption = awss3.BucketEncryption_S3_MANAGED
	if key := customerKey(scope, id+"Key", s); key != nil {
		props.Encryption, props.EncryptionKey, props.BucketKeyEnabled = awss3.BucketEncryption_KMS, key, jsii.Bool(true)
	}
}

// The uses of the customer's key that a role needs beside those of the service
// that holds the data: DynamoDB and S3 use it in the caller's name.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
var (
	keyForTable = []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
	keyForReads = []string{"kms:Decrypt"}
	// S3 reads a key back where an object comes in parts.
	keyForWrites = []string{"kms:Decrypt", "kms:GenerateDataKey"}
)

// useKey permits uses of the customer's key through a service and in no other
// way; nothing where there is no such key.
func (p permitter) useKey(service string, uses []string) []awsiam.PolicyStatement {
	key := p.props.settings.KMSKeyARN
	if key == "" {
		return nil
	}
	return []awsiam.PolicyStatement{allowIf(map[string]any{"StringEquals": map[string]any{"kms:ViaService": p.viaService(service)}}, uses, &key)}
}

// viaService is a service of this region, as KMS names it.
func (p permitter) viaService(service string) string {
	return service + "." + *p.stack.Region() + "." + *p.stack.UrlSuffix()
}

// anyKey is every key of this account and region, for where the settings don't
// say which one encrypts. Conditions have to narrow it down.
func (p permitter) anyKey() *string {
	return p.stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String("kms"), Resource: jsii.String("key"), ResourceName: jsii.String("*")})
}

// useIdentityCenterKey permits what a call of Identity Center ("sso") or of the
// identity store needs where they keep people and groups under a key of the
// customer's own: they decrypt in the caller's name. To write, too, they need no
// more of it: AWS asks for the same of workflows that only read, and of Control
// Tower, which assigns.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/baseline-KMS-key-policy.html
// https://docs.aws.amazon.com/singlesignon/latest/userguide/advanced-kms-policy.html
func (p permitter) useIdentityCenterKey(service string) []awsiam.PolicyStatement {
	s := p.props.settings
	if s.IdentityCenterKeyARN == "" {
		return nil
	}
	region, account := settings.KeyPlace(s.IdentityCenterKeyARN)
	via := map[string]any{"kms:ViaService": service + "." + region + "." + *p.stack.UrlSuffix()}
	conditions := map[string]any{"StringEquals": via}
	switch {
	case service == "identitystore":
		// The key and the identity store are the same account's.
		conditions["StringLike"] = map[string]any{"kms:EncryptionContext:aws:identitystore:identitystore-arn": awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:identitystore::"+account+":identitystore/*"), nil)}
	case s.SSOInstanceARN != "":
		via["kms:EncryptionContext:aws:sso:instance-arn"] = s.SSOInstanceARN
	default:
		conditions["StringLike"] = map[string]any{"kms:EncryptionContext:aws:sso:instance-arn": awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:sso:::instance/*"), nil)}
	}
	return []awsiam.PolicyStatement{allowIf(conditions, keyForReads, &s.IdentityCenterKeyARN)}
}

// useExistingBucketKey permits writing to the bucket that was there before,
// where a key of its own encrypts it. The encryption context is the object, or
// the bucket where that has a bucket key.
func (p permitter) useExistingBucketKey() []awsiam.PolicyStatement {
	key := p.props.settings.ExistingAuditKeyARN
	if key == "" {
		return nil
	}
	bucket := p.props.audit
	return []awsiam.PolicyStatement{allowIf(map[string]any{
		"StringEquals": map[string]any{"kms:ViaService": p.viaService("s3")},
		"StringLike":   map[string]any{"kms:EncryptionContext:aws:s3:arn": append([]*string{bucket.BucketArn()}, p.auditObjects()...)},
	}, keyForWrites, &key)}
}
