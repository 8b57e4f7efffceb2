package notify

import (
	"context"
	"log/slog"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// preparedTable returns the row only after Prepare has begun.
type preparedTable struct {
	Table
	begun <-chan struct{}
}

func (t preparedTable) Get(ctx context.Context, id string) (access.Request, error) {
	select {
	case <-t.begun:
		return access.Request{}, access.Errorf(access.CodeNotFound, "there is no request %s", id)
	case <-ctx.Done():
		return access.Request{}, ctx.Err()
	}
}

// Prepare runs beside the read of the row. Handle waits for it, because Lambda freezes the
// process after the answer.
func TestPrepare(t *testing.T) {
	begun, ended := make(chan struct{}), false
	h := &Handler{Table: preparedTable{begun: begun}, Logger: slog.New(slog.DiscardHandler), Prepare: func(context.Context) {
		close(begun)
		ended = true
	}}
	if _, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "announce", RequestID: "r1"}}); access.CodeOf(err) != access.CodeNotFound {
		t.Error(err)
	}
	if !ended {
		t.Error("Handle doesn't wait for Prepare")
	}
}
