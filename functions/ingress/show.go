package ingress

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/slack"
)

const (
	// showTries limits how often a press updates a request's posts, and showWorkers how many
	// posts it updates at the same time.
	showTries, showWorkers = 3, 6
	// showTime limits how long a press waits for an update. Until then, Slack shows the
	// person that the button works.
	showTime = time.Second
	// showPosts is how many posts a press updates in all if it approves requests or ends
	// access: Slack accepts fifty updates a minute, and notify needs them a moment later. A
	// press after which the request still waits for approvals has no limit, because notify
	// doesn't follow it.
	showPosts = 12
)

// source is the press that causes an update of posts.
type source struct {
	press string // its id
	user  string // Slack user who pressed
}

// postsToShow returns the request's posts that exist: that in the channel, that to the user who
// pressed, those to the requester, and then those to other approvers.
func postsToShow(r access.Request, user string) []slack.Shown {
	rank := func(purpose string) int {
		switch {
		case purpose == slack.PurposeAnnounce:
			return 0
		case purpose == slack.ApproverPurpose(user):
			return 1
		case strings.HasPrefix(purpose, slack.ApproverPurpose("")):
			return 3
		}
		return 2
	}
	posts := slices.DeleteFunc(slack.StatePosts(r), func(s slack.Shown) bool { return s.Post.TS == "" })
	slices.SortStableFunc(posts, func(a, b slack.Shown) int { return rank(a.Message.Purpose) - rank(b.Message.Purpose) })
	return posts
}

// showRequest updates the request's posts to what the row shows: the message in the channel
// and the direct messages. It reports whether the one in the channel shows it. A post that
// isn't there yet will show the row. If an update fails, the next update by the function
// notify repeats it.
//
// Another press or notify may update a post at the same time, and Slack may apply the older
// update last. So the row is read again after the updates, even if their result is unknown.
// The posts that should show something else by now are updated again. If an update got no
// answer, Slack may still apply it, even after those of notify. So a press records that it has
// shown the end of access only if all were answered: until then, notify waits and repeats its
// last update.
//
// most limits the number of posts, in the order of postsToShow.
func (h *Handler) showRequest(ctx context.Context, log *slog.Logger, by source, r access.Request, most int) (shown bool) {
	shown = r.Posts[slack.PurposeAnnounce].TS != ""
	sent, allAnswered := map[string]string{}, true // sent are digests by purpose
	for try := range showTries {
		if try > 0 {
			now, err := h.Table.Get(ctx, r.ID)
			if err != nil {
				log.Warn("request could not be read after its messages were updated", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
				return shown
			}
			r = now
		}
		posts := postsToShow(r, by.user)
		behind := slices.DeleteFunc(posts[:min(most, len(posts))], func(s slack.Shown) bool {
			last, ok := sent[s.Message.Purpose]
			if !ok {
				last = s.Post.Digest
			}
			digest := s.Message.Digest()
			sent[s.Message.Purpose] = digest
			return last == digest
		})
		if len(behind) == 0 {
			if allAnswered && r.EndRequest != nil && r.EndRequest.ByPress == by.press && !r.EndShown {
				h.recordEndShown(ctx, log, r.ID)
			}
			return shown
		}
		errs := make([]error, len(behind))
		parallel.Do(len(behind), showWorkers, func(i int) { errs[i] = h.updatePost(ctx, behind[i]) })
		for i, s := range behind {
			purpose := s.Message.Purpose
			if purpose == slack.PurposeAnnounce {
				shown = errs[i] == nil
			}
			if err := errs[i]; err != nil {
				allAnswered = allAnswered && access.CodeOf(err) != access.CodeUnavailable
				log.Warn("message could not be updated", "purpose", purpose, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			}
		}
	}
	return shown
}

// showRequests updates the most important posts of the first requests at the same time,
// showPosts in all; notify updates all posts of all requests later. It leaves out requests that
// another press ended, and those that this press ended so long ago that notify no longer expects
// an update.
//
// A press updates no post of further requests. So it records that their end is shown: then
// notify doesn't wait for updates, and doesn't repeat its own.
func (h *Handler) showRequests(ctx context.Context, log *slog.Logger, by source, all []access.Request) {
	isTooLate := func(r access.Request) bool { return r.EndRequest != nil && !r.MayShowEnd(by.press, h.Now()) }
	all = slices.DeleteFunc(slices.Clone(all), isTooLate)
	most := min(len(all), showPosts)
	parallel.Do(len(all), showWorkers, func(i int) {
		log := log.With("request", all[i].ID)
		switch {
		case i >= most:
			h.recordEndShown(ctx, log, all[i].ID)
		case !isTooLate(all[i]): // the first ones may have taken a while
			h.showRequest(ctx, log, by, all[i], showPosts/most)
		}
	})
}

// recordEndShown records that Slack has answered all updates by the press that ended the
// request's access. If that fails, notify waits until no update can come.
func (h *Handler) recordEndShown(ctx context.Context, log *slog.Logger, id string) {
	if ctx.Err() != nil {
		return
	}
	if err := h.Table.EndShown(ctx, id); err != nil {
		log.Warn("end could not be recorded as shown", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}

func (h *Handler) updatePost(ctx context.Context, s slack.Shown) error {
	ctx, cancel := context.WithTimeout(ctx, showTime)
	defer cancel()
	return h.Slack.Update(ctx, s.Post.Channel, s.Post.TS, s.Message)
}
