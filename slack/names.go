// Package slack is everything that speaks Slack: the check of a request's
// signature, the parsing of what Slack sends, the forms and messages that it
// shows, and a client for its Web API.
//
// What people typed goes into rich_text and plain_text elements only, where
// Slack shows it as it is; there is no mrkdwn in this package's blocks.
package slack

import "sso-elevator/functions/access"

// Callback ids of the two shortcuts and of the forms that they open.
const (
	CallbackAccount = "request_for_access"
	CallbackGroup   = "request_for_group_membership"
)

// The slash commands that do the same as the shortcuts.
const (
	CommandAccount = "/access"
	CommandGroup   = "/group-access"
)

// Action ids of the buttons in messages. Their value is the request's id.
const (
	ActionApprove  = "approve"
	ActionDeny     = "deny"
	ActionWithdraw = "withdraw"
	ActionEnd      = "end"
)

// Action ids of the buttons under a run's question. Their value is the run's id.
const (
	ActionDriftRemove = "drift_remove"
	ActionDriftLeave  = "drift_leave"
)

// Action ids of the form's inputs.
const (
	ActionAccount       = "account"
	ActionPermissionSet = "permission_set"
	ActionGroup         = "group"
	ActionDuration      = "duration"
	ActionReason        = "reason"
)

// Purposes of messages: what a message's metadata says it is for.
const (
	PurposeAnnounce = "announce" // the message in the channel
	PurposeRemind   = "remind"   // the approvers are asked again
	PurposeGranted  = "granted"  // the access is there
	PurposeOutcome  = "outcome"  // decided, without access
	PurposeRevoked  = "revoked"  // the access is gone
	PurposeFailed   = "failed"   // decided in favour, but there was no access
)

// Purposes of a run's messages.
const (
	PurposeDriftQuestion = "drift_question" // may it remove what it found?
	PurposeDriftReport   = "drift_report"   // what it found, and what became of it
)

// EventType is the type of the metadata that every post carries.
const EventType = "sso_elevator"

// KindOf says what a shortcut, a slash command or a form's callback id asks
// for; ok is false for a name that is not ours.
func KindOf(name string) (kind access.Kind, ok bool) {
	switch name {
	case CallbackAccount, CommandAccount:
		return access.KindAccount, true
	case CallbackGroup, CommandGroup:
		return access.KindGroup, true
	default:
		return "", false
	}
}

// callbackOf is the callback id of the form that asks for kind.
func callbackOf(kind access.Kind) string {
	if kind == access.KindGroup {
		return CallbackGroup
	}
	return CallbackAccount
}
