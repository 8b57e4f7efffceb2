package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/schedule"
)

func TestRate(t *testing.T) {
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)":                  time.Minute,
		"rate(10 minutes)":                10 * time.Minute,
		"rate(2 hours)":                   2 * time.Hour,
		"rate(1 day)":                     24 * time.Hour,
		"rate(0 minutes)":                 0,
		"rate(90 seconds)":                0, // Scheduler counts in minutes
		"rate(1.5 hours)":                 0,
		"rate(5minutes)":                  0,
		"cron(0 23 * * ? *)":              0,
		"at(2026-01-01T00:00:00)":         0,
		"rate(99999999999999999 minutes)": 0,
		"":                                0,
	} {
		got, err := schedule.Rate(expression)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %s, %v; want %s", expression, got, err, want)
		}
	}
}

type functions func(name, qualifier string, payload []byte) (lambda.Result, error)

func (f functions) Invoke(_ context.Context, name, qualifier string, payload []byte) (lambda.Result, error) {
	return f(name, qualifier, payload)
}

// A schedule is played at once and at its rate, whatever comes of it.
func TestStart(t *testing.T) {
	invoked := make(chan string)
	said := make(chan string, 10)
	due := make(chan time.Time)
	var every time.Duration
	calls := 0
	p := &schedule.Player{
		Functions: functions(func(name, qualifier string, payload []byte) (lambda.Result, error) {
			calls++
			call := calls
			invoked <- fmt.Sprintf("%s:%s %s", name, qualifier, payload)
			switch call {
			case 1:
				return lambda.Result{}, errors.New("no process")
			case 2:
				return lambda.Result{Error: "Unhandled", Payload: []byte(`{"errorType":"Unavailable"}`)}, nil
			}
			return lambda.Result{}, nil
		}),
		Tick: func(_ context.Context, d time.Duration) <-chan time.Time { every = d; return due },
		Say:  func(format string, args ...any) { said <- fmt.Sprintf(format, args...) },
	}
	p.Start(t.Context(), []schedule.Schedule{{Name: "clean", Every: time.Hour, Function: "janitor", Qualifier: "live", Input: `{"floor":1}`}})
	for i, want := range []string{"no process", "Unavailable", ""} {
		if i > 0 {
			due <- time.Time{}
		}
		if got := <-invoked; got != `janitor:live {"floor":1}` {
			t.Errorf("invoked %s", got)
		}
		if want == "" {
			continue
		}
		if got := <-said; !strings.Contains(got, "clean") || !strings.Contains(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
	}
	if every != time.Hour {
		t.Errorf("every %s, want every hour", every)
	}
}
