package access

import "slices"

// Statement is one rule of the policy. Emails and group ids are in lower case.
type Statement struct {
	// Resources are ids of accounts, organizational units and roots, or ids of groups. A
	// unit or a root matches the accounts below it. "*" matches all accounts or groups.
	// Protected accounts are matched only by their ids.
	Resources []string `json:"resources"`
	// PermissionSets are names; "*" matches all. Groups don't use them.
	PermissionSets []string `json:"permission_sets,omitempty"`
	// Allowed are those who may request by this statement: emails, and groups in the form
	// of GroupEntry. If it is empty, everyone may.
	Allowed []string `json:"allowed,omitempty"`
	// Approvers are emails, and groups in the form of GroupEntry.
	Approvers []string `json:"approvers,omitempty"`
	// ApprovalsNeeded is how many of this statement's approvers must approve. Zero makes
	// no requirement: then one approver of any statement is enough.
	ApprovalsNeeded       int   `json:"approvals_needed,omitempty"`
	AllowSelfApproval     *bool `json:"allow_self_approval,omitempty"`
	ApprovalIsNotRequired *bool `json:"approval_is_not_required,omitempty"`
	// MaxDuration is the longest access, in seconds; zero sets no limit.
	MaxDuration int64 `json:"max_duration_seconds,omitempty"`
	// Ticket adds a field to the form; nil adds none.
	Ticket *Ticket `json:"ticket,omitempty"`
	// Warning is a sentence for the requester and the approvers.
	Warning string `json:"warning,omitempty"`
	// Channel is the id of the Slack channel where requests are posted; "" is the
	// configured channel.
	Channel string `json:"channel,omitempty"`
	// Confirm makes approvers confirm their approval in a dialog. It counts from every
	// statement that affects a request.
	Confirm bool `json:"confirm,omitempty"`
}

// Ticket is what a statement expects in the form's ticket field.
type Ticket struct {
	Required bool `json:"required,omitempty"`
	// Pattern is a regular expression in RE2's syntax. It must match the whole value,
	// unless that is empty. "" allows everything.
	Pattern string `json:"pattern,omitempty"`
	Hint    string `json:"hint,omitempty"` // for people: what to enter
}

// MaxTicketLength is the longest ticket of a request, in characters.
const MaxTicketLength = 150

// Policy is the rules in force: `config` and `group_config`, in order.
type Policy struct {
	Accounts []Statement `json:"accounts"`
	Groups   []Statement `json:"groups"`
	// ProtectedAccounts are matched only by statements that name them in Resources.
	ProtectedAccounts []string `json:"protected_accounts,omitempty"`
	// AllowManagedDecisionGroups lets memberships that this app granted count where
	// Allowed or Approvers name the group.
	AllowManagedDecisionGroups bool `json:"allow_managed_decision_groups,omitempty"`
	// Exemptions are unknown access that reconciliations leave alone for a while.
	Exemptions []Exemption `json:"exemptions,omitempty"`
	// IncidentResponders may block people, and lift blocks of others: emails, and groups in
	// the form of GroupEntry. A release that doesn't know them lets nobody block anyone.
	IncidentResponders []string `json:"incident_responders,omitempty"`
}

// Case is a request as the policy sees it.
type Case struct {
	Requester Identity
	Target    Target
	// OUs are the ids of all organizational units above the account, and of the root,
	// in any order.
	OUs []string
	// Duration is in seconds. Zero means a duration that no limit forbids.
	Duration int64
	// Ticket is the value of the ticket field; "" if the requester left it empty. Nil
	// means a ticket that every statement accepts.
	Ticket *string
	// Chain is how long the access lasts in all, in seconds, if the request extends
	// access that the requester has (Chain.Length); zero if it does not. Longest is the
	// longest access that the settings allow, in seconds; zero sets no limit.
	Chain, Longest int64
}

// Identity is a person as the policy sees them.
type Identity struct {
	Email string // in Slack, in any case
	// SecondaryDomain is set if the Identity Center user was found under a fallback domain.
	// Then Allowed is compared with UserEmail, the email of that user, instead of Email.
	SecondaryDomain bool
	UserEmail       string
	// Groups are the ids of the groups that the person is a member of. Groups that the
	// policy doesn't name may be left out.
	Groups []string
}

// DecisionOutcome is the policy's decision about a request.
type DecisionOutcome string

const (
	DecideAutomatic DecisionOutcome = "automatic"
	DecideApproval  DecisionOutcome = "needs_approval"
	DecideRefused   DecisionOutcome = "refused"
)

// Reason is why the policy decides so.
type Reason string

const (
	ReasonApprovalNotRequired Reason = "ApprovalNotRequired"
	ReasonSelfApproval        Reason = "SelfApproval"
	ReasonRequiresApproval    Reason = "RequiresApproval"
	ReasonNoApprovers         Reason = "NoApprovers"
	ReasonNoStatements        Reason = "NoStatements"
	ReasonProtectedAccount    Reason = "ProtectedAccount" // only "*" or an OU would match the account
	ReasonNotAllowed          Reason = "NotAllowed"       // statements match, but none allows the requester
	ReasonDurationTooLong     Reason = "DurationTooLong"
	ReasonTicketMissing       Reason = "TicketMissing" // or a pattern doesn't match it
)

// Decision is the policy's decision about a request, and the statements that it
// is based on.
type Decision struct {
	Outcome DecisionOutcome `json:"outcome"`
	Reason  Reason          `json:"reason"`
	// Approvers are those who may approve: emails, and groups in the form of
	// GroupEntry. They are in lower case and sorted, without the requester. The list
	// is empty unless approval is needed.
	Approvers []string `json:"approvers"`
	// Statements are those that affect the request, by index in Accounts or Groups.
	Statements []int `json:"statements"`
	// Requirements are those of the statements that apply to the requester, whatever
	// the outcome. If there are none, one approval is enough.
	Requirements []Requirement `json:"requirements,omitempty"`
	// MaxDuration is the lowest limit of the statements that apply, in seconds,
	// whatever the outcome; zero if there is none.
	MaxDuration int64 `json:"max_duration_seconds,omitempty"`
	// ChainTooLong is set if only the length of the chain requires an approval: the policy
	// would grant the request automatically if it were not an extension.
	ChainTooLong bool `json:"chain_too_long,omitempty"`
	// Tickets are those of the statements that apply, whatever the outcome, each once.
	// If there are none, the form has no ticket field.
	Tickets []Ticket `json:"tickets,omitempty"`
	// Warnings are those of the statements that apply, whatever the outcome, each once.
	Warnings []string `json:"warnings,omitempty"`
	// Channel is that of the first statement that applies and has one; "" is the
	// configured channel.
	Channel string `json:"channel,omitempty"`
	// Confirm reports whether approvers must confirm their approval: if a statement that
	// affects the request says so, or if there are Requirements.
	Confirm bool `json:"confirm,omitempty"`
}

// AllRequirements returns what a request must get if it needs approval: Requirements, or
// one approval of any approver.
func (d *Decision) AllRequirements() []Requirement {
	if len(d.Requirements) > 0 {
		return d.Requirements
	}
	return []Requirement{{Needed: 1, Approvers: d.Approvers}}
}

// NeedsSeveral reports whether one approval of any approver may not be enough. Then too few
// people may be able to approve, although some are.
func (d *Decision) NeedsSeveral() bool {
	return len(d.Requirements) > 1 || len(d.Requirements) == 1 && d.Requirements[0].Needed > 1
}

// TicketRequired reports whether the request needs a ticket.
func (d *Decision) TicketRequired() bool {
	return slices.ContainsFunc(d.Tickets, func(t Ticket) bool { return t.Required })
}

// Requirement is a statement that must get approvals from its own approvers.
type Requirement struct {
	Statement int      `json:"statement"` // index in Accounts or Groups
	Needed    int      `json:"needed"`    // approvals, each from a different person
	Approvers []string `json:"approvers"` // as in Decision
}
