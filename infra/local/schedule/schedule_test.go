package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	expression "sso-elevator/functions/schedule"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/schedule"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

func parse(t *testing.T, text string) expression.Expression {
	t.Helper()
	e, err := expression.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

type functions func(name, qualifier string, payload []byte) (lambda.Result, error)

func (f functions) Invoke(_ context.Context, name, qualifier string, payload []byte) (lambda.Result, error) {
	return f(name, qualifier, payload)
}

type executions func(*sfn.StartExecutionInput) error

func (f executions) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	return nil, f(in)
}

// played plays schedules for a while, from midnight of 2000-01-01, when a bubble's
// clock begins. It returns what they did, each with its time of day, and what was
// logged. result is the result of each call.
func played(t *testing.T, d time.Duration, schedules []schedule.Schedule, result func(call int) (lambda.Result, error)) (did, said []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		var mu sync.Mutex
		done := func(format string, args ...any) (lambda.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			calls++
			did = append(did, time.Now().UTC().Format("02 15:04 ")+fmt.Sprintf(format, args...))
			return result(calls)
		}
		p := &schedule.Player{
			Functions: functions(func(name, qualifier string, payload []byte) (lambda.Result, error) {
				return done("%s:%s %s", name, qualifier, payload)
			}),
			Executions: executions(func(in *sfn.StartExecutionInput) error {
				if in.Name != nil {
					t.Errorf("the execution is called %s", *in.Name)
				}
				_, err := done("%s %s", aws.ToString(in.StateMachineArn), aws.ToString(in.Input))
				return err
			}),
			Now: time.Now,
			Say: func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				said = append(said, fmt.Sprintf(format, args...))
			},
		}
		p.Start(ctx, schedules)
		time.Sleep(d)
		cancel()
		synctest.Wait()
	})
	return did, said
}

func fine(int) (lambda.Result, error) { return lambda.Result{}, nil }

// TestStart checks that a schedule with a rate fires at once and then at its rate,
// whatever the results are.
func TestStart(t *testing.T) {
	did, said := played(t, 150*time.Minute, []schedule.Schedule{{Name: "clean", Expression: parse(t, "rate(1 hour)"), Function: "janitor", Qualifier: "live", Input: `{"floor":1}`}},
		func(call int) (lambda.Result, error) {
			switch call {
			case 1:
				return lambda.Result{}, errors.New("no process")
			case 2:
				return lambda.Result{Error: "Unhandled", Payload: []byte(`{"errorType":"Unavailable"}`)}, nil
			}
			return lambda.Result{}, nil
		})
	if want := []string{`01 00:00 janitor:live {"floor":1}`, `01 01:00 janitor:live {"floor":1}`, `01 02:00 janitor:live {"floor":1}`}; !slices.Equal(did, want) {
		t.Errorf("did\n%q\nwant\n%q", did, want)
	}
	if want := []string{"schedule clean: no process", `schedule clean: {"errorType":"Unavailable"}`}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// TestStartExecutions checks that a schedule with cron fires at its times only, and
// that schedules start executions too.
func TestStartExecutions(t *testing.T) {
	did, said := played(t, 48*time.Hour, []schedule.Schedule{{Name: "nightly", Expression: parse(t, "cron(0 23 * * ? *)"), Machine: "arn:machine", Input: `{"mode":"revoke"}`}},
		func(call int) (lambda.Result, error) {
			if call == 1 {
				return lambda.Result{}, errors.New("StateMachineDoesNotExist")
			}
			return lambda.Result{}, nil
		})
	if want := []string{`01 23:00 arn:machine {"mode":"revoke"}`, `02 23:00 arn:machine {"mode":"revoke"}`}; !slices.Equal(did, want) {
		t.Errorf("did\n%q\nwant\n%q", did, want)
	}
	if want := []string{"schedule nightly: StateMachineDoesNotExist"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// TestStartOfWhatIsOver checks that a schedule whose last time has passed ends, and
// doesn't block anything.
func TestStartOfWhatIsOver(t *testing.T) {
	did, said := played(t, 24*time.Hour, []schedule.Schedule{
		{Name: "over", Expression: parse(t, "cron(0 12 * * ? 1999)"), Machine: "arn:machine", Input: `{}`},
		{Name: "once", Expression: parse(t, "cron(0 12 1 1 ? 2000)"), Machine: "arn:machine", Input: `{}`},
	}, fine)
	if want := []string{`01 12:00 arn:machine {}`}; !slices.Equal(did, want) || said != nil {
		t.Errorf("did %q, said %q; want %q", did, said, want)
	}
}

// TestStartAfterSleep checks that times that passed while the machine slept are
// skipped.
func TestStartAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var slept atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		var mu sync.Mutex
		var did []string
		p := &schedule.Player{Now: now, Executions: executions(func(*sfn.StartExecutionInput) error {
			mu.Lock()
			defer mu.Unlock()
			did = append(did, now().UTC().Format("02 15:04"))
			return nil
		})}
		p.Start(ctx, []schedule.Schedule{{Expression: parse(t, "rate(1 minute)"), Machine: "m", Input: "{}"}})
		time.Sleep(30 * time.Second)
		slept.Store(int64(8 * time.Hour))
		time.Sleep(2 * time.Minute)
		cancel()
		synctest.Wait()
		// The call that was due is late. The next one is in the new hour.
		if want := []string{"01 00:00", "01 08:00", "01 08:01", "01 08:02"}; !slices.Equal(did, want) {
			t.Errorf("did %q, want %q", did, want)
		}
	})
}

func TestContextAttributes(t *testing.T) {
	s := schedule.Schedule{
		Name: "look", ARN: "arn:aws:scheduler:us-east-1:123456789012:schedule/default/look", Expression: parse(t, "cron(30 12 * * ? *)"), Function: "f", Qualifier: "live",
		Input: `{"arn":"<aws.scheduler.schedule-arn>","at":"<aws.scheduler.scheduled-time>","id":"<aws.scheduler.execution-id>","attempt":<aws.scheduler.attempt-number>}`,
	}
	if err := s.CheckInput(); err != nil {
		t.Fatal(err)
	}
	did, _ := played(t, 48*time.Hour, []schedule.Schedule{s}, fine)
	want := regexp.MustCompile(`^\d\d 12:30 f:live \{"arn":"arn:aws:scheduler:us-east-1:123456789012:schedule/default/look","at":"2000-01-(\d\d)T12:30:00Z","id":"([0-9a-z]{16})","attempt":1\}$`)
	var days, ids []string
	for _, one := range did {
		m := want.FindStringSubmatch(one)
		if m == nil {
			t.Fatalf("did %s", one)
		}
		days, ids = append(days, m[1]), append(ids, m[2])
	}
	if !slices.Equal(days, []string{"01", "02"}) || ids[0] == ids[1] {
		t.Errorf("days %q, ids %q; want the first two days, and an id each", days, ids)
	}
}

func TestCheckInput(t *testing.T) {
	for input, want := range map[string]string{
		`{"mode":"warn"}`:                        "",
		`"<aws.scheduler.execution-id>"`:         "",
		``:                                       "is not JSON",
		`{"mode":warn}`:                          "is not JSON",
		`<aws.scheduler.execution-id>`:           "is not JSON",
		`{"id":"<aws.scheduler.invocation-id>"}`: "does not support the context attribute <aws.scheduler.invocation-id>",
	} {
		err := schedule.Schedule{Input: input}.CheckInput()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", input, err, want)
		}
	}
}
