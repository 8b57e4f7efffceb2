// Command notify is the Lambda function that sends the Slack messages about a
// request, or about a run of the reconciliation.
package main

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/runs"
	"sso-elevator/functions/internal/secrets"
	"sso-elevator/functions/internal/task"
	"sso-elevator/slack"
)

type settings struct {
	Table         string     `env:"ELEVATOR_TABLE,required"`
	SlackBotToken string     `env:"ELEVATOR_SLACK_BOT_TOKEN,required"` // reference
	SlackAPIURL   string     `env:"ELEVATOR_SLACK_API_URL"`
	SlackChannel  string     `env:"ELEVATOR_SLACK_CHANNEL,required"`
	SendDM        bool       `env:"ELEVATOR_SEND_DM,default=true"`
	PostRevoke    bool       `env:"ELEVATOR_POST_REVOKE,default=true"`
	CatalogBucket string     `env:"ELEVATOR_CATALOG_BUCKET,required"` // where runs leave what they found
	AWSEndpoint   string     `env:"AWS_ENDPOINT_URL"`                 // set by the local stack
	LogLevel      slog.Level `env:"ELEVATOR_LOG_LEVEL"`
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
	secret := secrets.New(ssm.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), time.Now)
	client := slack.NewClient(secret.Source(s.SlackBotToken), s.SlackAPIURL, http.DefaultClient)
	client.Refresh = func() bool { return secret.Refresh(s.SlackBotToken) }
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = s.AWSEndpoint != "" })
	h := &Handler{
		Runs:       runs.New(objects, s.CatalogBucket),
		Store:      requests.New(dynamodb.NewFromConfig(cfg), s.Table),
		Slack:      &members{Slack: client, now: time.Now},
		Channel:    s.SlackChannel,
		SendDM:     s.SendDM,
		PostRevoke: s.PostRevoke,
		Logger:     logger,
	}
	task.Start(logger, h.Handle)
	return 0
}
