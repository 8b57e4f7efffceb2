package ingress

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

func TestOnlySlackIsHeard(t *testing.T) {
	shortcut := payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"})
	valid := sign(shortcut, now)
	change := func(change func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
		e := sign(shortcut, now)
		change(&e)
		return e
	}
	tests := []struct {
		name    string
		event   events.APIGatewayV2HTTPRequest
		want    int
		wantLog string
	}{
		{name: "signed", event: valid, want: 200},
		{name: "signed, header names in capitals", want: 200, event: change(func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers = map[string]string{
				"Content-Type": e.Headers["content-type"], "X-Slack-Signature": e.Headers["x-slack-signature"],
				"X-Slack-Request-Timestamp": e.Headers["x-slack-request-timestamp"],
			}
		})},
		{name: "signed, in base64", want: 200, event: change(func(e *events.APIGatewayV2HTTPRequest) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
		})},
		{name: "not base64", want: 400, event: change(func(e *events.APIGatewayV2HTTPRequest) { e.IsBase64Encoded = true })},
		{name: "body changed", want: 401, wantLog: "not signed by Slack", event: change(func(e *events.APIGatewayV2HTTPRequest) { e.Body += "x" })},
		{name: "no signature", want: 401, event: change(func(e *events.APIGatewayV2HTTPRequest) { delete(e.Headers, "x-slack-signature") })},
		{name: "no headers", want: 401, event: change(func(e *events.APIGatewayV2HTTPRequest) { e.Headers = nil })},
		{name: "replayed after six minutes", want: 401, event: sign(shortcut, now.Add(-6*time.Minute))},
		{name: "from the future", want: 401, event: sign(shortcut, now.Add(6*time.Minute))},
		{name: "another workspace", want: 403, wantLog: "another workspace", event: sign(payload("shortcut", "UJANE",
			object{"team": object{"id": "T2"}, "callback_id": "request_for_access", "trigger_id": "t-1"}), now)},
		{name: "another app", want: 403, wantLog: "another app", event: sign(payload("shortcut", "UJANE",
			object{"api_app_id": "A2", "callback_id": "request_for_access", "trigger_id": "t-1"}), now)},
		{name: "the enterprise's", want: 403, event: sign(payload("shortcut", "UJANE",
			object{"team": nil, "enterprise": object{"id": "E1"}, "callback_id": "request_for_access", "trigger_id": "t-1"}), now)},
		{name: "malformed", want: 400, wantLog: "payload from Slack could not be parsed", event: sign("payload=%7B", now)},
		{name: "as large as Slack's largest", want: 200, event: sign(payload("shortcut", "UJANE",
			object{"callback_id": "request_for_access", "trigger_id": "t-1", "filler": strings.Repeat("\"", slack.MaxBody/8)}), now)},
		{name: "larger than anything of Slack's", want: 413, event: sign(strings.Repeat("x", slack.MaxBody+1), now)},
		{name: "nothing", want: 400, event: sign("", now)},
		{name: "unknown kind", want: 400, event: sign(payload("message_action", "UJANE", nil), now)},
		{name: "ssl check", want: 200, event: sign("ssl_check=1&token=x", now)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			got, err := handle(t, w.handler(), test.event)
			if err != nil || got.StatusCode != test.want || got.Body != "" {
				t.Errorf("got %d %q, %v; want %d with an empty body", got.StatusCode, got.Body, err, test.want)
			}
			if !strings.Contains(w.log.String(), test.wantLog) {
				t.Errorf("log does not say %q: %s", test.wantLog, &w.log)
			}
			if test.want != http.StatusOK && len(w.views) > 0 {
				t.Error("a view was opened")
			}
			if strings.Contains(w.log.String(), "t-1") || strings.Contains(w.log.String(), "v0=") {
				t.Errorf("log repeats the request: %s", &w.log)
			}
		})
	}
}

func TestEnterpriseIsHeardWhereItIsConfigured(t *testing.T) {
	w := newWorld()
	h := w.handler()
	h.EnterpriseID = "E1"
	body := payload("shortcut", "UJANE", object{"team": nil, "enterprise": object{"id": "E1"}, "callback_id": "request_for_access", "trigger_id": "t-1"})
	if got, _ := handle(t, h, sign(body, now)); got.StatusCode != http.StatusOK || len(w.views) != 2 {
		t.Errorf("got %d and %d views, want 200 and 2", got.StatusCode, len(w.views))
	}
}

func TestWithoutASigningSecretNobodyIsHeard(t *testing.T) {
	w := newWorld()
	h := w.handler()
	h.SigningSecrets = func(context.Context) ([]string, error) {
		return nil, access.Errorf(access.CodeMisconfigure, "the secret ssm:/slack does not exist")
	}
	got, err := handle(t, h, sign(payload("shortcut", "UJANE", nil), now))
	if err != nil || got.StatusCode != http.StatusInternalServerError || !strings.Contains(w.log.String(), "the secret ssm:/slack does not exist") || !strings.Contains(w.log.String(), `"code":"Misconfigured"`) {
		t.Errorf("got %d, %v, log %s; want 500 and the reason in the log", got.StatusCode, err, &w.log)
	}
}

// During a rotation, both signing secrets are valid.
func TestEitherSigningSecretIsHeard(t *testing.T) {
	w := newWorld()
	h := w.handler()
	body := payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"})
	for _, test := range []struct {
		name    string
		secrets []string
		want    int
	}{
		{"the new one signs", []string{secret, "the old one"}, http.StatusOK},
		{"the old one still signs", []string{"the new one", secret}, http.StatusOK},
		{"the old one is gone", []string{"the new one"}, http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.SigningSecrets = func(context.Context) ([]string, error) { return test.secrets, nil }
			if got, _ := handle(t, h, sign(body, now)); got.StatusCode != test.want {
				t.Errorf("got %d, want %d", got.StatusCode, test.want)
			}
		})
	}
}

// A signing secret that changes in its store counts at once, not only when the cached
// one has expired.
func TestChangedSigningSecretIsHeard(t *testing.T) {
	w := newWorld()
	h := w.handler()
	kept, refreshed := "the old one", 0
	h.SigningSecrets = func(context.Context) ([]string, error) { return []string{kept}, nil }
	h.Refresh = func() bool { refreshed++; kept = secret; return true }
	body := payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"})
	if got, _ := handle(t, h, sign(body, now)); got.StatusCode != http.StatusOK || refreshed != 1 {
		t.Errorf("got %d after %d refreshes, want 200 after one", got.StatusCode, refreshed)
	}
	if got, _ := handle(t, h, sign(body, now)); got.StatusCode != http.StatusOK || refreshed != 1 {
		t.Errorf("got %d after %d refreshes, want 200 without another", got.StatusCode, refreshed)
	}
}

func TestCallsLeaveTimeToAnswer(t *testing.T) {
	w := newWorld()
	w.send(t, payload("shortcut", "UJANE", object{"callback_id": "request_for_access", "trigger_id": "t-1"}))
	if w.timeLeft() <= 0 || w.timeLeft() > 2600*time.Millisecond {
		t.Errorf("Slack is called with %s left, want at most 2.6 s", w.timeLeft())
	}
}
