// Command evaluate is the Lambda function that decides what the policy decides:
// who asks, whether it is granted, refused or for somebody to approve, and when
// to remind or to give up.
package main

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/catalog"
	"sso-elevator/functions/internal/claims"
	"sso-elevator/functions/internal/directory"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/people"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/secrets"
	"sso-elevator/functions/internal/task"
	"sso-elevator/slack"
)

type settings struct {
	Table              string        `env:"ELEVATOR_TABLE,required"`
	PolicyPointer      string        `env:"ELEVATOR_POLICY_POINTER,required"`
	CatalogBucket      string        `env:"ELEVATOR_CATALOG_BUCKET,required"`
	Account            string        `env:"ELEVATOR_ACCOUNT,required"`         // id
	SlackBotToken      string        `env:"ELEVATOR_SLACK_BOT_TOKEN,required"` // reference
	SlackAPIURL        string        `env:"ELEVATOR_SLACK_API_URL"`
	SlackTeam          string        `env:"ELEVATOR_SLACK_TEAM,required"`
	SSOInstanceARN     string        `env:"ELEVATOR_SSO_INSTANCE_ARN"`
	SSORegion          string        `env:"ELEVATOR_SSO_REGION"`
	SecondaryDomains   []string      `env:"ELEVATOR_SECONDARY_DOMAINS"`
	Expiration         time.Duration `env:"ELEVATOR_REQUEST_EXPIRATION_SECONDS"`
	AnnounceFor        time.Duration `env:"ELEVATOR_ANNOUNCE_SECONDS,required"`
	ReminderInitial    time.Duration `env:"ELEVATOR_REMINDER_INITIAL_SECONDS"`
	ReminderMultiplier float64       `env:"ELEVATOR_REMINDER_MULTIPLIER,default=1"`
	AWSEndpoint        string        `env:"AWS_ENDPOINT_URL"` // set by the local stack
	LogLevel           slog.Level    `env:"ELEVATOR_LOG_LEVEL"`
}

func main() { os.Exit(run()) }

func run() int {
	var s settings
	if err := env.Read(&s, os.LookupEnv); err != nil {
		slog.Error("the environment is not complete", "error", err)
		return 1
	}
	logger := task.Logger(s.LogLevel)
	cfg, err := awsconfig.FromEnvironment(os.LookupEnv)
	if err != nil {
		logger.Error("no AWS configuration", "error", err)
		return 1
	}
	sso := awsconfig.In(cfg, s.SSORegion)
	parameters := ssm.NewFromConfig(cfg)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = s.AWSEndpoint != ""
		o.DisableLogOutputChecksumValidationSkipped = true // the policy has a digest of its own, the catalog a checksum inside
	})
	secret := secrets.New(parameters, secretsmanager.NewFromConfig(cfg), time.Now)
	client := slack.NewClient(secret.Source(s.SlackBotToken), s.SlackAPIURL, http.DefaultClient)
	client.Refresh = func() bool { return secret.Refresh(s.SlackBotToken) }
	center := identitycenter.New(ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso), nil, s.SSOInstanceARN)
	users := &directory.Directory{
		Center: center,
		Index:  &catalog.EmailIndex{Store: catalog.Object{Client: objects, Bucket: s.CatalogBucket}, Now: time.Now, Logger: logger},
		Count:  metric.Count,
		Logger: logger,
	}
	table := requests.New(dynamodb.NewFromConfig(cfg), s.Table)
	h := &Handler{
		Store:       table,
		Claims:      &claims.Claims{Table: table, Now: time.Now},
		People:      people.New(client, users, s.SlackTeam, s.SecondaryDomains, time.Now),
		Policy:      policyinforce.New(parameters, objects, s.PolicyPointer, time.Now),
		Catalog:     &catalog.Catalog{Store: catalog.Object{Client: objects, Bucket: s.CatalogBucket}, Now: time.Now, Logger: logger},
		Account:     s.Account,
		Reminders:   Reminders{Initial: s.ReminderInitial, Multiplier: s.ReminderMultiplier},
		Expiration:  s.Expiration,
		AnnounceFor: s.AnnounceFor,
		Now:         time.Now,
		Logger:      logger,
	}
	task.Start(logger, h.Handle)
	return 0
}
