package evaluate

import (
	"context"
	"time"

	"sso-elevator/functions/access"
)

const (
	// mostRequests is how many of the requester's latest requests are read for the
	// background. They fit into one answer of DynamoDB (1 MB) unless they are unusually
	// large.
	mostRequests = 200
	// backgroundTimeout limits how long a request waits for its background.
	backgroundTimeout = 2 * time.Second
)

// findBackground returns what the message to the approvers says about the requester, or
// nil. It never fails: during a deployment, there may be no index yet, or no permission
// to read it, and a request doesn't need its background.
func (h *Handler) findBackground(ctx context.Context, r access.Request, requester access.Person) *access.Background {
	ctx, cancel := context.WithTimeout(ctx, backgroundTimeout)
	defer cancel()
	others, more, err := h.Table.RequestsOf(ctx, requester.PrincipalID, mostRequests)
	if err != nil {
		h.Logger.WarnContext(ctx, "earlier requests could not be read: approvers don't see them", "request_id", r.ID, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return nil
	}
	b := access.BackgroundOf(r, others, more, h.Now())
	return &b
}
