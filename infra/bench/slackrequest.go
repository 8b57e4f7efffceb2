package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// slackRequest is one kind of request that Slack makes. If the answer does not
// contain want, the measurement does not count.
type slackRequest struct {
	kind string
	body func(s *stub) string
	// want is a part of the answer's body. "" means an empty body.
	want string
	// calls is an operation of AWS or Slack that each such request must cause.
	calls string
}

// slackRequests returns all kinds of requests, for a small world.
func slackRequests() []slackRequest {
	chosen := access.Target{Kind: access.KindAccount, AccountID: smallAccount, AccountName: "Production"}
	press := func(user, action, request string) func(*stub) string {
		return func(s *stub) string {
			return interactionBody("block_actions", user, object{
				"trigger_id": "1.2.3", "response_url": s.url + "/api/respond", "channel": object{"id": stubChannel}, "message": object{"ts": "1767265200.000100"},
				"actions": []any{object{"action_id": action, "value": request}},
			})
		}
	}
	confirm := func(user, callback, request string, state object) func(*stub) string {
		return func(*stub) string {
			return interactionBody("view_submission", user, object{"view": object{
				"id": "V0BENCH02", "hash": "h1", "callback_id": callback, "private_metadata": request, "state": object{"values": state},
			}})
		}
	}
	reason := object{slack.BlockDenialReason: object{slack.ActionDenialReason: object{"value": "Use the read-only role instead."}}}
	suggest := func(action, typed string) func(*stub) string {
		return func(*stub) string { return suggestionBody(action, typed, chosen) }
	}
	return []slackRequest{
		{kind: "shortcut", calls: "views.update", body: func(*stub) string {
			return interactionBody("shortcut", stubRequester, object{"trigger_id": "1.2.3", "callback_id": slack.CallbackAccount})
		}},
		{kind: "slash command", calls: "views.update", body: func(*stub) string {
			return url.Values{"command": {slack.CommandAccount}, "team_id": {stubTeam}, "api_app_id": {stubApp}, "user_id": {stubRequester},
				"trigger_id": {"1.2.3"}, "channel_id": {stubChannel}, "response_url": {"https://hooks.slack.com/commands/1"}}.Encode()
		}},
		{kind: "keystroke in the account select", body: suggest(slack.ActionAccount, "prod"), want: smallAccount},
		{kind: "keystroke in the permission set select", body: suggest(slack.ActionPermissionSet, "dev"), want: stubSet},
		{kind: "keystroke in the group select", body: suggest(slack.ActionGroup, "aud"), want: smallGroup},
		{kind: "choice in the form", calls: "views.update", body: func(*stub) string {
			return interactionBody("block_actions", stubRequester, object{
				"actions": []any{object{"action_id": slack.ActionPermissionSet, "selected_option": object{"value": stubSet}}},
				"view":    formView(chosen, false),
			})
		}},
		{kind: "submission", want: "clear", calls: "StartExecution", body: func(*stub) string {
			return interactionBody("view_submission", stubRequester, object{"view": formView(chosen, true)})
		}},
		{kind: "form closed", body: func(*stub) string {
			return interactionBody("view_closed", stubRequester, object{"view": formView(chosen, false)})
		}},
		{kind: "press of Approve", body: press(stubApprover, slack.ActionApprove, openRequest), calls: "SendTaskSuccess"},
		{kind: "press of Deny, which opens a dialog", body: press(stubApprover, slack.ActionDeny, openRequest), calls: "views.open"},
		{kind: "press of Withdraw", body: press(stubRequester, slack.ActionWithdraw, openRequest), calls: "SendTaskSuccess"},
		{kind: "press of End now", body: press(stubRequester, slack.ActionEnd, grantedRequest), calls: "UpdateItem"},
		{kind: "submission that confirms Approve", body: confirm(stubApprover, slack.CallbackConfirmation, openRequest, nil), calls: "SendTaskSuccess"},
		{kind: "submission that denies with a reason", body: confirm(stubApprover, slack.CallbackDenial, openRequest, reason), calls: "SendTaskSuccess"},
		{kind: "submission that confirms End now", body: confirm(stubApprover, slack.CallbackEnd, grantedRequest, nil), calls: "UpdateItem"},
		{kind: "Home tab opened, without requests", calls: "views.publish", body: func(*stub) string {
			text, _ := json.Marshal(object{
				"type": "event_callback", "team_id": stubTeam, "api_app_id": stubApp, "event_id": "Ev0BENCH01",
				"event": object{"type": "app_home_opened", "user": stubApprover, "channel": "D0BENCH01", "tab": "home", "event_ts": "1.1"},
			})
			return string(text)
		}},
		{kind: "press that comes too late", body: press(stubApprover, slack.ActionApprove, approvedOne), calls: "respond"},
	}
}

// suggestionBody returns the body for one key typed into a select of the form.
func suggestionBody(action, typed string, chosen access.Target) string {
	return interactionBody("block_suggestion", stubRequester, object{"action_id": action, "value": typed, "view": formView(chosen, false)})
}

// formView returns the form as Slack sends it, with a target chosen.
func formView(chosen access.Target, whole bool) object {
	metadata, _ := json.Marshal(chosen)
	selected := func(value string) object { return object{"selected_option": object{"value": value}} }
	values := object{
		slack.BlockAccount: object{slack.ActionAccount: selected(chosen.AccountID)},
		slack.BlockPermissionSet + "-" + chosen.AccountID: object{slack.ActionPermissionSet: selected(cmp.Or(chosen.PermissionSetARN, stubSet))},
	}
	if whole {
		values[slack.BlockDuration] = object{slack.ActionDuration: selected("3600")}
		values[slack.BlockReason] = object{slack.ActionReason: object{"value": "Investigate this morning's deployment."}}
	}
	return object{
		"id": "V0BENCH01", "hash": "h1", "callback_id": slack.CallbackAccount, "private_metadata": string(metadata),
		"state": object{"values": values},
	}
}

// interactionBody returns the body of an interactivity request.
func interactionBody(kind, user string, fields object) string {
	all := object{"type": kind, "team": object{"id": stubTeam}, "user": object{"id": user}, "api_app_id": stubApp}
	for name, value := range fields {
		all[name] = value
	}
	text, _ := json.Marshal(all)
	return url.Values{"payload": {string(text)}}.Encode()
}

// signEvent returns the HTTP API's event for a body that Slack has just signed.
func signEvent(body string) []byte {
	now := time.Now()
	timestamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(stubSigningSecret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	contentType := "application/x-www-form-urlencoded"
	if strings.HasPrefix(body, "{") { // an event
		contentType = "application/json"
	}
	event, _ := json.Marshal(object{
		"version": "2.0", "routeKey": "POST /slack", "rawPath": "/slack", "body": body, "isBase64Encoded": false,
		"headers": object{
			"content-type": contentType, "x-slack-request-timestamp": timestamp,
			"x-slack-signature": "v0=" + hex.EncodeToString(mac.Sum(nil)),
		},
		"requestContext": object{"timeEpoch": now.UnixMilli(), "http": object{"method": "POST", "path": "/slack"}},
	})
	return event
}

// checkAnswer returns an error if ingress's answer is wrong.
func checkAnswer(body []byte, want string) error {
	var got struct {
		StatusCode int
		Body       string
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	if got.StatusCode != 200 || want == "" && got.Body != "" || !strings.Contains(got.Body, want) {
		return fmt.Errorf("ingress answers %d %q, want %q", got.StatusCode, got.Body, want)
	}
	return nil
}
