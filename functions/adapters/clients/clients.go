// Package clients returns the clients of AWS and Slack. All functions get
// them here, so that a client has the same options everywhere.
package clients

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/slack"
)

// DynamoDB returns the client of the table.
func DynamoDB(cfg aws.Config) *dynamodb.Client { return dynamodb.NewFromConfig(cfg) }

// S3 returns the client of the policy, the catalog, the findings and the audit
// log.
func S3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// The local stack has one host name for all buckets.
		o.UsePathStyle = cfg.BaseEndpoint != nil
		// The policy has its own digest, and the catalog contains a checksum.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}

// SSM returns the client of the policy's pointer and of secrets.
func SSM(cfg aws.Config) *ssm.Client { return ssm.NewFromConfig(cfg) }

// StepFunctions returns the client of the state machines.
func StepFunctions(cfg aws.Config) *sfn.Client { return sfn.NewFromConfig(cfg) }

// Lambda returns the client that invokes other functions.
func Lambda(cfg aws.Config) *lambda.Client { return lambda.NewFromConfig(cfg) }

// SSOAdmin returns the client of account assignments, in Identity Center's
// region.
func SSOAdmin(cfg aws.Config, s identitycenter.Settings) *ssoadmin.Client {
	return ssoadmin.NewFromConfig(host.InRegion(cfg, s.Region))
}

// IdentityStore returns the client of users and groups, in Identity Center's
// region.
func IdentityStore(cfg aws.Config, s identitycenter.Settings) *identitystore.Client {
	return identitystore.NewFromConfig(host.InRegion(cfg, s.Region))
}

// Organizations returns the client that lists accounts. It is paced on its
// own: the quotas of Organizations are per account.
func Organizations(cfg aws.Config) *organizations.Client {
	return organizations.NewFromConfig(identitycenter.Paced(cfg, identitycenter.OrganizationsEvery))
}

// Secrets returns the reader of secrets.
func Secrets(cfg aws.Config) *secrets.Reader {
	return secrets.New(ssm.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), time.Now)
}

// SlackSettings say how to call Slack.
type SlackSettings struct {
	BotToken string `env:"ELEVATOR_SLACK_BOT_TOKEN,required"` // reference to a secret
	APIURL   string `env:"ELEVATOR_SLACK_API_URL"`
}

// Slack returns the client of Slack's Web API.
func Slack(s SlackSettings, reader *secrets.Reader) *slack.Client {
	client := slack.NewClient(reader.Source(s.BotToken), s.APIURL, http.DefaultClient)
	client.Refresh = func() bool { return reader.Refresh(s.BotToken) }
	return client
}
