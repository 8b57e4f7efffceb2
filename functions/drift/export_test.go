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

// SetBatchCalls sets the most calls that a batch makes.
func (e *Engine) SetBatchCalls(most int) { e.mostCalls = float64(most) }

func (e *Engine) NameUsers(ctx context.Context, plan *Plan, findings []access.Finding) {
	e.nameUsers(ctx, plan, findings)
}
