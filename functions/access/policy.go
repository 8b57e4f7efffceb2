package access

// Statement is one rule of the policy. Resources are account ids or group ids,
// and PermissionSets are names; "*" in either matches everything. Groups don't
// use PermissionSets. Approvers are emails in lower case.
type Statement struct {
	Resources             []string `json:"resources"`
	PermissionSets        []string `json:"permission_sets,omitempty"`
	Approvers             []string `json:"approvers,omitempty"`
	AllowSelfApproval     *bool    `json:"allow_self_approval,omitempty"`
	ApprovalIsNotRequired *bool    `json:"approval_is_not_required,omitempty"`
}

// Policy is the rules in force: `config` and `group_config`, in order.
type Policy struct {
	Accounts []Statement `json:"accounts"`
	Groups   []Statement `json:"groups"`
	// Exemptions are unknown access that reconciliations leave alone for a while.
	Exemptions []Exemption `json:"exemptions,omitempty"`
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
)

// Decision is the policy's decision about a request, and the statements that it
// is based on.
type Decision struct {
	Outcome DecisionOutcome `json:"outcome"`
	Reason  Reason          `json:"reason"`
	// Approvers are the emails of those who may approve: lower case, sorted,
	// without the requester; empty unless approval is needed.
	Approvers []string `json:"approvers"`
	// Statements are those that match the request, by index in Accounts or
	// Groups.
	Statements []int `json:"statements"`
}
