package runs_test

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/runs"
)

// bucket has objects by bucket and key.
type bucket map[string]string

func (b bucket) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	body, ok := b[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, &smithy.GenericAPIError{Code: "NoSuchKey"}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(body))}, nil
}

func TestRead(t *testing.T) {
	store := runs.New(bucket{
		"b/reconcile/r1/findings.json": `[{"kind":"group","group_id":"g-1","principal_id":"p-1","user_name":"jane"}]`,
		"b/reconcile/r1/report.json":   `{"run_id":"r1","total":3}`,
		"b/reconcile/r2/findings.json": `{`,
	}, "b")
	want := []access.Finding{{Subject: access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "p-1"}, UserName: "jane"}}
	if got, err := store.Findings(t.Context(), "r1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := store.Report(t.Context(), "r1"); err != nil || got.RunID != "r1" || got.Total != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := store.Findings(t.Context(), "r2"); access.CodeOf(err) != access.CodeInvalid {
		t.Errorf("no JSON: got %v, want Invalid", err)
	}
	if _, err := store.Report(t.Context(), "r2"); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("no object: got %v, want NotFound", err)
	}
}
