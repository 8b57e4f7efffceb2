// Package reconcile is the function that runs on a schedule: it refreshes the
// catalog, finds interrupted requests, looks up the people who have access, and takes
// the steps of runs that search for unknown access. It changes nothing in Identity
// Center; function revoke removes overdue access.
package reconcile

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/invoke"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/leavers"
	"sso-elevator/functions/schedule"
	"sso-elevator/slack"
)

// Settings are what the function reads from its environment.
type Settings struct {
	Table            table.Settings
	Policy           policyinforce.Settings
	Catalog          catalog.Settings
	IdentityCenter   identitycenter.Settings
	Removals         findings.Removals
	RequestMachine   host.RequestMachine
	ReconcileMachine host.ReconcileMachine
	RevokeFunction   string `env:"ELEVATOR_REVOKE_FUNCTION,required"` // ARN
	NotifyFunction   string `env:"ELEVATOR_NOTIFY_FUNCTION,required"` // ARN
	AuditFunction    string `env:"ELEVATOR_AUDIT_FUNCTION,required"`  // ARN
	RevokeSchedule   string `env:"ELEVATOR_REVOKE_SCHEDULE"`          // empty: nothing is removed on a schedule

	ExtensionOffer time.Duration `env:"ELEVATOR_EXTENSION_OFFER_SECONDS"`
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB      table.API
	S3            catalog.S3
	SSM           policyinforce.Parameters
	StepFunctions interface {
		StepFunctionsAPI
		tasktoken.API
	}
	Lambda invoke.API
	// Scans is the client of scans: of drift checks and of the catalog. It keeps to the
	// pace that all scans share.
	Scans *identitycenter.Client
	// Rechecks is the client of rechecks, which have their own pace.
	Rechecks *identitycenter.Client
}

// attempts is how often a call is tried. Nobody waits for the answer, and
// hundreds of calls must all succeed.
const attempts = 10

// Open makes the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	cfg := p.AWS
	// The adaptive mode slows down all calls of a client when one of them is
	// throttled.
	cfg.RetryMode, cfg.RetryMaxAttempts = aws.RetryModeAdaptive, attempts
	organizations := identitycenter.ConnectOrganizations(cfg)
	rows := table.Connect(cfg)
	scans := &identitycenter.ScanPace{Ledger: table.New(rows, s.Table.Name), Now: p.Now, Sleep: p.Sleep, Logger: p.Logger}
	paced := func(cfg aws.Config) *identitycenter.Client {
		return identitycenter.NewFromSettings(identitycenter.ConnectAdmin(cfg, s.IdentityCenter), identitycenter.ConnectStore(cfg, s.IdentityCenter), organizations, s.IdentityCenter)
	}
	return New(s, Clients{
		DynamoDB:      rows,
		S3:            buckets.Connect(cfg),
		SSM:           policyinforce.Connect(cfg),
		StepFunctions: tasktoken.Connect(cfg),
		Lambda:        invoke.Connect(cfg),
		Scans:         paced(scans.Config(cfg)),
		Rechecks:      paced(identitycenter.Paced(cfg, leavers.CallEvery)),
	}, p)
}

// New makes the function with the clients c. It fails if RevokeSchedule is not a
// valid schedule.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	names := catalog.Object{Client: c.S3, Bucket: s.Catalog.Bucket}
	rows := table.New(c.DynamoDB, s.Table.Name)
	revocations := func(time.Time) (time.Time, bool) { return time.Time{}, false }
	if s.RevokeSchedule != "" {
		expression, err := schedule.Parse(s.RevokeSchedule)
		if err != nil {
			return nil, err
		}
		revocations = expression.Next
	}
	policies := policyinforce.New(c.SSM, c.S3, s.Policy.Pointer, p.Now)
	policy := func(ctx context.Context) (access.Policy, error) {
		document, _, err := policies.Load(ctx)
		return document, err
	}
	remover := removerFunction{client: c.Lambda, arn: s.RevokeFunction}
	units := catalog.New(names, p)
	runs := namedRuns{rows, units}
	store := findings.New(c.S3, s.Catalog.Bucket)
	tokens := tasktoken.Resumer{API: c.StepFunctions}
	show := func(operation string) func(context.Context, string) error {
		return func(ctx context.Context, run string) error {
			payload := map[string]string{"operation": operation, "run": run}
			return invoke.Function(ctx, c.Lambda, s.NotifyFunction, payload, "update the message of a run")
		}
	}
	return &Handler{
		Catalog: &catalog.Refresher{
			Lister:   c.Scans,
			Store:    names,
			Emails:   names,
			Partials: names,
			Policy:   policy,
			Now:      p.Now,
			Logger:   p.Logger,
		},
		Sweep: &Sweep{
			Table:      rows,
			Executions: &machines{client: c.StepFunctions, requests: s.RequestMachine.ARN, reconcile: s.ReconcileMachine.ARN},
			Remover:    remover,

			ExtensionOffer: s.ExtensionOffer,
			Notify: func(ctx context.Context, operation, requestID string) error {
				payload := map[string]string{"operation": operation, "request_id": requestID}
				return invoke.Function(ctx, c.Lambda, s.NotifyFunction, payload, "send the messages of a request")
			},

			Now:    p.Now,
			Unique: func() string { return strings.ToLower(p.Random()[:8]) },
			Count:  p.Metrics.Count,
			Gauge:  p.Metrics.Gauge,
			Logger: p.Logger,
		},
		Claims: &claims.Sweep{Table: rows, Now: p.Now},
		Blocked: &Blocked{
			Table: rows,
			ResumeApproval: func(ctx context.Context, token string) error {
				return tokens.Resume(ctx, token, tasktoken.ApprovalOutput(access.OutcomeRefused))
			},
			ResumeEnd: func(ctx context.Context, token string) error { return tokens.Resume(ctx, token, tasktoken.EndOutput) },
			Remove:    removeGranted(remover),
			Record: func(ctx context.Context) error {
				payload := map[string]string{"operation": host.OperationBlocks}
				return invoke.Function(ctx, c.Lambda, s.AuditFunction, payload, "record who was blocked")
			},
			Now:    p.Now,
			Logger: p.Logger,
		},
		People: &leavers.Checker{
			Directory: c.Rechecks,
			Table:     runs,
			Store:     store,
			ResumeEnd: func(ctx context.Context, token string) error { return tokens.Resume(ctx, token, tasktoken.EndOutput) },
			Remove:    removeGranted(remover),
			Policy:    policy,
			GroupsOf: func(ctx context.Context, x *access.Index, who access.Person, targets []access.Target) ([]string, error) {
				ousOf, err := units.OUsOf(ctx, x.OUs())
				if err != nil {
					return nil, err
				}
				return cases.New(c.Rechecks, rows, nil).GroupsOfDecider(ctx, x, who, targets, ousOf)
			},
			OUsOf: units.OUsOf,
			Show:  show(host.OperationDriftQuestion),
			ShowsAnswer: func(r access.Run) bool {
				m := slack.DriftQuestionMessage(r, nil, nil)
				return r.Posts[m.Purpose].Digest == m.Digest()
			},
			NewID:  func(at time.Time) string { return newRunID(at, p.Random()) },
			Now:    p.Now,
			Count:  p.Metrics.Count,
			Logger: p.Logger,
		},
		Drift: &drift.Engine{
			Directory: c.Scans,
			Names:     func(ctx context.Context) (accounts, sets map[string]string, err error) { return readNames(ctx, names) },
			Policy:    policy,
			OUs: func(ctx context.Context, wanted []string) (func(string) ([]string, bool), error) {
				return readOUs(ctx, names, wanted)
			},
			Table:       runs,
			Store:       store,
			Limit:       s.Removals.Max,
			RemovalsOff: !s.Removals.Allowed,
			Next:        revocations,
			Now:         p.Now,
			Count:       p.Metrics.Count,
			Logger:      p.Logger,
		},
		ShowReport: show(host.OperationDriftReport),
		Count:      p.Metrics.Count,
		Logger:     p.Logger,
	}, nil
}

// newRunID returns the name of a run that asks. Half of the name is random.
// Otherwise someone could start an execution under that name first, and the run
// would share its row.
func newRunID(at time.Time, random string) string {
	return at.UTC().Format("2006-01-02-1504") + "-gone-" + strings.ToLower(random)
}
