package auditlog_test

import (
	"io"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/infra/local/moto/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

// TestS3KeepsTheFirst checks the condition on the write against moto's S3.
func TestS3KeepsTheFirst(t *testing.T) {
	client := s3.NewFromConfig(mototest.Config(t), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("audit")
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	log := auditlog.New(client, *bucket, "logs")
	r := granted()
	key := aws.String(auditrecord.Key("logs", r, 1))
	read := func() string {
		t.Helper()
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if err := log.Write(t.Context(), r, 1); err != nil {
		t.Fatal(err)
	}
	first := read()
	r.Reason = "another"
	if err := log.Write(t.Context(), r, 1); err != nil {
		t.Errorf("second write: %v, want none", err)
	}
	if second := read(); second != first {
		t.Errorf("the record was changed to %s", second)
	}
}
