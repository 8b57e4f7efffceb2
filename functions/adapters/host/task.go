package host

import (
	"context"
	"errors"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// Operations that are invoked outside a state machine, by a schedule or by another
// function.
const (
	OperationCatalog       = "catalog"        // of reconcile
	OperationLook          = "look"           // of reconcile
	OperationRecheck       = "recheck"        // of reconcile
	OperationConfirm       = "confirm"        // of revoke
	OperationDriftQuestion = "drift_question" // of notify
	OperationMoreTime      = "more_time"      // of notify
	OperationCatchUp       = "catch_up"       // of notify
	OperationBlocks        = "blocks"         // of audit
	OperationDriftReport   = "drift_report"   // of notify
)

// Input is the common part of all tasks' payloads.
type Input struct {
	Operation string `json:"operation"`
	RequestID string `json:"request_id"`
	Run       string `json:"run"`       // id of a run of the reconciliation, if the task is about one
	Execution string `json:"execution"` // ARN
}

// LogArgs returns the arguments of a log line that name the task.
func (in Input) LogArgs() []any {
	if in.Run != "" {
		return []any{"operation", in.Operation, "run", in.Run, "execution", in.Execution}
	}
	return []any{"operation", in.Operation, "request_id", in.RequestID, "execution", in.Execution}
}

// Payload is a task's payload.
type Payload interface{ LogArgs() []any }

// TaskHandler returns a handler that calls handle, logs its errors, and returns them
// in the form that the state machine's Retry and Catch understand. Refusals, and errors
// that the machine retries, are logged as warnings. An error that someone must fix
// raises the alarm, even if it is only the cause of Undecidable.
func TaskHandler[In Payload, Out any](p Process, handle func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		ctx = withLogArgs(ctx, in.LogArgs())
		out, err := handle(ctx, in)
		if err == nil {
			return out, nil
		}
		code, level := ErrorCode(err), slog.LevelError
		cause, args := code, append(in.LogArgs(), "code", code)
		if code == access.CodeUndecidable {
			cause = causeOf(err)
			args = append(args, "cause", cause)
			p.Metrics.Count(metric.Undecidable, nil)
		}
		if cause == access.CodeMisconfigure {
			p.Metrics.Count(metric.Misconfigured, nil)
		}
		if cause.Transient() || cause.IsRefusal() {
			level = slog.LevelWarn
		}
		p.Logger.Log(ctx, level, "task failed", append(args, "error", access.ErrorMessage(err))...)
		return out, LambdaError(err)
	}
}

// causeOf returns the code of the error that err wraps.
func causeOf(err error) access.Code {
	var coded *access.Error
	if errors.As(err, &coded) {
		return ErrorCode(coded.Err)
	}
	return ErrorCode(err)
}
