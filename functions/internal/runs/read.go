// Package runs reads what a run of the reconciliation found and tells, as JSON
// in a bucket: reconcile/<run>/findings.json and reconcile/<run>/report.json.
package runs

import (
	"context"
	"encoding/json"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
)

// S3 is the part of S3 that the store uses.
type S3 interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Store is where the runs' objects are. Its errors have the codes of
// functions/access: NotFound where there is no such object, Invalid where it
// makes no sense, Unavailable, Misconfigured.
type Store struct {
	client S3
	bucket string
}

// New is the store in the bucket of that name.
func New(client S3, bucket string) *Store { return &Store{client, bucket} }

// Findings reads all findings of a run.
func (s *Store) Findings(ctx context.Context, run string) ([]access.Finding, error) {
	return get[[]access.Finding](ctx, s, "reconcile/"+run+"/findings.json")
}

// Report reads what a run tells people.
func (s *Store) Report(ctx context.Context, run string) (access.DriftReport, error) {
	return get[access.DriftReport](ctx, s, "reconcile/"+run+"/report.json")
}

func get[T any](ctx context.Context, s *Store, key string) (v T, err error) {
	doing := "read " + key
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return v, lambdaerr.FromAWS(err, doing)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return v, access.Wrap(access.CodeUnavailable, err, doing)
	}
	return v, access.Wrap(access.CodeInvalid, json.Unmarshal(body, &v), doing)
}
