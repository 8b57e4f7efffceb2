// Package table owns the DynamoDB table: requests, leases, claims, rows of runs,
// and the heartbeat.
//
// A request's row has the key "request#<id>" and the attributes of access.Request
// under their JSON names. A lease's row has "lease#<subject>" and those of
// access.Lease. A run's row has "run#<id>" and those of access.Run. The row of a
// person's claims has "claims#<principal id>" and those of access.Claims.
// Attributes whose JSON tag says omitempty or omitzero are absent while they are
// zero, so that a condition can ask whether something happened. Rows have these
// attributes besides:
//
//   - open ("request", "lease" or "claims") and due (UTC, whole seconds), the
//     key of the sparse index that sweeps read; a closed request has neither;
//   - requester_id, the id of the requester's user in Identity Center: with created_at,
//     the key of the sparse index of requests by requester. A request whose requester is
//     unknown doesn't have it, and neither have those of the first release;
//   - token_execution_arn, a copy of execution_arn: the execution whose task tokens are
//     stored. A run's row has it, too, and rows of the previous release don't;
//   - expires, the epoch second after which the table may drop a closed request,
//     a run, or a person's claims.
//
// Every write changes a single item under a condition. The list shows which
// attributes of a request each method writes. The functions' roles permit only these,
// and those in the conditions (DecideAttributes and the like):
//
//	Create        everything it is given (PutItem; all others are UpdateItem)
//	Evaluate      requester requester_id approvers unknown_approvers approver_groups
//	              evaluated_decision background chain held_with portal session_seconds
//	              permission_set_description expires_at due
//	Decide        outcome events
//	ChangeApprovals  approvals approval_progress events outcome posts
//	RequestEnd, EndHolder  end_request events due
//	EndShown      end_shown
//	StoreToken    approval_token or end_token, and token_execution_arn
//	CountReminder reminders_sent reminded_at further_approvers
//	BeginPost, BeginPostAfter, FailPost, CompletePost  posts
//	RecordOUPath  ou_path
//	RecordGrant   granted_at end chain_since extends group_membership_id
//	              aws_create_request_id events due
//	Fail          failure
//	BeginRevoke   revoking_at
//	TakeOver      revoking_execution_arn
//	Rebuild       rebuilt revoking_at open due
//	RecordRemoval revoked_at removal kept_until kept_link aws_create_request_id
//	              aws_delete_request_id events revoking_at
//	AppendEvent   events
//	MarkAudited   audited
//	GiveUp        failure tombstone
//	Close         closed_at expires; removes open due approval_token end_token
//
// Only Evaluate, Decide and ChangeApprovals name the attribute outcome, even in a condition.
// Leases and claims are written with PutItem and DeleteItem. These methods write a
// run:
//
//	CreateRun      everything it is given (PutItem; all others are UpdateItem)
//	AnswerRun      answers answer
//	ExpireRun      answer
//	StoreRunToken  token token_execution_arn
//	AddPress       presses
//	AddRefusedPress  refused_presses
//	AddPressResult press_results
//	BeginRunPost, CompleteRunPost  posts
//
// The row "blocks" has the attributes of access.Blocks. PutBlocks writes it with PutItem,
// and MarkBlocksRecorded updates its attribute recorded.
//
// The row "reconcile#pace" is the pace of all scans (access.Pace): PutPace writes
// next, rate, changed and version, and AskToYield writes yield_until.
//
// PutItem also writes "reconcile#heartbeat" (PutHeartbeat), "reconcile#removals"
// (ReserveRemoval), the rows "removal#…" (PutRemoval), which say how the removals of
// findings ended, and the rows "left#…" (PutLeave), which say who left access alone.
package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sso-elevator/functions/access"
)

// API is the part of DynamoDB that the table uses.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

var _ API = (*dynamodb.Client)(nil)

// The two waits whose task tokens a request's row keeps.
const (
	WaitApproval = "approval"
	WaitEnd      = "end"
)

// WaitRun is the wait whose task token a run's row keeps.
const WaitRun = "run"

// Values of the attribute open.
const (
	openRequest = "request"
	openLease   = "lease"
	openClaims  = "claims"
)

// NeverExpires is the waiting time of a request that "never" expires. An execution
// lives for a year, and this wait leaves time for the access.
const NeverExpires = 300 * 24 * time.Hour

// KeepRun is how long the table keeps the row of a run after its start, and the rows
// about its removals after them. It is well under 90 days, after which Step Functions
// lets an execution's name be used again (API reference, StartExecution). So a run
// that reuses a name never finds an earlier run's consent, even if DynamoDB drops
// rows days late.
const KeepRun = 60 * 24 * time.Hour

// KeepClosed is how long the table keeps the row of a closed request. The audit
// records stay longer.
const KeepClosed = 90 * 24 * time.Hour

// Table is the table. Its errors have the codes of functions/access: NotFound if
// there is no such row, Lost if a condition was not met, Throttled, Unavailable,
// Misconfigured (no permission, no table) or Internal.
type Table struct {
	client API
	name   string
}

// New returns the table of that name.
func New(client API, name string) *Table { return &Table{client: timed{client}, name: name} }

// Evaluation is what evaluate finds out about a request.
type Evaluation struct {
	Requester        access.Person
	Approvers        []access.Person
	UnknownApprovers []string
	ApproverGroups   []access.ApproverGroup
	Decision         access.Decision
	Description      string             // of the permission set; empty if it is not known
	Background       *access.Background // nil if the request needs no approval, or it is unknown
	Chain            *access.Chain      // what the request extends; nil if nothing
	HeldWith         []string           // as in access.Request
	// ExpiresAt is zero if the request needs no approval.
	ExpiresAt time.Time
	Portal    access.Portal // empty if it is not known
	Session   time.Duration // zero if it is not known
}
