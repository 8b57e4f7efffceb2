package ingress

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// ownRequests lists the person's requests that were approved and keep access, and those
// without a decision, the latest first.
func (h *Handler) ownRequests(ctx context.Context, log *slog.Logger, who access.Person) (approved, pending slack.HomeSection) {
	failed := func(err error) (approved, pending slack.HomeSection) {
		log.Error("the person's requests could not be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return slack.HomeSection{Failed: true}, slack.HomeSection{Failed: true}
	}
	found, more, err := h.Table.RequestsOf(ctx, who.PrincipalID, homeRows)
	if err != nil {
		return failed(err)
	}
	var ids []string
	for _, r := range found {
		if !r.IsFinished() {
			ids = append(ids, r.ID)
		}
	}
	rows, err := h.requests(ctx, ids)
	if err != nil {
		return failed(err)
	}
	for _, r := range rows {
		switch {
		case r.Open():
			pending.Requests = append(pending.Requests, r)
		case r.IsApproved() && !r.IsFinished():
			approved.Requests = append(approved.Requests, r)
		}
	}
	approved.More, pending.More = more, more
	return approved, pending
}
