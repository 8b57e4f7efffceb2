package faults

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/lambda"
)

func set(t *testing.T, f *Rules, rule string) (status int, answer string) {
	t.Helper()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_faults", strings.NewReader(rule)))
	text, _ := io.ReadAll(w.Body)
	return w.Code, string(text)
}

func TestInvocation(t *testing.T) {
	const task = `{"operation":"start","request_id":"r1"}`
	for _, tt := range []struct {
		name, rule, function, payload string
		want                          []lambda.Fault // of one invocation after another
	}{
		{"once by default", `{"kind":"kill_before","function":"-grant"}`, "x-grant", task, []lambda.Fault{{KillBefore: true}, {}}},
		{"always", `{"kind":"kill_after","count":-1}`, "x-grant", task, []lambda.Fault{{KillAfter: true}, {KillAfter: true}}},
		{"the second", `{"kind":"delay","delay_ms":5,"skip":1}`, "x-grant", task, []lambda.Fault{{}, {Delay: 5 * time.Millisecond}, {}}},
		{"another function", `{"kind":"kill_before","function":"-revoke"}`, "x-grant", task, []lambda.Fault{{}}},
		{"another operation", `{"kind":"kill_before","operation":"confirm"}`, "x-grant", task, []lambda.Fault{{}}},
		{"another request", `{"kind":"kill_before","request_id":"r2"}`, "x-grant", task, []lambda.Fault{{}}},
		{"this request", `{"kind":"kill_before","request_id":"r1"}`, "x-grant", task, []lambda.Fault{{KillBefore: true}}},
		{"not a task", `{"kind":"kill_before","operation":"start"}`, "x-ingress", `[1]`, []lambda.Fault{{}}},
		{"of a call", `{"kind":"throttle","target":"x"}`, "x-grant", task, []lambda.Fault{{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Rules
			if status, answer := set(t, &f, tt.rule); status != http.StatusOK {
				t.Fatalf("set rule: %d %s", status, answer)
			}
			for i, want := range tt.want {
				if got := f.Invocation(tt.function, []byte(tt.payload)); got != want {
					t.Errorf("invocation %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

func TestCall(t *testing.T) {
	for _, tt := range []struct {
		name, rule, target, path, body string
		wantStatus                     int // 0: not hit
		wantCode                       string
	}{
		{"throttled", `{"kind":"throttle","target":"CreateAccount"}`, "SWBExternalService.CreateAccountAssignment", "/", "{}", 400, "ThrottlingException"},
		{"denied", `{"kind":"denied","target":"CreateAccount"}`, "SWBExternalService.CreateAccountAssignment", "/", "{}", 400, "AccessDeniedException"},
		{"not there", `{"kind":"not_found","target":"CreateAccount"}`, "SWBExternalService.CreateAccountAssignment", "/", "{}", 400, "ResourceNotFoundException"},
		{"conflict", `{"kind":"conflict","target":"CreateAccount"}`, "SWBExternalService.CreateAccountAssignment", "/", "{}", 400, "ConflictException"},
		{"failed", `{"kind":"error","target":"CreateAccount"}`, "SWBExternalService.CreateAccountAssignment", "/", "{}", 500, "InternalServerException"},
		{"by path", `{"kind":"unavailable","target":"/records"}`, "", "/records/logs/x", "", 503, "ServiceUnavailable"},
		{"another operation", `{"kind":"throttle","target":"Delete"}`, "SWBExternalService.CreateAccountAssignment", "/", "{}", 0, ""},
		{"every part of the body", `{"kind":"denied","target":"Create","body":["a1","p1"]}`, "S.Create", "/", `{"x":"a1","y":"p1"}`, 400, "AccessDeniedException"},
		{"one part is missing", `{"kind":"denied","target":"Create","body":["a1","p2"]}`, "S.Create", "/", `{"x":"a1","y":"p1"}`, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Rules
			if status, answer := set(t, &f, tt.rule); status != http.StatusOK {
				t.Fatalf("set rule: %d %s", status, answer)
			}
			status, body, ok := f.Call(tt.target, tt.path, []byte(tt.body))
			if ok != (tt.wantStatus != 0) || status != tt.wantStatus || !strings.Contains(string(body), tt.wantCode) {
				t.Errorf("%v %d %s, want %d %s", ok, status, body, tt.wantStatus, tt.wantCode)
			}
		})
	}
}

func TestCourse(t *testing.T) {
	const create, remove = "SWBExternalService.CreateAccountAssignment", "SWBExternalService.DeleteAccountAssignment"
	type course struct {
		polls  int
		reason string
		hit    bool
	}
	for _, tt := range []struct {
		name, rule, target, body string
		want                     []course // of one operation after another
	}{
		{"slow", `{"kind":"operation","target":"CreateAccountAssignment","polls":3}`, create, "{}", []course{{3, "", true}, {}}},
		{"fails", `{"kind":"operation","target":"DeleteAccountAssignment","polls":1,"failure_reason":"gone"}`, remove, "{}", []course{{1, "gone", true}, {}}},
		{"twice, after one", `{"kind":"operation","target":"CreateAccountAssignment","polls":2,"skip":1,"count":2}`, create, "{}", []course{{}, {2, "", true}, {2, "", true}, {}}},
		{"the other operation", `{"kind":"operation","target":"CreateAccountAssignment","polls":1}`, remove, "{}", []course{{}}},
		{"this account and principal", `{"kind":"operation","target":"CreateAccountAssignment","polls":1,"body":["a1","p1"]}`, create, `{"x":"a1","y":"p1"}`, []course{{1, "", true}}},
		{"another principal", `{"kind":"operation","target":"CreateAccountAssignment","polls":1,"body":["a1","p2"]}`, create, `{"x":"a1","y":"p1"}`, []course{{}}},
		{"an error is no course", `{"kind":"throttle","target":"CreateAccountAssignment"}`, create, "{}", []course{{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Rules
			if status, answer := set(t, &f, tt.rule); status != http.StatusOK {
				t.Fatalf("set rule: %d %s", status, answer)
			}
			for i, want := range tt.want {
				var got course
				if got.polls, got.reason, got.hit = f.Course(tt.target, []byte(tt.body)); got != want {
					t.Errorf("operation %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
	// Nor is a course an error: the call is accepted.
	var f Rules
	set(t, &f, `{"kind":"operation","target":"CreateAccountAssignment","polls":1}`)
	if status, _, hit := f.Call(create, "/", nil); hit {
		t.Errorf("the call is answered with status %d", status)
	}
}

// TestWhatIsLeft: a rule is shown until it is used up.
func TestWhatIsLeft(t *testing.T) {
	var f Rules
	left := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/_faults", nil))
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
		return strings.TrimSpace(w.Body.String())
	}
	set(t, &f, `{"kind":"kill_before","function":"-grant","count":2}`)
	for i, want := range []string{`[{"kind":"kill_before","function":"-grant","count":2}]`, `[{"kind":"kill_before","function":"-grant","count":1}]`, `[]`} {
		if got := left(); got != want {
			t.Errorf("after %d: %s, want %s", i, got, want)
		}
		f.Invocation("x-grant", []byte("{}"))
	}
}

func TestRulesAreChecked(t *testing.T) {
	var f Rules
	for _, rule := range []string{`{`, `{"kind":"explode"}`, `{"kind":"throttle"}`, `{"kind":"kill_before","target":"x"}`, `{"kind":"delay","typo":1}`,
		`{"kind":"operation","polls":1}`, `{"kind":"operation","target":"CreateUser","polls":1}`, `{"kind":"operation","target":"CreateAccountAssignment"}`,
		`{"kind":"throttle","target":"x","polls":1}`, `{"kind":"delay","failure_reason":"x"}`} {
		if status, _ := set(t, &f, rule); status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", rule, status)
		}
	}
	set(t, &f, `{"kind":"kill_before","count":-1}`)
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/_faults", nil))
	if got := f.Invocation("x", nil); got != (lambda.Fault{}) {
		t.Errorf("after DELETE there is still a fault: %+v", got)
	}
}
