package local

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sso-elevator/infra/local/lambda"
)

func TestCallsAreCounted(t *testing.T) {
	var c calls
	counted := c.count(http.NotFoundHandler(), awsCaller)
	for _, tt := range []struct{ caller, method, path, target string }{
		{"grant start", "POST", "/", "DynamoDB_20120810.GetItem"},
		{"grant start", "POST", "/", "DynamoDB_20120810.GetItem"},
		{"grant start", "POST", "/", "SWBExternalService.CreateAccountAssignment"},
		{"grant confirm", "POST", "/", "DynamoDB_20120810.GetItem"},
		{"", "POST", "/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:sso-elevator-grant:live/invocations", ""},
		{"ingress", "POST", "/2015-03-31/functions/sso-elevator-reconcile/invocations", ""},
		{"", "POST", "/_api/slack", ""},
		{"ingress", "POST", "/api/chat.postMessage", ""},
		{"audit close", "PUT", "/bucket/logs/x.json", ""},
		{"", "POST", "/_faults", ""},
		{"", "GET", "/2015-03-31/functions/sso-elevator-reconcile/configuration", ""},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Header.Set("X-Amz-Target", tt.target)
		r.Header.Set("X-Amz-Security-Token", tt.caller)
		counted.ServeHTTP(httptest.NewRecorder(), r)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, nil)
	const want = `{"":{"HTTPAPI.POST":1,"Lambda.grant":1},"audit close":{"S3.PUT":1},` +
		`"grant confirm":{"DynamoDB.GetItem":1},"grant start":{"DynamoDB.GetItem":2,"SWBExternalService.CreateAccountAssignment":1},` +
		`"ingress":{"Lambda.reconcile":1,"Slack.chat.postMessage":1}}`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCallsAreCountedByTask(t *testing.T) {
	for _, tt := range []struct{ function, payload, want string }{
		{"sso-elevator-grant", `{"operation":"start","request_id":"r"}`, "grant start"},
		{"sso-elevator-ingress", `{"version":"2.0","body":"payload=%7B%7D"}`, "ingress"},
		{"access-requester", `[1]`, "requester"},
	} {
		if got := taskName(lambda.Invocation{Function: tt.function, Payload: []byte(tt.payload)}); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.function, tt.payload, got, tt.want)
		}
	}
	s := local{lambda: lambda.New(lambda.Config{})}
	t.Cleanup(s.lambda.Close)
	if got := s.callerName(awsCaller)(httptest.NewRequest("POST", "/", nil)); got != "" {
		t.Errorf("who is no function is %q", got)
	}
}
