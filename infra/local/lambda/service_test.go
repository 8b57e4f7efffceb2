package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/localtest"
)

var probeDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		log.Fatal(err)
	}
	if err := localtest.BuildProbe(dir); err != nil {
		log.Fatal(err)
	}
	probeDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func newService(t *testing.T, out io.Writer) *lambda.Service {
	t.Helper()
	t.Setenv("HOME", "/not/passed/on")
	s := lambda.New(lambda.Config{
		Region: "us-east-1", AccountID: "123456789012", Log: out, Now: time.Now,
		Environment: map[string]string{"CUSTOM": "from the stack"},
	})
	t.Cleanup(s.Close)
	for _, f := range []lambda.Function{
		{Name: "probe", Timeout: 10 * time.Second},
		{Name: "impatient", Timeout: 3 * time.Second},
		{Name: "broken", Timeout: 20 * time.Second, Environment: map[string]string{"FAIL_INIT": "yes"}},
	} {
		f.Dir, f.MemoryMB, f.Versions, f.Aliases = probeDir, 128, []string{"3"}, map[string]string{"live": "3"}
		if err := s.Register(f); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestInvoke(t *testing.T) {
	s := newService(t, io.Discard)
	tests := []struct {
		name      string
		function  string
		payload   string
		want      string // the payload or, for an error, its type
		wantError string
	}{
		{name: "answer", function: "probe", payload: `{"do":"echo","value":{"a":[1,2]}}`, want: `{"a":[1,2]}`},
		{name: "typed error", function: "probe", payload: `{"do":"fail","type":"Throttled"}`, want: "Throttled", wantError: "Unhandled"},
		{name: "exit", function: "probe", payload: `{"do":"exit"}`, want: "Runtime.ExitError", wantError: "Unhandled"},
		{name: "after an exit a fresh process", function: "probe", payload: `{"do":"echo","value":7}`, want: `7`},
		{name: "timeout", function: "impatient", payload: `{"do":"hang"}`, want: "Sandbox.Timedout", wantError: "Unhandled"},
		{name: "after a timeout a fresh process", function: "impatient", payload: `{"do":"echo","value":8}`, want: `8`},
		{name: "exit before the first event", function: "broken", payload: `{}`, want: "Runtime.ExitError", wantError: "Unhandled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, err := s.Invoke(context.Background(), tt.function, "live", []byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			got := string(result.Payload)
			if tt.wantError != "" {
				var e struct{ ErrorType, ErrorMessage string }
				if err := json.Unmarshal(result.Payload, &e); err != nil {
					t.Fatalf("payload %s: %v", result.Payload, err)
				}
				got = e.ErrorType
			}
			if got != tt.want || result.Error != tt.wantError {
				t.Errorf("got %q, error %q; want %q, error %q", got, result.Error, tt.want, tt.wantError)
			}
			if result.ExecutedVersion != "3" {
				t.Errorf("executed version %q, want 3", result.ExecutedVersion)
			}
		})
	}
}

type environment struct {
	PID                         int
	Calls                       int
	Name, Version, ARN, Request string
	Remaining                   float64
	Custom, Home                string
}

func probeEnvironment(t *testing.T, s *lambda.Service, qualifier string) (environment, lambda.Result) {
	t.Helper()
	result, err := s.Invoke(context.Background(), "probe", qualifier, []byte(`{"do":"environment"}`))
	if err != nil {
		t.Fatal(err)
	}
	var e environment
	if err := json.Unmarshal(result.Payload, &e); err != nil {
		t.Fatal(err)
	}
	return e, result
}

func TestEnvironment(t *testing.T) {
	s := newService(t, io.Discard)
	got, result := probeEnvironment(t, s, "live")
	want := environment{
		PID: got.PID, Calls: 1, Name: "probe", Version: "3",
		ARN:     "arn:aws:lambda:us-east-1:123456789012:function:probe:live",
		Request: result.RequestID, Remaining: got.Remaining, Custom: "from the stack", Home: "",
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Remaining <= 0 || got.Remaining > 10 { // on a busy machine, a process may lose some seconds
		t.Errorf("%.1f s remain of 10", got.Remaining)
	}
}

func TestWarmStart(t *testing.T) {
	s := newService(t, io.Discard)
	first, _ := probeEnvironment(t, s, "")
	second, _ := probeEnvironment(t, s, "")
	if second.PID != first.PID || second.Calls != 2 {
		t.Errorf("second invocation: process %d, call %d; want process %d, call 2", second.PID, second.Calls, first.PID)
	}
}

func TestConcurrentInvocations(t *testing.T) {
	s := newService(t, io.Discard)
	var group sync.WaitGroup
	for i := range 40 { // more than there are slots
		group.Go(func() {
			result, err := s.Invoke(context.Background(), "probe", "", fmt.Appendf(nil, `{"do":"echo","value":%d}`, i))
			if err != nil || string(result.Payload) != fmt.Sprint(i) {
				t.Errorf("invocation %d: %s, %v", i, result.Payload, err)
			}
		})
	}
	group.Wait()
}

// TestKilledProcess checks that a process that is killed while it works fails its
// invocation, and that one killed while idle doesn't fail the next.
func TestKilledProcess(t *testing.T) {
	s := newService(t, io.Discard)
	first, _ := probeEnvironment(t, s, "")
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for !s.KnowsEndOf(first.PID) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	second, _ := probeEnvironment(t, s, "")
	if second.PID == first.PID || second.Calls != 1 {
		t.Errorf("process %d, call %d after process %d was killed", second.PID, second.Calls, first.PID)
	}
}

func TestCloseEndsProcesses(t *testing.T) {
	s := newService(t, io.Discard)
	e, _ := probeEnvironment(t, s, "")
	s.Close()
	if err := syscall.Kill(e.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d after Close: %v, want %v", e.PID, err, syscall.ESRCH)
	}
	if _, err := s.Invoke(context.Background(), "probe", "", []byte(`{}`)); err == nil {
		t.Error("a function ran after Close")
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	s := newService(t, &out)
	if _, err := s.Invoke(context.Background(), "probe", "", []byte(`{"do":"log"}`)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, want := range []string{"[probe] first line\n", "[probe] second line\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, out.String())
		}
	}
}

func TestRegisterNothing(t *testing.T) {
	s := newService(t, io.Discard)
	if err := s.Register(lambda.Function{Name: "absent", Dir: t.TempDir()}); err == nil {
		t.Error("registered a function without a binary")
	}
}

// TestAccountSettings checks that the quotas are those of an account that is not
// new.
func TestAccountSettings(t *testing.T) {
	server := httptest.NewServer(newService(t, io.Discard))
	defer server.Close()
	response, err := http.Get(server.URL + "/2016-08-19/account-settings")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct {
		AccountLimit struct{ ConcurrentExecutions, UnreservedConcurrentExecutions int }
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	if got.AccountLimit.ConcurrentExecutions != 1000 || got.AccountLimit.UnreservedConcurrentExecutions != 1000 {
		t.Errorf("got %+v", got)
	}
}

func TestInvokeAPI(t *testing.T) {
	s := newService(t, io.Discard)
	server := httptest.NewServer(s)
	defer server.Close()
	tests := []struct {
		name, path, kind, payload string
		wantStatus                int
		wantHeader, wantValue     string
		wantBody                  string // part of the body
	}{
		{name: "name", path: "probe/invocations", payload: `{"do":"echo","value":1}`, wantStatus: 200, wantHeader: "X-Amz-Executed-Version", wantValue: "$LATEST", wantBody: "1"},
		{name: "ARN with alias", path: "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aprobe%3Alive/invocations", payload: `{"do":"echo","value":2}`, wantStatus: 200, wantHeader: "X-Amz-Executed-Version", wantValue: "3", wantBody: "2"},
		{name: "qualifier", path: "probe/invocations?Qualifier=live", payload: `{"do":"echo","value":3}`, wantStatus: 200, wantHeader: "X-Amz-Executed-Version", wantValue: "3", wantBody: "3"},
		{name: "function error", path: "probe/invocations", payload: `{"do":"fail","type":"Conflict"}`, wantStatus: 200, wantHeader: "X-Amz-Function-Error", wantValue: "Unhandled", wantBody: `"errorType":"Conflict"`},
		{name: "event", path: "probe/invocations", kind: "Event", payload: `{"do":"echo"}`, wantStatus: 202},
		{name: "unknown function", path: "nobody/invocations", payload: `{}`, wantStatus: 404, wantHeader: "X-Amzn-Errortype", wantValue: "ResourceNotFoundException", wantBody: "function:nobody"},
		{name: "unknown alias", path: "probe:dead/invocations", payload: `{}`, wantStatus: 404, wantHeader: "X-Amzn-Errortype", wantValue: "ResourceNotFoundException", wantBody: "probe:dead"},
		{name: "no JSON", path: "probe/invocations", payload: `{`, wantStatus: 400, wantHeader: "X-Amzn-Errortype", wantValue: "InvalidRequestContentException", wantBody: "json"},
		{name: "other operation", path: "probe/configuration", payload: `{}`, wantStatus: 404, wantHeader: "X-Amzn-Errortype", wantValue: "UnknownOperationException", wantBody: "Invoke"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPost, server.URL+lambda.PathPrefix+tt.path, strings.NewReader(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Amz-Invocation-Type", tt.kind)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.wantStatus || resp.Header.Get(tt.wantHeader) != tt.wantValue || !strings.Contains(string(body), tt.wantBody) {
				t.Errorf("status %d, %s %q, body %s; want %d, %q, %s", resp.StatusCode, tt.wantHeader, resp.Header.Get(tt.wantHeader), body, tt.wantStatus, tt.wantValue, tt.wantBody)
			}
			if resp.Header.Get("X-Amzn-Requestid") == "" {
				t.Error("no x-amzn-RequestId")
			}
		})
	}
}
