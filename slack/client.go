package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// DefaultAPIURL is the address of Slack's Web API.
const DefaultAPIURL = slackgo.APIURL

const (
	// callTimeout is the time limit of one call to Slack.
	callTimeout = 4 * time.Second
	// maxWait is the longest Retry-After that we wait for when the context has
	// no deadline.
	maxWait = 30 * time.Second
	// maxWaits is how many times one call waits before it gives up.
	maxWaits = 3
	// pageSize is the page size of lists. Slack recommends 200 and allows 1000.
	pageSize = 200
	// membersPageSize is the most that Slack allows. A channel of ten thousand members
	// then takes ten calls, which fit into the time limit of a message about a grant.
	membersPageSize = 1000
	// maxHistoryPages limits how many messages FindPost reads: 1000. The search may come hours
	// after the post, because the minute check repeats messages until the access ends. So a
	// busy channel may have more new messages than that.
	maxHistoryPages = 5
	// clockSkew is how much Slack's clock may be behind ours.
	clockSkew = 5 * time.Minute
	// hooksHost is the host of Slack's response URLs.
	hooksHost = "hooks.slack.com"
)

// Client calls Slack's Web API.
//
// Every method returns errors with a code:
//
//   - CodeThrottled: too many calls.
//   - CodeUnavailable: no usable answer. Slack may have done the operation anyway.
//   - CodeLost: a view or its trigger is gone or has changed.
//   - CodeNotFound: the user or message does not exist.
//   - CodeMisconfigure: the message says what someone must fix.
//   - CodeInternal: a defect of this app.
//
// One call takes at most four seconds. If Slack asks to wait, the client waits and
// calls again, provided that the context's deadline leaves enough time.
type Client struct {
	token   func(context.Context) (string, error)
	api     string
	http    *http.Client
	timeout time.Duration // per call
	sleep   func(context.Context, time.Duration) error

	// Refresh, if set, makes token read the token again. It returns false if the
	// token was read only a moment ago.
	Refresh func() bool

	// OnError, if set, is called with the error of each failed call.
	OnError func(error)

	mu     sync.Mutex
	paused map[string]time.Time // operation → when Slack allows calls again
}

// NewClient returns a client. It calls token before each call, so that a new bot
// token works without a restart. An empty apiURL means DefaultAPIURL. A nil
// httpClient means http.DefaultClient.
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

// call makes one call. If Slack asks to wait and there is time, it waits and
// retries. If there is no time, later calls of this operation are held back until
// the wait is over, because the state machine may retry sooner than Slack allows.
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

// remainingPause returns the rest of a wait that Slack asked for, or nil.
func (c *Client) remainingPause(operation string) *slackgo.RateLimitedError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if remaining := time.Until(c.paused[operation]); remaining > 0 {
		return &slackgo.RateLimitedError{RetryAfter: remaining}
	}
	return nil
}

// callOnce makes one call. It returns a RateLimitedError unchanged, and any other
// error with a code.
func (c *Client) callOnce(ctx context.Context, operation string, do func(context.Context, *slackgo.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		return access.Wrap(access.CodeOf(err), err, operation+": read the bot token")
	}
	err = do(ctx, c.newAPI(token))
	if isTokenRejected(err) && c.Refresh != nil && c.Refresh() {
		// Slack rejected the token and did nothing, so a retry is safe.
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

// isTokenRejected reports whether Slack no longer accepts the bot token. Someone
// may have replaced it.
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

// hasTimeToWait reports whether another call is possible after waiting for d.
func (c *Client) hasTimeToWait(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return d <= maxWait
	}
	return d < time.Until(deadline)
}

// OpenView opens a view. A trigger opens one view, within three seconds.
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

// UpdateView replaces a view. If the view no longer has that hash, it has changed,
// and UpdateView returns CodeLost. An empty hash replaces any version.
func (c *Client) UpdateView(ctx context.Context, viewID, hash string, view slackgo.ModalViewRequest) error {
	return c.call(ctx, "update the form", func(ctx context.Context, api *slackgo.Client) error {
		_, err := api.UpdateViewContext(ctx, view, "", hash, viewID)
		return err
	})
}

// PublishView replaces what a user sees in the Home tab.
func (c *Client) PublishView(ctx context.Context, user string, view slackgo.HomeTabViewRequest) error {
	return c.call(ctx, "show the Home tab", func(ctx context.Context, api *slackgo.Client) error {
		_, err := api.PublishViewContext(ctx, slackgo.PublishViewContextRequest{UserID: user, View: view})
		return err
	})
}

// Post posts m to a channel, or to a thread if threadTS is not empty. It returns the
// timestamp that Update needs. After CodeUnavailable, the message may have been
// posted anyway; use FindPost to check.
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

// Ephemeral shows text, without markup, to one user in a channel. It returns
// CodeNotFound if the user is not in the channel.
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

// escape escapes the three control characters of mrkdwn, so that text contains no
// mention and no link. Use it for the fallback text that Slack shows where it can't
// show blocks.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(cut(cleanLines(text), maxSection))
}

// Respond shows text, without markup, to the user who made an interaction or typed a
// slash command. It returns CodeInvalid unless the response URL is on Slack's host or
// on the host of the configured API.
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
		return access.Errorf(access.CodeInvalid, "%s: the response URL is invalid", operation)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		return wrapError(err, operation)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // lets the connection be reused
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

// User returns the user with that id. It returns CodeNotFound if there is none.
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

// UserByEmail returns the user with that email. found is false if Slack has no such
// user, or no longer has one.
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

// MembersAmong returns which of the users are members of a channel. It reads the pages of
// members until it has found all of them.
func (c *Client) MembersAmong(ctx context.Context, channel string, users []string) (map[string]bool, error) {
	found := map[string]bool{}
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
			return nil, err
		}
		isMember := map[string]bool{}
		for _, m := range members {
			isMember[m] = true
		}
		all := true
		for _, user := range users {
			if isMember[user] {
				found[user] = true
			}
			all = all && found[user]
		}
		if all || next == "" || next == cursor {
			return found, nil
		}
		cursor = next
	}
}

// FindPost finds the post of m by its metadata: in the channel, or in the thread if threadTS is
// not empty. It reads at most a thousand messages since m.Since. If there are more, it returns
// CodeUnavailable, because the post may be among the others, and must not be sent again. If
// m.Since is unknown, it reads the latest thousand messages, and may miss an older post.
func (c *Client) FindPost(ctx context.Context, channel, threadTS string, m Message) (ts string, found bool, err error) {
	oldest := ""
	if !m.Since.IsZero() {
		oldest = strconv.FormatInt(m.Since.Add(-clockSkew).Unix(), 10)
	}
	cursor := ""
	for range maxHistoryPages {
		messages, next, err := c.readPage(ctx, channel, threadTS, oldest, cursor)
		if err != nil {
			return "", false, err
		}
		for _, has := range messages {
			p := has.Metadata.EventPayload
			if has.Metadata.EventType == EventType && p["request_id"] == m.RequestID && p["purpose"] == m.Purpose {
				return has.Timestamp, true, nil
			}
		}
		if next == "" || next == cursor {
			return "", false, nil
		}
		cursor = next
	}
	if oldest == "" {
		return "", false, nil
	}
	return "", false, access.Errorf(access.CodeUnavailable, "look for a message: more than %d messages were posted since", maxHistoryPages*pageSize)
}

func (c *Client) readPage(ctx context.Context, channel, threadTS, oldest, cursor string) (messages []slackgo.Message, next string, err error) {
	err = c.call(ctx, "look for a message", func(ctx context.Context, api *slackgo.Client) error {
		if threadTS != "" {
			m, _, n, err := api.GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{
				ChannelID: channel, Timestamp: threadTS, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
			})
			messages, next = m, n
			return err
		}
		r, err := api.GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{
			ChannelID: channel, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
		})
		if err == nil {
			messages, next = r.Messages, r.ResponseMetaData.NextCursor
		}
		return err
	})
	return messages, next, err
}

// OpenDM returns the id of the direct message channel with a user.
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
