package notify

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/slack"
)

// Limits of direct messages to approvers, and of the calls for them. The message in the
// channel comes first.
const (
	// maxAsked is how many approvers listed by email get a direct message when the request
	// is new, and how many others with each reminder, up to maxListed in all. Members of
	// groups come on top: access.MaxMentionedMembers, and as many at each reminder, up to
	// access.MaxFurtherApprovers. Every change of the request updates all these messages,
	// and Slack accepts 50 updates a minute (chat.update, tier 3).
	maxAsked  = 10
	maxListed = 30
	// maxDirectReminders is how many reminders go out as direct messages. A row has room for
	// the posts of these, and not for a year of them.
	maxDirectReminders = 10
	// directTime is how long a task sends direct messages about an open request, if it has
	// that long. It keeps directReserve of the function's time to show who was told.
	directTime    = 3 * time.Second
	directReserve = 1500 * time.Millisecond
	// directWorkers is how many direct messages are sent or updated at the same time.
	directWorkers = 5
)

// reachDirectly confirms an open request to a requester outside the channel. To approvers
// outside the channel, it sends the request, if they don't have it yet, and otherwise the
// latest reminder. Then it shows in the channel who was notified. A failure delays nothing:
// it is logged, the message in the channel says who was not notified, and the next reminder
// tries again. If the settings allow no direct messages, the message in the channel only
// says who is outside.
func (h *Handler) reachDirectly(ctx context.Context, log *slog.Logger, r access.Request, channelOfPost string) {
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
	asked, others, err := h.approversOutside(limited, r, channelOfPost)
	warn("approvers outside the channel could not be found", err)
	unknown := err != nil
	noted := r.Posts[slack.MembersUnknown].Failed
	if unknown && !noted {
		warn("could not record that the channel's members are unknown", h.Table.FailPost(ctx, r.ID, slack.MembersUnknown, ""))
	} else if !unknown && noted {
		warn("could not record that the channel's members are known again", h.Table.CompletePost(ctx, r.ID, slack.MembersUnknown, access.Post{}))
	}
	parallel.Do(1+len(asked)+len(others), directWorkers, func(i int) {
		switch {
		case i == 0:
			_, err := h.tellDirectly(limited, r, channelOfPost, slack.PurposeAnnounce)
			warn("requester could not be notified by direct message", err)
		case i <= len(asked):
			p := asked[i-1]
			if channel, err := h.askDirectly(limited, r, p); err != nil {
				warn("approver could not be notified by direct message", err)
				h.recordNotNotified(ctx, log, r, slack.ApproverPurpose(p.SlackID), channel)
			}
		default:
			h.recordNotNotified(ctx, log, r, slack.ApproverPurpose(others[i-1-len(asked)].SlackID), "")
		}
	})
	if unknown != noted || len(asked)+len(others) > 0 {
		// The direct messages took a while. An update from the row as it was could replace a
		// newer one.
		if r, err = h.Table.Get(ctx, r.ID); err == nil {
			r, err = h.findDirect(ctx, r)
			warn("direct messages could not be found", err)
			_, err = h.showRequest(ctx, r)
		}
		warn("message in the channel could not be updated", err)
	}
	if h.SendDM {
		warn("direct messages could not be updated", h.updateFound(ctx, r))
	}
}

// approversOutside returns the approvers to reach who are not in the channel. asked get a
// direct message. others get none, and nothing says so yet. Approvers listed by email take
// turns, so those who fail don't keep a place. A repeated task asks the same people.
func (h *Handler) approversOutside(ctx context.Context, r access.Request, channel string) (asked, others []access.Person, err error) {
	isListed := map[string]bool{}
	for _, p := range r.Approvers {
		isListed[p.SlackID] = true
	}
	var people []access.Person
	var ids []string
	for _, p := range slack.RemindedApprovers(r) {
		if p.SlackID != "" && !slices.Contains(ids, p.SlackID) {
			people, ids = append(people, p), append(ids, p.SlackID)
		}
	}
	if len(people) == 0 {
		return nil, nil, nil
	}
	if h.SendDM {
		ids = append(ids, r.Requester.SlackID) // their direct message needs the answer, too
	}
	in, err := h.Slack.MembersAmong(ctx, channel, ids)
	if err != nil {
		return nil, nil, err
	}
	var waiting []access.Person // listed, and without the request before the latest reminder
	room := maxListed
	for _, p := range people {
		post := r.Posts[slack.ApproverPurpose(p.SlackID)]
		switch {
		case in[p.SlackID]:
		case !h.SendDM:
			others = append(others, p)
		case !isListed[p.SlackID]:
			asked = append(asked, p)
		case post.TS != "" && post.Reminder < r.RemindersSent:
			asked = append(asked, p)
			room--
		default:
			waiting = append(waiting, p)
		}
	}
	if len(waiting) > 0 {
		n := max(min(maxAsked, room, len(waiting)), 0)
		turn := n * r.RemindersSent % len(waiting)
		waiting = slices.Concat(waiting[turn:], waiting[:turn])
		asked, others = append(asked, waiting[:n]...), append(others, waiting[n:]...)
	}
	others = slices.DeleteFunc(others, func(p access.Person) bool {
		post := r.Posts[slack.ApproverPurpose(p.SlackID)]
		return post.Failed || post.TS != ""
	})
	return asked, others, nil
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
		_, err = h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: channel, Reminder: r.RemindersSent, Failed: post.Failed}, "", m)
	}
	return channel, err
}

// recordNotNotified records that an approver was not notified, unless they have the request.
// channel is where the message may have been sent; "" if nowhere.
func (h *Handler) recordNotNotified(ctx context.Context, log *slog.Logger, r access.Request, purpose, channel string) {
	if r.Posts[purpose].TS != "" {
		return // only a reminder failed
	}
	if err := h.Table.FailPost(ctx, r.ID, purpose, channel); err != nil {
		log.Warn("approver who was not notified could not be recorded", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

// updateDirect updates the request's posts besides the message in the channel, as
// slack.DirectPosts returns them: direct messages, and a reply in the thread. It returns only
// errors that a retry may fix. It logs others, such as the error for an approver who left Slack.
func (h *Handler) updateDirect(ctx context.Context, r access.Request) error {
	r, err := h.findDirect(ctx, r)
	return firstError(err, h.updateFound(ctx, r))
}

// findDirect returns the request with those of its posts that Slack has although its answer
// was lost. Its errors are those of updateDirect.
func (h *Handler) findDirect(ctx context.Context, r access.Request) (access.Request, error) {
	posts := slices.DeleteFunc(slack.DirectPosts(r), func(s slack.Shown) bool { return s.Post.TS != "" })
	err := h.forEach(ctx, posts, func(s *slack.Shown) (err error) {
		thread := ""
		if s.Message.Purpose == slack.PurposeGranted {
			thread = r.Posts[slack.PurposeAnnounce].TS
		}
		s.Post.TS, _, err = h.Slack.FindPost(ctx, s.Post.Channel, thread, s.Message)
		return err
	})
	r.Posts = maps.Clone(r.Posts)
	for _, s := range posts {
		if s.Post.TS != "" {
			s.Post.Failed = false
			r.Posts[s.Message.Purpose] = s.Post
		}
	}
	return r, err
}

// updateFound is updateDirect without the posts that may not have arrived.
func (h *Handler) updateFound(ctx context.Context, r access.Request) error {
	return h.forEach(ctx, slack.DirectPosts(r), func(s *slack.Shown) error {
		if s.Post.TS == "" {
			return nil
		}
		return h.updatePost(ctx, h.Table, s.Post, s.Message)
	})
}

// forEach calls do for several posts at the same time. It returns only errors that a retry
// may fix, and logs others.
func (h *Handler) forEach(ctx context.Context, posts []slack.Shown, do func(*slack.Shown) error) error {
	errs := make([]error, len(posts))
	parallel.Do(len(posts), directWorkers, func(i int) { errs[i] = do(&posts[i]) })
	for i, err := range errs {
		switch access.CodeOf(err) {
		case "", access.CodeThrottled, access.CodeUnavailable:
		default:
			m := posts[i].Message
			h.Logger.WarnContext(ctx, "message could not be updated", "request_id", m.RequestID, "purpose", m.Purpose, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			errs[i] = nil
		}
	}
	return firstError(errs...)
}
