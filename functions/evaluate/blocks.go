package evaluate

import (
	"context"

	"sso-elevator/functions/access"
)

// refuseBlocked refuses the request if its requester is blocked: as the row knows them, or
// as they were found just now. Otherwise the returned row is r, or has an outcome.
func (h *Handler) refuseBlocked(ctx context.Context, r access.Request, blocks access.Blocks, requester access.Person) (_ access.Request, blocked bool, err error) {
	block := blocks.Of(requester)
	if block == nil {
		block = blocks.Of(r.Requester)
	}
	if block == nil {
		return r, false, nil
	}
	r, err = h.recordOutcome(ctx, r, access.Outcome{
		Kind: access.OutcomeRefused, By: block.By, Reason: string(access.CodeBlocked), PolicyDigest: block.PolicyDigest,
	})
	return r, err == nil, err
}
