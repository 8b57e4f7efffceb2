package notify

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cache"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// Input is a task's payload. The operations for a request are announce, remind,
// granted, outcome, revoked and more_time; those for a run are drift_question and drift_report.
type Input struct {
	host.Input
	Error string `json:"error"` // for revoked: the error code if access was not granted
}

// Table is the part of the requests table that the handler uses.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	// Lease returns the lease with that key, Subject.Key().
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
	ledger
	BeginPostAfter(ctx context.Context, id, purpose string, p access.Post, updated string, done access.Post) (before access.Post, begun bool, err error)

	Run(ctx context.Context, id string) (access.Run, error)
	BeginRunPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error)
	CompleteRunPost(ctx context.Context, id, purpose string, p access.Post) error
}

// ledger records messages before they are sent, by the id in their metadata.
type ledger interface {
	BeginPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error)
	CompletePost(ctx context.Context, id, purpose string, p access.Post) error
}

// Slack is the part of Slack's Web API that the handler uses.
type Slack interface {
	Post(ctx context.Context, channel, threadTS string, m slack.Message) (ts string, err error)
	Update(ctx context.Context, channel, ts string, m slack.Message) error
	FindPost(ctx context.Context, channel, threadTS, requestID, purpose string) (ts string, found bool, err error)
	MembersAmong(ctx context.Context, channel string, users []string) (map[string]bool, error)
	OpenDM(ctx context.Context, user string) (channel string, err error)
	UserByEmail(ctx context.Context, email string) (u slack.User, found bool, err error)
}

var (
	_ Table = (*table.Table)(nil)
	_ Slack = (*slack.Client)(nil)
)

// Handler sends the messages about requests and about runs of the reconciliation. It
// sends each message once, even if a task is repeated. The message in the channel
// always shows the request's state, and so do the direct messages.
type Handler struct {
	Table    Table
	Slack    Slack
	Findings Findings
	// Owners keeps which Slack user has an email; the zero Person if none.
	Owners  *cache.Cache[access.Person]
	Channel string // for runs, and for requests whose policy names no other
	// SendDM sends direct messages to requesters and approvers outside the channel as well.
	SendDM bool
	// PostRevoke reports the end of access in the thread and in a direct
	// message, and not only in the channel's message.
	PostRevoke bool
	// ExtensionOffer is how long before the end of access its requester is offered more
	// time; zero for never.
	ExtensionOffer time.Duration
	// Prepare, if set, reads what the messages need, and returns at once if it is known. It
	// runs while the row is read.
	Prepare func(context.Context)
	Now     func() time.Time
	Logger  *slog.Logger
}

// Handle does one task. Its errors are coded. Even if it returns an
// error, it has sent everything that it could.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	log := h.Logger.With(in.LogArgs()...)
	var wait sync.WaitGroup
	if h.Prepare != nil {
		wait.Go(func() { h.Prepare(ctx) })
		defer wait.Wait()
	}
	switch in.Operation {
	case host.OperationDriftQuestion:
		return struct{}{}, h.driftQuestion(ctx, in.Run)
	case host.OperationDriftReport:
		return struct{}{}, h.driftReport(ctx, in.Run)
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return struct{}{}, err
	}
	if r.Rebuilt != nil {
		return struct{}{}, h.updateRebuilt(ctx, log, r)
	}
	switch in.Operation {
	case "announce":
		err = h.announce(ctx, log, r)
	case "remind":
		err = h.remind(ctx, log, r)
	case "granted":
		err = h.tell(ctx, r, slack.PurposeGranted)
		h.endEarlierOffers(ctx, log, r)
	case "outcome":
		err = h.tell(ctx, r, slack.PurposeOutcome)
	case "revoked":
		err = h.showRemoval(ctx, log, r, in.Error)
	case host.OperationMoreTime:
		h.offerMoreTime(ctx, log, r)
	default:
		err = access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
	return struct{}{}, err
}

// announce shows the request in the channel. The message itself mentions the
// approvers. Those outside the channel get direct messages.
func (h *Handler) announce(ctx context.Context, log *slog.Logger, r access.Request) error {
	post, err := h.showRequest(ctx, r)
	if err != nil || !r.Open() {
		return err
	}
	h.reachApprovers(ctx, log, r, post.Channel)
	if _, err := h.tellDirectly(ctx, r, post.Channel, slack.PurposeAnnounce); err != nil {
		// What matters is that the approvers have the message. So announce doesn't fail
		// here.
		log.Warn("direct message could not be sent", "purpose", slack.PurposeAnnounce, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return nil
}

// remind posts the latest reminder that was counted.
func (h *Handler) remind(ctx context.Context, log *slog.Logger, r access.Request) error {
	if !r.Open() || r.RemindersSent == 0 {
		return nil
	}
	post, err := h.showRequest(ctx, r)
	if err != nil {
		return err
	}
	m := slack.ThreadMessage(slack.PurposeRemind, r)
	m.Purpose = slack.ReminderPurpose(r.RemindersSent)
	_, err = h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: post.Channel}, post.TS, m)
	h.reachApprovers(ctx, log, r, post.Channel)
	return err
}

// showRemoval shows that the access is gone. It always reports access that
// was never granted, and the end of access only if the settings say so.
func (h *Handler) showRemoval(ctx context.Context, log *slog.Logger, r access.Request, why string) error {
	if !r.WasGranted() {
		log.Info("access was not granted", "why", why)
		return h.tell(ctx, r, slack.PurposeFailed)
	}
	if h.PostRevoke {
		return h.tell(ctx, r, slack.PurposeRevoked)
	}
	_, err := h.showRequest(ctx, r)
	return firstError(err, h.updateDirect(ctx, r))
}

// updateRebuilt updates the channel's message of a request whose row was deleted. The
// row no longer says where the message is, so Slack is asked. If Slack doesn't find
// the message, there is nothing to update, and we don't know whom to tell.
func (h *Handler) updateRebuilt(ctx context.Context, log *slog.Logger, r access.Request) error {
	m, channel := slack.RequestMessage(r), h.channelOf(r)
	ts, found, err := h.Slack.FindPost(ctx, channel, "", m.RequestID, m.Purpose)
	if err != nil {
		return err
	}
	if !found {
		log.Warn("message of the rebuilt request not found", "channel", channel)
		return nil
	}
	if err := h.Slack.Update(ctx, channel, ts, m); access.CodeOf(err) != access.CodeNotFound {
		return err
	}
	return nil // the message was deleted just now
}

// tell updates the request's message in the channel, and the direct messages. It notifies
// the requester in the thread and, if they are outside the channel, in a direct message.
func (h *Handler) tell(ctx context.Context, r access.Request, purpose string) error {
	l := &jointLedger{Table: h.Table, known: r.Posts}
	post, err := h.showRequestIn(ctx, l, r)
	if post.TS != "" {
		// The thread exists even if the message could not be updated.
		_, threadErr := h.postOnce(ctx, l, r.Posts, access.Post{Channel: post.Channel}, post.TS, slack.ThreadMessage(purpose, r))
		err = firstError(err, threadErr)
	}
	err = firstError(err, l.writeHeld(ctx, r.ID))
	direct, directErr := h.tellDirectly(ctx, r, post.Channel, purpose)
	if direct.TS != "" {
		// The earlier direct messages leave the buttons to this one.
		r.Posts = maps.Clone(r.Posts)
		if r.Posts == nil {
			r.Posts = map[string]access.Post{}
		}
		r.Posts[slack.DirectPurpose(purpose)] = direct
	}
	return firstError(err, directErr, h.updateDirect(ctx, r))
}

// tellDirectly sends a direct message to a requester outside the channel of the
// request's message, who doesn't see what is posted there. People who left Slack get none.
// It returns the post; the zero Post if there is none.
func (h *Handler) tellDirectly(ctx context.Context, r access.Request, channelOfPost, purpose string) (post access.Post, err error) {
	if !h.SendDM {
		return access.Post{}, nil
	}
	user := r.Requester.SlackID
	if in, err := h.Slack.MembersAmong(ctx, channelOfPost, []string{user}); err != nil || in[user] {
		return access.Post{}, err
	}
	channel, err := h.Slack.OpenDM(ctx, user)
	if err == nil {
		post, err = h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: channel}, "", directMessage(purpose, r))
	}
	if access.CodeOf(err) == access.CodeNotFound {
		return access.Post{}, nil
	}
	return post, err
}

// channelOf returns the channel where the request is posted. If Slack refuses it, the
// request is not posted elsewhere: the policy may have chosen a channel with few members.
func (h *Handler) channelOf(r access.Request) string {
	return cmp.Or(r.Channel(), h.Channel)
}

// showRequest shows the request's message. The post that it returns has the channel, even
// if nothing could be posted.
func (h *Handler) showRequest(ctx context.Context, r access.Request) (access.Post, error) {
	return h.showRequestIn(ctx, h.Table, r)
}

// showRequestIn is showRequest with a ledger.
func (h *Handler) showRequestIn(ctx context.Context, l ledger, r access.Request) (access.Post, error) {
	post, err := h.show(ctx, l, r.Posts, h.channelOf(r), slack.RequestMessage(r))
	post.Channel = cmp.Or(post.Channel, r.Posts[slack.PurposeAnnounce].Channel, h.channelOf(r))
	return post, err
}

// show updates a message to m, or posts it to the channel if it isn't anywhere yet. It
// returns the post also if only the update failed. posts are those in the row that m was
// made from.
func (h *Handler) show(ctx context.Context, l ledger, posts map[string]access.Post, channel string, m slack.Message) (access.Post, error) {
	post, err := h.postOnce(ctx, l, posts, access.Post{Channel: channel}, "", m)
	if err != nil {
		return access.Post{}, err
	}
	return post, h.updatePost(ctx, l, post, m)
}

// updatePost updates a post to m.
func (h *Handler) updatePost(ctx context.Context, l ledger, post access.Post, m slack.Message) error {
	now := m.Digest()
	if post.Digest == now {
		return nil
	}
	err := h.Slack.Update(ctx, post.Channel, post.TS, m)
	if access.CodeOf(err) == access.CodeNotFound {
		err = nil // someone deleted it; there is nothing to update
	}
	if err != nil {
		return err
	}
	post.Digest = now
	return l.CompletePost(ctx, m.RequestID, m.Purpose, post)
}

// postOnce posts m as the post given, unless posts or the table says that it was posted,
// and returns the post. If an earlier attempt recorded the post but not its
// timestamp, Slack is asked first.
func (h *Handler) postOnce(ctx context.Context, l ledger, posts map[string]access.Post, as access.Post, thread string, m slack.Message) (access.Post, error) {
	if post := posts[m.Purpose]; post.TS != "" {
		return post, nil
	}
	post, begun, err := l.BeginPost(ctx, m.RequestID, m.Purpose, as)
	if err != nil || post.TS != "" {
		return post, err
	}
	switch {
	case begun:
		post = as
	case post.Channel == "":
		// It was never sent. Record where it goes now, or an attempt that sends it and stops
		// would be repeated without a look.
		as.Failed = post.Failed
		post = as
		if err := l.CompletePost(ctx, m.RequestID, m.Purpose, post); err != nil {
			return access.Post{}, err
		}
	default:
		ts, found, err := h.Slack.FindPost(ctx, post.Channel, thread, m.RequestID, m.Purpose)
		if err != nil {
			return access.Post{}, err
		}
		if found {
			// We don't know what the post says, so we store no digest. The next
			// call then updates the post.
			post.TS, post.Failed = ts, false
			return post, l.CompletePost(ctx, m.RequestID, m.Purpose, post)
		}
	}
	if post.TS, err = h.Slack.Post(ctx, post.Channel, thread, m); err != nil {
		return access.Post{}, access.Wrap(access.CodeOf(err), err, "channel "+post.Channel)
	}
	post.Digest, post.Failed = m.Digest(), false
	return post, l.CompletePost(ctx, m.RequestID, m.Purpose, post)
}

// firstError returns an error with the code of the first and the texts of
// all. The first code decides whether the task is retried.
func firstError(errs ...error) error {
	joined := errors.Join(errs...)
	for _, err := range errs {
		if err != nil {
			return access.Wrap(access.CodeOf(err), joined, "")
		}
	}
	return nil
}
