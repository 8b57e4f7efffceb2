// Command revoke is the Lambda function that takes access away.
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
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/identitycenter"
	"sso-elevator/functions/internal/leases"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/runs"
	"sso-elevator/functions/internal/task"
)

type settings struct {
	Table         string     `env:"ELEVATOR_TABLE,required"`
	CatalogBucket string     `env:"ELEVATOR_CATALOG_BUCKET,required"` // where runs leave what they found
	PolicyPointer string     `env:"ELEVATOR_POLICY_POINTER,required"`
	AWSEndpoint   string     `env:"AWS_ENDPOINT_URL"`                      // set by the local stack
	InstanceARN   string     `env:"ELEVATOR_SSO_INSTANCE_ARN"`             // empty: the only one there is
	SSORegion     string     `env:"ELEVATOR_SSO_REGION"`                   // empty: the function's own
	AllowRemovals bool       `env:"ELEVATOR_ALLOW_REMOVALS,default=false"` // of access that no request granted
	MaxRemovals   int        `env:"ELEVATOR_MAX_REMOVALS,default=0"`
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
	sso := awsconfig.In(cfg, s.SSORegion)
	center := identitycenter.New(ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso), nil, s.InstanceARN)
	table := requests.New(dynamodb.NewFromConfig(cfg), s.Table)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = s.AWSEndpoint != "" })
	h := &Handler{
		Findings:    runs.New(objects, s.CatalogBucket),
		Rows:        table,
		Users:       center,
		Policy:      policyinforce.New(ssm.NewFromConfig(cfg), objects, s.PolicyPointer, time.Now),
		Leases:      &leases.Leases{Table: table, IdentityCenter: center, Now: time.Now, Sleep: leases.Sleep},
		RemovalsOff: !s.AllowRemovals, Limit: s.MaxRemovals,
		Now:   time.Now,
		Sleep: leases.Sleep,
		Count: metric.Count,
		Log:   logger,
	}
	task.Start(logger, h.Handle)
	return 0
}
