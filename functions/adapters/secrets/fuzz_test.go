package secrets

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
)

// keeper is SSM and Secrets Manager with the same value under every name.
type keeper string

func (k keeper) GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: aws.String(string(k))}}, nil
}

func (k keeper) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(string(k))}, nil
}

// A secret is the stored value without surrounding space. It is never empty, and no
// error contains it.
func FuzzGet(f *testing.F) {
	for _, reference := range []string{"ssm:/slack/token", "secretsmanager:slack", "ssm:", "", "/slack", "SSM:/x", "vault:x", "xoxb-pasted-by-mistake"} {
		f.Add(reference, " xoxb-1-2-3 \n")
	}
	f.Add("ssm:/x", "\u00a0\u2003\n")
	f.Add("ssm:/x", "")
	f.Add("secretsmanager:x", `{"token":"x"}`)
	f.Fuzz(func(t *testing.T, reference, value string) {
		got, err := New(keeper(value), keeper(value), time.Now).Get(context.Background(), reference)
		kind, _, named := strings.Cut(reference, ":")
		known := named && (kind == "ssm" || kind == "secretsmanager")
		if trimmed := strings.TrimFunc(value, unicode.IsSpace); err == nil && (got != trimmed || got == "" || !known && kind != "ssm" && kind != "secretsmanager") {
			t.Errorf("%q under %q is %q", value, reference, got)
		} else if err != nil {
			if access.CodeOf(err) != access.CodeMisconfigure || got != "" || known && trimmed != "" {
				t.Errorf("%q under %q: %v of code %q, and %q", value, reference, err, access.CodeOf(err), got)
			}
			if trimmed != "" && strings.Contains(err.Error(), trimmed) && !strings.Contains(reference, trimmed) && !strings.Contains(`a secret reference must look like "ssm:/name" or "secretsmanager:name"`, trimmed) {
				t.Errorf("the error says the secret: %v", err)
			}
			if !known && len(reference) > 20 && strings.Contains(err.Error(), reference) {
				t.Errorf("what may be a secret itself is repeated: %v", err)
			}
		}
	})
}

func (k keeper) GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	panic("a single secret is read")
}
