package host

import (
	"context"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

var lambdaEnvironment = map[string]string{
	"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
}

func lookupIn(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

// In Lambda's environment, the configuration equals that of the SDK in every field
// that the functions' clients read.
func TestAsTheSDKDoes(t *testing.T) {
	for name, endpoint := range map[string]string{"on AWS": "", "on the local stack": "http://127.0.0.1:4566"} {
		t.Run(name, func(t *testing.T) {
			environment := maps.Clone(lambdaEnvironment)
			environment["AWS_ENDPOINT_URL"] = endpoint
			for name, value := range environment {
				t.Setenv(name, value)
			}
			t.Setenv("AWS_CONFIG_FILE", "/dev/null")
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
			want, err := config.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := AWSConfig(lookupIn(environment))
			if err != nil {
				t.Fatal(err)
			}
			if got.Region != want.Region || aws.ToString(got.BaseEndpoint) != aws.ToString(want.BaseEndpoint) ||
				got.RequestChecksumCalculation != want.RequestChecksumCalculation || got.ResponseChecksumValidation != want.ResponseChecksumValidation ||
				got.RetryMode != want.RetryMode || got.RetryMaxAttempts != want.RetryMaxAttempts || got.DefaultsMode != want.DefaultsMode || got.AccountIDEndpointMode != want.AccountIDEndpointMode ||
				(got.HTTPClient == nil) != (want.HTTPClient == nil) || (got.Retryer == nil) != (want.Retryer == nil) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			gotKeys, err := got.Credentials.Retrieve(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			wantKeys, err := want.Credentials.Retrieve(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if gotKeys.AccessKeyID != wantKeys.AccessKeyID || gotKeys.SecretAccessKey != wantKeys.SecretAccessKey || gotKeys.SessionToken != wantKeys.SessionToken || gotKeys.CanExpire {
				t.Errorf("got %+v, want %+v", gotKeys, wantKeys)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	_, err := AWSConfig(lookupIn(nil))
	const want = "AWS_REGION is not set\nAWS_ACCESS_KEY_ID is not set\nAWS_SECRET_ACCESS_KEY is not set"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	short := maps.Clone(lambdaEnvironment)
	delete(short, "AWS_SESSION_TOKEN")
	if _, err := AWSConfig(lookupIn(short)); err != nil {
		t.Errorf("without a session token: %v", err)
	}
}
