// Command ingress is the Lambda function that Slack talks to: it opens and
// fills the forms, makes requests of them, and follows the buttons.
package main

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	lambdaservice "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/catalog"
	"sso-elevator/functions/internal/claims"
	"sso-elevator/functions/internal/directory"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/lambdaerr"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/people"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/runs"
	"sso-elevator/functions/internal/secrets"
	"sso-elevator/functions/internal/task"
	"sso-elevator/functions/internal/tasktoken"
	"sso-elevator/slack"
)

type settings struct {
	Table              string          `env:"ELEVATOR_TABLE,required"`
	PolicyPointer      string          `env:"ELEVATOR_POLICY_POINTER,required"`
	RequestMachine     string          `env:"ELEVATOR_REQUEST_MACHINE,required"` // ARN
	CatalogBucket      string          `env:"ELEVATOR_CATALOG_BUCKET,required"`
	ReconcileFunction  string          `env:"ELEVATOR_RECONCILE_FUNCTION,required"`   // ARN
	Account            string          `env:"ELEVATOR_ACCOUNT,required"`              // id
	SlackBotToken      string          `env:"ELEVATOR_SLACK_BOT_TOKEN,required"`      // reference
	SlackSigningSecret []string        `env:"ELEVATOR_SLACK_SIGNING_SECRET,required"` // references; any of them signs
	SlackAPIURL        string          `env:"ELEVATOR_SLACK_API_URL"`
	SlackTeam          string          `env:"ELEVATOR_SLACK_TEAM,required"`
	SlackEnterprise    string          `env:"ELEVATOR_SLACK_ENTERPRISE"`
	SlackApp           string          `env:"ELEVATOR_SLACK_APP,required"`
	SSOInstanceARN     string          `env:"ELEVATOR_SSO_INSTANCE_ARN"`
	SSORegion          string          `env:"ELEVATOR_SSO_REGION"`
	SecondaryDomains   []string        `env:"ELEVATOR_SECONDARY_DOMAINS"`
	Durations          []time.Duration `env:"ELEVATOR_DURATIONS,required"`
	MaxOpenRequests    int             `env:"ELEVATOR_MAX_OPEN_REQUESTS,required"` // of a person
	AWSEndpoint        string          `env:"AWS_ENDPOINT_URL"`                    // set by the local stack
	LogLevel           slog.Level      `env:"ELEVATOR_LOG_LEVEL"`
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
	steps := sfn.NewFromConfig(cfg)
	machine, err := newMachine(steps, s.RequestMachine)
	if err != nil {
		logger.Error("no request machine", "error", err)
		return 1
	}
	parameters := ssm.NewFromConfig(cfg)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = s.AWSEndpoint != ""
		o.DisableLogOutputChecksumValidationSkipped = true // the policy has a digest of its own, the catalog a checksum inside
	})
	secret := secrets.New(parameters, secretsmanager.NewFromConfig(cfg), time.Now)
	client := slack.NewClient(secret.Source(s.SlackBotToken), s.SlackAPIURL, http.DefaultClient)
	client.Refresh = func() bool { return secret.Refresh(s.SlackBotToken) }
	client.OnError = func(err error) {
		if lambdaerr.Code(err) == access.CodeMisconfigure {
			metric.Count(metric.Misconfigured, nil)
		}
	}
	center := identitycenter.New(ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso), nil, s.SSOInstanceARN)
	users := &directory.Directory{
		Center: center,
		Index:  &catalog.EmailIndex{Store: catalog.Object{Client: objects, Bucket: s.CatalogBucket}, Now: time.Now, Logger: logger},
		Count:  metric.Count,
		Logger: logger,
	}
	table := requests.New(dynamodb.NewFromConfig(cfg), s.Table)
	h := &Handler{
		Store:  table,
		Claims: &claims.Claims{Table: table, Limit: s.MaxOpenRequests, Now: time.Now},
		Slack:  client,
		People: people.New(client, users, s.SlackTeam, s.SecondaryDomains, time.Now),
		Catalog: &catalog.Catalog{
			Store:  catalog.Object{Client: objects, Bucket: s.CatalogBucket},
			Ask:    askForCatalog(lambdaservice.NewFromConfig(cfg), s.ReconcileFunction),
			Now:    time.Now,
			Logger: logger,
		},
		Policy:  policyinforce.New(parameters, objects, s.PolicyPointer, time.Now),
		Machine: machine,
		Tokens:  tasktoken.Resumer{API: steps},

		Findings: runs.New(objects, s.CatalogBucket),
		SigningSecrets: secret.AnySource(s.SlackSigningSecret, func(err error) {
			logger.Error("a signing secret can't be read", "error", lambdaerr.Message(err))
			metric.Count(metric.Misconfigured, nil)
		}),
		Refresh:      func() bool { return secret.Refresh(s.SlackSigningSecret...) },
		TeamID:       s.SlackTeam,
		EnterpriseID: s.SlackEnterprise,
		AppID:        s.SlackApp,
		Account:      s.Account,
		Durations:    s.Durations,
		Now:          time.Now,
		Logger:       logger,
	}
	lambda.Start(h.Handle)
	return 0
}
