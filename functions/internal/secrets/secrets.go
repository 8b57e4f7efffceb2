// Package secrets reads secrets by reference: the environment of a function
// names them and never holds them.
package secrets

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
)

// MaxAge is how long a secret that was replaced may still be used.
const MaxAge = 5 * time.Minute

// Parameters is the part of SSM that the reader uses.
type Parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// Vault is the part of Secrets Manager that the reader uses.
type Vault interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Reader reads secrets and keeps each for MaxAge. It is safe for concurrent
// use.
type Reader struct {
	parameters Parameters
	vault      Vault
	now        func() time.Time

	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	value  string
	readAt time.Time
}

// New makes a reader.
func New(parameters Parameters, vault Vault, now func() time.Time) *Reader {
	return &Reader{parameters: parameters, vault: vault, now: now, kept: map[string]kept{}}
}

// Get returns the secret that reference names: "ssm:/name", a SecureString
// parameter, or "secretsmanager:" and the name or ARN of a secret with a string
// in it. White space around the secret is not part of it. A secret that was
// read before and can't be read again is used on; one that does not exist, may
// not be read or is empty is Misconfigured, with the reference in the message.
func (r *Reader) Get(ctx context.Context, reference string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	last, ok := r.kept[reference]
	if ok && now.Sub(last.readAt) < MaxAge {
		return last.value, nil
	}
	value, err := r.read(ctx, reference)
	switch code := access.CodeOf(err); {
	case err == nil:
		r.kept[reference] = kept{value: value, readAt: now}
		return value, nil
	case ok && (code == access.CodeUnavailable || code == access.CodeThrottled):
		return last.value, nil
	case code == access.CodeNotFound:
		return "", access.Errorf(access.CodeMisconfigure, "the secret %s does not exist", reference)
	default:
		return "", err
	}
}

func (r *Reader) read(ctx context.Context, reference string) (string, error) {
	var value string
	kind, name, _ := strings.Cut(reference, ":")
	switch kind {
	case "ssm":
		out, err := r.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return "", lambdaerr.FromAWS(err, "read the secret "+reference)
		}
		if out.Parameter != nil {
			value = aws.ToString(out.Parameter.Value)
		}
	case "secretsmanager":
		out, err := r.vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		if err != nil {
			return "", lambdaerr.FromAWS(err, "read the secret "+reference)
		}
		value = aws.ToString(out.SecretString)
	default:
		return "", access.Errorf(access.CodeMisconfigure, `a secret is named "ssm:/name" or "secretsmanager:name"`)
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", access.Errorf(access.CodeMisconfigure, "the secret %s is empty", reference)
	}
	return value, nil
}

// Source returns a function that gets the one secret that reference names.
func (r *Reader) Source(reference string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return r.Get(ctx, reference) }
}
