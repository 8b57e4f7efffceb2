package catalog

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Keys in the bucket: the snapshot, and the index of emails.
const (
	Key       = "catalog.json.gz"
	EmailsKey = "emails.txt"
)

// S3 is the part of S3 that Object uses.
type S3 interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Object stores the snapshot and the index of emails in S3, one object each. A write
// replaces the whole object.
type Object struct {
	Client S3
	Bucket string
}

// Get returns the snapshot and its version. If version is still the newest, the
// snapshot is nil and nothing is transferred. Use "" to always read it.
//
// NotFound: there is no snapshot. S3 returns it only to callers that may list the
// bucket; others get "access denied". Invalid: the snapshot can't be decoded. Its
// version is returned.
func (o Object) Get(ctx context.Context, version string) (*Snapshot, string, error) {
	packed, version, err := o.get(ctx, Key, version, "read the catalog")
	if err != nil || packed == nil {
		return nil, version, err
	}
	s, err := decode(packed)
	return s, version, err
}

// GetEmails returns the index of emails, as Get returns the snapshot.
func (o Object) GetEmails(ctx context.Context, version string) (*Emails, string, error) {
	text, version, err := o.get(ctx, EmailsKey, version, "read the index of emails")
	if err != nil || text == nil {
		return nil, version, err
	}
	e, err := decodeEmails(text.Bytes())
	return e, version, err
}

// get returns an object and its version. The object is nil if version is still the
// newest.
func (o Object) get(ctx context.Context, key, version, doing string) (*bytes.Buffer, string, error) {
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &key}
	if version != "" {
		in.IfNoneMatch = &version
	}
	out, err := o.Client.GetObject(ctx, in)
	if version != "" && statusOf(err) == http.StatusNotModified {
		return nil, version, nil
	}
	if err != nil {
		return nil, "", host.AWSError(err, doing)
	}
	defer out.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(out.Body); err != nil {
		return nil, "", access.Wrap(access.CodeUnavailable, err, doing)
	}
	return &body, aws.ToString(out.ETag), nil
}

// Put replaces the snapshot of that version. Use "" if there is no snapshot yet. Lost:
// there is another version by now, and it stays.
func (o Object) Put(ctx context.Context, s *Snapshot, version string) error {
	body, err := s.encode()
	if err != nil {
		return err
	}
	return o.put(ctx, Key, "application/gzip", body, version, "write the catalog")
}

// PutEmails replaces the index of emails, as Put replaces the snapshot.
func (o Object) PutEmails(ctx context.Context, e *Emails, version string) error {
	return o.put(ctx, EmailsKey, "text/plain", e.text, version, "write the index of emails")
}

func (o Object) put(ctx context.Context, key, contentType string, body []byte, version, doing string) error {
	in := &s3.PutObjectInput{Bucket: &o.Bucket, Key: &key, Body: bytes.NewReader(body), ContentType: &contentType}
	if version == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &version
	}
	_, err := o.Client.PutObject(ctx, in)
	switch statusOf(err) {
	case http.StatusPreconditionFailed, http.StatusConflict: // 409: another write is in progress
		return access.Wrap(access.CodeLost, err, doing)
	}
	return host.AWSError(err, doing)
}

// statusOf returns the HTTP status of S3's answer, or 0 if there was no answer.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
