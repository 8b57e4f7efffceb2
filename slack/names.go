// Package slack contains everything that is specific to Slack. It verifies the
// signatures of requests and parses them, builds the forms and messages, and has a
// client for the Web API.
//
// Text that people typed goes only into rich_text and plain_text elements, which
// Slack shows unchanged. The blocks of this package contain no mrkdwn except the link of
// operatorsLink, which has only this app's own words and an address.
package slack

import (
	"strings"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Callback ids of the two shortcuts and of the forms that they open.
const (
	CallbackAccount = "request_for_access"
	CallbackGroup   = "request_for_group_membership"
)

// Callback ids of the dialogs that a press of a button opens. Their private_metadata is
// the request's id.
const (
	CallbackConfirmation = "confirm_approval"
	CallbackDenial       = "deny_request"
	CallbackEnd          = "confirm_end"
)

// ActionOf returns the button that opens the dialog with this callback id. ok is false if
// it is not the callback id of a dialog.
func ActionOf(callback string) (action string, ok bool) {
	switch strings.TrimSuffix(callback, homeSuffix) {
	case CallbackConfirmation:
		return ActionApprove, true
	case CallbackDenial:
		return ActionDeny, true
	case CallbackEnd:
		return ActionEnd, true
	default:
		return "", false
	}
}

// homeSuffix ends the callback id of a dialog or a form that was opened from the Home
// tab. Slack doesn't say where it was opened, and the tab has to show what its submission
// changed.
const homeSuffix = "-home"

// FromHome marks the dialog v as one that was opened from the Home tab.
func FromHome(v slackgo.ModalViewRequest) slackgo.ModalViewRequest {
	v.CallbackID += homeSuffix
	return v
}

// Dialog returns the callback id of the dialog, wherever it was opened.
func (v *View) Dialog() string { return strings.TrimSuffix(v.CallbackID, homeSuffix) }

// IsFromHome reports whether the dialog or form was opened from the Home tab.
func (v *View) IsFromHome() bool { return strings.HasSuffix(v.CallbackID, homeSuffix) }

// Slash commands that do the same as the shortcuts.
const (
	CommandAccount = "/access"
	CommandGroup   = "/group-access"
)

// Action ids of the buttons in messages. Their value is the request's id.
const (
	ActionApprove  = "approve"
	ActionDeny     = "deny"
	ActionTakeBack = "take_back" // removes an approval of a request that needs several
	ActionWithdraw = "withdraw"
	ActionEnd      = "end"
	ActionAskAgain = "ask_again" // opens the form with the values of an ended request
	ActionMoreTime = "more_time" // opens it with the values of a request that ends soon

	// ActionOpenPortal is a link. Slack reports a press of it, too.
	ActionOpenPortal = "open_portal"
)

// Action ids of the buttons of a run's question. Their value is the run's id.
const (
	ActionDriftRemove = "drift_remove"
	ActionDriftLeave  = "drift_leave"
)

// Action ids of the buttons of one finding in a run's report. Their value is
// access.FindingRef.ButtonValue.
const (
	ActionFindingRemove = access.ActionFindingRemove
	ActionFindingLeave  = access.ActionFindingLeave
)

// Action ids of the form's inputs.
const (
	ActionAccount       = "account"
	ActionPermissionSet = "permission_set"
	ActionGroup         = "group"
	ActionDuration      = "duration"
	ActionReason        = "reason"
	ActionTicket        = "ticket"
)

// BlockDenialReason and ActionDenialReason are the ids of the field in the dialog that
// denies a request.
const (
	BlockDenialReason  = "denial_reason"
	ActionDenialReason = "denial_reason"
)

// Purposes of a request's messages, as their metadata names them.
const (
	PurposeAnnounce = access.PostAnnounce // the message in the channel
	PurposeRemind   = "remind"            // reminds the approvers
	PurposeGranted  = access.PostGranted  // the access exists
	PurposeOutcome  = "outcome"           // the request ended without an approval
	PurposeRevoked  = "revoked"           // the access was removed
	PurposeFailed   = "failed"            // the request was approved, but there was no access
	PurposeMoreTime = "more_time"         // offers to ask for more time; only a direct message
)

// Purposes of a run's messages.
const (
	PurposeDriftQuestion = "drift_question" // asks whether the run may remove its findings
	PurposeDriftReport   = "drift_report"   // says what the run found and what happened to it
)

// EventType is the event type in the metadata of every post.
const EventType = "sso_elevator"

// KindOf returns the kind of access that a shortcut, a slash command or a form's
// callback id requests. ok is false if the name is not one of this app.
func KindOf(name string) (kind access.Kind, ok bool) {
	switch strings.TrimSuffix(name, homeSuffix) {
	case CallbackAccount, CommandAccount:
		return access.KindAccount, true
	case CallbackGroup, CommandGroup:
		return access.KindGroup, true
	default:
		return "", false
	}
}

// callbackOf returns the callback id of the form that requests kind.
func callbackOf(kind access.Kind) string {
	if kind == access.KindGroup {
		return CallbackGroup
	}
	return CallbackAccount
}
