package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// DefaultAPIURL is Slack's Web API.
const DefaultAPIURL = slackgo.APIURL

const (
	// callTimeout is how long one call to Slack may take.
	callTimeout = 4 * time.Second
	// maxWait is how long a Retry-After is waited out at most when the context
	// sets no deadline.
	maxWait = 30 * time.Second
	// maxWaits is how often one call is told to wait before it gives up.
	maxWaits = 3
	// pageSize of lists; Slack recommends 200 and takes up to 1000.
	pageSize = 200
	// membersPageSize is Slack's most: who is not in a channel of ten thousand is
	// known after ten calls, within the time that telling of a grant has.
	membersPageSize = 1000
	// maxHistoryPages is how far back FindPost looks: 1000 messages. A retry
	// looks minutes after the post that it looks for.
	maxHistoryPages = 5
	// hooksHost is where Slack's response URLs are.
	hooksHost = "hooks.slack.com"
)

// Client calls Slack's Web API.
//
// Every method's error is coded: Throttled (too many calls), Unavailable (no or
// no usable answer; what was asked for may have happened all the same), Lost (a
// view or its trigger is gone or has changed), NotFound, Misconfigured (the
// message says what a person has to mend), Internal. One call takes at most
// four seconds; where Slack asks to wait, the client does if the context's
// deadline leaves the time, and calls again.
type Client struct {
	token   func(context.Context) (string, error)
	api     string
	http    *http.Client
	timeout time.Duration // of one call
	sleep   func(context.Context, time.Duration) error

	// Refresh, where set, has token read the token again, unless it just did:
	// then it is false.
	Refresh func() bool

	// Failed, where set, hears of every error that a call comes to.
	OnError func(error)

	mu     sync.Mutex
	paused map[string]time.Time // by what is done: until when Slack wants no call
}

// NewClient makes a client. token gives the bot token for each call, so that a
// new one is taken up without a restart. apiURL "" is Slack's own; httpClient
// nil is http.DefaultClient.
func NewClient(token func(context.Context) (string, error), apiURL string, httpClient *http.Client) *Client {
	if apiURL == "" {
		apiURL = DefaultAPIURL
	}
	if !strings.HasSuffix(apiURL, "/") {
		apiURL += "/"
	}
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	return &Client{token: token, api: apiURL, http: httpClient, timeout: callTimeout, sleep: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call makes one call, and again where Slack asks to wait and there is time.
// Where there is not, later calls of the kind do not go out before the wait is
// over: the state machine tries again sooner than Slack may want it to.
func (c *Client) call(ctx context.Context, operation string, do func(context.Context, *slackgo.Client) error) error {
	err := c.callWithRetries(ctx, operation, do)
	if err != nil && c.OnError != nil {
		c.OnError(err)
	}
	return err
}

func (c *Client) callWithRetries(ctx context.Context, operation string, do func(context.Context, *slackgo.Client) error) error {
	for waits := 0; ; waits++ {
		limited := c.remainingPause(operation)
		if limited == nil {
			err := c.callOnce(ctx, operation, do)
			if !errors.As(err, &limited) {
				return err
			}
		}
		if waits == maxWaits || !c.hasTimeToWait(ctx, limited.RetryAfter) {
			c.pause(operation, limited.RetryAfter)
			return wrapError(limited, operation)
		}
		if c.sleep(ctx, limited.RetryAfter) != nil {
			return wrapError(limited, operation)
		}
	}
}

func (c *Client) pause(operation string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused == nil {
		c.paused = map[string]time.Time{}
	}
	c.paused[operation] = time.Now().Add(d)
}

// pausedFor is what is left of a wait that Slack asked for; nil for nothing.
func (c *Client) remainingPause(operation string) *slackgo.RateLimitedError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if remaining := time.Until(c.paused[operation]); remaining > 0 {
		return &slackgo.RateLimitedError{RetryAfter: remaining}
	}
	return nil
}

// once makes one call. A RateLimitedError comes back as it is, any other coded.
func (c *Client) callOnce(ctx context.Context, operation string, do func(context.Context, *slackgo.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		return access.Wrap(access.CodeOf(err), err, operation+": read the bot token")
	}
	err = do(ctx, c.newAPI(token))
	if isTokenRejected(err) && c.Refresh != nil && c.Refresh() {
		// Slack did nothing, so that operation it again does it once.
		if fresh, readErr := c.token(ctx); readErr == nil && fresh != token {
			err = do(ctx, c.newAPI(fresh))
		}
	}
	var limited *slackgo.RateLimitedError
	if errors.As(err, &limited) {
		return limited
	}
	return wrapError(err, operation)
}

func (c *Client) newAPI(token string) *slackgo.Client {
	return slackgo.New(token, slackgo.OptionAPIURL(c.api), slackgo.OptionHTTPClient(c.http))
}

// tokenIsDead says whether Slack knows the bot token no more: somebody may have
// put another in its place.
func isTokenRejected(err error) bool {
	var refused slackgo.SlackErrorResponse
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Err {
	case "invalid_auth", "token_revoked", "token_expired", "account_inactive":
		return true
	}
	return false
}

// mayWait says whether waiting d leaves time for another call.
func (c *Client) hasTimeToWait(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return d <= maxWait
	}
	return d < time.Until(deadline)
}

// OpenView opens a view, once per trigger and within three seconds of it.
func (c *Client) OpenView(ctx context.Context, triggerID string, view slackgo.ModalViewRequest) (viewID, hash string, err error) {
	err = c.call(ctx, "open the form", func(ctx context.Context, api *slackgo.Client) error {
		r, err := api.OpenViewContext(ctx, triggerID, view)
		if err == nil {
			viewID, hash = r.ID, r.Hash
		}
		return err
	})
	return viewID, hash, err
}

// UpdateView replaces a view, unless it has changed since it had that hash: then
// the error is CodeLost. An empty hash replaces it in any case.
func (c *Client) UpdateView(ctx context.Context, viewID, hash string, view slackgo.ModalViewRequest) error {
	return c.call(ctx, "update the form", func(ctx context.Context, api *slackgo.Client) error {
		_, err := api.UpdateViewContext(ctx, view, "", hash, viewID)
		return err
	})
}

// Post posts m to a channel, in the thread of threadTS if that is not empty, and
// returns its timestamp, by which it is updated. After CodeUnavailable it may
// have been posted all the same: FindPost tells.
func (c *Client) Post(ctx context.Context, channel, threadTS string, m Message) (ts string, err error) {
	options := m.options()
	if threadTS != "" {
		options = append(options, slackgo.MsgOptionTS(threadTS))
	}
	err = c.call(ctx, "post a message", func(ctx context.Context, api *slackgo.Client) error {
		_, posted, err := api.PostMessageContext(ctx, channel, options...)
		ts = posted
		return err
	})
	return ts, err
}

// Update replaces the message with that timestamp.
func (c *Client) Update(ctx context.Context, channel, ts string, m Message) error {
	return c.call(ctx, "update a message", func(ctx context.Context, api *slackgo.Client) error {
		_, _, _, err := api.UpdateMessageContext(ctx, channel, ts, m.options()...)
		return err
	})
}

func (m Message) options() []slackgo.MsgOption {
	return []slackgo.MsgOption{
		slackgo.MsgOptionText(m.Text, false),
		slackgo.MsgOptionBlocks(m.Blocks...),
		slackgo.MsgOptionDisableLinkUnfurl(),
		slackgo.MsgOptionDisableMediaUnfurl(),
		slackgo.MsgOptionMetadata(slackgo.SlackMetadata{
			EventType:    m.EventType,
			EventPayload: map[string]any{"request_id": m.RequestID, "purpose": m.Purpose},
		}),
	}
}

// Ephemeral shows text, as it is and without markup, to one user in a channel.
// A user who is not in the channel is CodeNotFound.
func (c *Client) Ephemeral(ctx context.Context, channel, user, threadTS, text string) error {
	options := []slackgo.MsgOption{
		slackgo.MsgOptionText(escape(text), false),
		slackgo.MsgOptionBlocks(notice(text)),
	}
	if threadTS != "" {
		options = append(options, slackgo.MsgOptionTS(threadTS))
	}
	return c.call(ctx, "show a note", func(ctx context.Context, api *slackgo.Client) error {
		_, err := api.PostEphemeralContext(ctx, channel, user, options...)
		return err
	})
}

func notice(text string) slackgo.Block {
	return slackgo.NewSectionBlock(plainText(cut(cleanLines(text), maxSection)), nil, nil)
}

// escape makes text mean nothing in mrkdwn's three control characters, for the
// line that stands in for blocks: no mention, no link.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(cut(cleanLines(text), maxSection))
}

// Respond shows text, as it is and without markup, to the user of an
// interaction or a slash command. Only a response URL of Slack's, or on the host
// of the configured API, is called; any other one is CodeInvalid.
func (c *Client) Respond(ctx context.Context, responseURL, text string) error {
	const operation = "answer in Slack"
	if !c.isResponseURL(responseURL) {
		return access.Errorf(access.CodeInvalid, "%s: the response URL is not Slack's", operation)
	}
	body, err := json.Marshal(map[string]any{
		"response_type":    "ephemeral",
		"replace_original": false,
		"text":             escape(text),
		"blocks":           []slackgo.Block{notice(text)},
	})
	if err != nil {
		return access.Wrap(access.CodeInternal, err, operation)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, responseURL, bytes.NewReader(body))
	if err != nil {
		return access.Errorf(access.CodeInvalid, "%s: the response URL is not one", operation)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		return wrapError(err, operation)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection is used again
	if response.StatusCode != http.StatusOK {
		if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone {
			return access.Errorf(access.CodeLost, "%s: the response URL has expired", operation)
		}
		return wrapError(slackgo.StatusCodeError{Code: response.StatusCode}, operation)
	}
	return nil
}

func (c *Client) isResponseURL(responseURL string) bool {
	u, err := url.Parse(responseURL)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == "https" && u.Host == hooksHost {
		return true
	}
	api, err := url.Parse(c.api)
	return err == nil && u.Scheme == api.Scheme && u.Host == api.Host
}

// User looks a user up by id; nobody with that id is CodeNotFound.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	var u User
	err := c.call(ctx, "look up a Slack user", func(ctx context.Context, api *slackgo.Client) error {
		r, err := api.GetUserInfoContext(ctx, id)
		if err == nil {
			u = userOf(r)
		}
		return err
	})
	return u, err
}

// UserByEmail looks a user up by email; found is false where Slack knows nobody,
// or nobody any more, by it.
func (c *Client) UserByEmail(ctx context.Context, email string) (u User, found bool, err error) {
	err = c.call(ctx, "look up a Slack user by email", func(ctx context.Context, api *slackgo.Client) error {
		r, err := api.GetUserByEmailContext(ctx, email)
		if err == nil {
			u = userOf(r)
		}
		return err
	})
	if access.CodeOf(err) == access.CodeNotFound {
		return User{}, false, nil
	}
	return u, err == nil, err
}

// InChannel says whether a user is a member of a channel. It reads all pages of
// the members until it meets the user.
func (c *Client) InChannel(ctx context.Context, channel, user string) (bool, error) {
	for cursor := ""; ; {
		var members []string
		var next string
		err := c.call(ctx, "read the channel's members", func(ctx context.Context, api *slackgo.Client) (err error) {
			members, next, err = api.GetUsersInConversationContext(ctx, &slackgo.GetUsersInConversationParameters{
				ChannelID: channel, Cursor: cursor, Limit: membersPageSize,
			})
			return err
		})
		if err != nil {
			return false, err
		}
		for _, m := range members {
			if m == user {
				return true, nil
			}
		}
		if next == "" || next == cursor {
			return false, nil
		}
		cursor = next
	}
}

// FindPost looks for a post of ours by its metadata, in a channel's latest
// thousand messages or, with threadTS, in a thread.
func (c *Client) FindPost(ctx context.Context, channel, threadTS, requestID, purpose string) (ts string, found bool, err error) {
	cursor := ""
	for range maxHistoryPages {
		messages, next, err := c.readPage(ctx, channel, threadTS, cursor)
		if err != nil {
			return "", false, err
		}
		for _, m := range messages {
			p := m.Metadata.EventPayload
			if m.Metadata.EventType == EventType && p["request_id"] == requestID && p["purpose"] == purpose {
				return m.Timestamp, true, nil
			}
		}
		if next == "" || next == cursor {
			break
		}
		cursor = next
	}
	return "", false, nil
}

func (c *Client) readPage(ctx context.Context, channel, threadTS, cursor string) (messages []slackgo.Message, next string, err error) {
	err = c.call(ctx, "look for a message", func(ctx context.Context, api *slackgo.Client) error {
		if threadTS != "" {
			m, _, n, err := api.GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{
				ChannelID: channel, Timestamp: threadTS, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
			})
			messages, next = m, n
			return err
		}
		r, err := api.GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{
			ChannelID: channel, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
		})
		if err == nil {
			messages, next = r.Messages, r.ResponseMetaData.NextCursor
		}
		return err
	})
	return messages, next, err
}

// OpenDM returns the channel of direct messages to a user.
func (c *Client) OpenDM(ctx context.Context, user string) (channel string, err error) {
	err = c.call(ctx, "open a direct message", func(ctx context.Context, api *slackgo.Client) error {
		ch, _, _, err := api.OpenConversationContext(ctx, &slackgo.OpenConversationParameters{Users: []string{user}})
		if ch != nil {
			channel = ch.ID
		}
		return err
	})
	if err == nil && channel == "" {
		return "", access.Errorf(access.CodeUnavailable, "open a direct message: Slack's answer names no channel")
	}
	return channel, err
}
