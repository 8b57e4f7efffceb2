package faults

import (
	"context"
	"fmt"
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
		want                          []lambda.Fault // of successive invocations
	}{
		{"once by default", `{"kind":"kill_before","function":"-grant"}`, "x-grant", task, []lambda.Fault{{KillBefore: true}, {}}},
		{"always", `{"kind":"kill_after","count":-1}`, "x-grant", task, []lambda.Fault{{KillAfter: true}, {KillAfter: true}}},
		{"the second", `{"kind":"delay","delay_ms":5,"skip":1}`, "x-grant", task, []lambda.Fault{{}, {Delay: 5 * time.Millisecond}, {}}},
		{"a cold one", `{"kind":"delay","delay_ms":5,"cold":true}`, "x-grant", task, []lambda.Fault{{Cold: true, Delay: 5 * time.Millisecond}, {}}},
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
				if got := f.Invocation(fmt.Sprint(i), tt.function, []byte(tt.payload)); got != want {
					t.Errorf("invocation %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

// TestHold checks that a held invocation waits until its rule is deleted, and that
// no other one waits.
func TestHold(t *testing.T) {
	var f Rules
	for _, label := range []string{"a", "b"} {
		if status, answer := set(t, &f, `{"kind":"hold","label":"`+label+`","function":"-`+label+`","count":-1}`); status != http.StatusOK {
			t.Fatalf("set rule: %d %s", status, answer)
		}
	}
	isHeld := func(fault lambda.Fault) bool {
		select {
		case <-fault.Hold:
			return false
		default:
			return true
		}
	}
	first, second, other := f.Invocation("1", "x-a", []byte("{}")), f.Invocation("2", "x-a", []byte("{}")), f.Invocation("3", "x-b", []byte("{}"))
	if !isHeld(first) || !isHeld(second) || !isHeld(other) {
		t.Error("an invocation is not held")
	}
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/_faults?label=a", nil))
	if isHeld(first) || isHeld(second) || !isHeld(other) {
		t.Errorf("held: %t, %t and %t; want the last one alone", isHeld(first), isHeld(second), isHeld(other))
	}
	if fault := f.Invocation("4", "x-a", []byte("{}")); fault != (lambda.Fault{}) {
		t.Errorf("after that: %+v", fault)
	}
}

// service counts its calls, and returns their number.
type service struct{ calls int }

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.calls++
	fmt.Fprintf(w, "%d %s", s.calls, body)
}

// front is a service with rules in front of it. The path names a call, and a header
// names the calling instance. The caller gives up when giveUp returns.
func front(t *testing.T, f *Rules, s http.Handler, giveUp func()) (call func(path, instance, body string) (int, string, error)) {
	t.Helper()
	server := httptest.NewServer(f.Calls(s, func(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/") }, func(r *http.Request) string { return r.Header.Get("Instance") }))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(path, instance, body string) (int, string, error) {
		// A call that hangs ends when the test gives up, after all other responses
		// have come.
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if giveUp != nil {
			go func() { giveUp(); cancel() }()
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL+"/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Instance", instance)
		res, err := client.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return res.StatusCode, string(text), err
	}
}

func TestRefusedCall(t *testing.T) {
	const create = "SWBExternalService.CreateAccountAssignment"
	for _, tt := range []struct {
		name, rule, call, body string
		wantStatus             int // 200 if not hit
		wantCode               string
	}{
		{"throttled", `{"kind":"throttle","target":"CreateAccount"}`, create, "{}", 400, "ThrottlingException"},
		{"throttled by Slack", `{"kind":"throttle","target":"slack "}`, "slack chat.update", "{}", 429, "ThrottlingException"},
		{"throttled by S3", `{"kind":"throttle","target":"s3 "}`, "s3 PUT /x", "{}", 503, "ThrottlingException"},
		{"denied", `{"kind":"denied","target":"CreateAccount"}`, create, "{}", 400, "AccessDeniedException"},
		{"not there", `{"kind":"not_found","target":"CreateAccount"}`, create, "{}", 400, "ResourceNotFoundException"},
		{"conflict", `{"kind":"conflict","target":"CreateAccount"}`, create, "{}", 400, "ConflictException"},
		{"failed", `{"kind":"error","target":"CreateAccount"}`, create, "{}", 500, "InternalServerException"},
		{"by path", `{"kind":"unavailable","target":"/records"}`, "s3 PUT /records/logs/x", "", 503, "ServiceUnavailable"},
		{"another operation", `{"kind":"throttle","target":"Delete"}`, create, "{}", 200, ""},
		{"every part of the body", `{"kind":"denied","target":"Create","body":["a1","p1"]}`, create, `{"x":"a1","y":"p1"}`, 400, "AccessDeniedException"},
		{"one part is missing", `{"kind":"denied","target":"Create","body":["a1","p2"]}`, create, `{"x":"a1","y":"p1"}`, 200, ""},
		{"of an invocation", `{"kind":"kill_before"}`, create, "{}", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Rules
			var s service
			if status, answer := set(t, &f, tt.rule); status != http.StatusOK {
				t.Fatalf("set rule: %d %s", status, answer)
			}
			call := front(t, &f, &s, nil)
			status, body, err := call(tt.call, "", tt.body)
			if err != nil || status != tt.wantStatus || !strings.Contains(body, tt.wantCode) {
				t.Errorf("%d %s %v, want %d %s", status, body, err, tt.wantStatus, tt.wantCode)
			}
			if hit := tt.wantStatus != 200; hit == (s.calls == 1) {
				t.Errorf("the service was called %d times", s.calls)
			}
			if status, body, err := call(tt.call, "", tt.body); err != nil || status != 200 || !strings.HasSuffix(body, " "+tt.body) {
				t.Errorf("the call after that: %d %s %v", status, body, err)
			}
		})
	}
}

// TestCallWithoutAnswer checks, for calls that get no answer, whether they take
// effect and whether the caller dies.
func TestCallWithoutAnswer(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		effect int // total calls of the service
		killed bool
	}{
		{`{"kind":"reset_before","target":"x"}`, 0, false},
		{`{"kind":"reset_after","target":"x"}`, 1, false},
		{`{"kind":"hang","target":"x"}`, 0, false},
		{`{"kind":"hang_after","target":"x"}`, 1, false},
		{`{"kind":"kill_caller","target":"x"}`, 0, true},
		{`{"kind":"kill_caller_after","target":"x"}`, 1, true},
		{`{"kind":"late","target":"x","delay_ms":50}`, 1, true},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			kills := make(chan string, 8)
			f := Rules{Kill: func(instance string) { kills <- instance }}
			done := make(chan struct{}, 1)
			var s service
			set(t, &f, tt.rule)
			came := make(chan struct{}) // all expected responses
			call := front(t, &f, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r); done <- struct{}{} }), func() { <-came })
			go func() {
				defer close(came)
				if tt.effect > 0 {
					<-done
				}
				// Until the rule is used up, and has killed whom it kills.
				for get(&f, "") != "[]" || tt.killed && len(kills) == 0 {
					time.Sleep(time.Millisecond)
				}
			}()
			if status, body, err := call("x", "i1", "{}"); err == nil {
				t.Errorf("answered: %d %s", status, body)
			}
			<-came
			var killed []string
			for len(kills) > 0 {
				killed = append(killed, <-kills)
			}
			if s.calls != tt.effect || (len(killed) == 1 && killed[0] == "i1") != tt.killed {
				t.Errorf("called %d times, killed %q; want %d, %v", s.calls, killed, tt.effect, tt.killed)
			}
		})
	}
}

func TestSlowCall(t *testing.T) {
	var f Rules
	var s service
	set(t, &f, `{"kind":"slow","target":"x","delay_ms":50}`)
	call := front(t, &f, &s, nil)
	began := time.Now()
	if status, _, err := call("x", "", ""); err != nil || status != 200 || time.Since(began) < 50*time.Millisecond {
		t.Errorf("%d %v after %s", status, err, time.Since(began))
	}
}

// TestCallsOfInvocations checks that faults of calls hit the invocation that makes
// the calls.
func TestCallsOfInvocations(t *testing.T) {
	inHand := map[string]lambda.Invocation{}
	f := Rules{Caller: func(instance string) (lambda.Invocation, bool) { inv, ok := inHand[instance]; return inv, ok }}
	var s service
	call := front(t, &f, &s, nil)
	set(t, &f, `{"kind":"error","label":"l","target":"x","function":"-grant","operation":"start","request_id":"r1","invocations":2}`)
	for i, step := range []struct {
		id, function, payload, call string
		want                        int
	}{
		{"1", "x-grant", `{"operation":"start","request_id":"r1"}`, "x", 500},
		{"1", "x-grant", `{"operation":"start","request_id":"r1"}`, "x", 500}, // all calls of that invocation
		{"1", "x-grant", `{"operation":"start","request_id":"r1"}`, "y", 200},
		{"2", "x-grant", `{"operation":"confirm","request_id":"r1"}`, "x", 200},
		{"3", "x-grant", `{"operation":"start","request_id":"r2"}`, "x", 200},
		{"4", "x-revoke", `{"operation":"start","request_id":"r1"}`, "x", 200},
		{"5", "x-grant", `{"operation":"start","request_id":"r1"}`, "x", 500},
		{"6", "x-grant", `{"operation":"start","request_id":"r1"}`, "x", 200}, // the third invocation
		{"", "", "", "x", 200}, // nobody's
	} {
		inHand["i"] = lambda.Invocation{ID: step.id, Function: step.function, Payload: []byte(step.payload)}
		if step.id == "" {
			delete(inHand, "i")
		}
		if status, _, err := call(step.call, "i", ""); err != nil || status != step.want {
			t.Errorf("call %d: %d %v, want %d", i, status, err, step.want)
		}
	}
	if w := get(&f, "?label=l"); !strings.Contains(w, `"hits":3`) {
		t.Errorf("the rule says %s, want 3 hits", w)
	}
}

// TestChance checks that random faults depend on the seed, and on nothing that runs
// beside them.
func TestChance(t *testing.T) {
	draw := func(seed int, others bool) (hits string) {
		var f Rules
		set(t, &f, fmt.Sprintf(`{"kind":"kill_before","function":"-grant","count":-1,"probability":0.3,"seed":%d}`, seed))
		for i := range 1000 {
			if others && i%3 == 0 {
				f.Invocation("o", "x-grant", []byte(`{"request_id":"other"}`))
			}
			if f.Invocation(fmt.Sprint(i), "x-grant", []byte(`{"request_id":"r"}`)).KillBefore {
				hits += fmt.Sprint(i, " ")
			}
		}
		return hits
	}
	first := draw(1, false)
	if n := strings.Count(first, " "); n < 240 || n > 360 {
		t.Errorf("%d of 1000 were hit, by a probability of 0.3", n)
	}
	if draw(1, true) != first {
		t.Error("another request's invocations change what happens to this one's")
	}
	if draw(2, false) == first {
		t.Error("another seed changes nothing")
	}
}

func get(f *Rules, query string) string {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/_faults"+query, nil))
	return strings.TrimSpace(w.Body.String())
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
		want                     []course // of successive operations
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
				if got.polls, got.reason, got.hit = f.Course("", tt.target, []byte(tt.body)); got != want {
					t.Errorf("operation %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
	// A course is not an error either: the call is accepted.
	var f Rules
	set(t, &f, `{"kind":"operation","target":"CreateAccountAssignment","polls":1}`)
	var s service
	if status, _, err := front(t, &f, &s, nil)(create, "", ""); err != nil || status != 200 {
		t.Errorf("the call is answered with status %d, %v", status, err)
	}
}

// TestWhatIsLeft checks that a rule is listed until it is used up.
func TestWhatIsLeft(t *testing.T) {
	var f Rules
	set(t, &f, `{"kind":"kill_before","function":"-grant","count":2}`)
	for i, want := range []string{`[{"kind":"kill_before","function":"-grant","count":2}]`, `[{"kind":"kill_before","function":"-grant","count":1,"hits":1}]`, `[]`} {
		if got := get(&f, ""); got != want {
			t.Errorf("after %d: %s, want %s", i, got, want)
		}
		f.Invocation("i", "x-grant", []byte("{}"))
	}
}

func TestRulesAreChecked(t *testing.T) {
	var f Rules
	for _, rule := range []string{`{`, `{"kind":"explode"}`, `{"kind":"throttle"}`, `{"kind":"kill_before","target":"x"}`, `{"kind":"delay","typo":1}`,
		`{"kind":"operation","polls":1}`, `{"kind":"operation","target":"CreateUser","polls":1}`, `{"kind":"operation","target":"CreateAccountAssignment"}`,
		`{"kind":"throttle","target":"x","polls":1}`, `{"kind":"delay","delay_ms":1,"failure_reason":"x"}`,
		`{"kind":"delay"}`, `{"kind":"hang","target":"x","cold":true}`, `{"kind":"hang","target":"x","delay_ms":1}`, `{"kind":"hang"}`, `{"kind":"kill_before","probability":1.5}`, `{"kind":"kill_before","hits":1}`} {
		if status, _ := set(t, &f, rule); status != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", rule, status)
		}
	}
	set(t, &f, `{"kind":"kill_before","count":-1}`)
	f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/_faults", nil))
	if got := f.Invocation("i", "x", nil); got != (lambda.Fault{}) {
		t.Errorf("after DELETE there is still a fault: %+v", got)
	}
}
