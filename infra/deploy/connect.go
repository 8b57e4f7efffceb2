package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

// cdkProgram is the CDK's command line, which make installs.
var cdkProgram = filepath.Join("node_modules", ".bin", "cdk")

// connect creates the clients from the environment.
func connect(ctx context.Context, s *settings.Settings) (*deployment, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMode(aws.RetryModeAdaptive), config.WithRetryMaxAttempts(10))
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		// Without a region, the CDK would use us-east-1.
		return nil, command.Problemf("No AWS region is set. Set AWS_REGION to the region that you deploy to, or set region in your AWS profile.")
	}
	return &deployment{
		settings: s, settleTime: settleTime,
		stacks: cloudformation.NewFromConfig(cfg), tables: dynamodb.NewFromConfig(cfg), functions: lambda.NewFromConfig(cfg),
		parameters: ssm.NewFromConfig(cfg),
		instances:  identitycenter.ConnectAdmin(cfg, identitycenter.Settings{Region: s.SSORegion}),
		// A server at its own address has no host name for each bucket.
		buckets: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
		cdk:     commandLine(cfg.Region, os.Stdin, os.Stdout, os.Stderr),
	}, nil
}

// commandLine returns a function that runs the CDK's command line in the working
// folder, for this region only.
func commandLine(region string, stdin io.Reader, stdout, stderr io.Writer) func(context.Context, ...string) error {
	return func(ctx context.Context, args ...string) error {
		if _, err := os.Stat(cdkProgram); err != nil {
			return fmt.Errorf("%w. Run make tools, which installs it", err)
		}
		cmd := exec.CommandContext(ctx, cdkProgram, args...)
		cmd.Env = append(os.Environ(), "AWS_REGION="+region)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = time.Minute
		return cmd.Run()
	}
}
