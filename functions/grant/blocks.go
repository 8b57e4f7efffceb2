package grant

import (
	"context"
	"slices"

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

// checkBlockedApprovers makes the checks of start again if an approver has been blocked since:
// without their approval, the others may not be enough. If another attempt has confirmed
// the access meanwhile, it stays.
func (h *Handler) checkBlockedApprovers(ctx context.Context, r access.Request, blocks access.Blocks) error {
	isBlocked := func(a access.Approval) bool { return blocks.Of(a.By) != nil }
	if !slices.ContainsFunc(collectedApprovals(r), isBlocked) {
		return nil
	}
	f, err := h.readFacts(ctx, r, func() (*access.Index, error) { return h.loadPolicy(ctx) })
	if err == nil {
		err = h.checkPermitted(r, f)
	}
	if err != nil && !access.CodeOf(err).Transient() {
		if now, readErr := h.Table.Get(ctx, r.ID); readErr != nil || now.WasGranted() {
			return readErr
		}
	}
	return err
}
