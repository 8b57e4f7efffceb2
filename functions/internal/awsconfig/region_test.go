package awsconfig_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/internal/awsconfig"
)

// hosts notes where calls go, and lets none through.
type hosts []string

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Host)
	return nil, http.ErrHandlerTimeout
}

// Calls of Identity Center's two services go to its region, and nothing else
// changes.
func TestIn(t *testing.T) {
	for _, tt := range []struct{ name, region, want string }{
		{"in the function's region", "", "eu-west-1"},
		{"in another region", "us-east-2", "us-east-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var called hosts
			cfg := aws.Config{Region: "eu-west-1", HTTPClient: &called, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
			})}
			sso := awsconfig.In(cfg, tt.region)
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

// Every function that speaks to Identity Center does so in its region.
func TestEveryFunctionSpeaksToIdentityCentersRegion(t *testing.T) {
	mains, err := filepath.Glob(filepath.Join("..", "..", "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	client := regexp.MustCompile(`(?:ssoadmin|identitystore)\.NewFromConfig\((\w+)`)
	speak := 0
	for _, file := range mains {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := client.FindAllStringSubmatch(string(source), -1)
		if len(found) == 0 {
			continue
		}
		speak++
		if !strings.Contains(string(source), "sso := awsconfig.In(cfg, s.SSORegion)") {
			t.Errorf("%s does not read Identity Center's region", file)
		}
		for _, config := range found {
			// Another one is sso with a pace.
			paced := regexp.MustCompile(`\b` + config[1] + ` := identitycenter\.Paced\(sso, `)
			if config[1] != "sso" && !paced.Match(source) {
				t.Errorf("%s: a client is made of %s", file, config[1])
			}
		}
	}
	if speak != 5 {
		t.Errorf("%d functions speak to Identity Center, want 5: ingress, evaluate, grant, revoke, reconcile", speak)
	}
}
