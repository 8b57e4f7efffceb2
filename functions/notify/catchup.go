package notify

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// catchUpTries is how often catchUp shows a request that keeps changing.
const catchUpTries = 3

// catchUp sends what Slack didn't take when the access was granted, or shows that the access
// is overdue. The check that invokes it does so again until that is sent: every minute at
// first, later every ten minutes. Access that ends within seconds, and a removed request, are
// left to the execution.
//
// That execution, or a press, may update the messages at the same time, and Slack may apply
// the older update last. So the row is read again after the update. If the row shows
// something else by now, all messages are updated again, whatever the row says about them.
func (h *Handler) catchUp(ctx context.Context, log *slog.Logger, r access.Request) (err error) {
	switch _, hasAccess := r.AccessEnd(); {
	case r.MayCatchUp(h.Now()):
		err = h.tellGranted(ctx, log, r)
	case hasAccess && !r.IsUsable(h.Now()):
		err = h.showEverywhere(ctx, r)
	default:
		return nil
	}
	for range catchUpTries {
		shown := slack.RequestMessage(r).Digest()
		now, getErr := h.Table.Get(ctx, r.ID)
		if getErr != nil || slack.RequestMessage(now).Digest() == shown {
			return firstError(err, getErr)
		}
		for purpose, post := range now.Posts {
			post.Digest = ""
			now.Posts[purpose] = post
		}
		r, err = now, h.showEverywhere(ctx, now)
	}
	return err
}
