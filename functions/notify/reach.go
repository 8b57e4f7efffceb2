package notify

import (
	"context"
	"log/slog"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/slack"
)

// Limits of direct messages to approvers, and of the calls for them. The message in the
// channel comes first.
const (
	// maxAsked is how many approvers listed by email get a direct message. Members of groups
	// come on top: access.MaxMentionedMembers, and as many at each reminder, up to
	// access.MaxFurtherApprovers.
	maxAsked = 10
	// maxDirectReminders is how many reminders go out as direct messages. A row has room for
	// the posts of these, and not for a year of them.
	maxDirectReminders = 10
	// directTime is how long a task sends direct messages to approvers, if it has that long.
	// It keeps directReserve of the function's time to show who was told.
	directTime    = 3 * time.Second
	directReserve = 1500 * time.Millisecond
	// directWorkers is how many direct messages are sent or updated at the same time.
	directWorkers = 5
)

// reachApprovers sends direct messages to approvers outside the channel: the request, if
// they don't have it yet, and otherwise the latest reminder. Then it shows in the channel
// who was notified. A failure delays nothing: it is logged, the message in the channel says
// who could not be notified, and the next reminder tries again.
func (h *Handler) reachApprovers(ctx context.Context, log *slog.Logger, r access.Request, channelOfPost string) {
	if !h.SendDM {
		return
	}
	warn := func(doing string, err error) {
		if err != nil {
			log.Warn(doing, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
	}
	limit := directTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)-directReserve)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	outside, err := h.approversOutside(limited, r, channelOfPost)
	if err != nil {
		warn("approvers outside the channel could not be found", err)
		return
	}
	parallel.Do(len(outside), directWorkers, func(i int) {
		p := outside[i]
		if channel, err := h.askDirectly(limited, r, p); err != nil {
			warn("approver could not be notified by direct message", err)
			h.noteFailure(ctx, log, r, slack.ApproverPurpose(p.SlackID), channel)
		}
	})
	if len(outside) > 0 {
		// The direct messages took a while. An update from the row as it was could replace a
		// newer one.
		if r, err = h.Table.Get(ctx, r.ID); err == nil {
			_, err = h.showRequest(ctx, r)
		}
		warn("message in the channel could not be updated", err)
	}
	warn("direct messages could not be updated", h.updateDirect(ctx, r))
}

// approversOutside returns the approvers to reach who are not in the channel.
func (h *Handler) approversOutside(ctx context.Context, r access.Request, channel string) ([]access.Person, error) {
	isListed := map[string]bool{}
	for _, p := range r.Approvers {
		isListed[p.SlackID] = true
	}
	people := slack.RemindedApprovers(r)
	ids := []string{r.Requester.SlackID} // their direct message needs the answer, too
	for _, p := range people {
		ids = append(ids, p.SlackID)
	}
	in, err := h.Slack.MembersAmong(ctx, channel, ids)
	if err != nil {
		return nil, err
	}
	var outside []access.Person
	listed, seen := 0, map[string]bool{}
	for _, p := range people {
		if p.SlackID == "" || in[p.SlackID] || seen[p.SlackID] {
			continue
		}
		seen[p.SlackID] = true
		if isListed[p.SlackID] {
			if listed++; listed > maxAsked {
				continue
			}
		}
		outside = append(outside, p)
	}
	return outside, nil
}

// askDirectly sends the request to an approver. If they got it before the latest reminder,
// they get that, in the thread below the request. It returns the channel of the direct
// messages; "" if it could not be opened, so that nothing was sent.
func (h *Handler) askDirectly(ctx context.Context, r access.Request, p access.Person) (channel string, err error) {
	m := slack.ApproverMessage(r, p.SlackID)
	post := r.Posts[m.Purpose]
	if post.TS != "" {
		if r.RemindersSent == post.Reminder || r.RemindersSent > maxDirectReminders {
			return post.Channel, nil
		}
		_, err = h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: post.Channel}, post.TS, slack.ApproverReminder(r, p))
		return post.Channel, err
	}
	if channel, err = h.Slack.OpenDM(ctx, p.SlackID); err == nil {
		_, err = h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: channel, Reminder: r.RemindersSent}, "", m)
	}
	return channel, err
}

// noteFailure records that an approver could not be notified, unless they have the request.
// channel is where the message may have been sent; "" if nowhere. A post without its
// channel would be sent again without a look for the first one.
func (h *Handler) noteFailure(ctx context.Context, log *slog.Logger, r access.Request, purpose, channel string) {
	post := r.Posts[purpose]
	if post.TS != "" {
		return // only a reminder failed
	}
	now, err := h.Table.Get(ctx, r.ID)
	if err == nil {
		if post = now.Posts[purpose]; post.TS != "" || post.Failed {
			return
		}
		if post.Channel == "" {
			post.Channel = channel
		}
		post.Failed = true
		err = h.Table.CompletePost(ctx, r.ID, purpose, post)
	}
	if err != nil {
		log.Warn("failed direct message could not be recorded", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// updateDirect updates the request's direct messages. It returns only errors that a retry may
// fix. It logs others, such as the error for an approver who left Slack.
func (h *Handler) updateDirect(ctx context.Context, r access.Request) error {
	posts := slack.DirectPosts(r)
	errs := make([]error, len(posts))
	parallel.Do(len(posts), directWorkers, func(i int) {
		post, m := posts[i].Post, posts[i].Message
		if post.TS == "" {
			ts, found, err := h.Slack.FindPost(ctx, post.Channel, "", m.RequestID, m.Purpose)
			if err != nil || !found {
				errs[i] = err
				return
			}
			post.TS, post.Failed = ts, false
		}
		errs[i] = h.updatePost(ctx, h.Table, post, m)
	})
	for i, err := range errs {
		switch access.CodeOf(err) {
		case "", access.CodeThrottled, access.CodeUnavailable:
		default:
			h.Logger.WarnContext(ctx, "direct message could not be updated", "request_id", r.ID, "purpose", posts[i].Message.Purpose, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			errs[i] = nil
		}
	}
	return firstError(errs...)
}
