package host

import (
	"context"
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
// raises the alarm.
func TaskHandler[In Payload, Out any](p Process, handle func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		ctx = withLogArgs(ctx, in.LogArgs())
		out, err := handle(ctx, in)
		if err == nil {
			return out, nil
		}
		code, level := ErrorCode(err), slog.LevelError
		if code == access.CodeMisconfigure {
			p.Metrics.Count(metric.Misconfigured, nil)
		}
		if code.Transient() || code.IsRefusal() {
			level = slog.LevelWarn
		}
		p.Logger.Log(ctx, level, "task failed", append(in.LogArgs(), "code", code, "error", access.ErrorMessage(err))...)
		return out, LambdaError(err)
	}
}
