// Package access has the types and rules of the domain: requests and their states, the
// policy's decision, leases, events, and coded errors. It imports the standard library
// only.
package access

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// MaxReasonLength is the longest reason of a request: Slack cuts a
// plain_text_input at 3000 characters.
const MaxReasonLength = 3000

// MaxDenialReasonLength is the longest reason of a denial. Messages show it in full.
const MaxDenialReasonLength = 500

// Person is a person as this system knows them: the Slack user, their email in
// Slack, and the Identity Center user with that email.
type Person struct {
	SlackID     string `json:"slack_id"`
	Email       string `json:"email,omitempty"` // lower case
	Name        string `json:"name,omitempty"`
	PrincipalID string `json:"principal_id,omitempty"` // Identity Store user id
	// SecondaryDomain is set if PrincipalID was found under one of the fallback
	// domains, not under Email itself. Such a person can't approve.
	SecondaryDomain bool `json:"secondary_domain,omitempty"`
	// FoundAs describes the user, if SecondaryDomain is set.
	FoundAs DirectoryUser `json:"found_as,omitzero"`
}

// Identity returns the person as the policy sees them. groups are those that their
// Identity Center user is a member of.
func (p Person) Identity(groups []string) Identity {
	return Identity{Email: p.Email, SecondaryDomain: p.SecondaryDomain, UserEmail: p.FoundAs.Email, Groups: groups}
}

// ApproverGroup is a group whose members may approve a request, as its message shows it.
// Whether someone is a member is looked up when they press a button.
type ApproverGroup struct {
	ID   string `json:"id"`             // Identity Store group id
	Name string `json:"name,omitempty"` // "" if it is not in the catalog
	// SlackGroup is the Slack user group to mention instead of members.
	SlackGroup string `json:"slack_group,omitempty"`
	// Mentioned are the members who are asked at once. The message mentions them, or
	// SlackGroup, and those outside the channel get a direct message. The previous
	// release writes none if it writes a SlackGroup.
	Mentioned []Person `json:"mentioned,omitempty"`
	// Others is how many other members the catalog has, and More reports whether the
	// group has more than those.
	Others int  `json:"others,omitempty"`
	More   bool `json:"more,omitempty"`
	// NoneFound reports whether members were looked up in Slack before the request was
	// announced, and none was found. The previous release doesn't write it.
	NoneFound bool `json:"none_found,omitempty"`
}

// MaxMentionedMembers is how many members of groups are asked when a request is announced.
// Each reminder asks as many others, up to MaxFurtherApprovers in all.
const (
	MaxMentionedMembers = 5
	MaxFurtherApprovers = 3 * MaxMentionedMembers
)

// FurtherApprover is a member of a group of approvers whom a reminder asked first.
type FurtherApprover struct {
	Person
	Group    string `json:"group"`    // Identity Store group id
	Reminder int    `json:"reminder"` // its number, from 1
}

// DirectoryUser describes a user of Identity Center in a form that people recognize.
type DirectoryUser struct {
	UserName    string `json:"user_name,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	Email       string `json:"email,omitempty"`
}

// Request is one request for access, and its row in the table, which is the
// source of truth. Its JSON names are the attribute names of the table. Times are
// UTC.
type Request struct {
	ID       string `json:"id"`
	Target   Target `json:"target"`
	Reason   string `json:"reason"`
	Ticket   string `json:"ticket,omitempty"` // as entered, at most MaxTicketLength characters
	Duration int64  `json:"duration_seconds"`

	TeamID string `json:"team_id"`
	// TeamDomain is the first part of the workspace's address (example.slack.com); empty if
	// Slack didn't name it. The previous release didn't store it.
	TeamDomain    string    `json:"team_domain,omitempty"`
	ViewID        string    `json:"view_id"`
	Requester     Person    `json:"requester"`
	CreatedAt     time.Time `json:"created_at"`
	ExecutionName string    `json:"execution_name"`
	ExecutionARN  string    `json:"execution_arn"`

	// Set by evaluate.
	Approvers         []Person  `json:"approvers,omitempty"`          // those with a Slack user
	UnknownApprovers  []string  `json:"unknown_approvers,omitempty"`  // emails without a Slack user
	EvaluatedDecision *Decision `json:"evaluated_decision,omitempty"` // what the policy said at request time
	// ApproverGroups are the groups whose members may approve. The previous release
	// doesn't know them.
	ApproverGroups []ApproverGroup `json:"approver_groups,omitempty"`
	ExpiresAt      time.Time       `json:"expires_at,omitzero"` // zero if no approval is awaited
	RemindersSent  int             `json:"reminders_sent,omitempty"`
	// RemindedAt is when the latest reminder was due. The previous release doesn't write
	// it.
	RemindedAt time.Time `json:"reminded_at,omitzero"`
	// FurtherApprovers are whom the reminders asked, in order.
	FurtherApprovers []FurtherApprover `json:"further_approvers,omitempty"`
	// PermissionSetDescription is shown to approvers; empty if it is not known.
	PermissionSetDescription string `json:"permission_set_description,omitempty"`
	// Background helps approvers to decide. It is nil if it is unknown, or if the request
	// needs no approval.
	Background *Background `json:"background,omitempty"`
	// Chain is what the request extends, as of its evaluation; nil if it was no extension
	// then. ChainSince and Extends say what it extended when it was granted.
	Chain *Chain `json:"chain,omitempty"`
	// HeldWith are the ids of all holders of the same access when the request was
	// evaluated, in any state.
	HeldWith []string `json:"held_with,omitempty"`
	// Portal is where the requester uses the access; empty if it is not known.
	Portal Portal `json:"portal,omitzero"`
	// SessionSeconds is how long a session with the permission set lasts; 0 if that is
	// not known, and for a group.
	SessionSeconds int64 `json:"session_seconds,omitempty"`

	// Approvals are those of a request that needs several, in order. One that was taken
	// back is removed. If one approval is enough, Outcome has it.
	Approvals []Approval `json:"approvals,omitempty"`
	// ApprovalProgress is what the approvals meant to the policy when they were last
	// checked.
	ApprovalProgress []RequirementProgress `json:"approval_progress,omitempty"`

	// Outcome is the decision; written once, by ingress or evaluate only.
	Outcome *Outcome `json:"outcome,omitempty"`
	// EndRequest ends the access early; written once, by ingress, grant or reconcile.
	EndRequest *EndRequest `json:"end_request,omitempty"`
	// EndShown is set once Slack has answered all updates by the press that ended the access.
	EndShown bool `json:"end_shown,omitempty"`

	// ApprovalToken and EndToken resume the execution's two waits. They leave the
	// table only for Step Functions.
	ApprovalToken string `json:"approval_token,omitempty"`
	EndToken      string `json:"end_token,omitempty"`

	// Set by grant.
	GrantedAt time.Time `json:"granted_at,omitzero"` // when the access was seen to exist
	// End is GrantedAt + Duration, or for an extension the end of what it extends +
	// Duration.
	End time.Time `json:"end,omitzero"`
	// ChainSince and Extends are set for an extension: when the access of the first
	// request in its chain began, and the id of the request that it extends.
	ChainSince time.Time `json:"chain_since,omitzero"`
	Extends    string    `json:"extends,omitempty"`
	Failure    *Failure  `json:"failure,omitempty"` // why the grant did not happen
	// OUPath are the organizational units above the account that grant read for its
	// decision, from the outermost to the account's own. It is empty if no statement about
	// a unit mattered. If grant didn't have to read further, it doesn't begin with the root.
	OUPath []string `json:"ou_path,omitempty"`
	// GroupMembershipID is Identity Center's id of the membership that was
	// granted; empty if the target is an account.
	GroupMembershipID string `json:"group_membership_id,omitempty"`
	// AWSCreateRequestID is AWS's request id of the call that created the access; empty if
	// it is not known. If several requests hold the access, it is the same in all of them.
	AWSCreateRequestID string `json:"aws_create_request_id,omitempty"`

	// RevokingAt and the fields below are set by revoke. RevokingAt is written
	// before the lease is read, so that a grant in progress sees it and stops.
	RevokingAt time.Time `json:"revoking_at,omitzero"`
	// RevokingExecutionARN is the latest execution that took over a removal after
	// the request's own execution ran out of rounds.
	RevokingExecutionARN string       `json:"revoking_execution_arn,omitempty"`
	RevokedAt            time.Time    `json:"revoked_at,omitzero"`
	Removal              RemovalState `json:"removal,omitempty"`
	// KeptUntil is when other requests end this access, as of the removal, for RemovalKept and
	// RemovalNothing. It is zero if no other request has the access, or if its end isn't known.
	// If all of them were ending, it is not after RevokedAt (EndsWithOthers). The previous
	// release doesn't write it.
	KeptUntil time.Time `json:"kept_until,omitzero"`
	// KeptLink is the address of the message of the request that gives the access until
	// KeptUntil; empty if it is not known.
	KeptLink string `json:"kept_link,omitempty"`
	// AWSDeleteRequestID is AWS's request id of the latest call that deleted the access for
	// this request; empty if there was none, or if it is not known.
	AWSDeleteRequestID string `json:"aws_delete_request_id,omitempty"`

	// Posts are the Slack messages of this request, by purpose ("announce",
	// "granted", ...). A post is recorded before it is sent, and completed after.
	Posts map[string]Post `json:"posts,omitempty"`

	// Events is everything that happened, in order. Audited is how many of them are in the
	// audit bucket; the others must still be written there.
	Events  []Event `json:"events,omitempty"`
	Audited int     `json:"audited"`

	// Rebuilt is set if the row was deleted and made again from the lease.
	Rebuilt *Rebuilt `json:"rebuilt,omitempty"`

	// Tombstone is set by the sweep when it gives up on the request: access will never be
	// granted.
	Tombstone bool      `json:"tombstone,omitempty"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`
}

// Post is one Slack message of a request.
type Post struct {
	// Channel is where the message goes; empty if nothing was sent, because it could not be
	// found out. Once set, it stays.
	Channel string `json:"channel"`
	TS      string `json:"ts,omitempty"` // empty: sent, but not known to have arrived
	// Digest is the SHA-256 of the content last sent, so that an unchanged message is not
	// sent again.
	Digest string `json:"digest,omitempty"`
	// Failed is set if the last attempt to send it failed. It may have arrived anyway.
	Failed bool `json:"failed,omitempty"`
	// Reminder is set for the direct message to an approver: the number of the reminder
	// with which it was sent, 0 if the request was new.
	Reminder int `json:"reminder,omitempty"`
	// Repeated is set once the final update was sent again, when no older one could still come.
	Repeated bool `json:"repeated,omitempty"`
	// Over means that the message has served its purpose. For an offer of more time that was
	// sent: another request keeps the access longer, so the offer loses its button. For a direct
	// message that could not be sent: the requester doesn't need it any more, so nothing sends it.
	Over bool `json:"over,omitempty"`
}

// EndRequest records who ended access early, or why the app did.
type EndRequest struct {
	By Person    `json:"by"` // zero if Reason is set, except for EndBlocked
	At time.Time `json:"at"`
	// Reason is why the app ended the access; empty if a person did.
	Reason EndReason `json:"reason,omitempty"`
	// ByPress identifies the press that ended the access, "" if none did. That press, and no
	// other, updates the posts.
	ByPress string `json:"by_press,omitempty"`
}

const (
	// showWithin is how long after it has ended access a press may begin to show that.
	showWithin = 2 * time.Second
	// lateUpdate is how long after a press one of its updates may replace a newer one: the
	// press sends them for five seconds, and Slack may apply them some seconds later. The
	// function notify has six seconds.
	lateUpdate = 12 * time.Second
)

// MayShowEnd reports whether this press ended the access, and so may update the posts now.
func (r *Request) MayShowEnd(press string, now time.Time) bool {
	return r.awaitsUpdates() && r.EndRequest.ByPress == press && now.Before(r.EndRequest.At.Add(showWithin))
}

// LateUpdates returns until when Slack may apply an older update of the posts, and so replace
// the last one. Such updates come from a press that gave one of several approvals, or took it
// back, just before the request was denied, withdrawn or refused, or expired; from a press that
// approved the request, if the grant fails or the access is removed within 12 s; from a press
// that ended the access; and from the minute check, if it caught up the message about the grant
// just before that press, or if the access was overdue. The time is zero if there is none.
func (r *Request) LateUpdates() time.Time {
	var until time.Time
	if r.Outcome != nil && !r.IsApproved() {
		for _, e := range r.Events {
			late := e.At.Add(lateUpdate)
			if (e.Kind == EventApprovalGiven || e.Kind == EventApprovalTakenBack) && late.After(r.Outcome.At) {
				until = late
			}
		}
	}
	if r.IsApproved() && r.Outcome.By != (Person{}) {
		late := r.Outcome.At.Add(lateUpdate)
		if !r.WasGranted() || r.IsRemoved() && r.RevokedAt.Before(late) {
			until = late
		}
	}
	if r.awaitsUpdates() || r.EndRequest != nil && r.WasGranted() && r.Posts[PostGranted].TS == "" {
		until = r.EndRequest.At.Add(lateUpdate) // later than the approval
	}
	if end, ok := r.plannedEnd(); ok && r.IsRemoved() && r.RevokedAt.Sub(end) >= OverdueAfter {
		until = r.RevokedAt.Add(lateUpdate) // later than the end
	}
	return until
}

// MayCatchUp reports whether the requester may still be told that the access is ready. Shortly
// before the end it is too late: Slack could apply that update after the one about the end.
func (r *Request) MayCatchUp(now time.Time) bool { return r.IsUsable(now.Add(lateUpdate)) }

// PostGranted is the purpose of the reply that says that the access is ready.
const PostGranted = "granted"

// OverdueAfter is how long after its end access is overdue, so that its messages say so.
const OverdueAfter = time.Minute

func (r *Request) awaitsUpdates() bool {
	return r.EndRequest != nil && r.EndRequest.ByPress != "" && !r.EndShown
}

// EndReason is why the app ends access early.
type EndReason string

const (
	// EndRequesterGone: the requester's user was disabled or deleted in IAM Identity Center.
	EndRequesterGone EndReason = "requester_gone"
	// EndBlocked: an incident responder blocked the requester. EndRequest.By is that person.
	EndBlocked EndReason = "blocked"
)

// Text returns the reason for people; empty if there is none. who is the requester, and whose
// the possessive: "you" and "your", or "the requester" and "the requester's".
func (r EndReason) Text(who, whose string) string {
	switch r {
	case EndRequesterGone:
		return "Ended because " + whose + " user was disabled or deleted in IAM Identity Center."
	case EndBlocked:
		return "Ended because an incident responder blocked " + who + "."
	default:
		return ""
	}
}

// Failure is why access was not granted after an approval.
type Failure struct {
	Code    Code      `json:"code"`
	Message string    `json:"message"` // for people; AWS's own reason if there is one
	At      time.Time `json:"at"`
}

// RemovalState is how a request's access ended.
type RemovalState string

const (
	RemovalNothing RemovalState = "nothing" // nothing was created in Identity Center
	RemovalDone    RemovalState = "removed" // removed, and verified to be absent
	// RemovalAlreadyGone: someone else removed the access before it ended. It is
	// used only if that is certain; otherwise the state is RemovalDone.
	RemovalAlreadyGone RemovalState = "already_gone"
	RemovalKept        RemovalState = "kept" // another request still keeps the same access
	// RemovalForeign: someone removed the access and added it again outside this app, so
	// we left it.
	RemovalForeign RemovalState = "foreign"
)

// RequestID returns the id of the request that a submitted view creates. The same
// view gives the same id, so a repeated submission is the same request. Sixteen
// characters of a-z2-7: 80 bits of SHA-256.
func RequestID(teamID, viewID string) string {
	sum := sha256.Sum256([]byte(teamID + "\x00" + viewID))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// Case returns the request as the policy sees it, apart from what must be looked up: the
// requester's groups and the account's place in the organization.
// The chain is that of the evaluation.
func (r *Request) Case() Case {
	return Case{Target: r.Target, Duration: r.Duration, Ticket: &r.Ticket, Chain: r.ChainSeconds()}
}

// Channel returns the id of the channel that the policy chose when the request was
// evaluated; "" is the configured channel. If the request's message is posted already, its
// Post has the channel.
func (r *Request) Channel() string {
	switch {
	case r.Rebuilt != nil:
		return r.Rebuilt.Channel
	case r.EvaluatedDecision != nil:
		return r.EvaluatedDecision.Channel
	default:
		return ""
	}
}

// Subject returns the target with the requester's Identity Center user.
func (r *Request) Subject() Subject {
	return Subject{Target: r.Target, PrincipalID: r.Requester.PrincipalID}
}
