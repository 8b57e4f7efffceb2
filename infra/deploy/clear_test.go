package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// A bucket that existed before the stack may have the name that the settings give to
// the catalog's bucket. It doesn't belong to the stack, so nothing empties it.
func TestMadeBucket(t *testing.T) {
	const own = "arn:aws:cloudformation:eu-central-1:123456789012:stack/sso-elevator/1"
	failure := func(code string) string { return "<Error><Code>" + code + "</Code></Error>" }
	tagged := func(key, value string) string {
		return fmt.Sprintf("<Tagging><TagSet><Tag><Key>team</Key><Value>%s</Value></Tag><Tag><Key>%s</Key><Value>%[1]s</Value></Tag></TagSet></Tagging>", value, key)
	}
	tests := []struct {
		name    string
		status  int
		body    string
		want    bool
		wantErr bool
	}{
		{"the stack's", 200, tagged("aws:cloudformation:stack-id", own), true, false},
		{"another stack's of the same name", 200, tagged("aws:cloudformation:stack-id", own[:len(own)-1]+"2"), false, false},
		{"a tag that anybody can set", 200, tagged("cloudformation:stack-id", own), false, false},
		{"without tags", 404, failure("NoSuchTagSet"), false, false},
		{"gone", 404, failure("NoSuchBucket"), false, false},
		{"another account's", 403, failure("AccessDenied"), false, false},
		{"S3 is down", 400, failure("InvalidRequest"), false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || !r.URL.Query().Has("tagging") || r.URL.Path != "/catalog" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}))
			defer server.Close()
			cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
			var out bytes.Buffer
			d := &deployment{buckets: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), out: &out}
			got, err := d.isOwnBucket(t.Context(), &types.Stack{StackId: aws.String(own)}, "catalog")
			if got != test.want || (err != nil) != test.wantErr {
				t.Errorf("got %t, %v; want %t", got, err, test.want)
			}
		})
	}
}
