// Package drift finds access that nobody asked for: assignments of a user's
// own, in accounts and permission sets that the policy covers, and members of
// the groups that it names, which no lease holds.
//
// A run has the steps Plan, Scan (for each batch of the plan), Collect, where a
// person was asked Answer, and Report. Each may be repeated. Nothing here
// changes Identity Center, and what could not be read is said to be unread: it
// is never taken for absent, nor for a finding.
package drift

import (
	"context"
	"log/slog"
	"time"

	"sso-elevator/functions/access"
)

// Identity Center takes 20 calls a second from everybody together (IAM Identity
// Center user guide, "Quotas", throttle limits). Half of that is for grants and
// removals, which somebody waits for.
const (
	// BatchesAtOnce is how many batches are scanned side by side: the
	// MaxConcurrency of the state machine's ScanEach.
	BatchesAtOnce = 2
	// CallEvery is the pause between two calls of one batch: two batches make
	// 10 calls a second.
	CallEvery = time.Second / 10 * BatchesAtOnce
)

const (
	// callsAtOnce is how many calls of a batch may be waiting for an answer:
	// the pace is kept while answers take less than 0.8 s.
	callsAtOnce = 4
	// leasesAtOnce is how many leases are read at once: the table has no quota
	// to share.
	leasesAtOnce = 16
	// batchCalls is for how many calls a batch is made at the most. At the
	// pace they take 240 s, and as many again where each has a finding that is
	// looked at twice; the function has 600 s.
	batchCalls = 1200
	// smallBatch is for how many calls it is not worth making another batch.
	smallBatch = 50
	// planCalls is how many calls the plan makes at the most to find out which
	// permission sets are in which accounts: 400 s at the pace. In a larger
	// organization each batch finds out for its own accounts.
	planCalls = 2000
	// maxPerAccount is how many permission sets an account can have (IAM
	// Identity Center, "Quotas": 500 provisioned to an account).
	maxPerAccount = 500
	// probes is how many users are looked at to estimate how many calls
	// listing by user takes.
	probes = 5
)

// writeTime is kept free of a function's time for writing what was read.
const writeTime = 15 * time.Second

// TellAgain is when a finding that is still there is told of again.
const reportAgain = 24 * time.Hour

// Directory is what an engine reads of Identity Center and Organizations. Its
// lists about something that does not exist are empty.
type Directory interface {
	Accounts(context.Context) ([]access.Account, error)
	PermissionSetARNs(context.Context) ([]string, error)
	PermissionSetName(ctx context.Context, arn string) (string, error)
	Groups(context.Context) ([]access.Group, error)
	Group(ctx context.Context, id string) (g access.Group, found bool, err error)

	ProvisionedPermissionSets(ctx context.Context, accountID string) ([]string, error)
	AccountsWith(ctx context.Context, permissionSetARN string) ([]string, error)
	UserAssignments(ctx context.Context, accountID, permissionSetARN string) ([]access.Assignment, error)
	AssignmentsOf(ctx context.Context, userID string) (all []access.Assignment, calls int, err error)
	Memberships(ctx context.Context, groupID string) ([]access.Membership, error)

	UserPages(ctx context.Context, each func([]access.User) (more bool)) error
	UserName(ctx context.Context, id string) (name string, found bool, err error)
	UserNames(ctx context.Context, id string) (names []string, found bool, err error)
}

// Table is the part of the table that an engine uses. Its reads are consistent.
type Table interface {
	// Lease reads which requests hold the access of the subject with that key.
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)

	// CreateRun creates the row of a run that has something to report, unless it
	// exists.
	CreateRun(context.Context, access.Run) error
	// ExpireRun ends the run's question, unless it has ended, and returns the row.
	ExpireRun(ctx context.Context, id string, at time.Time) (r access.Run, won bool, err error)

	// CountRemovals returns how many findings were removed within 24 hours before
	// now without a person's consent.
	CountRemovals(ctx context.Context, now time.Time) (int, error)

	// Heartbeat reads what the last run left whose table could be believed.
	Heartbeat(context.Context) (h access.Heartbeat, found bool, err error)
	PutHeartbeat(context.Context, access.Heartbeat) error
}

// Store keeps what the steps of a run leave for later steps and later runs.
// Reads return NotFound if there is no such object, and Invalid if it makes no
// sense.
type Store interface {
	Plan(ctx context.Context, run string) (Plan, error)
	PutPlan(context.Context, Plan) error
	BatchResult(ctx context.Context, run string, batch int) (BatchResult, error)
	PutBatchResult(ctx context.Context, run string, batch int, r BatchResult) error
	Findings(ctx context.Context, run string) ([]access.Finding, error)
	PutFindings(ctx context.Context, run string, all []access.Finding) error
	Collected(ctx context.Context, run string) (Collected, error)
	PutCollected(ctx context.Context, run string, c Collected) error
	PutReport(context.Context, access.DriftReport) error

	// History is empty if no run wrote it yet.
	History(context.Context) (h History, version string, err error)
	// PutHistory replaces that version. Lost: another run wrote it meanwhile.
	PutHistory(ctx context.Context, h History, version string) error
}

// Engine does the steps of runs.
type Engine struct {
	Directory Directory
	// Names are those of accounts (by id) and permission sets (by ARN) as far
	// as they are known without asking for each. It may be nil, and may fail.
	Names  func(context.Context) (accounts, permissionSets map[string]string, err error)
	Policy func(context.Context) (access.Policy, error)
	Table  Table
	Store  Store
	// Limit is how many findings all runs together may remove within 24 hours
	// without asking a person.
	Limit int
	// RemovalsOff: runs in mode revoke only tell what is there.
	RemovalsOff bool
	// Next is when the first run in mode revoke after a time begins; ok is
	// false where none is planned. It may be nil.
	Next func(after time.Time) (at time.Time, ok bool)
	// ListBy is "account" or "user" to list assignments that way only; empty
	// takes the way that needs fewer calls.
	ListBy string
	Now    func() time.Time
	Count  func(name string, dimensions map[string]string)
	Logger *slog.Logger

	mostCalls float64 // of a batch; 0: batchCalls
}

// How a run goes on after Collect.
const (
	nextNothing = "nothing"
	nextReport  = "report"
	nextAsk     = "ask"
	nextRemove  = "remove"
)

// inTime ends a little before ctx does, so that there is time to write.
func withWriteTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-writeTime))
	}
	return context.WithCancel(ctx)
}
