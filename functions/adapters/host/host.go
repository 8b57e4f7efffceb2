// Package host connects a function to Lambda. It reads the settings from the
// environment, provides the AWS configuration, the logger, metrics and the clock, and
// reports errors in the form that the state machines understand.
package host

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// Settings are the settings that every function reads from its environment.
type Settings struct {
	LogLevel        slog.Level `env:"ELEVATOR_LOG_LEVEL"`
	MetricNamespace string     `env:"ELEVATOR_METRIC_NAMESPACE"` // each stack has its own
}

// Stack says where the function's stack is deployed.
type Stack struct {
	Account string `env:"ELEVATOR_ACCOUNT,required"` // id
}

// RequestMachine is the state machine that runs one execution for each request.
type RequestMachine struct {
	ARN string `env:"ELEVATOR_REQUEST_MACHINE,required"`
}

// ReconcileMachine is the state machine of the runs that look for unknown access.
type ReconcileMachine struct {
	ARN string `env:"ELEVATOR_RECONCILE_MACHINE,required"`
}

// Process is the part of its process that a function uses. Tests and the simulation
// provide their own clock, log and random source.
type Process struct {
	AWS     aws.Config
	Logger  *slog.Logger
	Now     func() time.Time
	Sleep   func(context.Context, time.Duration) error
	Random  func() string // returns at least 26 letters and digits that nobody can guess
	Metrics Metrics
}

// Metrics records metrics; see Emitter.
type Metrics interface {
	Count(name string, dims map[string]string)
	Gauge(name string, n int)
	Measure(name string, took time.Duration, dims map[string]string)
}

// Function handles events of one type.
type Function[In, Out any] interface {
	Handle(context.Context, In) (Out, error)
}

// Run reads the settings, opens the function, and handles events of Lambda's runtime.
// It returns only if the function can't start. The result is the exit code.
func Run[S, In, Out any, F Function[In, Out]](open func(S, Process) (F, error)) int {
	return run(open, func(_ Process, f F) any { return f.Handle })
}

// RunTask is Run for functions whose events are tasks of a state machine; see
// TaskHandler.
func RunTask[S any, In Payload, Out any, F Function[In, Out]](open func(S, Process) (F, error)) int {
	return run(open, func(p Process, f F) any { return TaskHandler(p, f.Handle) })
}

func run[S, F any](open func(S, Process) (F, error), handler func(Process, F) any) int {
	var common Settings
	var settings S
	if err := ReadSettings(&struct {
		Common   *Settings
		Settings *S
	}{&common, &settings}, os.Getenv); err != nil {
		slog.Error("environment variables are missing or invalid", "error", err)
		return 1
	}
	logger := NewLogger(os.Stdout, common.LogLevel)
	cfg, err := AWSConfig(os.Getenv)
	if err != nil {
		logger.Error("AWS configuration could not be loaded", "error", err)
		return 1
	}
	p := Process{
		AWS:     cfg,
		Logger:  logger,
		Now:     time.Now,
		Sleep:   Sleep,
		Random:  rand.Text,
		Metrics: &Emitter{W: os.Stdout, Now: time.Now, Namespace: common.MetricNamespace},
	}
	f, err := open(settings, p)
	if err != nil {
		logger.Error("function could not start", "error", err)
		return 1
	}
	lambda.Start(handler(p, f))
	return 0
}

// NewLogger returns a logger that writes JSON lines of level and above to w. Lines
// that are logged with the context of a task name the task.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(contextHandler{Handler: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})})
}

// Sleep waits for d. It returns the context's error if the context ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
