package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sso-elevator/functions/drift"
	"sso-elevator/infra/settings"
)

// live is AWS with the caller's credentials; AWS_ENDPOINT_URL leads to the
// local stack.
type live struct {
	load func(context.Context) (aws.Config, error)
}

func (l live) config(ctx context.Context) (aws.Config, error) {
	if l.load != nil {
		return l.load(ctx)
	}
	return config.LoadDefaultConfig(ctx, config.WithRetryMode(aws.RetryModeAdaptive), config.WithRetryMaxAttempts(10))
}

func (l live) table(ctx context.Context, s *settings.Settings) (string, error) {
	cfg, err := l.config(ctx)
	if err != nil {
		return "", err
	}
	name := s.NamePrefix + "-reconcile"
	out, err := lambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	var none *types.ResourceNotFoundException
	switch {
	case errors.As(err, &none):
		return "", nil
	case err != nil:
		return "", err
	case out.Environment == nil || out.Environment.Variables["ELEVATOR_TABLE"] == "":
		return "", fmt.Errorf("the function %s does not say which it is", name)
	}
	return out.Environment.Variables["ELEVATOR_TABLE"], nil
}

func (l live) dryRun(ctx context.Context, s *settings.Settings, table string) (drift.Preview, error) {
	cfg, err := l.config(ctx)
	if err != nil {
		return drift.Preview{}, err
	}
	me, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return drift.Preview{}, fmt.Errorf("find out whose credentials these are: %w", err)
	}
	return drift.DryRun(ctx, drift.Options{
		AWS: cfg, SSORegion: s.SSORegion, InstanceARN: s.SSOInstanceARN, Account: aws.ToString(me.Account),
		Table: table, Policy: s.Policy,
	})
}
