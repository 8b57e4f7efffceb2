package secrets_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/secrets"
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
}
