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

// longest is how long a call that hangs is held at most: longer than any
// function runs.
const longest = 2 * time.Minute

// Calls puts the faults of calls in front of a service. name is what a call is
// named in rules, "" for one that no rule hits; instance is the session token of
// who makes it.
func (f *Rules) Calls(service http.Handler, name, instance func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called := name(r)
		if called == "" || f.none() {
			service.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		e := f.by(instance(r))
		e.call, e.body = called, body
		if rule, ok := f.hit(e, ofCalls...); ok {
			f.fail(rule, called, service, w, r, body, instance(r))
			return
		}
		service.ServeHTTP(w, r)
	})
}

// fail plays the fault of one call.
func (f *Rules) fail(rule Rule, called string, service http.Handler, w http.ResponseWriter, r *http.Request, body []byte, instance string) {
	// The effect does not depend on who waits for it.
	effect := func() {
		again := r.Clone(context.WithoutCancel(r.Context()))
		again.Body = io.NopCloser(bytes.NewReader(body))
		service.ServeHTTP(&unheard{header: http.Header{}}, again)
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
		wait(r.Context(), longest)
	case HangAfter:
		effect()
		wait(r.Context(), longest)
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
		refuse(w, called, rule.Kind)
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

// refuse answers with an error in the form that AWS's JSON protocols have. S3's
// and Slack's clients go by the status, which says it all but that calls are too
// many.
func refuse(w http.ResponseWriter, called string, kind Kind) {
	status, code := http.StatusBadRequest, "ThrottlingException"
	switch kind {
	case Throttle:
		switch {
		case strings.HasPrefix(called, "slack "):
			w.Header().Set("Retry-After", "1")
			status = http.StatusTooManyRequests
		case strings.HasPrefix(called, "s3 "):
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

// unheard takes an answer that nobody gets.
type unheard struct{ header http.Header }

func (u *unheard) Header() http.Header         { return u.header }
func (u *unheard) WriteHeader(int)             {}
func (u *unheard) Write(b []byte) (int, error) { return len(b), nil }
