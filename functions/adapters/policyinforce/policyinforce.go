// Package policyinforce reads the policy in force. An SSM parameter names an object in
// S3 and the digest of its bytes.
package policyinforce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// MaxAge is the longest time that a function may use a policy that was replaced.
const MaxAge = 60 * time.Second

// maxSize limits how much of the object is read, in bytes.
const maxSize = 16 << 20

// Parameters is the part of SSM that the loader uses.
type Parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// Source reads the pointer's parameter.
type Source interface {
	// Read returns the parameter as it was read after since, and when that was. The next call
	// reads it again.
	Read(ctx context.Context, since time.Time) (*types.Parameter, time.Time, error)
}

// Objects is the part of S3 that the loader uses.
type Objects interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Pointer is the parameter's value, as JSON. Releases that know only the first format of
// policies don't read Format, and require SHA256. So pointers to other formats have
// Digest instead, and these releases refuse them.
type Pointer struct {
	Format int    `json:"format,omitempty"` // of the policy; 0 is the first
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	SHA256 string `json:"sha256,omitempty"` // hex, of the object's bytes; only in the first format
	Digest string `json:"digest,omitempty"` // the same; only in later formats
}

// NewPointer returns the pointer to a policy whose bytes have this SHA-256, in hex.
func NewPointer(bucket, key, digest string, policy *access.Policy) Pointer {
	if f := policy.Format(); f != access.FirstFormat {
		return Pointer{Format: f, Bucket: bucket, Key: key, Digest: digest}
	}
	return Pointer{Bucket: bucket, Key: key, SHA256: digest}
}

// digest returns the SHA-256 of the object's bytes, in hex. It returns false if the
// pointer is incomplete.
func (p *Pointer) digest() (string, bool) {
	digest, other := p.SHA256, p.Digest
	if p.Format != 0 {
		digest, other = other, digest
	}
	return digest, p.Bucket != "" && p.Key != "" && other == "" && len(digest) == hex.EncodedLen(sha256.Size)
}

// Document is a policy with the bytes that it was read from.
type Document struct {
	Policy access.Policy
	Digest string // SHA-256 of Bytes, hex
	Bytes  []byte
	// DeployedAt is when the pointer was set to this policy. An exemption in Policy
	// lasts at most access.MaxExemption from then, even if Bytes has a later end.
	DeployedAt time.Time
}

// Loader returns the policy in force. It is safe for concurrent use.
type Loader struct {
	source  Source
	objects Objects
	name    string
	now     func() time.Time

	mu      sync.Mutex
	readAt  time.Time // when the pointer was last read
	current Document
	policy  access.Policy // of current, with the ends of exemptions in Bytes
}

// New returns a loader that reads the pointer from the SSM parameter name.
func New(parameters Parameters, objects Objects, name string, now func() time.Time) *Loader {
	return NewFrom(alone{parameters, name, now}, objects, name, now)
}

// NewFrom returns a loader that gets the SSM parameter name from source.
func NewFrom(source Source, objects Objects, name string, now func() time.Time) *Loader {
	return &Loader{source: source, objects: objects, name: name, now: now}
}

// alone reads a parameter with a call of its own.
type alone struct {
	parameters Parameters
	name       string
	now        func() time.Time
}

func (a alone) Read(ctx context.Context, _ time.Time) (*types.Parameter, time.Time, error) {
	now := a.now()
	out, err := a.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &a.name})
	if err != nil {
		return nil, time.Time{}, err
	}
	return out.Parameter, now, nil
}

// Load returns the policy in force and its digest. The pointer was read at most
// MaxAge ago. If it can't be read again by then, Load returns an error instead of
// the old policy. Misconfigured: the object does not have the pointer's digest, is not
// a policy, or has a format that this release doesn't know.
func (l *Loader) Load(ctx context.Context) (access.Policy, string, error) {
	d, err := l.Document(ctx)
	return d.Policy, d.Digest, err
}

// Document does the same as Load, and also returns the policy's bytes.
func (l *Loader) Document(ctx context.Context) (Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.current.Digest != "" && now.Sub(l.readAt) < MaxAge {
		return l.current, nil
	}
	p, deployedAt, readAt, err := l.readPointer(ctx, now.Add(-MaxAge))
	if err != nil {
		return Document{}, err
	}
	if digest, _ := p.digest(); digest != l.current.Digest {
		d, err := l.readPolicy(ctx, p)
		if err != nil {
			return Document{}, err
		}
		l.current, l.policy = d, d.Policy
	}
	l.current.Policy, l.current.DeployedAt = l.policy.DeployedAt(deployedAt), deployedAt
	l.readAt = readAt
	return l.current, nil
}

// readPointer returns the pointer as it was read after since, the time when it was set, and
// the time when it was read.
func (l *Loader) readPointer(ctx context.Context, since time.Time) (p Pointer, setAt, readAt time.Time, err error) {
	none := time.Time{}
	parameter, readAt, err := l.source.Read(ctx, since)
	if err != nil {
		return Pointer{}, none, none, host.AWSError(err, "read the policy's pointer")
	}
	if parameter == nil || json.Unmarshal([]byte(aws.ToString(parameter.Value)), &p) != nil {
		return Pointer{}, none, none, access.Errorf(access.CodeMisconfigure, "parameter %s doesn't name a policy", l.name)
	}
	if p.Format != 0 && (p.Format <= access.FirstFormat || p.Format > access.NewestFormat) {
		return Pointer{}, none, none, access.Errorf(access.CodeMisconfigure, "the policy in parameter %s has format %d, which this release doesn't know; deploy the release that wrote it", l.name, p.Format)
	}
	if _, complete := p.digest(); !complete {
		return Pointer{}, none, none, access.Errorf(access.CodeMisconfigure, "parameter %s doesn't name a policy", l.name)
	}
	return p, aws.ToTime(parameter.LastModifiedDate).UTC(), readAt, nil
}

func (l *Loader) readPolicy(ctx context.Context, p Pointer) (Document, error) {
	out, err := l.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.Bucket, Key: &p.Key})
	if err != nil {
		return Document{}, host.AWSError(err, "read the policy")
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxSize))
	if err != nil {
		return Document{}, access.Wrap(access.CodeUnavailable, err, "read the policy")
	}
	sum := sha256.Sum256(body)
	digest, _ := p.digest()
	if hex.EncodeToString(sum[:]) != digest {
		return Document{}, access.Errorf(access.CodeMisconfigure, "the digest of the policy at s3://%s/%s is not %s", p.Bucket, p.Key, digest)
	}
	d := Document{Digest: digest, Bytes: body}
	if err := json.Unmarshal(body, &d.Policy); err != nil {
		return Document{}, access.Wrap(access.CodeMisconfigure, err, "parse the policy")
	}
	return d, nil
}
