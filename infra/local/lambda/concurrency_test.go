package lambda_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/lambda"
)

func TestReservedConcurrency(t *testing.T) {
	s := newService(t, io.Discard)
	call := func(method, path, body string) (int, string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	const put, get = "/2017-10-31/functions/probe/concurrency", "/2019-09-30/functions/probe/concurrency"
	echo := func() error {
		_, err := s.Invoke(context.Background(), "probe", "live", []byte(`{"do":"echo","value":1}`))
		return err
	}
	for _, step := range []struct {
		name, method, path, body string
		wantCode                 int
		want                     string
		throttled                bool
	}{
		{"none", http.MethodGet, get, "", 200, `{}`, false},
		{"of 0 nothing runs", http.MethodPut, put, `{"ReservedConcurrentExecutions":0}`, 200, `{"ReservedConcurrentExecutions":0}`, true},
		{"and it is told", http.MethodGet, get, "", 200, `{"ReservedConcurrentExecutions":0}`, true},
		{"one at a time", http.MethodPut, put, `{"ReservedConcurrentExecutions":1}`, 200, `{"ReservedConcurrentExecutions":1}`, false},
		{"not a number", http.MethodPut, put, `{}`, 400, "", false},
		{"no more", http.MethodDelete, put, "", 204, "", false},
		{"none again", http.MethodGet, get, "", 200, `{}`, false},
	} {
		code, body := call(step.method, step.path, step.body)
		if code != step.wantCode || step.want != "" && body != step.want {
			t.Errorf("%s: %d %s, want %d %s", step.name, code, body, step.wantCode, step.want)
		}
		if err := echo(); errors.Is(err, lambda.ErrThrottled) != step.throttled {
			t.Errorf("%s: an invocation ends with %v", step.name, err)
		}
	}

	// Two invocations at once exceed a limit of one.
	call(http.MethodPut, put, `{"ReservedConcurrentExecutions":1}`)
	slow := make(chan error)
	go func() {
		err := lambda.ErrThrottled
		for errors.Is(err, lambda.ErrThrottled) { // the response of an echo
			_, err = s.Invoke(context.Background(), "probe", "live", []byte(`{"do":"hang"}`))
		}
		slow <- err
	}()
	deadline := time.Now().Add(20 * time.Second)
	for !errors.Is(echo(), lambda.ErrThrottled) {
		if time.Now().After(deadline) {
			t.Fatal("two run where there is room for one")
		}
		time.Sleep(10 * time.Millisecond)
	}
	code, body := call(http.MethodPost, "/2015-03-31/functions/probe/invocations", `{}`)
	if code != http.StatusTooManyRequests || !strings.Contains(body, "reserved concurrency") {
		t.Errorf("Invoke answers %d %s", code, body)
	}
	if err := <-slow; err != nil {
		t.Error(err)
	}
}
