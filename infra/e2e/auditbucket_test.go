package e2e

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
)

// forgedKey is an object that TestRecordsAreProtected tries to write as the functions.
// The denials are expected.
const forgedKey = "policies/forged.json"

// TestRecordsAreProtected checks that nobody can replace or delete a record: not an
// administrator, not a function. Only the function audit can add a new one.
func TestRecordsAreProtected(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{judy, "log-archive", "ReadOnlyAccess", 10})
	r.waitAssigned(t)
	r.waitGone(t, 10*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)

	buckets, err := local.s3.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var bucket, key string
	for _, b := range buckets.Buckets {
		for _, day := range []time.Time{time.Now().AddDate(0, 0, -1), time.Now()} {
			out, err := local.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: b.Name, Prefix: aws.String("logs/" + day.UTC().Format("2006/01/02/") + r.id)})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Contents) > 0 {
				bucket, key = *b.Name, *out.Contents[0].Key
			}
		}
	}
	if key == "" {
		t.Fatal("there is no record")
	}
	content := func(key string) string {
		t.Helper()
		out, err := local.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		defer out.Body.Close()
		text, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := content(key)

	as := func(function string) *s3.Client {
		return s3.NewFromConfig(aws.Config{
			Region: "us-east-1", BaseEndpoint: aws.String(local.AWSEndpointURL), Credentials: credentials.NewStaticCredentialsProvider("local-sso-elevator-"+function, "x", ""),
		}, func(o *s3.Options) { o.UsePathStyle = true; o.RetryMaxAttempts = 1 })
	}
	put := func(client *s3.Client, key string, isNew bool) error {
		in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("{}")}
		if isNew {
			in.IfNoneMatch = aws.String("*")
		}
		_, err := client.PutObject(t.Context(), in)
		return err
	}
	deleteMany := func() error {
		_, err := local.s3.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: &key}}}})
		return err
	}
	deleteOne := func() error {
		_, err := local.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
	retain := func() error {
		_, err := local.s3.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: &bucket, Key: &key, BypassGovernanceRetention: aws.Bool(true),
			Retention: &s3types.ObjectLockRetention{Mode: s3types.ObjectLockRetentionModeGovernance, RetainUntilDate: aws.Time(time.Now().Add(time.Minute))}})
		return err
	}
	for _, attempt := range []struct {
		name string
		err  error
		want string // S3's error code
	}{
		{"an administrator replaces a record", put(local.s3, key, false), "AccessDenied"},
		{"an administrator adds one", put(local.s3, strings.Replace(key, r.id, "forged", 1), true), "AccessDenied"},
		{"an administrator adds a policy", put(local.s3, forgedKey, true), "AccessDenied"},
		{"an administrator deletes a record", deleteOne(), "AccessDenied"},
		{"in another way", deleteMany(), "AccessDenied"},
		{"an administrator makes it deletable", retain(), "AccessDenied"},
		{"another function adds a policy", put(as("notify"), forgedKey, true), "AccessDenied"},
		{"the function that writes records does it unconditionally", put(as("audit"), forgedKey, false), "AccessDenied"},
		{"as it always does", put(as("audit"), forgedKey, true), ""},
		{"twice", put(as("audit"), forgedKey, true), "PreconditionFailed"},
		{"an administrator adds something elsewhere", put(local.s3, "elsewhere/forged.json", false), ""},
	} {
		var api smithy.APIError
		code := ""
		if errors.As(attempt.err, &api) {
			code = api.ErrorCode()
		} else if attempt.err != nil {
			code = attempt.err.Error()
		}
		if code != attempt.want {
			t.Errorf("%s: %q, want %q (%v)", attempt.name, code, attempt.want, attempt.err)
		}
	}
	if after := content(key); after != before {
		t.Errorf("the record was %s and is %s", before, after)
	}
}
