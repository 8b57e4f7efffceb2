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

// Each process of a function has its own session token, which identifies it as the
// caller. Calls to AWS carry the token in a header. For calls to Slack's Web API, the
// token is part of the address that the process gets.

// sessionToken returns the session token of a call to AWS, or "".
func sessionToken(h http.Header) string { return h.Get("X-Amz-Security-Token") }

func awsCaller(r *http.Request) string { return sessionToken(r.Header) }

// callerName returns a function that names the caller with that session token. The
// name is "" if the caller is not a function.
func (s *local) callerName(token func(*http.Request) string) func(*http.Request) string {
	return func(r *http.Request) string {
		if inv, ok := s.lambda.Current(token(r)); ok {
			return taskName(inv)
		}
		return ""
	}
}

// taskName returns the names of a function and of its task's operation, such as
// "grant start". Without an operation, it returns only the function, such as
// "ingress".
func taskName(inv lambda.Invocation) string {
	var task struct {
		Operation string `json:"operation"`
	}
	_ = json.Unmarshal(inv.Payload, &task)
	return strings.TrimSpace(shortName(inv.Function) + " " + task.Operation)
}

// awsCallName returns the name of a call to AWS in fault rules, or "" if the request
// is not a call to AWS. If a state machine starts an execution, the name is
// "startExecution".
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

// signatureService matches the service in a signature's scope.
var signatureService = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request`)

// callersAPI begins the path of Slack's Web API for the processes of functions:
// /from/<session token>/api/<method>.
const callersAPI = "/from/"

type slackCallerKey struct{}

// extractCaller moves the session token from the path to the context, where
// slackCaller finds it.
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

// slackCallName returns the name of a call to Slack in fault rules.
func slackCallName(r *http.Request) string {
	return "slack " + strings.TrimPrefix(r.URL.Path, "/api/")
}
