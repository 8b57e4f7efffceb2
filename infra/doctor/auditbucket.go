package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/infra/settings"
)

// bucketsAPI is the part of S3 that the checks of buckets use.
type bucketsAPI interface {
	HeadBucket(context.Context, *s3.HeadBucketInput, ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	GetObjectLockConfiguration(context.Context, *s3.GetObjectLockConfigurationInput, ...func(*s3.Options)) (*s3.GetObjectLockConfigurationOutput, error)
	GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error)
	GetBucketPolicy(context.Context, *s3.GetBucketPolicyInput, ...func(*s3.Options)) (*s3.GetBucketPolicyOutput, error)
	GetBucketEncryption(context.Context, *s3.GetBucketEncryptionInput, ...func(*s3.Options)) (*s3.GetBucketEncryptionOutput, error)
}

// checkAuditBucket checks the existing bucket that the settings name. It writes
// nothing, so it infers from the bucket's owner whether the functions may write.
func checkAuditBucket(ctx context.Context, api bucketsAPI, functions functionsAPI, s *settings.Settings, account, partition, region string) ([]finding, error) {
	bucket, wantMFADelete := s.ExistingAuditBucket, s.MFADelete
	if bucket == "" {
		found := finding{Status: ready, Found: "the deployment creates it"}
		if wantMFADelete {
			found = finding{Status: warning, Found: "the deployment creates it, but CloudFormation can't turn on MFA delete (s3_mfa_delete)", Fix: "After the deployment, turn on MFA delete with the root user's credentials: docs/reference/audit-bucket.md"}
		}
		return []finding{found}, nil
	}
	head, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		switch response.HTTPStatusCode() {
		case 404:
			return []finding{{Status: missing, Found: bucket + " does not exist", Fix: "Create it, or remove s3_name_of_the_existing_bucket from the settings."}}, nil
		case 301:
			return []finding{{Status: missing, Found: fmt.Sprintf("%s is not in %s", bucket, region), Fix: "Name a bucket in the region that you deploy to."}}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if in := aws.ToString(head.BucketRegion); in != "" && in != region {
		return []finding{{Status: missing, Found: fmt.Sprintf("%s is in %s, but you deploy to %s", bucket, in, region), Fix: "Name a bucket in the region that you deploy to."}}, nil
	}
	var out []finding
	add := func(s status, found, fix string) { out = append(out, finding{Status: s, Found: found, Fix: fix}) }

	_, err = api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: &account})
	switch {
	case err == nil:
		add(ready, bucket+" exists and belongs to this account", "")
	case errors.As(err, &response) && response.HTTPStatusCode() == 403:
		add(warning, bucket+" belongs to another account, so its bucket policy decides whether records can be written",
			fmt.Sprintf("In the bucket policy, allow s3:PutObject to arn:%s:iam::%s:root, for the records' prefix and policies/*.", partition, account))
	default:
		return nil, err
	}
	// Each property that can't be read gets its own line.
	for _, look := range []func() (finding, error){
		func() (finding, error) { return objectLock(ctx, api, bucket) },
		func() (finding, error) { return versioning(ctx, api, bucket, wantMFADelete) },
		func() (finding, error) { return encryption(ctx, api, bucket, s, account, partition) },
		func() (finding, error) { return bucketPolicy(ctx, api, functions, s, partition) },
	} {
		f, err := look()
		if err != nil {
			f = failed("", err)
		}
		out = append(out, f)
	}
	return out, nil
}

// hasCode reports whether err is an AWS error with one of these codes.
func hasCode(err error, codes ...string) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	for _, c := range codes {
		if api.ErrorCode() == c {
			return true
		}
	}
	return false
}

func objectLock(ctx context.Context, api bucketsAPI, bucket string) (finding, error) {
	const fix = "To keep anyone from deleting records, turn on Object Lock with a default retention."
	out, err := api.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &bucket})
	if hasCode(err, "ObjectLockConfigurationNotFoundError") {
		return finding{Status: warning, Found: "no Object Lock: anyone who may change the bucket policy can delete records", Fix: fix}, nil
	}
	if err != nil {
		return finding{}, err
	}
	c := out.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled || c.Rule == nil || c.Rule.DefaultRetention == nil {
		return finding{Status: warning, Found: "Object Lock has no default retention, so it protects no record", Fix: fix}, nil
	}
	r := c.Rule.DefaultRetention
	kept := fmt.Sprintf("%d days", aws.ToInt32(r.Days))
	if years := aws.ToInt32(r.Years); years > 0 {
		kept = fmt.Sprintf("%d years", years)
	}
	return finding{Status: ready, Found: fmt.Sprintf("Object Lock (%s) keeps records for %s", r.Mode, kept)}, nil
}

func versioning(ctx context.Context, api bucketsAPI, bucket string, wantMFADelete bool) (finding, error) {
	out, err := api.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket})
	if err != nil {
		return finding{}, err
	}
	on := out.MFADelete == types.MFADeleteStatusEnabled
	found := fmt.Sprintf("versioning %s, MFA delete %s", cmp.Or(string(out.Status), "never turned on"), cmp.Or(string(out.MFADelete), "off"))
	if wantMFADelete && !on {
		return finding{Status: missing, Found: found + ", but s3_mfa_delete is set",
			Fix: fmt.Sprintf(`With the root user's credentials, run: aws s3api put-bucket-versioning --bucket %s --versioning-configuration Status=Enabled,MFADelete=Enabled --mfa "SERIAL CODE"`, bucket)}, nil
	}
	return finding{Status: ready, Found: found}, nil
}

// encryption checks the bucket's key. S3 accepts a key's ARN, id or alias, and
// returns it in the same form.
func encryption(ctx context.Context, api bucketsAPI, bucket string, s *settings.Settings, account, partition string) (finding, error) {
	out, err := api.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket})
	if hasCode(err, "ServerSideEncryptionConfigurationNotFoundError") {
		return finding{Status: ready, Found: "encrypted with S3's own keys"}, nil
	}
	if err != nil {
		return finding{}, err
	}
	if out.ServerSideEncryptionConfiguration != nil {
		for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
			if d := rule.ApplyServerSideEncryptionByDefault; d != nil && aws.ToString(d.KMSMasterKeyID) != "" {
				return ownKey(aws.ToString(d.KMSMasterKeyID), s, account, partition), nil
			}
		}
	}
	return finding{Status: ready, Found: "encrypted with AWS's keys"}, nil
}

// ownKey compares the bucket's key with the keys that the function audit may use.
func ownKey(key string, s *settings.Settings, account, partition string) finding {
	const without = "Otherwise no record can be written, and access without a record is removed."
	if strings.HasSuffix(key, "alias/aws/s3") {
		return finding{Status: ready, Found: "encrypted with " + key + ", which everyone in its account can use through S3"}
	}
	alias := strings.HasPrefix(key, "alias/") || strings.Contains(key, ":alias/")
	setting, names := "s3_existing_bucket_kms_key_arn", s.ExistingAuditKeyARN
	if names == "" {
		setting, names = "kms_key_arn", s.KMSKeyARN
	}
	policy := fmt.Sprintf("In the key policy, allow kms:GenerateDataKey and kms:Decrypt to arn:%s:iam::%s:root. %s", partition, account, without)
	switch {
	case names != "" && (names == key || strings.HasSuffix(names, ":key/"+key)):
		return finding{Status: warning, Found: fmt.Sprintf("encrypted with the key %s. The role of the function audit may use it, but the key policy can't be read from here", key), Fix: policy}
	case alias && s.ExistingAuditKeyARN != "":
		return finding{Status: warning, Found: fmt.Sprintf("encrypted with the key %s. Whether %s names the same key can't be read from here", key, setting),
			Fix: "Compare the setting with the output of: aws kms describe-key --key-id " + key + ". " + policy}
	}
	found := fmt.Sprintf("encrypted with the key %s, but the role of the function audit may not use it", key)
	fix := "Set s3_existing_bucket_kms_key_arn: " + key + ". "
	if !strings.Contains(key, ":key/") {
		fix = "Set s3_existing_bucket_kms_key_arn to the ARN that aws kms describe-key --key-id " + key + " prints. "
	}
	return finding{Status: missing, Found: found, Fix: fix + policy}
}
