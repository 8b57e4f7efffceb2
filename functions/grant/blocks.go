package grant

import (
	"context"

	"sso-elevator/functions/access"
)

// checkBlocks returns who is blocked. Blocked: the requester is one of them. If that can't
// be read, nothing is granted.
func (h *Handler) checkBlocks(ctx context.Context, r access.Request) (access.Blocks, error) {
	blocks, err := h.Table.Blocks(ctx)
	if err == nil && blocks.Of(r.Requester) != nil {
		err = access.Errorf(access.CodeBlocked, "an incident responder blocked the requester")
	}
	return blocks, err
}
