package findings

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// S3 is the part of S3 that the bucket uses.
type S3 interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

var _ S3 = (*s3.Client)(nil)

// Bucket is Objects in S3. If the caller may not list the bucket, S3 answers
// "access denied" for an object that does not exist.
type Bucket struct {
	Client S3
	Name   string
}

// New returns the store in the bucket of that name.
func New(client S3, bucket string) *Store { return &Store{Bucket{client, bucket}} }

// Get implements Objects.
func (b Bucket) Get(ctx context.Context, key string) ([]byte, string, error) {
	doing := "read " + key
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return nil, "", host.AWSError(err, doing)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, "", access.Wrap(access.CodeUnavailable, err, doing)
	}
	return body, aws.ToString(out.ETag), nil
}

// Put implements Objects.
func (b Bucket) Put(ctx context.Context, key string, body []byte) error {
	return b.put(ctx, &s3.PutObjectInput{Key: &key, Body: bytes.NewReader(body)})
}

// Replace implements Objects.
func (b Bucket) Replace(ctx context.Context, key string, body []byte, version string) error {
	in := &s3.PutObjectInput{Key: &key, Body: bytes.NewReader(body)}
	if version == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &version
	}
	return b.put(ctx, in)
}

func (b Bucket) put(ctx context.Context, in *s3.PutObjectInput) error {
	doing := "write " + *in.Key
	in.Bucket, in.ContentType = &b.Name, aws.String("application/json")
	_, err := b.Client.PutObject(ctx, in)
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		switch response.HTTPStatusCode() {
		case http.StatusPreconditionFailed, http.StatusConflict: // 409: another write is in progress
			return access.Wrap(access.CodeLost, err, doing)
		}
	}
	return host.AWSError(err, doing)
}
