// Command audit is the Lambda function that writes the records of what
// happened to a request, and closes it when everything is recorded; and those of
// what a run of the reconciliation found and removed.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sso-elevator/functions/internal/auditlog"
	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/claims"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/policyinforce"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/runs"
	"sso-elevator/functions/internal/task"
)

type settings struct {
	Table         string     `env:"ELEVATOR_TABLE,required"`
	PolicyPointer string     `env:"ELEVATOR_POLICY_POINTER,required"`
	Bucket        string     `env:"ELEVATOR_AUDIT_BUCKET,required"`
	Prefix        string     `env:"ELEVATOR_AUDIT_PREFIX"`
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
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = s.AWSEndpoint != ""
		o.DisableLogOutputChecksumValidationSkipped = true // the policy has a digest of its own
	})
	table := requests.New(dynamodb.NewFromConfig(cfg), s.Table)
	h := &Handler{
		Store:   table,
		Claims:  &claims.Claims{Table: table, Now: time.Now},
		Runs:    runs.New(objects, s.CatalogBucket),
		Log:     auditlog.New(objects, s.Bucket, s.Prefix),
		Policy:  policyinforce.New(ssm.NewFromConfig(cfg), objects, s.PolicyPointer, time.Now),
		Now:     time.Now,
		Count:   metric.Count,
		Measure: metric.Measure,
		Logger:  logger,
	}
	task.Start(logger, h.Handle)
	return 0
}
