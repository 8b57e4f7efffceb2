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

// customerKey returns the key that the settings name, as a construct with this id,
// which adds nothing to the template. It returns nil if they name none; AWS's own
// keys are used then. The key's owner maintains its policy, and
// docs/reference/security.md says what it must contain.
//
// The state machines keep AWS's key. An execution that can't read its own history
// ends without running any Catch. So if a customer key were disabled for an hour,
// access would stay until the sweep removes it.
func customerKey(scope constructs.Construct, id string, s *settings.Settings) awskms.IKey {
	if s.KMSKeyARN == "" {
		return nil
	}
	return awskms.Key_FromKeyArn(scope, &id, &s.KMSKeyARN)
}

// encryptBucket sets the encryption of a bucket that the stack creates; id is the
// bucket's. With a bucket key, nearly no object needs a call to KMS.
func encryptBucket(scope constructs.Construct, id string, s *settings.Settings, props *awss3.BucketProps) {
	props.Encryption = awss3.BucketEncryption_S3_MANAGED
	if key := customerKey(scope, id+"Key", s); key != nil {
		props.Encryption, props.EncryptionKey, props.BucketKeyEnabled = awss3.BucketEncryption_KMS, key, jsii.Bool(true)
	}
}

// The actions on the customer's key that a role needs, in addition to its permissions
// for the data: DynamoDB and S3 use the key with the caller's permissions.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
var (
	keyForTable = []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
	keyForReads = []string{"kms:Decrypt"}
	// For uploads in parts, S3 must decrypt the object's data key.
	keyForWrites = []string{"kms:Decrypt", "kms:GenerateDataKey"}
)

// useKey permits these actions on the customer's key, and only through the service.
// It returns nothing if there is no such key.
func (p permitter) useKey(service string, uses []string) []awsiam.PolicyStatement {
	key := p.props.settings.KMSKeyARN
	if key == "" {
		return nil
	}
	return []awsiam.PolicyStatement{allowIf(map[string]any{"StringEquals": map[string]any{"kms:ViaService": p.viaService(service)}}, uses, &key)}
}

// viaService returns a service in this region, in the form of kms:ViaService.
func (p permitter) viaService(service string) string {
	return service + "." + *p.stack.Region() + "." + *p.stack.UrlSuffix()
}

// anyKey returns all keys of this account and region, for data whose key the settings
// don't name. Its users must add conditions.
func (p permitter) anyKey() *string {
	return p.stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String("kms"), Resource: jsii.String("key"), ResourceName: jsii.String("*")})
}

// useIdentityCenterKey permits decrypting with the customer's key of Identity Center
// ("sso") or of the identity store ("identitystore"), if there is one, because they
// decrypt with the caller's permissions. Writing needs no more than reading: AWS
// documents the same permissions for read-only workflows and for Control Tower, which
// creates assignments.
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
		// The same account owns the key and the identity store.
		conditions["StringLike"] = map[string]any{"kms:EncryptionContext:aws:identitystore:identitystore-arn": awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:identitystore::"+account+":identitystore/*"), nil)}
	case s.SSOInstanceARN != "":
		via["kms:EncryptionContext:aws:sso:instance-arn"] = s.SSOInstanceARN
	default:
		conditions["StringLike"] = map[string]any{"kms:EncryptionContext:aws:sso:instance-arn": awscdk.Fn_Sub(jsii.String("arn:${AWS::Partition}:sso:::instance/*"), nil)}
	}
	return []awsiam.PolicyStatement{allowIf(conditions, keyForReads, &s.IdentityCenterKeyARN)}
}

// useExistingBucketKey permits encrypting in the existing audit bucket, if the
// settings name its key. The encryption context is the object, or the bucket if it
// has a bucket key.
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
