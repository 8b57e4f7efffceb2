package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"sso-elevator/infra/local/lambda"
)

// maxHang is how long a hanging call is held at most. No function runs that long.
const maxHang = 2 * time.Minute

// Calls injects the faults of calls into a service. name returns a call's name in
// rules, or "" if no rule may hit it. instance returns the caller's session token.
func (f *Rules) Calls(service http.Handler, name, instance func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		callName := name(r)
		if callName == "" || f.isEmpty() {
			service.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		e := f.eventOfCaller(instance(r))
		e.call, e.body = callName, body
		if rule, ok := f.hit(e, callKinds...); ok {
			f.fail(rule, callName, service, w, r, body, instance(r))
			return
		}
		service.ServeHTTP(w, r)
	})
}

// fail plays the fault of one call.
func (f *Rules) fail(rule Rule, callName string, service http.Handler, w http.ResponseWriter, r *http.Request, body []byte, instance string) {
	// The call takes effect even if the caller no longer waits.
	effect := func() {
		again := r.Clone(context.WithoutCancel(r.Context()))
		again.Body = io.NopCloser(bytes.NewReader(body))
		service.ServeHTTP(&discardedResponse{header: http.Header{}}, again)
	}
	delay := time.Duration(rule.DelayMS) * time.Millisecond
	switch rule.Kind {
	case Slow:
		wait(r.Context(), delay)
		service.ServeHTTP(w, r)
		return
	case ResetAfter:
		effect()
	case Hang:
		wait(r.Context(), maxHang)
	case HangAfter:
		effect()
		wait(r.Context(), maxHang)
	case KillCaller:
		f.kill(instance)
	case KillCallerAfter:
		effect()
		f.kill(instance)
	case Late:
		f.kill(instance)
		time.AfterFunc(delay, effect)
	case ResetBefore:
	default:
		refuse(w, callName, rule.Kind)
		return
	}
	panic(http.ErrAbortHandler) // closes the connection without an answer
}

func (f *Rules) kill(instance string) {
	if f.Kill != nil && instance != "" {
		f.Kill(instance)
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// refuse answers with an error in the form of AWS's JSON protocols. S3's and
// Slack's clients read only the status, except for throttling.
func refuse(w http.ResponseWriter, callName string, kind Kind) {
	status, code := http.StatusBadRequest, "ThrottlingException"
	switch kind {
	case Throttle:
		switch {
		case strings.HasPrefix(callName, "slack "):
			w.Header().Set("Retry-After", "1")
			status = http.StatusTooManyRequests
		case strings.HasPrefix(callName, "s3 "):
			status = http.StatusServiceUnavailable // "SlowDown"
		}
	case Conflict:
		code = "ConflictException"
	case Denied:
		code = "AccessDeniedException"
	case NotFound:
		code = "ResourceNotFoundException"
	case ServerError:
		status, code = http.StatusInternalServerError, "InternalServerException"
	case Unavailable:
		status, code = http.StatusServiceUnavailable, "ServiceUnavailable"
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", lambda.NewRequestID())
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "injected"})
}

// discardedResponse discards an answer that nobody gets.
type discardedResponse struct{ header http.Header }

func (u *discardedResponse) Header() http.Header         { return u.header }
func (u *discardedResponse) WriteHeader(int)             {}
func (u *discardedResponse) Write(b []byte) (int, error) { return len(b), nil }
