package secrets_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/secrets"
)

type fakeAWS struct {
	values map[string]string
	err    error
	reads  int
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
	if !aws.ToBool(in.WithDecryption) {
		value = "ciphertext"
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: &value}}, nil
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
