package await

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/tasktoken"
)

// Input is what the state machine sends.
type Input struct {
	host.Input        // Operation is the wait: approval, end, run; of run, RequestID is the run's
	Token      string `json:"token"`
}

// Table is where the rows of requests and runs are.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	StoreToken(ctx context.Context, id, wait, token string) (access.Request, error)
	Run(ctx context.Context, id string) (access.Run, error)
	StoreRunToken(ctx context.Context, id, token string) (access.Run, error)
}

// Resumer lets a wait go on. A token that is dead is no error.
type Resumer interface {
	Resume(ctx context.Context, token, output string) error
}

// resumeTries and resumePause are for a Step Functions that does not answer:
// the wait for the end is not retried, so a failure here would lose the wish
// to end early.
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

// Handle stores the token of a wait in the row of the request, or of the run. If
// what is waited for is in the row already, it resumes the wait at once: whoever
// pressed before found no token. It answers {}, which nobody reads.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	return struct{}{}, h.handle(ctx, in)
}

func (h *Handler) handle(ctx context.Context, in Input) error {
	var output string
	var resume bool
	var err error
	switch in.Operation {
	case table.WaitApproval, table.WaitEnd:
		output, resume, err = h.storeRequestToken(ctx, in)
	case table.WaitRun:
		output = tasktoken.AnswerOutput
		resume, err = h.storeRunToken(ctx, in)
	default:
		err = access.Errorf(access.CodeInvalid, "there is no wait for %q", in.Operation)
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

// request stores the token of a request's wait.
func (h *Handler) storeRequestToken(ctx context.Context, in Input) (output string, resume bool, err error) {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return "", false, err
	}
	if err := checkExecution(in, r.ExecutionARN); err != nil {
		return "", false, err
	}
	if r, err = h.Table.StoreToken(ctx, in.RequestID, in.Operation, in.Token); err != nil {
		return "", false, err
	}
	output, resume = pendingOutput(r, in.Operation)
	return output, resume, nil
}

// run stores the token of a run's wait for the answer to its question.
func (h *Handler) storeRunToken(ctx context.Context, in Input) (resume bool, err error) {
	r, err := h.Table.Run(ctx, in.RequestID)
	if err != nil {
		return false, err
	}
	if err := checkExecution(in, r.ExecutionARN); err != nil {
		return false, err
	}
	r, err = h.Table.StoreRunToken(ctx, in.RequestID, in.Token)
	return r.Answer != nil, err
}

// own refuses an execution that is not the one of the row: its token would take
// the place of the right one.
func checkExecution(in Input, execution string) error {
	if in.Execution == "" || execution != in.Execution {
		return access.Errorf(access.CodeRefused, "this execution is not the row's own")
	}
	return nil
}

// answer is what the wait goes on with if the row has it already.
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
