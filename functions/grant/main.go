// Command grant is the Lambda function that makes access: account
// assignments and group memberships.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/catalog"
	"sso-elevator/functions/internal/directory"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/leases"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/task"
)

type settings struct {
	Table         string        `env:"ELEVATOR_TABLE,required"`
	PolicyPointer string        `env:"ELEVATOR_POLICY_POINTER,required"`
	CatalogBucket string        `env:"ELEVATOR_CATALOG_BUCKET,required"`
	Account       string        `env:"ELEVATOR_ACCOUNT,required"` // id
	Longest       time.Duration `env:"ELEVATOR_MAX_DURATION_SECONDS,required"`
	InstanceARN   string        `env:"ELEVATOR_SSO_INSTANCE_ARN"` // empty: the only one there is
	SSORegion     string        `env:"ELEVATOR_SSO_REGION"`       // empty: the function's own
	AWSEndpoint   string        `env:"AWS_ENDPOINT_URL"`          // set by the local stack
	LogLevel      slog.Level    `env:"ELEVATOR_LOG_LEVEL"`
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
	center := identitycenter.New(ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso), nil, s.InstanceARN)
	table := requests.New(dynamodb.NewFromConfig(cfg), s.Table)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = s.AWSEndpoint != "" })
	names := catalog.Object{Client: objects, Bucket: s.CatalogBucket}
	h := &Handler{
		Table:  table,
		Policy: policyinforce.New(ssm.NewFromConfig(cfg), objects, s.PolicyPointer, time.Now),
		Directory: Center{center, &directory.Directory{
			Center: center,
			Index:  &catalog.EmailIndex{Store: names, Now: time.Now, Logger: logger},
			Count:  metric.Count,
			Logger: logger,
		}},
		Catalog: &catalog.Catalog{Store: names, Now: time.Now, Logger: logger},
		Account: s.Account,
		Longest: s.Longest,
		Leases:  &leases.Leases{Table: table, IdentityCenter: center, Now: time.Now, Sleep: leases.Sleep},
		Now:     time.Now,
		Log:     logger,
	}
	task.Start(logger, h.Handle)
	return 0
}
