// Command reconcile is the Lambda function that does what is due from time to
// time: it refreshes the catalog of what can be asked for, finds what was left
// behind, looks up the people who have access, and does the steps of runs that
// look for access that nobody asked for. It changes nothing in Identity Center;
// overdue access it has the function revoke remove.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/catalog"
	"sso-elevator/functions/internal/claims"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/runs"
	"sso-elevator/functions/internal/task"
	"sso-elevator/functions/internal/tasktoken"
	"sso-elevator/functions/recheck"
	"sso-elevator/functions/schedule"
)

type settings struct {
	Table            string     `env:"ELEVATOR_TABLE,required"`
	PolicyPointer    string     `env:"ELEVATOR_POLICY_POINTER,required"`
	CatalogBucket    string     `env:"ELEVATOR_CATALOG_BUCKET,required"`
	RequestMachine   string     `env:"ELEVATOR_REQUEST_MACHINE,required"`
	ReconcileMachine string     `env:"ELEVATOR_RECONCILE_MACHINE,required"`
	RevokeFunction   string     `env:"ELEVATOR_REVOKE_FUNCTION,required"`
	NotifyFunction   string     `env:"ELEVATOR_NOTIFY_FUNCTION,required"` // ARN
	RevokeSchedule   string     `env:"ELEVATOR_REVOKE_SCHEDULE"`          // empty: nothing is removed by schedule
	MaxRemovals      int        `env:"ELEVATOR_MAX_REMOVALS,required"`
	AllowRemovals    bool       `env:"ELEVATOR_ALLOW_REMOVALS,default=false"` // of access that no request granted
	SSOInstanceARN   string     `env:"ELEVATOR_SSO_INSTANCE_ARN"`
	SSORegion        string     `env:"ELEVATOR_SSO_REGION"`
	AWSEndpoint      string     `env:"AWS_ENDPOINT_URL"` // set by the local stack
	LogLevel         slog.Level `env:"ELEVATOR_LOG_LEVEL"`
}

// attempts is how often a call is tried. Nobody waits for the answer, and each
// of hundreds of calls has to succeed.
const attempts = 10

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
	// The adaptive mode slows down all calls of a client when one of them is
	// throttled.
	cfg.RetryMode, cfg.RetryMaxAttempts = aws.RetryModeAdaptive, attempts
	sso := awsconfig.In(cfg, s.SSORegion)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = s.AWSEndpoint != ""
		o.DisableLogOutputChecksumValidationSkipped = true // the catalog has a checksum inside
	})
	// One pace for all: Organizations counts the calls of the whole account.
	org := organizations.NewFromConfig(identitycenter.Paced(cfg, identitycenter.OrganizationsEvery))
	directory := func(every time.Duration) *identitycenter.Client {
		paced := identitycenter.Paced(sso, every)
		return identitycenter.New(ssoadmin.NewFromConfig(paced), identitystore.NewFromConfig(paced), org, s.SSOInstanceARN)
	}
	names := catalog.Object{Client: objects, Bucket: s.CatalogBucket}
	table := requests.New(dynamodb.NewFromConfig(cfg), s.Table)
	revocations := func(time.Time) (time.Time, bool) { return time.Time{}, false }
	if s.RevokeSchedule != "" {
		expression, err := schedule.Parse(s.RevokeSchedule)
		if err != nil {
			logger.Error("the schedule can't be read", "error", err)
			return 1
		}
		revocations = expression.Next
	}
	policies := policyinforce.New(ssm.NewFromConfig(cfg), objects, s.PolicyPointer, time.Now)
	policy := func(ctx context.Context) (access.Policy, error) {
		p, _, err := policies.Load(ctx)
		return p, err
	}
	steps := sfn.NewFromConfig(cfg)
	functions := lambda.NewFromConfig(cfg)
	remover := removerFunction{client: functions, arn: s.RevokeFunction}
	store := runs.New(objects, s.CatalogBucket)
	h := &Handler{
		Catalog: &catalog.Refresher{
			Lister: directory(catalog.CallEvery),
			Store:  names,
			Emails: names,
			Now:    time.Now,
			Logger: logger,
		},
		Sweep: &Sweep{
			Table:      table,
			Executions: &machines{client: steps, requests: s.RequestMachine, reconcile: s.ReconcileMachine},
			Remover:    remover,
			Now:        time.Now,
			Unique:     func() string { return strings.ToLower(rand.Text()[:8]) },
			Count:      metric.Count,
			Gauge:      metric.Gauge,
			Logger:     logger,
		},
		Claims: &claims.Sweep{Table: table, Now: time.Now},
		People: &recheck.Checker{
			Directory: directory(recheck.CallEvery),
			Table:     table,
			Store:     store,
			Tokens:    tasktoken.Resumer{API: steps},
			Remove:    removeOf(remover),
			Policy:    policy,
			Show:      show(functions, s.NotifyFunction),
			NewID:     newRunID,
			Now:       time.Now,
			Count:     metric.Count,
			Logger:    logger,
		},
		Drift: &drift.Engine{
			Directory: directory(drift.CallEvery),
			Names:     func(ctx context.Context) (accounts, sets map[string]string, err error) { return namesIn(ctx, names) },
			Policy:    policy,
			Leases:    table,
			Runs:      store,
			Rows:      table,
			Beats:     table,

			Removals: table, Limit: s.MaxRemovals, RemovalsOff: !s.AllowRemovals,
			Next:   revocations,
			Now:    time.Now,
			Count:  metric.Count,
			Logger: logger,
		},
		Count:  metric.Count,
		Logger: logger,
	}
	task.Start(logger, h.Handle)
	return 0
}
