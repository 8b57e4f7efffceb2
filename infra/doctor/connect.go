package doctor

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// connector identifies the caller and makes the clients. Its error is one line that
// says what to do.
type connector func(ctx context.Context, s *settings.Settings, slackAPI string) (*doctor, error)

// credentialsLimit is how long the search for credentials may take. If there are
// none, the SDK finally tries the metadata service of a virtual machine, which can
// take long.
const credentialsLimit = 15 * time.Second

// attempts is how often the SDK makes a call that AWS throttles or fails.
const attempts = 6

func connect(ctx context.Context, s *settings.Settings, slackAPI string) (*doctor, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(attempts),
		config.WithLogger(logging.Nop{})) // the SDK reports its problems as errors too
	if err != nil {
		return nil, command.Problemf("Can't read the AWS configuration: %s. Check ~/.aws/config and AWS_PROFILE.", describe(err))
	}
	return connectTo(ctx, cfg, s, slackAPI)
}

// connectTo is connect with a given AWS configuration.
func connectTo(ctx context.Context, cfg aws.Config, s *settings.Settings, slackAPI string) (*doctor, error) {
	if cfg.Region == "" {
		return nil, command.Problemf("No AWS region is set. Set AWS_REGION to the region that you deploy to, or set region in your AWS profile.")
	}
	account, partition, err := caller(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sso := cfg.Copy()
	sso.Region = cmp.Or(s.SSORegion, cfg.Region)
	d := &doctor{
		settings: s, account: account, partition: partition, region: cfg.Region, ssoRegion: sso.Region,
		admin: ssoadmin.NewFromConfig(sso), store: identitystore.NewFromConfig(sso),
		org: organizations.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg),
		parameters: ssm.NewFromConfig(cfg), stacks: cloudformation.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg),
		machines: sfn.NewFromConfig(cfg), roles: iam.NewFromConfig(cfg), vault: secretsmanager.NewFromConfig(cfg),
		// A server with its own address has no host name for each bucket.
		buckets: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
	}
	if cfg.BaseEndpoint == nil {
		d.portal = fetchPortal
	}
	d.slack = func(token string) slackAPIs {
		return slack.NewClient(func(context.Context) (string, error) { return token, nil }, slackAPI, nil)
	}
	return d, nil
}

// caller returns the account that the credentials belong to, and its partition.
func caller(ctx context.Context, cfg aws.Config) (account, partition string, err error) {
	ctx, cancel := context.WithTimeout(ctx, credentialsLimit)
	defer cancel()
	const login = "Sign in (aws sso login), or set AWS_PROFILE to a profile that may read the account."
	if cfg.Credentials == nil {
		return "", "", command.Problemf("No usable AWS credentials were found. %s", login)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return "", "", command.Problemf("No usable AWS credentials were found. %s", login)
	}
	out, err := sts.NewFromConfig(cfg, func(o *sts.Options) { o.RetryMaxAttempts = 2 }).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	switch {
	case code(err) != "":
		return "", "", command.Problemf("AWS rejected the credentials (%s). %s", code(err), login)
	case err != nil:
		return "", "", command.Problemf("Can't reach AWS in %s: %s. Check your network, the region, and AWS_ENDPOINT_URL.", cfg.Region, describe(err))
	}
	me, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return "", "", fmt.Errorf("AWS returned a caller ARN that can't be read: %w", err)
	}
	return aws.ToString(out.Account), me.Partition, nil
}
