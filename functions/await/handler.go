package main

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/task"
	"sso-elevator/functions/internal/tasktoken"
)

// Input is what the state machine sends.
type Input struct {
	task.Input        // Operation is the wait: approval, end
	Token      string `json:"token"`
}

// Table is where the request's row is.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	StoreToken(ctx context.Context, id, wait, token string) (access.Request, error)
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

// Handle stores the token of a wait in the request's row. If what is waited for
// is in the row already, it resumes the wait at once: whoever pressed before
// found no token. It answers {}, which nobody reads.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	return struct{}{}, h.handle(ctx, in)
}

func (h *Handler) handle(ctx context.Context, in Input) error {
	if in.Operation != requests.WaitApproval && in.Operation != requests.WaitEnd {
		return access.Errorf(access.CodeInvalid, "there is no wait for %q", in.Operation)
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if in.Execution == "" || r.ExecutionARN != in.Execution {
		// Its token would take the place of the right one.
		return access.Errorf(access.CodeRefused, "this execution is not the request's own")
	}
	r, err = h.Table.StoreToken(ctx, in.RequestID, in.Operation, in.Token)
	if err != nil {
		return err
	}
	output, over := answer(r, in.Operation)
	if !over {
		return nil
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

// answer is what the wait goes on with if the row has it already.
func answer(r access.Request, wait string) (output string, over bool) {
	given := r.Tombstone || !r.ClosedAt.IsZero() || !r.RevokingAt.IsZero()
	if wait == requests.WaitEnd {
		return tasktoken.EndOutput, r.EndRequest != nil || given
	}
	switch {
	case r.Outcome != nil:
		return tasktoken.ApprovalOutput(r.Outcome.Kind), true
	case given:
		return tasktoken.ApprovalOutput(access.OutcomeRefused), true
	}
	return "", false
}
