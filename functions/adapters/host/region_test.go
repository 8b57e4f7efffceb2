package host_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/adapters/host"
)

// hosts notes where calls go, and lets none through.
type hosts []string

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Host)
	return nil, http.ErrHandlerTimeout
}

// Calls of Identity Center's two services go to its region, and nothing else
// changes.
func TestInRegion(t *testing.T) {
	for _, tt := range []struct{ name, region, want string }{
		{"in the function's region", "", "eu-west-1"},
		{"in another region", "us-east-2", "us-east-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var called hosts
			cfg := aws.Config{Region: "eu-west-1", HTTPClient: &called, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
			})}
			sso := host.InRegion(cfg, tt.region)
			if _, err := ssoadmin.NewFromConfig(sso).ListInstances(t.Context(), &ssoadmin.ListInstancesInput{}); err == nil {
				t.Error("a call got through")
			}
			if _, err := identitystore.NewFromConfig(sso).ListUsers(t.Context(), &identitystore.ListUsersInput{IdentityStoreId: aws.String("d-1")}); err == nil {
				t.Error("a call got through")
			}
			if got, want := strings.Join(called, " "), "sso."+tt.want+".amazonaws.com identitystore."+tt.want+".amazonaws.com"; got != want {
				t.Errorf("calls go to %s, want %s", got, want)
			}
			if cfg.Region != "eu-west-1" {
				t.Errorf("the others' region is %s now", cfg.Region)
			}
		})
	}
}
