package local

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/lambda"
)

// Who makes a call is known by the session token that each process of a
// function has of its own. AWS's SDK sends it along; to Slack's Web API it is a
// part of the address that the process is given.

// sessionToken is the caller of a call to AWS, "" for nobody.
func sessionToken(h http.Header) string { return h.Get("X-Amz-Security-Token") }

func awsCaller(r *http.Request) string { return sessionToken(r.Header) }

// callerName is what the caller with a session token is counted under; "" for
// who is no function.
func (s *local) callerName(token func(*http.Request) string) func(*http.Request) string {
	return func(r *http.Request) string {
		if inv, ok := s.lambda.Current(token(r)); ok {
			return taskName(inv)
		}
		return ""
	}
}

// taskName is a function and the operation of its task, "grant start"; the
// function alone where it is invoked with something else, "ingress".
func taskName(inv lambda.Invocation) string {
	var task struct {
		Operation string `json:"operation"`
	}
	_ = json.Unmarshal(inv.Payload, &task)
	return strings.TrimSpace(shortName(inv.Function) + " " + task.Operation)
}

// awsCallName is what rules of faults call a call to AWS; "" is none. What a
// state machine asks of Step Functions itself is "startExecution".
func awsCallName(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	if gateway.IsStartExecution(r.URL) {
		return "startExecution"
	}
	if strings.HasPrefix(r.URL.Path, "/_") {
		return ""
	}
	if m := signatureService.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[1] + " " + r.Method + " " + r.URL.RequestURI()
	}
	return ""
}

// signatureService is the service in a signature's scope.
var signatureService = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request`)

// callersAPI is where processes of functions find Slack's Web API:
// /from/<session token>/api/<method>.
const callersAPI = "/from/"

type slackCallerKey struct{}

// extractCaller takes the caller out of the address.
func extractCaller(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, path, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, callersAPI), "/")
		if !ok {
			http.NotFound(w, r)
			return
		}
		r = r.Clone(context.WithValue(r.Context(), slackCallerKey{}, caller))
		r.URL.Path, r.URL.RawPath = "/"+path, ""
		api.ServeHTTP(w, r)
	})
}

func slackCaller(r *http.Request) string {
	caller, _ := r.Context().Value(slackCallerKey{}).(string)
	return caller
}

// slackCallName is what rules of faults call a call to Slack.
func slackCallName(r *http.Request) string {
	return "slack " + strings.TrimPrefix(r.URL.Path, "/api/")
}
