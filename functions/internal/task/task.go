// Package task is what the functions that are states of a machine have in
// common at their edge.
package task

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
	"sso-elevator/functions/internal/metric"
)

// Input is the part that every task's payload has.
type Input struct {
	Operation string `json:"operation"`
	RequestID string `json:"request_id"`
	Run       string `json:"run"`       // id of a run of the reconciliation, where the task is about one
	Execution string `json:"execution"` // ARN
}

// LogArgs says in a log line which task it is about.
func (in Input) LogArgs() []any {
	if in.Run != "" {
		return []any{"operation", in.Operation, "run", in.Run, "execution", in.Execution}
	}
	return []any{"operation", in.Operation, "request_id", in.RequestID, "execution", in.Execution}
}

// Payload is a task's payload.
type Payload interface{ LogArgs() []any }

// Logger writes JSON lines of level and above to standard output. A line whose
// context is that of a task says which.
func Logger(level slog.Level) *slog.Logger { return newLogger(os.Stdout, level) }

func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(lines{Handler: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})})
}

// Start serves the Lambda runtime with handle. It does not return.
func Start[In Payload, Out any](logger *slog.Logger, handle func(context.Context, In) (Out, error)) {
	lambda.Start(Edge(logger, handle))
}

// Edge is handle with its errors logged and in the form that the machine's
// Retry and Catch understand. An error that the machine retries is a warning; one that a person
// has to mend raises the alarm.
func Edge[In Payload, Out any](logger *slog.Logger, handle func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return edge(logger, metric.Count, handle)
}

func edge[In Payload, Out any](logger *slog.Logger, count func(string, map[string]string), handle func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		ctx = withLogArgs(ctx, in.LogArgs())
		out, err := handle(ctx, in)
		if lambdaerr.Code(err) == access.CodeMisconfigure {
			count(metric.Misconfigured, nil)
		}
		if err != nil {
			level := slog.LevelError
			if lambdaerr.Code(err).Transient() {
				level = slog.LevelWarn
			}
			logger.Log(ctx, level, "task failed", append(in.LogArgs(), "code", lambdaerr.Code(err), "error", lambdaerr.Message(err))...)
		}
		return out, lambdaerr.Convert(err)
	}
}
