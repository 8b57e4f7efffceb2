package identitycenter_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
)

// hosts records the hosts that calls go to, and blocks all calls.
type hosts []string

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Host)
	return nil, http.ErrHandlerTimeout
}

// TestIdentityCentersRegion checks that calls to Identity Center and the Identity Store
// go to Identity Center's region, and that calls to other services stay in the
// function's region.
func TestIdentityCentersRegion(t *testing.T) {
	for _, tt := range []struct{ name, region, want string }{
		{"in the function's region", "", "eu-west-1"},
		{"in another region", "us-east-2", "us-east-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var called hosts
			cfg := aws.Config{Region: "eu-west-1", HTTPClient: &called, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
			})}
			s := identitycenter.Settings{Region: tt.region}
			_, sso := identitycenter.ConnectAdmin(cfg, s).ListInstances(t.Context(), &ssoadmin.ListInstancesInput{})
			_, store := identitycenter.ConnectStore(cfg, s).ListUsers(t.Context(), &identitystore.ListUsersInput{IdentityStoreId: aws.String("d-1")})
			_, rows := table.Connect(cfg).ListTables(t.Context(), &dynamodb.ListTablesInput{})
			_, objects := buckets.Connect(cfg).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			if sso == nil || store == nil || rows == nil || objects == nil {
				t.Error("a call got through")
			}
			want := []string{"sso." + tt.want + ".amazonaws.com", "identitystore." + tt.want + ".amazonaws.com", "dynamodb.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"}
			if !slices.Equal(called, want) {
				t.Errorf("calls go to %q, want %q", called, want)
			}
			if cfg.Region != "eu-west-1" {
				t.Errorf("the region of the other services is now %s", cfg.Region)
			}
		})
	}
}
