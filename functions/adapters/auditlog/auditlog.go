// Package auditlog writes audit records to S3: one object for each event of a request
// or of a finding. A record is written once and never changed.
package auditlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/host"
)

// Bucket is the part of S3 that the log uses.
type Bucket interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Log is the audit log in one bucket.
type Log struct {
	client Bucket
	bucket string
	prefix string
}

// New returns a log that writes under prefix, which may be empty.
func New(client Bucket, bucket, prefix string) *Log {
	return &Log{client: client, bucket: bucket, prefix: prefix}
}

// Write stores the record of event number seq of r. If the record exists already,
// Write leaves it unchanged and returns nil.
func (l *Log) Write(ctx context.Context, r access.Request, seq int) error {
	return l.writeRecord(ctx, auditrecord.Key(l.prefix, r, seq), auditrecord.Of(r, seq))
}

// WriteFinding stores the record of f. If the record exists already, WriteFinding
// leaves it unchanged, with its time, and returns nil.
func (l *Log) WriteFinding(ctx context.Context, f auditrecord.Finding) error {
	return l.writeRecord(ctx, auditrecord.FindingKey(l.prefix, f), auditrecord.OfFinding(f))
}

// WriteRefusedPress stores the record of p. If the record exists already,
// WriteRefusedPress leaves it unchanged and returns nil.
func (l *Log) WriteRefusedPress(ctx context.Context, p auditrecord.RefusedPress) error {
	return l.writeRecord(ctx, auditrecord.RefusedPressKey(l.prefix, p), auditrecord.OfRefusedPress(p))
}

// WriteBlock stores the record of an event about a block. If the record exists already,
// WriteBlock leaves it unchanged and returns nil.
func (l *Log) WriteBlock(ctx context.Context, e access.BlockEvent) error {
	return l.writeRecord(ctx, auditrecord.BlockKey(l.prefix, e), auditrecord.OfBlock(e))
}

func (l *Log) writeRecord(ctx context.Context, key string, r auditrecord.Record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "encode the audit record")
	}
	return l.put(ctx, key, append(body, '\n'))
}

// Archive stores a policy under its digest (auditrecord.PolicyKey).
func (l *Log) Archive(ctx context.Context, digest string, policy []byte) error {
	return l.put(ctx, auditrecord.PolicyKey(digest), policy)
}

// put writes an object unless the key exists already.
func (l *Log) put(ctx context.Context, key string, body []byte) error {
	_, err := l.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &l.bucket,
		Key:         &key,
		Body:        bytes.NewReader(body),
		ContentType: aws.String("application/json"),
		IfNoneMatch: aws.String("*"),
	})
	if err == nil || isTaken(err) {
		return nil
	}
	const doing = "write the audit bucket"
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "ConditionalRequestConflict" {
		return access.Wrap(access.CodeUnavailable, err, doing)
	}
	return host.AWSError(err, doing)
}

// isTaken reports whether err is S3's answer to If-None-Match for an existing key. S3
// answers 409 while another write of the key is in progress. For a 409, isTaken returns
// false, because the other write may still fail.
func isTaken(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "PreconditionFailed" {
		return true
	}
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusPreconditionFailed
}
