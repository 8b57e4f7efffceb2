package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// apiErrors maps the Web API errors that this system can handle to their codes.
// Each method's page on https://docs.slack.dev/reference/methods lists the
// method's errors. Any other error is a defect of this app: CodeInternal.
var apiErrors = map[string]struct {
	code access.Code
	fix  string // tells a person how to fix it; "" if no person can
}{
	"ratelimited":            {access.CodeThrottled, ""},
	"rate_limited":           {access.CodeThrottled, ""},
	"message_limit_exceeded": {access.CodeThrottled, ""},

	"fatal_error":         {access.CodeUnavailable, ""},
	"internal_error":      {access.CodeUnavailable, ""},
	"service_unavailable": {access.CodeUnavailable, ""},
	"request_timeout":     {access.CodeUnavailable, ""},
	"team_added_to_org":   {access.CodeUnavailable, ""}, // Slack is moving the workspace

	"hash_conflict":        {access.CodeLost, ""}, // the view has changed since we read it
	"expired_trigger_id":   {access.CodeLost, ""},
	"exchanged_trigger_id": {access.CodeLost, ""},
	"invalid_trigger_id":   {access.CodeLost, ""},
	"trigger_expired":      {access.CodeLost, ""},
	"trigger_exchanged":    {access.CodeLost, ""},
	"view_not_found":       {access.CodeLost, ""}, // the user has closed it
	"not_found":            {access.CodeLost, ""},

	"user_not_found":      {access.CodeNotFound, ""},
	"users_not_found":     {access.CodeNotFound, ""},
	"user_not_visible":    {access.CodeNotFound, ""},
	"user_not_in_channel": {access.CodeNotFound, ""},
	"user_disabled":       {access.CodeNotFound, ""},
	"message_not_found":   {access.CodeNotFound, ""},
	"thread_not_found":    {access.CodeNotFound, ""},

	"invalid_auth":           {access.CodeMisconfigure, fixToken},
	"not_authed":             {access.CodeMisconfigure, fixToken},
	"token_revoked":          {access.CodeMisconfigure, fixToken},
	"token_expired":          {access.CodeMisconfigure, fixToken},
	"account_inactive":       {access.CodeMisconfigure, fixToken},
	"not_allowed_token_type": {access.CodeMisconfigure, fixToken},
	"missing_scope":          {access.CodeMisconfigure, "add the scope to the Slack app, then reinstall the app"},
	"no_permission":          {access.CodeMisconfigure, "check the Slack app's scopes, then reinstall the app"},
	"org_login_required":     {access.CodeMisconfigure, "the enterprise is being migrated: wait, or reinstall the app"},
	"ekm_access_denied":      {access.CodeMisconfigure, "the enterprise's administrators have suspended posting"},
	"access_denied":          {access.CodeMisconfigure, "a workspace administrator must allow the app"},
	"messages_tab_disabled":  {access.CodeMisconfigure, "turn on the Messages Tab (App Home in the Slack app's settings): direct messages need it"},
	"not_enabled":            {access.CodeMisconfigure, "turn on the Home Tab (App Home in the Slack app's settings), or paste the app's manifest again"},
	"channel_not_found":      {access.CodeMisconfigure, "check the channel id in the settings, and invite the app to a private channel"},
	"not_in_channel":         {access.CodeMisconfigure, "invite the app to the channel"},
	"is_archived":            {access.CodeMisconfigure, "the channel is archived: unarchive it, or set another channel in the settings"},
	"restricted_action":      {access.CodeMisconfigure, "the workspace's settings don't let the app post in this channel"},
}

const fixToken = "store the app's current bot token in the secret that the settings name"

// pointer matches the place of a mistake in a view or a message. Slack puts it in
// square brackets. We drop the rest of Slack's message, which may quote what we sent.
var pointer = regexp.MustCompile(`\[json-pointer:[A-Za-z0-9_/-]{1,200}\]`)

// wrapError adds a code and the operation to an error of slack-go. The message
// never contains the token, an address or anything that we sent.
func wrapError(err error, operation string) error {
	if err == nil {
		return nil
	}
	var response slackgo.SlackErrorResponse
	var limited *slackgo.RateLimitedError
	var status slackgo.StatusCodeError
	switch {
	case errors.As(err, &response):
		return wrapResponseError(response, operation)
	case errors.As(err, &limited):
		return access.Errorf(access.CodeThrottled, "%s: Slack's rate limit is reached; retry after %s", operation, limited.RetryAfter)
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return access.Errorf(access.CodeThrottled, "%s: Slack's rate limit is reached", operation)
	case errors.As(err, &status) && status.Code >= 500:
		return access.Errorf(access.CodeUnavailable, "%s: Slack returned status %d", operation, status.Code)
	case errors.As(err, &status):
		return access.Errorf(access.CodeInternal, "%s: Slack returned status %d", operation, status.Code)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return access.Errorf(access.CodeUnavailable, "%s: Slack did not answer in time", operation)
	case errors.Is(err, slackgo.ErrParametersMissing), errors.Is(err, slackgo.ErrBlockIDNotUnique):
		return access.Wrap(access.CodeInternal, err, operation)
	}
	// Leave out the address of the request. It isn't secret, but the network error inside
	// already says everything.
	var request *url.Error
	if errors.As(err, &request) {
		return access.Errorf(access.CodeUnavailable, "%s: can't reach Slack: %w", operation, request.Err)
	}
	return access.Errorf(access.CodeUnavailable, "%s: can't read Slack's answer", operation)
}

func wrapResponseError(response slackgo.SlackErrorResponse, operation string) error {
	entry, ok := apiErrors[response.Err]
	if !ok && strings.HasPrefix(response.Err, "restricted_action") {
		entry, ok = apiErrors["restricted_action"], true
	}
	if !ok {
		entry.code = access.CodeInternal
	}
	text := fmt.Sprintf("%s: Slack returned %s", operation, cut(clean(response.Err), 60))
	if response.Err == "missing_scope" && response.Needed != "" {
		text += " (" + cut(clean(response.Needed), 100) + ")"
	}
	if entry.fix != "" {
		text += "; " + entry.fix
	}
	for _, m := range response.ResponseMetadata.Messages {
		if at := pointer.FindString(m); at != "" && len(text) < 500 {
			text += " " + at
		}
	}
	return access.Errorf(entry.code, "%s", text)
}
