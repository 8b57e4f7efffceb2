package drift

import (
	"context"

	"sso-elevator/functions/access"
)

const (
	BatchCalls    = batchCalls
	MaxPerAccount = maxPerAccount
	WriteTime     = writeTime
)

// SetBatchCalls sets for how many calls a batch is made at most.
func (e *Engine) SetBatchCalls(most int) { e.mostCalls = float64(most) }

func (e *Engine) NameUsers(ctx context.Context, plan *Plan, findings []access.Finding) {
	e.nameUsers(ctx, plan, findings)
}
