package notify

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// offerMoreTime sends the requester a direct message that offers more time, once, if the
// access ends soon and no other request keeps it longer. It fails silently, apart from the
// log: until the end, the check that invoked it does so again every minute.
func (h *Handler) offerMoreTime(ctx context.Context, log *slog.Logger, r access.Request) {
	warn := func(err error) {
		log.Warn("more time could not be offered", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	if !r.OffersMoreTime(h.ExtensionOffer, h.Now()) {
		return
	}
	longer, err := h.isKeptLonger(ctx, r)
	if err != nil {
		warn(err)
		return
	}
	if longer {
		return
	}
	channel, err := h.Slack.OpenDM(ctx, r.Requester.SlackID)
	if err != nil {
		warn(err)
		return
	}
	if _, err := h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: channel}, "", directMessage(slack.PurposeMoreTime, r)); err != nil {
		warn(err)
		return
	}
	// The access may have ended or been extended while the message was on its way. The
	// task that reported the change could not update a message that it didn't know.
	if r, err = h.Table.Get(ctx, r.ID); err == nil {
		if longer, err = h.isKeptLonger(ctx, r); err == nil && longer {
			err = h.endOffer(ctx, r)
		} else if err == nil {
			err = h.updateOffer(ctx, r)
		}
	}
	if err != nil {
		warn(err)
	}
}

// directMessage returns the direct message with the purpose under which it is posted.
func directMessage(purpose string, r access.Request) slack.Message {
	m := slack.DirectMessage(purpose, r)
	m.Purpose = slack.DirectPurpose(purpose)
	return m
}

// isKeptLonger reports whether another request keeps the access longer.
func (h *Handler) isKeptLonger(ctx context.Context, r access.Request) (bool, error) {
	subject := r.Subject()
	lease, found, err := h.Table.Lease(ctx, subject.Key())
	return found && lease.IsKeptLonger(r.ID, r.End), err
}

// endEarlierOffers takes the button out of the offers for the same access that this request
// keeps longer. Their messages are not worth a failure of the task.
func (h *Handler) endEarlierOffers(ctx context.Context, log *slog.Logger, r access.Request) {
	if h.ExtensionOffer == 0 || !r.IsActive() {
		return
	}
	subject := r.Subject()
	lease, found, err := h.Table.Lease(ctx, subject.Key())
	if found {
		for id, holder := range lease.Holders {
			if id == r.ID || !holder.IsConfirmed() || !holder.End.Before(r.End) {
				continue
			}
			other, getErr := h.Table.Get(ctx, id)
			if getErr == nil {
				getErr = h.endOffer(ctx, other)
			}
			if getErr != nil {
				err = getErr
			}
		}
	}
	if err != nil {
		log.Warn("earlier offer of more time could not be updated", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// endOffer takes the button out of the request's offer, if it was posted.
func (h *Handler) endOffer(ctx context.Context, r access.Request) error {
	post := r.Posts[access.PostMoreTime]
	if post.TS == "" {
		return nil
	}
	post.Over = true
	r.Posts[access.PostMoreTime] = post
	return h.updateOffer(ctx, r)
}

// updateOffer updates the request's offer to what the row says.
func (h *Handler) updateOffer(ctx context.Context, r access.Request) error {
	m := directMessage(slack.PurposeMoreTime, r)
	if post := r.Posts[m.Purpose]; post.TS != "" {
		return h.updatePost(ctx, h.Table, post, m)
	}
	return nil
}
