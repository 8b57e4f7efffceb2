package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/infra/settings"
)

// parametersAPI is the part of Parameter Store that the checks use.
type parametersAPI interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
}

// vaultAPI is the part of Secrets Manager that the checks use.
type vaultAPI interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// secret is a stored value that should be a secret. Its value is sent only to Slack:
// no finding contains it, or a part of it.
type secret struct {
	value   string // trimmed, as the functions read it
	missing bool   // nothing has this name
	plain   bool   // an unencrypted parameter
}

// String and GoString keep the secret out of formatted text.
func (secret) String() string   { return "(a secret)" }
func (secret) GoString() string { return "(a secret)" }

func readSecret(ctx context.Context, parameters parametersAPI, vault vaultAPI, ref settings.SecretRef) (secret, error) {
	if ref.Store == settings.SecretsManager {
		out, err := vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(ref.Name)})
		var none *smtypes.ResourceNotFoundException
		if errors.As(err, &none) {
			return secret{missing: true}, nil
		}
		if err != nil {
			return secret{}, err
		}
		return secret{value: strings.TrimSpace(aws.ToString(out.SecretString))}, nil
	}
	out, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(ref.Name), WithDecryption: aws.Bool(true)})
	var none *ssmtypes.ParameterNotFound
	if errors.As(err, &none) {
		return secret{missing: true}, nil
	}
	if err != nil {
		return secret{}, err
	}
	if out.Parameter == nil {
		return secret{missing: true}, nil
	}
	return secret{value: strings.TrimSpace(aws.ToString(out.Parameter.Value)), plain: out.Parameter.Type != ssmtypes.ParameterTypeSecureString}, nil
}

// put returns the command that stores a secret. It reads the secret from the
// terminal, which keeps it out of the shell's history.
func put(ref settings.SecretRef) string {
	if ref.Store == settings.SecretsManager {
		return fmt.Sprintf(`read -rs SECRET; aws secretsmanager create-secret --name %s --secret-string "$SECRET" (if it exists already: put-secret-value --secret-id)`, ref.Name)
	}
	return fmt.Sprintf(`read -rs SECRET; aws ssm put-parameter --type SecureString --overwrite --name %s --value "$SECRET"`, ref.Name)
}

// unusable returns the finding for a secret that can't be used; ok is false if the
// secret may be usable.
func unusable(ref settings.SecretRef, s secret, what string) (f finding, ok bool) {
	switch {
	case s.missing:
		return finding{Status: missing, Found: ref.String() + " does not exist", Fix: "Store " + what + ". Run: " + put(ref)}, true
	case s.value == "":
		return finding{Status: missing, Found: ref.String() + " is empty", Fix: "Store " + what + ". Run: " + put(ref)}, true
	case s.plain:
		return finding{Status: missing, Found: ref.String() + " is not encrypted, because the parameter is not a SecureString",
			Fix: "Replace the secret in Slack, because this one was readable. Then run: aws ssm delete-parameter --name " + ref.Name + "; " + put(ref)}, true
	}
	return finding{}, false
}

// tokenKinds are the prefixes of Slack's tokens, except a bot's.
//
// https://docs.slack.dev/authentication/tokens
var tokenKinds = []struct{ prefix, kind string }{
	{"xoxp-", "a user token"},
	{"xapp-", "an app-level token"},
	{"xoxe", "a token with token rotation, which expires"},
	{"xoxa-", "a legacy workspace token"},
	{"xox", "another kind of Slack token"},
}

func kindOf(value string) string {
	for _, k := range tokenKinds {
		if strings.HasPrefix(value, k.prefix) {
			return k.kind
		}
	}
	return ""
}

func isBotToken(value string) bool { return strings.HasPrefix(value, "xoxb-") }

func checkBotToken(ref settings.SecretRef, s secret) []finding {
	const what = "the Bot User OAuth Token from the Slack app's page OAuth & Permissions"
	if f, bad := unusable(ref, s, what); bad {
		return []finding{f}
	}
	if !isBotToken(s.value) {
		kind := kindOf(s.value)
		if kind == "" {
			kind = "something else"
		}
		return []finding{{Status: missing, Found: fmt.Sprintf("%s is not a bot token but %s. Bot tokens begin with xoxb-", ref, kind), Fix: "Store " + what + ". Run: " + put(ref)}}
	}
	return []finding{{Status: ready, Found: ref.String()}}
}

// signingSecret matches Slack's signing secrets.
var signingSecret = regexp.MustCompile(`^[0-9a-f]{32}$`)

// checkSigningSecrets checks each signing secret that the settings name.
func checkSigningSecrets(ctx context.Context, parameters parametersAPI, vault vaultAPI, refs []settings.SecretRef) ([]finding, error) {
	var all []finding
	for _, ref := range refs {
		found, err := checkSigningSecret(ctx, parameters, vault, ref)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func checkSigningSecret(ctx context.Context, parameters parametersAPI, vault vaultAPI, ref settings.SecretRef) ([]finding, error) {
	const what = "the Signing Secret from the Slack app's page Basic Information"
	s, err := readSecret(ctx, parameters, vault, ref)
	if err != nil {
		return nil, err
	}
	if f, bad := unusable(ref, s, what); bad {
		return []finding{f}, nil
	}
	switch {
	case isBotToken(s.value) || kindOf(s.value) != "":
		return []finding{{Status: missing, Found: fmt.Sprintf("%s is not a signing secret but a token", ref), Fix: "Store " + what + ". Run: " + put(ref)}}, nil
	case !signingSecret.MatchString(s.value):
		return []finding{{Status: warning, Found: ref.String() + " does not look like a signing secret, which has 32 digits and letters from a to f", Fix: "Compare it with " + what + "."}}, nil
	}
	return []finding{{Status: ready, Found: ref.String()}}, nil
}
