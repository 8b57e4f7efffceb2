package reconcile

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/drift"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
)

// live calls AWS with the caller's credentials. To use the local stack, set
// AWS_ENDPOINT_URL.
type live struct {
	load func(context.Context) (aws.Config, error)
}

func (l live) loadConfig(ctx context.Context) (aws.Config, error) {
	if l.load != nil {
		return l.load(ctx)
	}
	return deployed.Config(ctx)
}

func (l live) findTable(ctx context.Context, s *settings.Settings) (string, error) {
	cfg, err := l.loadConfig(ctx)
	if err != nil {
		return "", err
	}
	f, found, err := deployed.Find(ctx, lambda.NewFromConfig(cfg), s.FunctionName("reconcile"))
	if err != nil || !found {
		return "", err
	}
	var rows table.Settings
	err = f.ReadSettings(&rows)
	return rows.Name, err
}

func (l live) dryRun(ctx context.Context, s *settings.Settings, table string) (drift.Preview, error) {
	cfg, err := l.loadConfig(ctx)
	if err != nil {
		return drift.Preview{}, err
	}
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return drift.Preview{}, fmt.Errorf("read your AWS identity: %w", err)
	}
	return dryRun(ctx, cfg, aws.ToString(identity.Account), table, s)
}
