package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"sso-elevator/functions/ingress"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// slackSecrets are the secrets that Slack and the app share.
type slackSecrets struct{ botToken, signingSecret string }

// putSecrets stores the Slack secrets where the settings of ingress expect them.
func (s *local) putSecrets(ctx context.Context, settings ingress.Settings) (slackSecrets, error) {
	secrets := slackSecrets{botToken: s.options.BotToken, signingSecret: s.options.SigningSecret}
	if secrets.botToken == "" {
		secrets.botToken = "xoxb-local-" + randomHex(12)
	}
	if secrets.signingSecret == "" {
		secrets.signingSecret = randomHex(16)
	}
	if err := s.putSecret(ctx, settings.Slack.BotToken, secrets.botToken); err != nil {
		return slackSecrets{}, fmt.Errorf("store the bot token: %w", err)
	}
	// If there are two signing secrets, the simulator signs with the last one, the old
	// secret. The new secret is random, because nothing on the local stack signs with it.
	for i, reference := range settings.SigningSecrets {
		secret := secrets.signingSecret
		if i < len(settings.SigningSecrets)-1 {
			secret = randomHex(16)
		}
		if err := s.putSecret(ctx, reference, secret); err != nil {
			return slackSecrets{}, fmt.Errorf("store the signing secret: %w", err)
		}
	}
	return secrets, nil
}

// putSecret stores value under a reference, as the functions read it: ssm:NAME or
// secretsmanager:NAME.
func (s *local) putSecret(ctx context.Context, reference, value string) error {
	service, name, _ := strings.Cut(reference, ":")
	switch service {
	case "ssm":
		_, err := ssm.NewFromConfig(s.awsConfig()).PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String(name), Value: aws.String(value), Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		})
		return err
	case "secretsmanager":
		client := secretsmanager.NewFromConfig(s.awsConfig())
		if _, err := client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String(name), SecretString: aws.String(value)}); err == nil {
			return nil
		}
		_, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(name), SecretString: aws.String(value)})
		return err
	}
	return fmt.Errorf("%q is neither ssm:NAME nor secretsmanager:NAME", reference)
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
