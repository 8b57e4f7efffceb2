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
	"sso-elevator/functions/internal/lambdaerr"
)

// Key is the snapshot's key in its bucket.
const Key = "catalog.json.gz"

// S3 is the part of S3 that keeps the snapshot.
type S3 interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Object is the snapshot in S3: one object, which is replaced as a whole.
type Object struct {
	Client S3
	Bucket string
}

// Get reads the snapshot and its version. Where the version is still the one
// given, the snapshot is nil and nothing is transferred; "" is no version.
//
// NotFound is S3's word that there is none (it says so only to who may list the
// bucket); Invalid comes with the version of what can't be read.
func (o Object) Get(ctx context.Context, version string) (*Snapshot, string, error) {
	const doing = "read the catalog"
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: aws.String(Key)}
	if version != "" {
		in.IfNoneMatch = &version
	}
	out, err := o.Client.GetObject(ctx, in)
	if version != "" && status(err) == http.StatusNotModified {
		return nil, version, nil
	}
	if err != nil {
		return nil, "", lambdaerr.FromAWS(err, doing)
	}
	defer out.Body.Close()
	var packed bytes.Buffer
	if _, err := packed.ReadFrom(out.Body); err != nil {
		return nil, "", access.Wrap(access.CodeUnavailable, err, doing)
	}
	s, err := decode(&packed)
	return s, aws.ToString(out.ETag), err
}

// Put replaces the snapshot of that version, "" where there is none. Where
// there is another one by now, that stays, and Lost says so.
func (o Object) Put(ctx context.Context, s *Snapshot, version string) error {
	body, err := s.encode()
	if err != nil {
		return err
	}
	in := &s3.PutObjectInput{
		Bucket:      &o.Bucket,
		Key:         aws.String(Key),
		Body:        bytes.NewReader(body),
		ContentType: aws.String("application/gzip"),
	}
	if version == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &version
	}
	const doing = "write the catalog"
	_, err = o.Client.PutObject(ctx, in)
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict: // 409: another write is under way
		return access.Wrap(access.CodeLost, err, doing)
	}
	return lambdaerr.FromAWS(err, doing)
}

// status is the HTTP status of S3's answer; 0 where there was none.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
