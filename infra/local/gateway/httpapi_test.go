package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/lambda"
)

func TestHTTPAPI(t *testing.T) {
	function := lambda.Function{Name: "web", Dir: stack.Dir, Timeout: time.Minute, MemoryMB: 128, Versions: []string{"1"}, Aliases: map[string]string{"live": "1"}, Environment: map[string]string{"HTTP": "yes"}}
	if err := stack.Lambda.Register(function); err != nil {
		t.Fatal(err)
	}
	stack.Gateway.SetRoutes([]gateway.Route{
		{Method: "POST", Path: "/slack", Function: "web", Qualifier: "live"},
		{Method: "POST", Path: "/broken", Function: "web", Qualifier: "gone"},
	})
	tests := []struct {
		name, method, path, contentType, body string
		wantStatus                            int
		wantBody                              string // part of the event, or empty for no event
		wantBase64                            bool
	}{
		{name: "form", method: "POST", path: "/slack", contentType: "application/x-www-form-urlencoded", body: "payload=%7B%7D", wantStatus: 201, wantBody: "payload=%7B%7D", wantBase64: true},
		{name: "JSON", method: "POST", path: "/slack", contentType: "application/json", body: `{"a":1}`, wantStatus: 201, wantBody: `{"a":1}`},
		{name: "no type", method: "POST", path: "/slack", body: "x", wantStatus: 201, wantBody: "x", wantBase64: true},
		{name: "other method", method: "GET", path: "/slack", wantStatus: 404},
		{name: "other path", method: "POST", path: "/slack/more", wantStatus: 404},
		{name: "function that can't be invoked", method: "POST", path: "/broken", wantStatus: 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, stack.URL+"/_api"+tt.path+"?q=1", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.contentType != "" {
				req.Header.Set("Content-Type", tt.contentType)
			}
			req.Header.Set("X-Slack-Signature", "v0=abc")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			raw, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.wantStatus {
				t.Fatalf("status %d, want %d: %s", resp.StatusCode, tt.wantStatus, raw)
			}
			if tt.wantBody == "" {
				return
			}
			if resp.Header.Get("X-Probe") != "yes" || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", resp.Header)
			}
			var event struct {
				Version, RouteKey, RawPath, RawQueryString, Body string
				Headers, QueryStringParameters                   map[string]string
				IsBase64Encoded                                  bool
			}
			if err := json.Unmarshal(raw, &event); err != nil {
				t.Fatal(err)
			}
			body := event.Body
			if event.IsBase64Encoded {
				decoded, err := base64.StdEncoding.DecodeString(body)
				if err != nil {
					t.Fatal(err)
				}
				body = string(decoded)
			}
			if event.Version != "2.0" || event.RouteKey != "POST /slack" || event.RawPath != "/slack" || event.RawQueryString != "q=1" || event.QueryStringParameters["q"] != "1" || event.Headers["x-slack-signature"] != "v0=abc" {
				t.Errorf("event %s", raw)
			}
			if body != tt.wantBody || event.IsBase64Encoded != tt.wantBase64 {
				t.Errorf("body %q, base64 %t; want %q, %t", body, event.IsBase64Encoded, tt.wantBody, tt.wantBase64)
			}
		})
	}
}
