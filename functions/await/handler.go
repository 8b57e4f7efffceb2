package await

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/tasktoken"
)

// Input is the payload that the state machine sends.
type Input struct {
	host.Input        // Operation is the wait: approval, end or run. For run, RequestID is the run's id
	Token      string `json:"token"`
}

// Table holds the rows of requests and runs.
type Table interface {
	StoreToken(ctx context.Context, id, wait, execution, token string) (access.Request, error)
	StoreRunToken(ctx context.Context, id, execution, token string) (access.Run, error)
}

// Resumer resumes a wait. An expired token is not an error.
type Resumer interface {
	Resume(ctx context.Context, token, output string) error
}

// resumeTries and resumePause are used when Step Functions doesn't answer. The wait
// for the end is not retried, so a failure here would lose an early end.
const (
	resumeTries = 3
	resumePause = 500 * time.Millisecond
)

// Handler stores task tokens.
type Handler struct {
	Table  Table
	Tokens Resumer
	Sleep  func(context.Context, time.Duration) error
}

// Handle stores the token of a wait in the row of the request or run. If the row
// already has what the wait is for, Handle resumes the wait at once: someone pressed
// a button before there was a token. The answer is {}, which nobody reads.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	return struct{}{}, h.handle(ctx, in)
}

func (h *Handler) handle(ctx context.Context, in Input) error {
	var output string
	var resume bool
	var err error
	switch in.Operation {
	case table.WaitApproval, table.WaitEnd:
		var r access.Request
		r, err = h.Table.StoreToken(ctx, in.RequestID, in.Operation, in.Execution, in.Token)
		output, resume = pendingOutput(r, in.Operation)
	case table.WaitRun:
		var r access.Run
		r, err = h.Table.StoreRunToken(ctx, in.RequestID, in.Execution, in.Token)
		output, resume = tasktoken.AnswerOutput, r.Answer != nil
	default:
		err = access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
	if err != nil || !resume {
		return err
	}
	for try := 1; ; try++ {
		err := h.Tokens.Resume(ctx, in.Token, output)
		if err == nil || try == resumeTries {
			return err
		}
		if h.Sleep(ctx, resumePause) != nil {
			return err
		}
	}
}

// pendingOutput returns the output of the wait if the row already has it; then
// resume is true.
func pendingOutput(r access.Request, wait string) (output string, resume bool) {
	if wait == table.WaitEnd {
		return tasktoken.EndOutput, r.EndRequest != nil || r.IsOver()
	}
	switch {
	case r.Outcome != nil:
		return tasktoken.ApprovalOutput(r.Outcome.Kind), true
	case r.IsOver():
		return tasktoken.ApprovalOutput(access.OutcomeRefused), true
	}
	return "", false
}
