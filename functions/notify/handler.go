package notify

import (
	"context"
	"errors"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/posts"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// Input is a task's payload. Operations are announce, remind, granted, outcome
// and revoked of a request, drift_question and drift_report of a run.
type Input struct {
	host.Input
	Error string `json:"error"` // of revoked: the code of why it was not granted, if it was not
}

// Table is the part of the requests table that the handler uses.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	ledger

	Run(ctx context.Context, id string) (access.Run, error)
	BeginRunPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error)
	CompleteRunPost(ctx context.Context, id, purpose string, p access.Post) error
}

// ledger is where messages are entered before they are sent, by the id that
// their metadata has.
type ledger interface {
	BeginPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error)
	CompletePost(ctx context.Context, id, purpose string, p access.Post) error
}

// Slack is the part of Slack's Web API that the handler uses.
type Slack interface {
	Post(ctx context.Context, channel, threadTS string, m slack.Message) (ts string, err error)
	Update(ctx context.Context, channel, ts string, m slack.Message) error
	FindPost(ctx context.Context, channel, threadTS, requestID, purpose string) (ts string, found bool, err error)
	InChannel(ctx context.Context, channel, user string) (bool, error)
	OpenDM(ctx context.Context, user string) (channel string, err error)
}

var (
	_ Table = (*table.Table)(nil)
	_ Slack = (*slack.Client)(nil)
)

// Handler sends what people are to know about a request, or about a run of the
// reconciliation. Whatever is repeated, each message is sent once; the one in
// the channel takes the form of the request's state.
type Handler struct {
	Table    Table
	Slack    Slack
	Findings Findings
	Channel  string
	// SendDM: requesters outside the channel get direct messages as well.
	SendDM bool
	// PostRevoke: the end of access is told in the thread and directly, and not
	// only shown in the channel's message.
	PostRevoke bool
	Logger     *slog.Logger
}

// Handle does one task. Its errors are coded; what could be sent was sent.
func (h *Handler) Handle(ctx context.Context, in Input) (struct{}, error) {
	log := h.Logger.With(in.LogArgs()...)
	switch in.Operation {
	case host.OperationDriftQuestion:
		return struct{}{}, h.driftQuestion(ctx, in.Run)
	case "drift_report":
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
		err = h.remind(ctx, r)
	case "granted":
		err = h.tell(ctx, r, slack.PurposeGranted)
	case "outcome":
		err = h.tell(ctx, r, slack.PurposeOutcome)
	case "revoked":
		err = h.revoked(ctx, log, r, in.Error)
	default:
		err = access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
	}
	return struct{}{}, err
}

// announce shows the request in the channel. The message itself tags who may
// approve.
func (h *Handler) announce(ctx context.Context, log *slog.Logger, r access.Request) error {
	if _, err := h.show(ctx, h.Table, r.Posts, slack.RequestMessage(r)); err != nil {
		return err
	}
	if r.Open() {
		if err := h.tellDirectly(ctx, r, slack.PurposeAnnounce); err != nil {
			// The approvers have it, and that is what counts: announcing is over.
			log.Warn("no direct message", "purpose", slack.PurposeAnnounce, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
	}
	return nil
}

// remind posts the latest reminder that was counted.
func (h *Handler) remind(ctx context.Context, r access.Request) error {
	if !r.Open() || r.RemindersSent == 0 {
		return nil
	}
	thread, err := h.show(ctx, h.Table, r.Posts, slack.RequestMessage(r))
	if err != nil {
		return err
	}
	m := slack.ThreadMessage(slack.PurposeRemind, r)
	m.Purpose = posts.Reminder(r.RemindersSent)
	_, err = h.once(ctx, h.Table, r.Posts, h.Channel, thread, m)
	return err
}

// revoked shows that the access is gone. That it never came is always told;
// that it has ended, where the settings want it.
func (h *Handler) revoked(ctx context.Context, log *slog.Logger, r access.Request, why string) error {
	if r.GrantedAt.IsZero() {
		log.Info("the access was not granted", "why", why)
		return h.tell(ctx, r, slack.PurposeFailed)
	}
	if h.PostRevoke {
		return h.tell(ctx, r, slack.PurposeRevoked)
	}
	_, err := h.show(ctx, h.Table, r.Posts, slack.RequestMessage(r))
	return err
}

// updateRebuilt brings the message in the channel up to date of a request whose row
// was deleted, and with it the note of where the message is: Slack is asked. Where
// Slack doesn't find it, there is nothing to show, and nobody who is known to be
// told.
func (h *Handler) updateRebuilt(ctx context.Context, log *slog.Logger, r access.Request) error {
	m := slack.RequestMessage(r)
	ts, found, err := h.Slack.FindPost(ctx, h.Channel, "", m.RequestID, m.Purpose)
	if err != nil {
		return err
	}
	if !found {
		log.Warn("the message of a request whose row was deleted is not found")
		return nil
	}
	if err := h.Slack.Update(ctx, h.Channel, ts, m); access.CodeOf(err) != access.CodeNotFound {
		return err
	}
	return nil // deleted just now
}

// tell shows the request as it is now, and tells the requester in the thread
// and, where they are not in the channel, directly.
func (h *Handler) tell(ctx context.Context, r access.Request, purpose string) error {
	thread, err := h.show(ctx, h.Table, r.Posts, slack.RequestMessage(r))
	if thread != "" {
		// There even if the message could not be updated.
		_, threadErr := h.once(ctx, h.Table, r.Posts, h.Channel, thread, slack.ThreadMessage(purpose, r))
		err = first(err, threadErr)
	}
	return first(err, h.tellDirectly(ctx, r, purpose))
}

// tellDirectly sends a direct message to a requester who is not in the channel,
// and does not see what is said there. Who has left Slack is told nothing.
func (h *Handler) tellDirectly(ctx context.Context, r access.Request, purpose string) error {
	if !h.SendDM {
		return nil
	}
	user := r.Requester.SlackID
	if in, err := h.Slack.InChannel(ctx, h.Channel, user); err != nil || in {
		return err
	}
	channel, err := h.Slack.OpenDM(ctx, user)
	if err == nil {
		m := slack.DirectMessage(purpose, r)
		m.Purpose = posts.Direct(purpose)
		_, err = h.once(ctx, h.Table, r.Posts, channel, "", m)
	}
	if access.CodeOf(err) == access.CodeNotFound {
		return nil
	}
	return err
}

// show brings a message in the channel up to m, posting it where that has not
// been done, and returns its timestamp. The timestamp is there also when only
// the update failed. known are the posts of the row that m was made of.
func (h *Handler) show(ctx context.Context, l ledger, known map[string]access.Post, m slack.Message) (ts string, err error) {
	post, err := h.once(ctx, l, known, h.Channel, "", m)
	if err != nil {
		return "", err
	}
	return post.TS, h.bring(ctx, l, post, m)
}

// bring brings a post up to m.
func (h *Handler) bring(ctx context.Context, l ledger, post access.Post, m slack.Message) error {
	now := posts.Digest(m)
	if post.Digest == now {
		return nil
	}
	err := h.Slack.Update(ctx, post.Channel, post.TS, m)
	if access.CodeOf(err) == access.CodeNotFound {
		err = nil // somebody deleted it; there is nothing to bring up to date
	}
	if err != nil {
		return err
	}
	post.Digest = now
	return l.CompletePost(ctx, m.RequestID, m.Purpose, post)
}

// once posts m unless that has been done, as known says or else the table, and
// returns the post. Where an earlier try got lost between Slack and the table,
// Slack is asked first.
func (h *Handler) once(ctx context.Context, l ledger, known map[string]access.Post, channel, thread string, m slack.Message) (access.Post, error) {
	if post := known[m.Purpose]; post.TS != "" {
		return post, nil
	}
	post, begun, err := l.BeginPost(ctx, m.RequestID, m.Purpose, access.Post{Channel: channel})
	if err != nil || post.TS != "" {
		return post, err
	}
	if begun {
		post = access.Post{Channel: channel}
	} else {
		ts, found, err := h.Slack.FindPost(ctx, post.Channel, thread, m.RequestID, m.Purpose)
		if err != nil {
			return access.Post{}, err
		}
		if found {
			// What it says is not known, so that an update will follow.
			post.TS = ts
			return post, l.CompletePost(ctx, m.RequestID, m.Purpose, post)
		}
	}
	if post.TS, err = h.Slack.Post(ctx, post.Channel, thread, m); err != nil {
		return access.Post{}, err
	}
	post.Digest = posts.Digest(m)
	return post, l.CompletePost(ctx, m.RequestID, m.Purpose, post)
}

// first is the first error, with the others' texts behind it: its code is the
// one that tells whether to try again.
func first(errs ...error) error {
	joined := errors.Join(errs...)
	for _, err := range errs {
		if err != nil {
			return access.Wrap(access.CodeOf(err), joined, "")
		}
	}
	return nil
}
