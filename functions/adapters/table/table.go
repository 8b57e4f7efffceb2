// Package requests keeps requests, leases and runs in one DynamoDB table.
//
// A request's row has the key "request#<id>" and the attributes of
// access.Request under their JSON names; a lease's row has "lease#<subject>"
// and those of access.Lease; that of a run of the reconciliation has "run#<id>"
// and those of access.Run; that of a person's claims has "claims#<principal id>"
// and those of access.Claims. Attributes whose JSON tag says omitempty or
// omitzero are absent while they are zero, so that a condition can ask whether
// something happened. Beside them stand
//
//   - open ("request", "lease" or "claims") and due (UTC, whole seconds), the key of the
//     sparse index that sweeps read; a closed request has neither;
//   - expires, the epoch second after which the table may drop a closed request,
//     a run, or a person's claims.
//
// Every write is a single item under a condition. What each writes of a
// request, for the policies of the functions' roles:
//
//	Create        everything it is given (PutItem; all others are UpdateItem)
//	Evaluate      requester approvers unknown_approvers evaluated_decision expires_at due
//	Decide        outcome events
//	RequestEnd    end_request events due
//	StoreToken    approval_token or end_token
//	CountReminder reminders_sent
//	BeginPost, CompletePost  posts
//	Granted       granted_at end group_membership_id events due
//	Fail          failure
//	BeginRevoke   revoking_at
//	TakeOver      revoking_execution_arn
//	Rebuild       rebuilt revoking_at open due
//	Revoked       revoked_at removal events revoking_at
//	AppendEvent   events
//	MarkAudited   audited
//	GiveUp        failure tombstone
//	Close         closed_at expires; removes open due approval_token end_token
//
// Only Evaluate and Decide name the attribute outcome, be it in a condition.
// Leases and claims are written with PutItem and DeleteItem. Of a run each writes
//
//	CreateRun      everything it is given (PutItem; all others are UpdateItem)
//	AnswerRun      answer
//	StoreRunToken  token
//	BeginRunPost, CompleteRunPost  posts
//
// Written with PutItem are also "reconcile#heartbeat" (PutHeartbeat),
// "reconcile#removals" (ReserveRemoval), and the rows "removal#…" (PutRemoval),
// which say how the removals of findings ended.
package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sso-elevator/functions/access"
)

// API is the part of DynamoDB that the store uses.
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

// NeverExpires is how long a request waits that "never" expires: the longest
// wait that leaves an execution, which lives for a year, time for its access.
const NeverExpires = 300 * 24 * time.Hour

// KeepRun is how long the row of a run stays in the table after its start, and
// those about its removals after them. It is well under the 90 days after which
// Step Functions lets an execution's name be used again (API reference,
// StartExecution): a run under a name that comes again finds nobody's earlier
// consent, though DynamoDB may drop rows days late.
const KeepRun = 60 * 24 * time.Hour

// KeepClosed is how long the row of a closed request stays in the table. The
// audit records stay beyond it.
const KeepClosed = 90 * 24 * time.Hour

// Table is the table. Its errors have the codes of functions/access: NotFound
// where there is no such row, Lost where a condition did not hold, Throttled,
// Unavailable, Misconfigured (no permission, no table) or Internal.
type Table struct {
	client API
	name   string
}

// New is the store in the table of that name.
func New(client API, name string) *Table { return &Table{client: timed{client}, name: name} }

// Evaluation is what evaluate finds out about a request.
type Evaluation struct {
	Requester        access.Person
	Approvers        []access.Person
	UnknownApprovers []string
	Decision         access.Decision
	// ExpiresAt is zero where no approval is waited for.
	ExpiresAt time.Time
}
