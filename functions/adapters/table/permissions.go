package table

// Prefixes of rows' keys, and the keys of single rows. The functions' roles name
// them (dynamodb:LeadingKeys).
const (
	RequestPrefix = "request#"
	LeasePrefix   = "lease#"
	RunPrefix     = "run#"
	ClaimsPrefix  = "claims#" // a person's undecided requests
	// RemovalPrefix begins the rows that say how the removal of a finding ended:
	// "removal#run#<run>#<index>", and "removal#lease#<subject>" for a subject's
	// latest removal.
	RemovalPrefix = "removal#"
	// LeavePrefix begins the rows of unknown access that a person left alone for now.
	LeavePrefix = "left#"

	// HeartbeatKey is the row with the heartbeat of the reconciliation's runs. It shows
	// later whether the table has lost data.
	HeartbeatKey = "reconcile#heartbeat"
	// RemovalsCountKey is the row that counts removals without a person's
	// consent.
	RemovalsCountKey = "reconcile#removals"
	// BlocksKey is the row of the people whom incident responders blocked.
	BlocksKey = "blocks"
	// PaceKey is the row with the pace that all scans share.
	PaceKey = "reconcile#pace"
)

// OpenIndex is the index of open rows, by when they are due. It has only the
// keys.
const OpenIndex = "open"

// RequesterIndex is the index of requests by their requester's user in Identity Center,
// in the order of their creation. Rows of the first release are not in it, because they
// lack AttributeRequesterID.
const RequesterIndex = "requester"

// RequesterIndexAttributes are the attributes in RequesterIndex besides the keys: what
// says which access the request is for, who approved it, and what became of it. Others
// are too large, or change too often. An index can't get further attributes later;
// another index would have to replace it.
var RequesterIndexAttributes = []string{
	"target", "outcome", "approvals", "granted_at", "end", "end_request", "revoking_at", "revoked_at", "tombstone", "closed_at",
}

// Attributes that are keys, or that DynamoDB itself reads.
const (
	AttributeKey         = "pk"
	AttributeOpen        = "open"
	AttributeDue         = "due"
	AttributeRequesterID = "requester_id"
	AttributeCreatedAt   = "created_at"
	AttributeExpires     = "expires"
)

// AttributeTokenExecution is a copy of execution_arn that await may name, and so write.
// Only StoreToken and StoreRunToken use it.
const AttributeTokenExecution = "token_execution_arn"

// The attributes that each update of a row names, in its condition too, separated
// by spaces. The functions' roles permit these and no others
// (dynamodb:Attributes). Only Decide, ChangeApprovals and Evaluate name outcome.
const (
	DecideAttributes        = "outcome events tombstone closed_at revoking_at"
	ApprovalAttributes      = "approvals approval_progress outcome events posts tombstone closed_at revoking_at"
	RequestEndAttributes    = "end_request events due granted_at revoking_at revoked_at closed_at"
	EndShownAttributes      = "end_shown end_request"
	EvaluateAttributes      = "requester requester_id approvers unknown_approvers approver_groups evaluated_decision background chain held_with permission_set_description portal session_seconds expires_at due outcome tombstone closed_at"
	CountReminderAttributes = "reminders_sent reminded_at further_approvers"
	StoreTokenAttributes    = "approval_token end_token token_execution_arn closed_at"
	PostAttributes          = "posts"
	RecordGrantAttributes   = "granted_at end chain_since extends end_request group_membership_id aws_create_request_id events due revoking_at revoked_at tombstone closed_at"
	RecordOUPathAttributes  = "ou_path granted_at revoking_at"
	FailAttributes          = "failure granted_at revoking_at"
	GiveUpAttributes        = "tombstone closed_at"
	TakeOverAttributes      = "revoking_execution_arn revoking_at closed_at"
	BeginRevokeAttributes   = "revoking_at execution_arn tombstone"
	RebuildAttributes       = "rebuilt revoking_at open due"
	RecordRemovalAttributes = "revoked_at removal kept_until kept_link revoking_at events aws_create_request_id aws_delete_request_id"
	AppendEventAttributes   = "events revoked_at"
	MarkAuditedAttributes   = "audited"
	CloseAttributes         = "closed_at expires open due approval_token end_token granted_at revoked_at events"

	RecordBlocksAttributes  = "recorded"
	AnswerRunAttributes     = "answers answer"
	ExpireRunAttributes     = "answer"
	StoreRunTokenAttributes = "token token_execution_arn"
	PressRunAttributes      = "presses"
	RefusePressAttributes   = "refused_presses"
	PressResultAttributes   = "press_results"

	PaceAttributes       = "next rate changed version"
	AskToYieldAttributes = "yield_until"
)
