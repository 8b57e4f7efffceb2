package lambda_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/lambda"
)

// TestFaults checks that faults follow the invocation's id, its function and its
// payload.
func TestFaults(t *testing.T) {
	s := lambda.New(lambda.Config{
		Region: "us-east-1", AccountID: "123456789012", Log: io.Discard, Now: time.Now,
		Fault: func(id, function string, payload []byte) lambda.Fault {
			if id == "" || function != "probe" {
				t.Errorf("asked for the fault of %q, of %q", id, function)
			}
			has := func(word string) bool { return strings.Contains(string(payload), word) }
			return lambda.Fault{KillBefore: has("before"), KillAfter: has("after"), Throttled: has("throttled"), Failed: has("failed")}
		},
	})
	t.Cleanup(s.Close)
	if err := s.Register(lambda.Function{Name: "probe", Dir: probeDir, Timeout: 5 * time.Second, MemoryMB: 128}); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]error{"throttled": lambda.ErrThrottled, "failed": lambda.ErrFailed, "nothing": nil} {
		_, err := s.Invoke(context.Background(), "probe", "", []byte(`{"do":"echo","value":"`+value+`"}`))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", value, err, want)
		}
	}
	for _, value := range []string{"before", "after"} {
		result, err := s.Invoke(context.Background(), "probe", "", []byte(`{"do":"echo","value":"`+value+`"}`))
		if err != nil || !strings.Contains(string(result.Payload), "Runtime.ExitError") {
			t.Errorf("killed %s: %s %v", value, result.Payload, err)
		}
	}
}

// TestCold checks that a cold invocation gets a new process; the next one may get a
// warm one again.
func TestCold(t *testing.T) {
	cold, started := false, 0
	s := lambda.New(lambda.Config{
		Region: "us-east-1", AccountID: "123456789012", Log: io.Discard, Now: time.Now,
		InstanceEnvironment: func(string) map[string]string { started++; return nil },
		Fault:               func(string, string, []byte) lambda.Fault { return lambda.Fault{Cold: cold} },
	})
	t.Cleanup(s.Close)
	if err := s.Register(lambda.Function{Name: "probe", Dir: probeDir, Timeout: 5 * time.Second, MemoryMB: 128}); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		cold bool
		want int // processes so far
	}{{false, 1}, {false, 1}, {true, 2}, {true, 3}, {false, 3}} {
		cold = tt.cold
		if _, err := s.Invoke(context.Background(), "probe", "", []byte(`{"do":"echo","value":1}`)); err != nil {
			t.Fatal(err)
		}
		if started != tt.want {
			t.Errorf("after invocation %d: %d processes, want %d", i, started, tt.want)
		}
	}
}

// TestHold checks that a held event reaches the process when it is released, and
// not before.
func TestHold(t *testing.T) {
	hold, asked := make(chan struct{}), make(chan struct{}, 1)
	s := lambda.New(lambda.Config{
		Region: "us-east-1", AccountID: "123456789012", Log: io.Discard, Now: time.Now,
		Fault: func(string, string, []byte) lambda.Fault { asked <- struct{}{}; return lambda.Fault{Hold: hold} },
	})
	t.Cleanup(s.Close)
	if err := s.Register(lambda.Function{Name: "probe", Dir: probeDir, Timeout: 5 * time.Second, MemoryMB: 128}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 1)
	go func() {
		result, err := s.Invoke(context.Background(), "probe", "", []byte(`{"do":"echo","value":1}`))
		if err != nil {
			t.Error(err)
		}
		answered <- string(result.Payload)
	}()
	<-asked
	select {
	case payload := <-answered:
		t.Errorf("it answered %s while it was held", payload)
	case <-time.After(300 * time.Millisecond): // it would have had time to
	}
	close(hold)
	if payload := <-answered; payload != "1" {
		t.Errorf("it answered %s, want 1", payload)
	}
}

// TestCurrent checks that a working process is known by its session token.
func TestCurrent(t *testing.T) {
	tokens := make(chan string, 1)
	s := lambda.New(lambda.Config{
		Region: "us-east-1", AccountID: "123456789012", Log: io.Discard, Now: time.Now,
		InstanceEnvironment: func(instance string) map[string]string { tokens <- instance; return nil },
	})
	t.Cleanup(s.Close)
	if err := s.Register(lambda.Function{Name: "probe", Dir: probeDir, Timeout: 30 * time.Second, MemoryMB: 128}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 1)
	go func() {
		result, err := s.Invoke(context.Background(), "probe", "", []byte(`{"do":"hang"}`))
		if err != nil {
			t.Error(err)
		}
		answered <- string(result.Payload)
	}()
	token := <-tokens
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if inv, ok := s.Current(token); ok {
			if inv.Function != "probe" || inv.ID == "" || string(inv.Payload) != `{"do":"hang"}` {
				t.Errorf("it works on %+v", inv)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it never works")
		}
	}
	if _, ok := s.Current("nobody"); ok {
		t.Error("nobody works")
	}
	s.Kill("nobody")
	s.Kill(token)
	if payload := <-answered; !strings.Contains(payload, "Runtime.ExitError") {
		t.Errorf("it was killed and answered %s", payload)
	}
	if _, ok := s.Current(token); ok {
		t.Error("it works after it was killed")
	}
}
