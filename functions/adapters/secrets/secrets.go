// Package secrets reads secrets by reference. The environment of a function
// names secrets and never contains them.
package secrets

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// MaxAge is how long a replaced secret may still be used.
const MaxAge = 5 * time.Minute

// RetryAfter is how long an unreadable secret is not read again. Without it,
// every incoming request, signed or not, would cause a call.
const RetryAfter = 2 * time.Second

// Parameters is the part of SSM that the reader uses.
type Parameters interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
}

// maxParameters is how many parameters GetParameters takes (API reference).
const maxParameters = 10

// Vault is the part of Secrets Manager that the reader uses.
type Vault interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// RefreshAfter is how old a secret must be before Refresh discards it.
const RefreshAfter = 10 * time.Second

// Reader reads secrets. It keeps each for MaxAge, and errors for RetryAfter.
// It is safe for concurrent use.
type Reader struct {
	parameters Parameters
	vault      Vault
	now        func() time.Time
	together   []string // references that are read in one call where possible

	mu     sync.Mutex
	kept   map[string]entry
	beside *Beside // nil if there is none
}

type entry struct {
	value string
	err   error
	asked time.Time
	until time.Time // after that, it is read again
}

// New returns a reader. When it reads one of the references together, it reads those of
// the others that are due in the same call, if they are parameters.
func New(parameters Parameters, vault Vault, now func() time.Time, together ...string) *Reader {
	return &Reader{parameters: parameters, vault: vault, now: now, together: together, kept: map[string]entry{}}
}

// Get returns the secret that reference names. The reference is "ssm:" and the name of
// a SecureString parameter, or "secretsmanager:" and the name or ARN of a secret.
// White space around the secret is removed. If a secret was read before and AWS is
// unavailable or throttles, Get returns the old value. If it doesn't exist, may not be
// read or is empty, the error is Misconfigured and contains the reference. A read that the
// caller canceled is not kept: the next Get reads again.
func (r *Reader) Get(ctx context.Context, reference string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if last, ok := r.kept[reference]; ok && now.Before(last.until) {
		return last.value, last.err
	}
	answers := r.readTogether(ctx, reference, now)
	if err := answers[reference].err; err != nil && ctx.Err() == context.Canceled {
		return "", err
	}
	for read, a := range answers {
		r.keep(read, a, now)
	}
	return r.kept[reference].value, r.kept[reference].err
}

// answer is the result of a read.
type answer struct {
	value string
	err   error
}

// keep keeps the result of a read.
func (r *Reader) keep(reference string, a answer, now time.Time) {
	last, ok := r.kept[reference]
	next := entry{value: a.value, err: a.err, asked: now, until: now.Add(RetryAfter)}
	switch code := access.CodeOf(a.err); {
	case a.err == nil:
		next.until = now.Add(MaxAge)
	case ok && last.err == nil && isOutage(code):
		next.value, next.err = last.value, nil
	case code == access.CodeNotFound:
		next.err = access.Errorf(access.CodeMisconfigure, "the secret %s does not exist", reference)
	}
	r.kept[reference] = next
}

func isOutage(code access.Code) bool {
	return code == access.CodeUnavailable || code == access.CodeThrottled
}

// Refresh makes the next Get read those secrets again that are older than
// RefreshAfter, and reports whether there are any. Call it when a secret no longer
// works. However often it is called, it costs one call per secret in that time.
func (r *Reader) Refresh(references ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, any := r.now(), false
	for _, reference := range references {
		if last, ok := r.kept[reference]; ok && now.Sub(last.asked) >= RefreshAfter {
			last.until, any = now, true
			r.kept[reference] = last
		}
	}
	return any
}

// readTogether reads a secret, and those others that are due, if one call can read them
// all. The results are by reference.
func (r *Reader) readTogether(ctx context.Context, reference string, now time.Time) map[string]answer {
	if isParameter(reference) {
		if due := r.due(now, reference); len(due) > 1 || r.beside != nil {
			answers := r.readParameters(ctx, due, now)
			if _, ok := answers[reference]; ok {
				return answers
			}
		}
	}
	value, err := r.read(ctx, reference)
	return map[string]answer{reference: {value, err}}
}

// due returns these references, and those of the others that one call can read with them and
// that are due.
func (r *Reader) due(now time.Time, references ...string) []string {
	most := maxParameters
	if r.beside != nil {
		most--
	}
	for _, other := range r.together {
		last, ok := r.kept[other]
		if len(references) < most && !slices.Contains(references, other) && isParameter(other) && (!ok || !now.Before(last.until)) {
			references = append(references, other)
		}
	}
	return references
}

func isParameter(reference string) bool { return strings.HasPrefix(reference, "ssm:") }

// readParameters reads parameters in one call, and the parameter beside them. It returns
// nothing if the call fails for a reason other than an outage: the call fails as a whole if
// one parameter may not be read.
func (r *Reader) readParameters(ctx context.Context, references []string, now time.Time) map[string]answer {
	byName, names := map[string]string{}, []string{}
	for _, reference := range references {
		_, name, _ := strings.Cut(reference, ":")
		byName[name], names = reference, append(names, name)
	}
	if r.beside != nil {
		names = append(names, r.beside.name)
	}
	out, err := r.parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: names, WithDecryption: aws.Bool(true)})
	answers := map[string]answer{}
	if err != nil {
		for _, reference := range references {
			if err := host.AWSError(err, "read the secret "+reference); isOutage(access.CodeOf(err)) {
				answers[reference] = answer{err: err}
			}
		}
		return answers
	}
	for _, p := range out.Parameters {
		if reference, ok := byName[aws.ToString(p.Name)+aws.ToString(p.Selector)]; ok {
			value, err := trimmed(aws.ToString(p.Value), reference)
			answers[reference] = answer{value, err}
		} else if r.beside != nil && aws.ToString(p.Name) == r.beside.name {
			r.beside.last, r.beside.readAt = &p, now
		}
	}
	for _, name := range out.InvalidParameters {
		if reference, ok := byName[name]; ok {
			answers[reference] = answer{err: access.Errorf(access.CodeNotFound, "read the secret %s: there is no such parameter", reference)}
		}
	}
	return answers
}

// trimmed returns a secret without the white space around it, or an error if it is empty.
func trimmed(value, reference string) (string, error) {
	if value = strings.TrimSpace(value); value == "" {
		return "", access.Errorf(access.CodeMisconfigure, "the secret %s is empty", reference)
	}
	return value, nil
}

func (r *Reader) read(ctx context.Context, reference string) (string, error) {
	var value string
	kind, name, _ := strings.Cut(reference, ":")
	switch kind {
	case "ssm":
		out, err := r.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return "", host.AWSError(err, "read the secret "+reference)
		}
		if out.Parameter != nil {
			value = aws.ToString(out.Parameter.Value)
		}
	case "secretsmanager":
		out, err := r.vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		if err != nil {
			return "", host.AWSError(err, "read the secret "+reference)
		}
		value = aws.ToString(out.SecretString)
	default:
		return "", access.Errorf(access.CodeMisconfigure, `a secret reference must look like "ssm:/name" or "secretsmanager:name"`)
	}
	return trimmed(value, reference)
}

// Beside is a parameter that is not a secret. It is read in the same call as secrets where
// possible.
type Beside struct {
	reader *Reader
	name   string

	// Guarded by the reader's mutex.
	last   *types.Parameter // as it was read with secrets; nil once it was returned
	readAt time.Time
}

// Beside returns the parameter of that name. A reader has at most one. From now on, each call
// that reads secrets that are parameters reads this one, too.
func (r *Reader) Beside(name string) *Beside {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beside = &Beside{reader: r, name: name}
	return r.beside
}

// Read returns the parameter as it was read after since, and when that was. A value that came
// with secrets is returned once. Without one, Read reads the parameter in one call with the
// secrets that are due. If that call fails, Read reads the parameter alone: it must not depend
// on the secrets.
func (b *Beside) Read(ctx context.Context, since time.Time) (*types.Parameter, time.Time, error) {
	if p, at := b.readWithSecrets(ctx, since); p != nil {
		return p, at, nil
	}
	now := b.reader.now()
	out, err := b.reader.parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: &b.name})
	if err != nil {
		return nil, time.Time{}, host.AWSError(err, "read the parameter "+b.name)
	}
	return out.Parameter, now, nil
}

// readWithSecrets returns the parameter as it was read with secrets, or nil.
func (b *Beside) readWithSecrets(ctx context.Context, since time.Time) (*types.Parameter, time.Time) {
	r := b.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.last == nil || !b.readAt.After(since) {
		b.last = nil
		now := r.now()
		if due := r.due(now); len(due) > 0 {
			answers := r.readParameters(ctx, due, now)
			for read, a := range answers {
				if a.err == nil || ctx.Err() != context.Canceled {
					r.keep(read, a, now)
				}
			}
		}
	}
	p := b.last
	b.last = nil
	return p, b.readAt
}

// Source returns a function that returns the secret that reference names.
func (r *Reader) Source(reference string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return r.Get(ctx, reference) }
}

// AnySource returns a function that returns the secrets that references name:
// all that can be read, as long as one can. It calls failed for each of the
// others, once per failed read. If none can be read, it returns an error.
func (r *Reader) AnySource(references []string, failed func(error)) func(context.Context) ([]string, error) {
	var mu sync.Mutex
	reported := map[string]error{}
	return func(ctx context.Context) ([]string, error) {
		var values []string
		var errs []error
		for _, reference := range references {
			value, err := r.Get(ctx, reference)
			if err == nil {
				values = append(values, value)
				continue
			}
			errs = append(errs, err)
			mu.Lock()
			again := reported[reference] == err // the same error, kept by Get
			reported[reference] = err
			mu.Unlock()
			if !again {
				failed(err)
			}
		}
		if len(values) == 0 {
			return nil, errors.Join(errs...)
		}
		return values, nil
	}
}

// Connect returns a reader with AWS's clients. together is as for New.
func Connect(cfg aws.Config, together ...string) *Reader {
	return New(ssm.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), time.Now, together...)
}
