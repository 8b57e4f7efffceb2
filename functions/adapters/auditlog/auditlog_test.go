package auditlog_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/auditlog"
)

var at = time.Date(2026, 3, 31, 23, 59, 58, 250e6, time.UTC)

// granted is a request that was granted.
func granted() access.Request {
	return access.Request{
		ID:        "abcdefghij234567",
		Target:    access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"},
		Reason:    "deploy",
		Requester: access.Person{SlackID: "U1", Email: "jane@example.com"},
		Events:    []access.Event{{Kind: access.EventRequested, At: at}, {Kind: access.EventGranted, At: at.Add(time.Second)}},
	}
}

// bucket keeps what is written, and handles If-None-Match as S3 does.
type bucket struct {
	objects map[string]string
	err     error
}

func (b *bucket) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if b.err != nil {
		return nil, b.err
	}
	key := aws.ToString(in.Bucket) + "/" + aws.ToString(in.Key)
	if _, taken := b.objects[key]; taken && aws.ToString(in.IfNoneMatch) == "*" {
		return nil, &smithy.GenericAPIError{Code: "PreconditionFailed"}
	}
	body, err := io.ReadAll(in.Body)
	b.objects[key] = string(body)
	return &s3.PutObjectOutput{}, err
}

func TestWriteOnce(t *testing.T) {
	b := &bucket{objects: map[string]string{}}
	log := auditlog.New(b, "audit", "logs")
	r := granted()
	if err := log.Write(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	const key = "audit/logs/2026/03/31/abcdefghij234567-000-requested.json"
	first := b.objects[key]
	if first == "" {
		t.Fatalf("no object %s among %v", key, b.objects)
	}
	r.Reason = "another"
	if err := log.Write(t.Context(), r, 0); err != nil {
		t.Errorf("second write: %v, want none", err)
	}
	if len(b.objects) != 1 || b.objects[key] != first {
		t.Errorf("the record was changed: %v", b.objects)
	}
}

// The removal of a finding is recorded with the time of the first attempt.
func TestWriteFindingOnce(t *testing.T) {
	b := &bucket{objects: map[string]string{}}
	log := auditlog.New(b, "audit", "logs")
	f := auditrecord.Finding{
		Finding: access.Finding{Subject: access.Subject{PrincipalID: "p-1"}, FirstSeen: at},
		Kind:    access.EventDriftRevoked, Run: access.Run{ID: "run-1", StartedAt: at}, Index: 7, RemovedAt: at,
	}
	const key = "audit/logs/2026/03/31/run-1-00007-drift_revoked.json"
	var first string
	for i := range 3 {
		f.RemovedAt = at.Add(time.Duration(i) * 12 * time.Hour)
		if err := log.WriteFinding(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = b.objects[key]
		}
	}
	if len(b.objects) != 1 || b.objects[key] != first || !strings.Contains(first, `"time":"2026-03-31T23:59:58.25Z"`) {
		t.Errorf("got %v, want %s with the first time", b.objects, key)
	}
}

func TestArchiveIsOutsideThePrefix(t *testing.T) {
	b := &bucket{objects: map[string]string{}}
	log := auditlog.New(b, "audit", "logs")
	for range 2 {
		if err := log.Archive(t.Context(), "d1", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.objects) != 1 || b.objects["audit/policies/d1.json"] != "{}" {
		t.Errorf("got %v, want the policy under policies/d1.json", b.objects)
	}
}

func status(code int) error {
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: io.EOF}
}

func TestWriteErrors(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want access.Code
	}{
		{"already there, by status alone", status(412), ""},
		{"another write under way", &smithy.GenericAPIError{Code: "ConditionalRequestConflict"}, access.CodeUnavailable},
		{"S3 is down", status(503), access.CodeUnavailable},
		{"no permission", &smithy.GenericAPIError{Code: "AccessDenied"}, access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := auditlog.New(&bucket{err: test.err}, "audit", "logs").Write(t.Context(), granted(), 0)
			if got := access.CodeOf(err); got != test.want {
				t.Errorf("got %v, want code %q", err, test.want)
			}
		})
	}
}
