package secrets_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/secrets"
)

type fakeAWS struct {
	values map[string]string
	err    error
	reads  int

	together    []string // the names in each call that reads several
	errTogether error    // of such calls
}

func (f *fakeAWS) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	f.reads++
	if f.err != nil {
		return nil, f.err
	}
	value, ok := f.values[*in.Name]
	if !ok {
		return nil, &ssmtypes.ParameterNotFound{}
	}
	if !aws.ToBool(in.WithDecryption) && *in.Name != "/policy" { // which is no SecureString
		value = "ciphertext"
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: &value}}, nil
}

func (f *fakeAWS) GetParameters(_ context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	f.together = append(f.together, strings.Join(in.Names, " "))
	if f.err != nil || f.errTogether != nil {
		return nil, cmp.Or(f.err, f.errTogether)
	}
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		value, ok := f.values[name]
		if !ok {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		if !aws.ToBool(in.WithDecryption) {
			value = "ciphertext"
		}
		name, selector, versioned := strings.Cut(name, ":")
		p := ssmtypes.Parameter{Name: &name, Value: &value}
		if versioned {
			p.Selector = aws.String(":" + selector)
		}
		out.Parameters = append([]ssmtypes.Parameter{p}, out.Parameters...) // in any order
	}
	return out, nil
}

func (f *fakeAWS) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	f.reads++
	value, ok := f.values[*in.SecretId]
	if !ok {
		return nil, &smtypes.ResourceNotFoundException{}
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &value}, nil
}

func TestGet(t *testing.T) {
	values := map[string]string{"/slack/token": "xoxb-1\n", "slack-token": "xoxb-2", "/empty": " "}
	tests := []struct {
		name, reference, want string
		wantCode              access.Code
	}{
		{name: "parameter", reference: "ssm:/slack/token", want: "xoxb-1"},
		{name: "secret", reference: "secretsmanager:slack-token", want: "xoxb-2"},
		{name: "no such parameter", reference: "ssm:/other", wantCode: access.CodeMisconfigure},
		{name: "no such secret", reference: "secretsmanager:other", wantCode: access.CodeMisconfigure},
		{name: "empty", reference: "ssm:/empty", wantCode: access.CodeMisconfigure},
		{name: "a secret instead of a reference", reference: "xoxb-3", wantCode: access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAWS{values: values}
			got, err := secrets.New(fake, fake, time.Now).Get(t.Context(), test.reference)
			if got != test.want || access.CodeOf(err) != test.wantCode {
				t.Errorf("got %q, %v; want %q, code %q", got, err, test.want, test.wantCode)
			}
			if err != nil && strings.Contains(err.Error(), "xoxb") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

func TestGetKeepsForFiveMinutesAndThroughAnOutage(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fake := &fakeAWS{values: map[string]string{"/a": "one"}}
	get := secrets.New(fake, fake, func() time.Time { return now }).Source("ssm:/a")
	want := func(value string, reads int) {
		t.Helper()
		got, err := get(t.Context())
		if err != nil || got != value || fake.reads != reads {
			t.Errorf("got %q, %v after %d reads; want %q after %d", got, err, fake.reads, value, reads)
		}
	}
	want("one", 1)
	fake.values["/a"] = "two"
	now = now.Add(secrets.MaxAge - time.Second)
	want("one", 1)
	now = now.Add(time.Second)
	want("two", 2)
	now = now.Add(secrets.MaxAge)
	fake.err = &ssmtypes.InternalServerError{}
	want("two", 3)
	now = now.Add(secrets.RetryAfter - time.Millisecond)
	want("two", 3) // most requests cause no call
	now = now.Add(time.Millisecond)
	want("two", 4)
}

// While nothing can be read, a flood of requests causes only occasional calls.
func TestGetKeepsAFailureForTwoSeconds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fake := &fakeAWS{values: map[string]string{}}
	get := secrets.New(fake, fake, func() time.Time { return now }).Source("ssm:/a")
	for range 1000 {
		if _, err := get(t.Context()); access.CodeOf(err) != access.CodeMisconfigure {
			t.Fatalf("got %v, want Misconfigured", err)
		}
	}
	if fake.reads != 1 {
		t.Errorf("SSM was asked %d times, want once", fake.reads)
	}
	fake.values["/a"] = "one"
	now = now.Add(secrets.RetryAfter)
	if got, err := get(t.Context()); got != "one" || err != nil {
		t.Errorf("got %q, %v; want the secret that is there now", got, err)
	}
}

// A canceled read says nothing about the secret, so the next caller reads it again.
func TestGetDoesNotKeepACanceledRead(t *testing.T) {
	fake := &fakeAWS{values: map[string]string{"/a": "one"}, err: context.Canceled}
	get := secrets.New(fake, fake, time.Now).Source("ssm:/a")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := get(canceled); got != "" || access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("got %q, %v; want Unavailable", got, err)
	}
	fake.err = nil
	if got, err := get(t.Context()); got != "one" || err != nil {
		t.Errorf("got %q, %v; want the secret", got, err)
	}
}

// A caller whose secret doesn't fit gets its replacement. A stranger whose signature
// never fits does not cause a call each time.
func TestRefresh(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fake := &fakeAWS{values: map[string]string{"/a": "one"}}
	reader := secrets.New(fake, fake, func() time.Time { return now })
	want := func(value string, reads int) {
		t.Helper()
		got, err := reader.Get(t.Context(), "ssm:/a")
		if err != nil || got != value || fake.reads != reads {
			t.Errorf("got %q, %v after %d reads; want %q after %d", got, err, fake.reads, value, reads)
		}
	}
	if reader.Refresh("ssm:/a") {
		t.Error("a secret that was never read is read again")
	}
	want("one", 1)
	fake.values["/a"] = "two"
	now = now.Add(secrets.RefreshAfter - time.Millisecond)
	for range 1000 {
		if reader.Refresh("ssm:/a") {
			t.Fatal("a secret is read again too soon")
		}
	}
	want("one", 1)
	now = now.Add(time.Millisecond)
	if !reader.Refresh("ssm:/a") {
		t.Error("a secret is not read again")
	}
	want("two", 2)

	now = now.Add(secrets.RefreshAfter)
	reader.Refresh("ssm:/a")
	fake.err = &ssmtypes.InternalServerError{}
	want("two", 3) // an outage doesn't remove the current secret
}

func TestAnySource(t *testing.T) {
	values := map[string]string{"/new": "n", "old": "o"}
	tests := []struct {
		name       string
		references []string
		want       []string
		wantFailed int
		wantCode   access.Code
	}{
		{name: "one", references: []string{"ssm:/new"}, want: []string{"n"}},
		{name: "two", references: []string{"ssm:/new", "secretsmanager:old"}, want: []string{"n", "o"}},
		{name: "one of two is gone", references: []string{"ssm:/gone", "secretsmanager:old"}, want: []string{"o"}, wantFailed: 1},
		{name: "both are gone", references: []string{"ssm:/gone", "secretsmanager:gone"}, wantFailed: 2, wantCode: access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAWS{values: values}
			failed := 0
			get := secrets.New(fake, fake, time.Now).AnySource(test.references, func(error) { failed++ })
			for range 3 { // within RetryAfter the failure is not reported again
				got, err := get(t.Context())
				if !slices.Equal(got, test.want) || access.CodeOf(err) != test.wantCode {
					t.Errorf("got %q, %v; want %q, code %q", got, err, test.want, test.wantCode)
				}
			}
			if failed != test.wantFailed {
				t.Errorf("%d failures were told, want %d", failed, test.wantFailed)
			}
		})
	}
}

// Secrets that are due are read in one call, and each keeps its own result.
func TestSecretsTogether(t *testing.T) {
	const token, signing, old = "ssm:/token", "ssm:/signing", "ssm:/old:2"
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not /token"}
	tests := []struct {
		name     string
		values   map[string]string
		all      []string
		err      error // of the call for several
		read     []string
		want     []string // values, or codes of errors
		together []string
		alone    int
	}{
		{name: "one call", values: map[string]string{"/token": "t", "/signing": " s\n", "/old:2": "o"}, all: []string{token, signing, old},
			read: []string{signing, old, token, signing}, want: []string{"s", "o", "t", "s"}, together: []string{"/signing /token /old:2"}},
		{name: "one is missing", values: map[string]string{"/signing": "s"}, all: []string{token, signing},
			read: []string{signing, token}, want: []string{"s", "Misconfigured"}, together: []string{"/signing /token"}},
		{name: "one is empty", values: map[string]string{"/token": " ", "/signing": "s"}, all: []string{token, signing},
			read: []string{signing, token}, want: []string{"s", "Misconfigured"}, together: []string{"/signing /token"}},
		{name: "the call may not be made", values: map[string]string{"/token": "t", "/signing": "s"}, all: []string{token, signing}, err: denied,
			read: []string{signing, token, signing}, want: []string{"s", "t", "s"}, together: []string{"/signing /token"}, alone: 2},
		{name: "an outage", values: map[string]string{"/token": "t", "/signing": "s"}, all: []string{token, signing}, err: &ssmtypes.InternalServerError{},
			read: []string{signing, token}, want: []string{"Unavailable", "Unavailable"}, together: []string{"/signing /token"}},
		{name: "in different services", values: map[string]string{"token": "t", "/signing": "s"}, all: []string{"secretsmanager:token", signing},
			read: []string{signing, "secretsmanager:token"}, want: []string{"s", "t"}, alone: 2},
		{name: "the other way round", values: map[string]string{"signing": "s", "/token": "t", "/signing": "s2"}, all: []string{token, "secretsmanager:signing", signing},
			read: []string{"secretsmanager:signing", token}, want: []string{"s", "t"}, together: []string{"/token /signing"}, alone: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAWS{values: test.values, errTogether: test.err}
			reader := secrets.New(fake, fake, func() time.Time { return time.Unix(0, 0) }, test.all...)
			for i, reference := range test.read {
				got, err := reader.Get(t.Context(), reference)
				if err != nil {
					got = string(access.CodeOf(err))
				}
				if got != test.want[i] {
					t.Errorf("%s is %q, %v; want %q", reference, got, err, test.want[i])
				}
			}
			if !slices.Equal(fake.together, test.together) || fake.reads != test.alone {
				t.Errorf("read together %q and %d alone, want %q and %d", fake.together, fake.reads, test.together, test.alone)
			}
		})
	}
}

// An outage takes no secret away that was read before, and a secret that is not due is not
// read again.
func TestSecretsTogetherKeepTheirTimes(t *testing.T) {
	now := time.Unix(0, 0)
	fake := &fakeAWS{values: map[string]string{"/token": "t1", "/signing": "s1"}}
	reader := secrets.New(fake, fake, func() time.Time { return now }, "ssm:/token", "ssm:/signing")
	want := func(reference, value string, calls int) {
		t.Helper()
		got, err := reader.Get(t.Context(), reference)
		if got != value || err != nil || len(fake.together)+fake.reads != calls {
			t.Errorf("got %q, %v after %d calls; want %q after %d", got, err, len(fake.together)+fake.reads, value, calls)
		}
	}
	want("ssm:/signing", "s1", 1)
	fake.values = map[string]string{"/token": "t2", "/signing": "s2"}
	now = now.Add(secrets.RefreshAfter)
	if !reader.Refresh("ssm:/signing") {
		t.Error("the secret is not marked")
	}
	want("ssm:/signing", "s2", 2)
	want("ssm:/token", "t1", 2) // it was not due
	now = now.Add(secrets.MaxAge)
	fake.err = &ssmtypes.InternalServerError{}
	want("ssm:/signing", "s2", 3)
	want("ssm:/token", "t1", 3)
}

// The parameter beside the secrets is read in their calls, and returned once. If such a call
// fails, each is read alone.
func TestBeside(t *testing.T) {
	const token, signing = "ssm:/token", "ssm:/signing"
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not /token"}
	all := map[string]string{"/token": "t", "/signing": "s", "/policy": "p"}
	without := func(name string) map[string]string {
		m := maps.Clone(all)
		delete(m, name)
		return m
	}
	tests := []struct {
		name     string
		values   map[string]string
		secrets  []string
		err      error // of the call for several
		read     []string
		want     []string // values, or codes of errors
		together []string
		alone    int
	}{
		{name: "after the secrets", values: all, secrets: []string{token, signing},
			read: []string{signing, token, "/policy"}, want: []string{"s", "t", "p"}, together: []string{"/signing /token /policy"}},
		{name: "before the secrets", values: all, secrets: []string{token},
			read: []string{"/policy", token}, want: []string{"p", "t"}, together: []string{"/token /policy"}},
		{name: "a second time", values: all, secrets: []string{token},
			read: []string{token, "/policy", "/policy", "/policy"}, want: []string{"t", "p", "p", "p"}, together: []string{"/token /policy"}, alone: 2},
		{name: "it is missing", values: without("/policy"), secrets: []string{token},
			read: []string{token, "/policy"}, want: []string{"t", "NotFound"}, together: []string{"/token /policy"}, alone: 1},
		{name: "the secret is missing", values: without("/token"), secrets: []string{token},
			read: []string{"/policy", token}, want: []string{"p", "Misconfigured"}, together: []string{"/token /policy"}},
		{name: "the secret is missing, and first", values: without("/token"), secrets: []string{token},
			read: []string{token, "/policy"}, want: []string{"Misconfigured", "p"}, together: []string{"/token /policy"}},
		{name: "the call may not be made", values: all, secrets: []string{token}, err: denied,
			read: []string{token, "/policy"}, want: []string{"t", "p"}, together: []string{"/token /policy"}, alone: 2},
		{name: "the call may not be made for the parameter", values: all, secrets: []string{token}, err: denied,
			read: []string{"/policy", token}, want: []string{"p", "t"}, together: []string{"/token /policy", "/token /policy"}, alone: 2},
		{name: "an outage of the call", values: all, secrets: []string{token}, err: &ssmtypes.InternalServerError{},
			read: []string{"/policy", token, "/policy"}, want: []string{"p", "Unavailable", "p"}, together: []string{"/token /policy"}, alone: 2},
		{name: "the secret is in another service", values: map[string]string{"token": "t", "/policy": "p"}, secrets: []string{"secretsmanager:token"},
			read: []string{"secretsmanager:token", "/policy"}, want: []string{"t", "p"}, alone: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAWS{values: test.values, errTogether: test.err}
			now := time.Unix(1000, 0)
			reader := secrets.New(fake, fake, func() time.Time { return now }, test.secrets...)
			policy := reader.Beside("/policy")
			for i, name := range test.read {
				var got string
				var err error
				if name == "/policy" {
					p, at, e := policy.Read(t.Context(), now.Add(-time.Minute))
					if err = e; e == nil {
						if got = *p.Value; !at.Equal(now) {
							t.Errorf("read at %s, want %s", at, now)
						}
					}
				} else {
					got, err = reader.Get(t.Context(), name)
				}
				if err != nil {
					got = string(access.CodeOf(err))
				}
				if got != test.want[i] {
					t.Errorf("read %d, %s is %q, %v; want %q", i, name, got, err, test.want[i])
				}
			}
			if !slices.Equal(fake.together, test.together) || fake.reads != test.alone {
				t.Errorf("read together %q and %d alone, want %q and %d", fake.together, fake.reads, test.together, test.alone)
			}
		})
	}
}

// The parameter has the time of the call that read it, and is not returned if that is too
// long ago.
func TestBesideKeepsItsTime(t *testing.T) {
	start := time.Unix(1000, 0)
	now := start
	fake := &fakeAWS{values: map[string]string{"/token": "t", "/policy": "p1"}}
	reader := secrets.New(fake, fake, func() time.Time { return now }, "ssm:/token")
	policy := reader.Beside("/policy")
	get := func() {
		t.Helper()
		if _, err := reader.Get(t.Context(), "ssm:/token"); err != nil {
			t.Fatal(err)
		}
	}
	want := func(value string, readAt time.Time, calls int) {
		t.Helper()
		p, at, err := policy.Read(t.Context(), now.Add(-time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(fake.together) + fake.reads; *p.Value != value || !at.Equal(readAt) || n != calls {
			t.Errorf("got %q of %s after %d calls, want %q of %s after %d", *p.Value, at, n, value, readAt, calls)
		}
	}
	get()
	fake.values["/policy"] = "p2"
	now = start.Add(time.Minute - 1)
	want("p1", start, 1)

	now = start.Add(secrets.MaxAge)
	get() // reads both again
	fake.values["/policy"] = "p3"
	now = now.Add(time.Minute)
	want("p3", now, 3) // what was read with the token is a minute old

	now = now.Add(secrets.MaxAge)
	fake.values["/policy"] = "p4"
	want("p4", now, 4) // with the token
	get()
	if n := len(fake.together) + fake.reads; n != 4 {
		t.Errorf("%d calls, want 4: the token was read with the parameter", n)
	}
}

// A read that the caller canceled says nothing about the secrets.
func TestBesideDoesNotKeepACanceledRead(t *testing.T) {
	fake := &fakeAWS{values: map[string]string{"/token": "t", "/policy": "p"}, err: context.Canceled}
	reader := secrets.New(fake, fake, time.Now, "ssm:/token")
	policy := reader.Beside("/policy")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := policy.Read(canceled, time.Now().Add(-time.Minute)); access.CodeOf(err) != access.CodeUnavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
	fake.err = nil
	if got, err := reader.Get(t.Context(), "ssm:/token"); got != "t" || err != nil {
		t.Errorf("got %q, %v; want the secret", got, err)
	}
}
