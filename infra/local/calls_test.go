package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCallsAreCounted(t *testing.T) {
	var c calls
	counted := c.of(http.NotFoundHandler())
	for _, tt := range []struct{ method, path, target string }{
		{"POST", "/", "DynamoDB_20120810.GetItem"},
		{"POST", "/", "DynamoDB_20120810.GetItem"},
		{"POST", "/", "SWBExternalService.CreateAccountAssignment"},
		{"POST", "/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:sso-elevator-grant:live/invocations", ""},
		{"POST", "/2015-03-31/functions/sso-elevator-reconcile/invocations", ""},
		{"POST", "/_api/slack", ""},
		{"POST", "/api/chat.postMessage", ""},
		{"PUT", "/bucket/logs/x.json", ""},
		{"POST", "/_faults", ""},
		{"GET", "/2015-03-31/functions/sso-elevator-reconcile/configuration", ""},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Header.Set("X-Amz-Target", tt.target)
		counted.ServeHTTP(httptest.NewRecorder(), r)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, nil)
	const want = `{"DynamoDB.GetItem":2,"HTTPAPI.POST":1,"Lambda.grant":1,"Lambda.reconcile":1,"S3.PUT":1,"SWBExternalService.CreateAccountAssignment":1,"Slack.chat.postMessage":1}`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
