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
// granted, outcome, revoked, more_time and catch_up; those for a run are drift_question and drift_report.
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
	FailPost(ctx context.Context, id, purpose, channel string) error

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
	FindPost(ctx context.Context, channel, threadTS string, m slack.Message) (ts string, found bool, err error)
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
//
// It only logs errors of tasks that the minute check repeats.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	log := h.Logger.With(in.LogArgs()...)
	err := h.handle(ctx, log, in)
	if err != nil && (in.Operation == host.OperationCatchUp || in.Operation == host.OperationMoreTime) {
		log.Warn("missing messages could not be sent", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		err = nil
	}
	return struct{}{}, err
}

func (h *Handler) handle(ctx context.Context, log *slog.Logger, in Input) error {
	var wait sync.WaitGroup
	if h.Prepare != nil {
		wait.Go(func() { h.Prepare(ctx) })
		defer wait.Wait()
	}
	switch in.Operation {
	case host.OperationDriftQuestion:
		return h.driftQuestion(ctx, in.Run)
	case host.OperationDriftReport:
		return h.driftReport(ctx, in.Run)
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if r.Rebuilt != nil {
		return h.updateRebuilt(ctx, log, r)
	}
	switch in.Operation {
	case "announce":
		err = h.announce(ctx, log, r)
	case "remind":
		err = h.remind(ctx, log, r)
	case "granted":
		err = h.tellGranted(ctx, log, r)
	case "outcome":
		err = h.tell(ctx, h.afterLateUpdates(r), slack.PurposeOutcome)
	case "revoked":
		err = h.showRemoval(ctx, log, h.afterLateUpdates(r), in.Error)
	case host.OperationMoreTime:
		h.offerMoreTime(ctx, log, r)
	case host.OperationCatchUp:
		err = h.catchUp(ctx, log, r)
	default:
		err = access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
	if err == nil && (in.Operation == "outcome" || in.Operation == "revoked") && h.Now().Before(r.LateUpdates()) {
		err = access.Errorf(access.CodeUnavailable, "an older update may still reach Slack after this one")
	}
	return err
}

// approvedTime limits the announcement of a request that is approved already: its access
// must not wait for Slack. The next message of the request posts it if this doesn't.
const approvedTime = 2 * time.Second

// announce shows the request in the channel. The message itself mentions the
// approvers. Those outside the channel get direct messages. If the request is approved, it
// tries once and returns NotPosted, so that the state machine doesn't try again.
func (h *Handler) announce(ctx context.Context, log *slog.Logger, r access.Request) error {
	if r.IsApproved() {
		ctx, cancel := context.WithTimeout(ctx, approvedTime)
		defer cancel()
		_, err := h.showRequest(ctx, r)
		if access.CodeOf(err).Transient() {
			err = access.Wrap(access.CodeNotPosted, err, "")
		}
		return err
	}
	post, err := h.showRequest(ctx, r)
	if err != nil || !r.Open() {
		return err
	}
	h.reachDirectly(ctx, log, r, post.Channel)
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
	h.reachDirectly(ctx, log, r, post.Channel)
	return err
}

// tellGranted tells the requester that the access is ready.
func (h *Handler) tellGranted(ctx context.Context, log *slog.Logger, r access.Request) error {
	err := h.tell(ctx, r, slack.PurposeGranted)
	h.endEarlierOffers(ctx, log, r)
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
	return h.showEverywhere(ctx, r)
}

// showEverywhere updates the request's message and the direct messages.
func (h *Handler) showEverywhere(ctx context.Context, r access.Request) error {
	_, err := h.showRequest(ctx, r)
	return firstError(err, h.updateDirect(ctx, r))
}

// afterLateUpdates clears the digests once no late update by a press or the minute check can
// follow, so that each post is updated once more.
func (h *Handler) afterLateUpdates(r access.Request) access.Request {
	if until := r.LateUpdates(); until.IsZero() || h.Now().Before(until) {
		return r
	}
	r.Posts = maps.Clone(r.Posts)
	for purpose, post := range r.Posts {
		if !post.Repeated {
			post.Digest, post.Repeated = "", true
			r.Posts[purpose] = post
		}
	}
	return r
}

// updateRebuilt updates the channel's message of a request whose row was deleted. The
// row no longer says where the message is, so Slack is asked. If Slack doesn't find
// the message, there is nothing to update, and we don't know whom to tell.
func (h *Handler) updateRebuilt(ctx context.Context, log *slog.Logger, r access.Request) error {
	m, channel := slack.RequestMessage(r), h.channelOf(r)
	ts, found, err := h.Slack.FindPost(ctx, channel, "", m)
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
		reply, threadErr := h.postOnce(ctx, l, r.Posts, access.Post{Channel: post.Channel}, post.TS, slack.ThreadMessage(purpose, r))
		err = firstError(err, threadErr)
		r = withPost(r, purpose, reply)
	}
	err = firstError(err, l.writeHeld(ctx, r.ID))
	direct, directErr := h.tellDirectly(ctx, r, post.Channel, purpose)
	r = withPost(r, slack.DirectPurpose(purpose), direct) // the earlier ones leave the buttons to it
	return firstError(err, directErr, h.updateDirect(ctx, r))
}

// withPost returns the request with a post, if that arrived.
func withPost(r access.Request, purpose string, post access.Post) access.Request {
	if post.TS != "" {
		posts := map[string]access.Post{}
		maps.Copy(posts, r.Posts)
		posts[purpose] = post
		r.Posts = posts
	}
	return r
}

// tellDirectly sends a direct message to a requester outside the channel of the
// request's message, who doesn't see what is posted there. People who left Slack get none.
// It returns the post; the zero Post if there is none.
func (h *Handler) tellDirectly(ctx context.Context, r access.Request, channelOfPost, purpose string) (post access.Post, err error) {
	if !h.SendDM {
		return access.Post{}, h.dropDirect(ctx, r, purpose)
	}
	user, channel := r.Requester.SlackID, ""
	in, err := h.Slack.MembersAmong(ctx, channelOfPost, []string{user})
	if err == nil && in[user] {
		return access.Post{}, h.dropDirect(ctx, r, purpose)
	}
	if err == nil {
		channel, err = h.Slack.OpenDM(ctx, user)
	}
	if err == nil {
		post, err = h.postOnce(ctx, h.Table, r.Posts, access.Post{Channel: channel}, "", directMessage(purpose, r))
	} else if purpose == slack.PurposeGranted && access.CodeOf(err).Transient() {
		// The check that catches up sees in the row that this message is missing.
		err = firstError(err, h.Table.FailPost(ctx, r.ID, slack.DirectPurpose(purpose), ""))
	}
	if access.CodeOf(err) == access.CodeNotFound {
		return access.Post{}, h.dropDirect(ctx, r, purpose)
	}
	return post, err
}

// dropDirect records that the direct message about the grant, if it was tried, is not needed
// any more. So the check that catches up doesn't try again.
func (h *Handler) dropDirect(ctx context.Context, r access.Request, purpose string) error {
	direct := slack.DirectPurpose(purpose)
	post, tried := r.Posts[direct]
	if purpose != slack.PurposeGranted || !tried || post.TS != "" || post.Over {
		return nil
	}
	post.Failed, post.Over = false, true
	return h.Table.CompletePost(ctx, r.ID, direct, post)
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
	if begun {
		post = as
	} else {
		ts, found, err := h.Slack.FindPost(ctx, post.Channel, thread, m)
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
