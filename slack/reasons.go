package slack

import "sso-elevator/functions/access"

// This file holds the texts for the policy's reasons and for error codes. All messages
// share them.

// interruptedText is for a request that ended before its decision, or before its access
// existed.
const interruptedText = "This request was interrupted. Please submit it again."

func automaticApprovalReason(reason string) string {
	switch access.Reason(reason) {
	case access.ReasonSelfApproval:
		return "Approved automatically: the policy lets the requester approve this."
	default:
		return "Approved automatically: the policy asks for no approval here."
	}
}

// ManagementAccount is the text that explains why the app grants no access to the
// management account, and what to request instead.
const ManagementAccount = "This is the organization's management account. AWS lets only that account itself give access to it, and this app runs in another one. " +
	"Please ask for a group that has access there, with " + CommandGroup + "."

func refusalReason(reason string) string {
	switch reason {
	case string(access.ReasonNoStatements):
		return "The policy does not offer this access."
	case string(access.ReasonNoApprovers):
		return "There is nobody who could approve this."
	case string(access.CodeManagement):
		return ManagementAccount
	case string(access.CodeNotFound):
		return "The account, the permission set or the user was not found in AWS."
	case string(access.CodeRefused):
		return "This person can't be given this access."
	case string(access.CodeMisconfigure):
		return "The app is not set up right. Please tell the people who run it."
	case string(access.CodeExecutionGone):
		return interruptedText
	default:
		return "The request could not be checked against the policy. Please try again."
	}
}

func failureReason(code access.Code) string {
	switch code {
	case access.CodeForeign:
		return "This access was there already, given in another way, so it was left as it is."
	case access.CodeManagement:
		return ManagementAccount
	case access.CodeRefused:
		return "This access is no longer permitted."
	case access.CodeAmbiguous:
		return "Several users in IAM Identity Center have the same email address, so this app can't tell whose access this is. Please tell the people who run it."
	case access.CodeNotFound:
		return "The account, the permission set or the user no longer exists."
	case access.CodeFailed:
		return "AWS turned it down."
	case access.CodeMisconfigure:
		return "The app is not set up right. Please tell the people who run it."
	case access.CodeExecutionGone:
		return interruptedText
	case access.CodeRowLost:
		return "The access was never seen to exist."
	default:
		return "Something went wrong before the access was there. Please ask again."
	}
}
