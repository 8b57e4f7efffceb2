package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/iam"
)

// TestRolesAreEnforced checks that a function may do what its role permits. Its other
// calls get AWS's refusal and never reach moto. Callers that are not functions may do
// everything.
func TestRolesAreEnforced(t *testing.T) {
	reached := 0
	moto := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if strings.HasSuffix(r.URL.Path, "/absent") {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "{}")
	}))
	defer moto.Close()
	policy, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/*"},
		{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::listed","arn:aws:s3:::listed/*"]},
		{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:us-east-1:123456789012:parameter/mine"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	guard := &iam.Guard{Place: iam.Place{Region: "us-east-1", AccountID: "123456789012"}}
	guard.Admit("local-f", "role", "f", []iam.Policy{policy})
	denied := 0
	g := New(Config{MotoURL: moto.URL, Now: time.Now, Guard: guard, Denied: func(string) { denied++ }})
	defer g.Close()

	tests := []struct {
		name, key, method, uri, target, body string
		wantStatus                           int
		wantBody                             string
		wantReached                          bool
	}{
		{"permitted", "local-f", "POST", "/", "AmazonSSM.GetParameter", `{"Name":"/mine"}`, 200, "{}", true},
		{"not permitted", "local-f", "POST", "/", "AmazonSSM.GetParameter", `{"Name":"/other"}`, 400, `"__type":"AccessDeniedException"`, false},
		{"an object", "local-f", "GET", "/open/key", "", "", 200, "{}", true},
		{"an object of somebody else", "local-f", "GET", "/closed/key", "", "", 403, "<Code>AccessDenied</Code>", false},
		{"an object that is not there, and who may know", "local-f", "GET", "/listed/absent", "", "", 404, "{}", true},
		{"and who may not", "local-f", "GET", "/open/absent", "", "", 403, "<Code>AccessDenied</Code>", true},
		{"another function", "local-f", "POST", "/2015-03-31/functions/g/invocations", "", "{}", 403, "AccessDeniedException", false},
		{"a call that nobody knows", "local-f", "POST", "/", "AmazonSSM.DeleteParameter", `{}`, 400, "UnknownPermission", false},
		{"a person", "local", "POST", "/", "AmazonSSM.DeleteParameter", `{}`, 200, "{}", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reached, denied = 0, 0
			r := httptest.NewRequest(test.method, test.uri, strings.NewReader(test.body))
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+test.key+"/20260101/us-east-1/s/aws4_request, SignedHeaders=host, Signature=0")
			if test.target != "" {
				r.Header.Set("X-Amz-Target", test.target)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != test.wantStatus || !strings.Contains(w.Body.String(), test.wantBody) || (reached > 0) != test.wantReached {
				t.Errorf("got %d %s, reached moto: %v; want %d %s, %v", w.Code, w.Body, reached > 0, test.wantStatus, test.wantBody, test.wantReached)
			}
			if want := test.wantStatus == 403 || test.wantStatus == 400; (denied > 0) != want {
				t.Errorf("told of %d denials", denied)
			}
		})
	}
}

// TestBucketPoliciesAreEnforced checks that a bucket's policy applies to functions
// and people, even those who may do anything else. Denied calls never reach moto,
// which has no bucket policies.
func TestBucketPoliciesAreEnforced(t *testing.T) {
	reached := 0
	moto := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		io.WriteString(w, "{}")
	}))
	defer moto.Close()
	parse := func(parse func([]byte) (iam.Policy, error), statements string) iam.Policy {
		t.Helper()
		p, err := parse([]byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	anything := parse(iam.Parse, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
	records := parse(iam.ParseBucketPolicy, `
		{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::records/logs/*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/writer"}}},
		{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::records/logs/*","Condition":{"Null":{"s3:if-none-match":"true"}}},
		{"Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:DeleteObject","s3:DeleteObjectVersion","s3:PutObjectRetention"],"Resource":"arn:aws:s3:::records/logs/*"},
		{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":["arn:aws:s3:::records","arn:aws:s3:::records/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)
	guard := &iam.Guard{Place: iam.Place{Region: "us-east-1", AccountID: "123456789012", BucketPolicies: map[string][]iam.Policy{"records": {records}}}}
	guard.Admit("writes", "writer", "audit", []iam.Policy{anything})
	guard.Admit("other", "another", "notify", []iam.Policy{anything})
	told := 0
	g := New(Config{MotoURL: moto.URL, Now: time.Now, Guard: guard, Denied: func(string) { told++ }})
	defer g.Close()

	for _, test := range []struct {
		name, key, method, uri, body string
		isNew                        bool
		want                         int
		tells                        bool
	}{
		{"the writer, a new object", "writes", "PUT", "/records/logs/a", "x", true, 200, false},
		{"the writer, any object", "writes", "PUT", "/records/logs/a", "x", false, 403, true},
		{"another function", "other", "PUT", "/records/logs/a", "x", true, 403, true},
		{"another function, elsewhere", "other", "PUT", "/records/other/a", "x", false, 200, false},
		{"another function, another bucket", "other", "PUT", "/open/logs/a", "x", false, 200, false},
		{"a person", "local", "PUT", "/records/logs/a", "x", true, 403, false},
		{"a person deletes", "local", "DELETE", "/records/logs/a", "", false, 403, false},
		{"a version", "local", "DELETE", "/records/logs/a?versionId=1", "", false, 403, false},
		{"many at once, one of them a record", "local", "POST", "/records?delete", "<Delete><Object><Key>other/a</Key></Object><Object><Key>logs/a</Key></Object></Delete>", false, 403, false},
		{"many that are none", "local", "POST", "/records?delete", "<Delete><Object><Key>other/a</Key></Object></Delete>", false, 200, false},
		{"retention", "local", "PUT", "/records/logs/a?retention", "", false, 403, false},
		{"a person reads", "local", "GET", "/records/logs/a", "", false, 200, false},
		{"a person asks something that nobody knows", "local", "GET", "/records?policy", "", false, 200, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			reached, told = 0, 0
			r := httptest.NewRequest(test.method, test.uri, strings.NewReader(test.body))
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+test.key+"/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
			if test.isNew {
				r.Header.Set("If-None-Match", "*")
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != test.want || (reached > 0) != (test.want == 200) || (told > 0) != test.tells {
				t.Errorf("got %d %s, reached moto %d times, told of %d; want %d, told %t", w.Code, w.Body, reached, told, test.want, test.tells)
			}
			if test.want == 403 && !strings.Contains(w.Body.String(), "with an explicit deny in a resource-based policy") {
				t.Errorf("the answer is %s", w.Body)
			}
		})
	}
}
