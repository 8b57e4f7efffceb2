// Package drift finds unknown access: direct assignments of users, and members of
// groups, that the policy covers and that have no lease.
//
// A run has the steps Plan, Scan (for each batch of the plan), Collect, EndQuestion
// (if it asked for consent), and Report. Each step may be repeated. No step changes
// Identity Center. A step reports access that it can't read as unread. Unread access
// counts neither as absent nor as a finding.
package drift

import (
	"context"
	"log/slog"
	"time"

	"sso-elevator/functions/access"
)

// BatchesAtOnce is how many batches are scanned at once: the MaxConcurrency of the state
// machine's ScanEach. All scans share a pace (access.PaceRate), so more batches would not
// be faster.
const BatchesAtOnce = 2

const (
	// callsAtOnce is how many calls of a batch may wait for an answer. Two batches keep the
	// pace as long as answers take less than 0.8 s, and a plan as long as they take 0.4 s.
	callsAtOnce = 6
	// leasesAtOnce is how many leases are read at once. The table has no quota to
	// share.
	leasesAtOnce = 16
	// batchCalls is how many calls a batch makes at most. With half of the pace they take
	// 133 s, and twice as long if everything has to be listed again. The function has
	// 600 s, so a batch can be done at half of that rate, too.
	batchCalls = 1000
	// smallBatch is the number of calls below which another batch is not worth
	// it.
	smallBatch = 50
	// planCalls is how many calls the plan makes at most to find out which permission sets
	// are in which accounts. They take 133 s. In a larger organization, each batch finds
	// out for its own accounts.
	planCalls = 2000
	// maxPerAccount is how many permission sets an account can have (IAM Identity
	// Center, "Quotas": 500 provisioned to an account).
	maxPerAccount = 500
	// probes is how many users are looked up to estimate the number of calls for listing
	// by user.
	probes = 5
)

// writeTime is the part of a function's time that is reserved for writing its
// results.
const writeTime = 15 * time.Second

// reportAgain is the time after which an unchanged finding is reported again.
const reportAgain = 24 * time.Hour

// Directory is the part of Identity Center and Organizations that an engine reads.
// Its lists about something that does not exist are empty.
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
	User(ctx context.Context, id string) (u access.User, found bool, err error)
	UserNames(ctx context.Context, id string) (names []string, found bool, err error)
}

// Table is the part of the table that an engine uses. Its reads are consistent.
type Table interface {
	// Lease reads which requests hold the access of the subject with that key.
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)

	// Leave reads whether someone left the access of the subject with that key alone. The
	// leave may be over.
	Leave(ctx context.Context, key string) (l access.Leave, found bool, err error)
	// PutLeave writes a leave in place of an older one. It does nothing if the table has a
	// newer one.
	PutLeave(context.Context, access.Leave) error
	// Blocks reads who is blocked.
	Blocks(context.Context) (access.Blocks, error)
	// Run reads a run's row; NotFound if there is none.
	Run(ctx context.Context, id string) (access.Run, error)
	// AddPressResult adds to a run's row how the removal ended that someone asked for. run
	// is the row as the caller read it. Conflict: the row has more results by now.
	AddPressResult(ctx context.Context, run access.Run, r access.PressResult) error

	// CreateRun creates the row of a run that has something to report, unless it
	// exists.
	CreateRun(context.Context, access.Run) error
	// ExpireRun ends the run's question, unless it has ended, and returns the row.
	ExpireRun(ctx context.Context, id string, at time.Time) (r access.Run, won bool, err error)

	// CountRemovals returns how many findings were removed within 24 hours before
	// now without a person's consent.
	CountRemovals(ctx context.Context, now time.Time) (int, error)

	// Heartbeat reads the mark of the last run that could trust the table.
	Heartbeat(context.Context) (h access.Heartbeat, found bool, err error)
	PutHeartbeat(context.Context, access.Heartbeat) error
}

// Store keeps data for later steps and later runs. Reads return NotFound if there is
// no such object, and Invalid if it can't be used.
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

	// History returns an empty history if no run wrote one yet.
	History(context.Context) (h History, version string, err error)
	// PutHistory replaces that version. Lost: another run wrote it meanwhile.
	PutHistory(ctx context.Context, h History, version string) error
}

// Engine carries out the steps of runs.
type Engine struct {
	Directory Directory
	// Names returns the names of accounts (by id) and of permission sets (by ARN)
	// that are known without asking for each. It may be nil, and may fail.
	Names  func(context.Context) (accounts, permissionSets map[string]string, err error)
	Policy func(context.Context) (access.Policy, error)
	// OUs returns a function that returns the organizational units above an account, at
	// least those that are wanted. known is false for an account whose units are not
	// known. It is called only if the policy names units.
	OUs   func(ctx context.Context, wanted []string) (of func(accountID string) (ous []string, known bool), err error)
	Table Table
	Store Store
	// Limit is how many findings all runs together may remove within 24 hours without
	// consent.
	Limit int
	// RemovalsOff: runs in mode revoke only report.
	RemovalsOff bool
	// Next returns when the first run in mode revoke after a time begins; ok is
	// false if none is planned. It may be nil.
	Next func(after time.Time) (at time.Time, ok bool)
	// ListBy is "account" or "user" to list assignments that way only. If it is empty, the
	// plan chooses whichever needs fewer calls.
	ListBy string
	Now    func() time.Time
	Count  func(name string, dimensions map[string]string)
	Logger *slog.Logger

	mostCalls float64 // of a batch, for tests; 0: batchCalls
}

// The steps that may follow Collect.
const (
	nextNothing = "nothing"
	nextReport  = "report"
	nextAsk     = "ask"
	nextRemove  = "remove"
)

// withWriteTime returns a context that ends writeTime before ctx does.
func withWriteTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-writeTime))
	}
	return context.WithCancel(ctx)
}
