package access

import (
	"slices"
	"time"
)

// OutcomeKind is how a request was decided.
type OutcomeKind string

const (
	OutcomeAutomatic OutcomeKind = "automatic" // granted by the policy alone
	OutcomeApproved  OutcomeKind = "approved"
	OutcomeDenied    OutcomeKind = "denied"
	OutcomeWithdrawn OutcomeKind = "withdrawn" // by the requester
	OutcomeExpired   OutcomeKind = "expired"
	OutcomeRefused   OutcomeKind = "refused" // by the policy, or because it could not be evaluated
)

// Grants reports whether the outcome leads to access.
func (k OutcomeKind) Grants() bool { return k == OutcomeAutomatic || k == OutcomeApproved }

// Outcome is the decision about a request: the first valid one, written once.
type Outcome struct {
	Kind OutcomeKind `json:"kind"`
	// By is the person who pressed the button; zero for automatic and expired, and for
	// refused unless it was an incident responder. If several approved, it is the last of
	// them.
	By Person    `json:"by,omitzero"`
	At time.Time `json:"at"`
	// Reason is the policy's reason, or the error code if the request could not
	// be evaluated.
	Reason string `json:"reason,omitempty"`
	// Message explains a refusal to a person.
	Message string `json:"message,omitempty"`
	// DenialReason is what the person who denied the request wrote.
	DenialReason string `json:"denial_reason,omitempty"`
	// PolicyDigest is the SHA-256, in hex, of the policy that was in force.
	PolicyDigest string `json:"policy_digest,omitempty"`
	// Statements are the indexes, in the file, of the statements that apply.
	Statements []int `json:"statements,omitempty"`
	// Rule is the policy's decision in words (Decision.Rule); empty if the policy didn't
	// decide. The previous release didn't store it.
	Rule string `json:"rule,omitempty"`
}

// EventKind is the kind of an event of a request or a run.
type EventKind string

const (
	EventRequested EventKind = "requested"
	EventApproved  EventKind = "approved"
	// EventApprovalGiven and EventApprovalTakenBack: one of several approvals that the
	// request needs.
	EventApprovalGiven     EventKind = "approval_given"
	EventApprovalTakenBack EventKind = "approval_taken_back"
	EventDenied            EventKind = "denied"
	EventWithdrawn         EventKind = "withdrawn"
	EventExpired           EventKind = "expired"
	EventRefused           EventKind = "refused"
	EventNotGranted        EventKind = "not_granted" // approved, but no access was granted
	EventGranted           EventKind = "granted"
	EventEnded             EventKind = "ended" // someone ended it before its time
	// EventPressRefused: someone pressed a button that they may not press.
	EventPressRefused EventKind = "press_refused"
	EventRevoked      EventKind = "revoked"
	EventRevokeFailed EventKind = "revoke_failed"
	EventDriftFound   EventKind = "drift_found"
	EventDriftRevoked EventKind = "drift_revoked"
	// EventDriftExempted: a run in mode revoke left this access alone under an exemption
	// for the first time.
	EventDriftExempted EventKind = "drift_exempted"
	// EventBlocked and EventUnblocked: an incident responder blocked a person, or lifted
	// the block. They are events of Blocks, not of a request.
	EventBlocked   EventKind = "blocked"
	EventUnblocked EventKind = "unblocked"
	// EventDriftPressed: someone decided about unknown access with a button below it: to
	// remove it now, or to leave it for a day.
	EventDriftPressed EventKind = "drift_pressed"
)

// EventOf returns the event that records an outcome. An automatic grant is
// recorded as approved, with the policy's reason and without an approver.
func EventOf(k OutcomeKind) EventKind {
	switch k {
	case OutcomeAutomatic, OutcomeApproved:
		return EventApproved
	case OutcomeDenied:
		return EventDenied
	case OutcomeWithdrawn:
		return EventWithdrawn
	case OutcomeExpired:
		return EventExpired
	default:
		return EventRefused
	}
}

// RemovalEvent returns the event that records how a request's access ended. If there
// never was any access, the event is not_granted after an approval and refused
// otherwise, with the reason if the row has one. RevokedAt and Removal must be set.
func RemovalEvent(r Request) Event {
	e := Event{Kind: EventRevoked, At: r.RevokedAt, Reason: string(r.Removal)}
	if r.Removal != RemovalNothing {
		return e
	}
	e.Kind = EventRefused
	if r.Rebuilt != nil || r.IsApproved() { // only approved requests have leases, and so can be rebuilt
		e.Kind = EventNotGranted
	}
	if f := r.Failure; f != nil {
		e.Reason, e.Message = string(f.Code), f.Message
	}
	return e
}

// RecordsRemoval reports whether the request's events include its RemovalEvent. The
// previous release recorded refused instead of not_granted.
func RecordsRemoval(r Request) bool {
	kind := RemovalEvent(r).Kind
	return slices.ContainsFunc(r.Events, func(e Event) bool {
		return e.Kind == kind || kind == EventNotGranted && e.Kind == EventRefused
	})
}

// Refusal is why a press was refused.
type Refusal string

const (
	RefusalNotEligible   Refusal = "NotEligible"   // they can't approve anything; the message says why
	RefusalNotApprover   Refusal = "NotApprover"   // the policy in force doesn't let them approve this
	RefusalNotRequester  Refusal = "NotRequester"  // only the requester may withdraw, or ask for this again
	RefusalNotPermitted  Refusal = "NotPermitted"  // the policy in force refuses the request; the message says why
	RefusalNoApproval    Refusal = "NoApproval"    // they have given no approval that they could take back
	RefusalRequesterGone Refusal = "RequesterGone" // the requester can't be given access; the message says why
	RefusalBlocked       Refusal = "Blocked"       // an incident responder blocked them, or the requester; the message says whom
	RefusalOwnAccess     Refusal = "OwnAccess"     // the unknown access is their own
	RefusalNotOffered    Refusal = "NotOffered"    // the report has no such button; the message says why
	RefusalNotResponder  Refusal = "NotResponder"  // the policy in force doesn't let them block people
	RefusalOwnBlock      Refusal = "OwnBlock"      // they wrote the block, so someone else must lift it
	RefusalTooLate       Refusal = "TooLate"       // someone decided about the unknown access first; the message says who
)

// MaxRefusedPresses is how many refused presses of a request, or of a run, are recorded, and
// how many about blocks in RefusedFor. An item of the table holds at most 400 KB, and must keep
// room for the other events.
const MaxRefusedPresses = 20

// SkipsRefusedPress reports whether the refused press e gets no event, because there is one
// of the same person and reason, or because there are MaxRefusedPresses.
func SkipsRefusedPress(r Request, e Event) bool {
	n := 0
	for _, has := range r.Events {
		if has.Kind != EventPressRefused {
			continue
		}
		if n++; has.By.SlackID == e.By.SlackID && has.Reason == e.Reason {
			return true
		}
	}
	return n >= MaxRefusedPresses
}

// Event is something that happened to a request. Its index in Request.Events is
// its sequence number.
type Event struct {
	Kind    EventKind `json:"kind"`
	At      time.Time `json:"at"`
	By      Person    `json:"by,omitzero"`
	Message string    `json:"message,omitempty"`
	// Action is the button of a refused press: "approve", "deny", "take_back",
	// "withdraw", "end", "ask_again" or "more_time".
	Action string `json:"action,omitempty"`
	// PolicyDigest, Reason, Statements and Rule are set for events that are decisions.
	PolicyDigest string `json:"policy_digest,omitempty"`
	Reason       string `json:"reason,omitempty"`
	Statements   []int  `json:"statements,omitempty"`
	Rule         string `json:"rule,omitempty"` // as in Outcome
}
