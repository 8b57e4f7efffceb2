package host

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/logging"
)

// AWSConfig returns the SDK's configuration for a Lambda function. lookup is
// os.Getenv. AWSConfig reads the variables that Lambda sets: AWS_REGION, and three for
// the role's credentials. It also reads AWS_ENDPOINT_URL, which the local stack sets
// to replace AWS. The error names all missing variables. The session token may be
// missing.
//
// The SDK's own config.LoadDefaultConfig also looks for files, profiles, single
// sign-on, web identities, containers and instances. A function has none of these.
// Their clients cost three megabytes of binary and milliseconds of every cold start.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func AWSConfig(lookup func(string) string) (aws.Config, error) {
	var missing []error
	required := func(name string) string {
		value := lookup(name)
		if value == "" {
			missing = append(missing, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	credentials := aws.Credentials{Source: "environment"}
	region := required("AWS_REGION")
	credentials.AccessKeyID = required("AWS_ACCESS_KEY_ID")
	credentials.SecretAccessKey = required("AWS_SECRET_ACCESS_KEY")
	credentials.SessionToken = lookup("AWS_SESSION_TOKEN")
	if err := errors.Join(missing...); err != nil {
		return aws.Config{}, err
	}
	cfg := aws.Config{
		Region: region,
		// Lambda's credentials outlive the process, so they are never renewed.
		Credentials: staticCredentials(credentials),
		// All services share the connections of one client.
		HTTPClient: awshttp.NewBuildableClient(),
		Logger:     logging.NewStandardLogger(os.Stderr),
		// The rest is as in LoadDefaultConfig. Requests and responses have a checksum
		// if the service supports one.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		DefaultsMode:               aws.DefaultsModeLegacy,
		AccountIDEndpointMode:      aws.AccountIDEndpointModePreferred,
	}
	if endpoint := lookup("AWS_ENDPOINT_URL"); endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg, nil
}

// InRegion returns cfg for clients in region, because Identity Center may be in
// a different region from the function. An empty region changes nothing.
func InRegion(cfg aws.Config, region string) aws.Config {
	cfg = cfg.Copy()
	if region != "" {
		cfg.Region = region
	}
	return cfg
}

// staticCredentials are credentials that do not change.
type staticCredentials aws.Credentials

// Retrieve implements aws.CredentialsProvider.
func (s staticCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials(s), nil
}
