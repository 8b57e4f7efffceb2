package slack

import "sso-elevator/functions/access"

// This file holds the texts for the policy's reasons and for error codes. All messages
// share them.

// submitAgain is what to do about a request that got no result.
const submitAgain = "Please submit it again."

// interruptedText is for a request that was interrupted before its decision, or
// before its access existed.
const interruptedText = "This request was interrupted. " + submitAgain

// undecidedText is for a request that the policy could not decide for hours.
const undecidedText = "This app couldn't read the groups or accounts that the policy names, so it couldn't check this request. " +
	"Please tell the people who run it, and submit the request again when they have fixed it."

// blockedText is for a request whose requester was blocked.
func blockedText(to audience) string {
	return "An incident responder blocked " + to.choose("you", "the requester") + ". Ask the people who run this app."
}

func automaticApprovalReason(reason string, to audience) string {
	switch access.Reason(reason) {
	case access.ReasonSelfApproval:
		return "the policy lets " + to.choose("you", "the requester") + " approve this."
	default:
		return "the policy requires no approval here."
	}
}

// ManagementAccount is the text that explains why the app grants no access to the
// management account, and what to request instead.
const ManagementAccount = "This app can't grant access to the organization's management account, because AWS allows that only from the management account itself. " +
	"Request a group that has access there instead, with " + CommandGroup + "."

// refusalReason explains why a request was refused. d is the policy's decision; nil if there
// is none.
func refusalReason(reason string, d *access.Decision, to audience) string {
	if reason == string(access.ReasonNoApprovers) && d != nil && d.NeedsSeveral() {
		return "Too few people can approve this request. Ask the people who run this app to add approvers."
	}
	switch reason {
	case string(access.ReasonNoStatements):
		return "The policy doesn't offer this access. Ask the people who run this app to add it."
	case string(access.ReasonNoApprovers):
		return "Nobody can approve this request. Ask the people who run this app to add an approver."
	case string(access.ReasonNotAllowed):
		return "The policy doesn't let " + to.choose("you", "the requester") + " have this access. Ask the people who run this app to change that."
	case string(access.ReasonProtectedAccount):
		return "This account is protected, and the policy doesn't name it. Ask the people who run this app to add it."
	case string(access.ReasonDurationTooLong):
		return "The policy doesn't allow this access for that long. Submit a request for a shorter time."
	case string(access.ReasonTicketMissing):
		return "The policy requires a ticket that this request doesn't have. Submit a new request with the ticket."
	case string(access.CodeManagement):
		return ManagementAccount
	case string(access.CodeNotFound):
		return "The account, permission set, group or user was not found in AWS."
	case string(access.CodeRefused):
		return string(to) + " can't have this access."
	case string(access.CodeMisconfigure):
		return "This app is not set up correctly. Please tell the people who run it."
	case string(access.CodeBlocked):
		return blockedText(to)
	case string(access.CodeNotDecided):
		return undecidedText
	case string(access.CodeExecutionGone):
		return interruptedText
	default:
		return "The request could not be processed. " + submitAgain
	}
}

func failureReason(code access.Code, to audience) string {
	switch code {
	case access.CodeForeign:
		return to.verb("already have", "already has") + " this access from outside this app. Nothing changed."
	case access.CodeManagement:
		return ManagementAccount
	case access.CodeRefused:
		return "This access is no longer allowed."
	case access.CodeBlocked:
		return blockedText(to)
	case access.CodeAmbiguous:
		return "Several users in IAM Identity Center share one email address, so this app can't tell whose access this is. Please tell the people who run it."
	case access.CodeNotFound:
		return "The account, permission set, group or user no longer exists."
	case access.CodeFailed:
		return "AWS refused the change. Please submit the request again. If it fails again, tell the people who run this app."
	case access.CodeMisconfigure:
		return "This app is not set up correctly. Please tell the people who run it."
	case access.CodeNotDecided:
		return undecidedText
	case access.CodeExecutionGone:
		return interruptedText
	case access.CodeRowLost:
		return "We never confirmed that this access existed."
	default:
		return "Something went wrong, and no access was granted. Please submit the request again."
	}
}
