// Package ingress is the function that Slack calls. It opens and fills the
// forms, turns them into requests, and handles the buttons.
package ingress

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/invoke"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/functions/adapters/slackclient"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/tasktoken"
)

// Settings are what the function reads from its environment.
type Settings struct {
	Stack             host.Stack
	Table             table.Settings
	Policy            policyinforce.Settings
	Catalog           catalog.Settings
	IdentityCenter    identitycenter.Settings
	Slack             slackclient.Settings
	People            people.Settings
	SigningSecrets    []string `env:"ELEVATOR_SLACK_SIGNING_SECRET,required"` // references; any of them signs
	Enterprise        string   `env:"ELEVATOR_SLACK_ENTERPRISE"`
	App               string   `env:"ELEVATOR_SLACK_APP,required"`
	RequestMachine    host.RequestMachine
	ReconcileMachine  host.ReconcileMachine
	ReconcileFunction string          `env:"ELEVATOR_RECONCILE_FUNCTION,required"` // ARN
	Durations         []time.Duration `env:"ELEVATOR_DURATIONS,required"`
	MaxOpenRequests   int             `env:"ELEVATOR_MAX_OPEN_REQUESTS,required"` // per person
	ConfirmApprovals  bool            `env:"ELEVATOR_CONFIRM_APPROVALS,default=false"`
	DenyReason        string          `env:"ELEVATOR_DENY_REASON,default=optional"`
	DenyCooldown      time.Duration   `env:"ELEVATOR_DENY_COOLDOWN_SECONDS"`
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB       table.API
	S3             catalog.S3
	Pointer        policyinforce.Source // to the policy in force
	SSOAdmin       identitycenter.SSOAdminAPI
	IdentityStore  identitycenter.IdentityStoreAPI
	StepFunctions  StepFunctionsAPI
	Lambda         invoke.API
	Slack          SlackAPI
	SigningSecrets SigningSecrets
}

// StepFunctionsAPI is the part of Step Functions that the function uses.
type StepFunctionsAPI interface {
	StartAPI
	tasktoken.API
}

// SlackAPI is the part of Slack's Web API that the function uses.
type SlackAPI interface {
	Slack
	people.Slack
}

// SigningSecrets are the secrets that Slack signs its requests with.
type SigningSecrets interface {
	// AnySource returns a function that returns every secret it can read. It
	// calls failed for each of the others.
	AnySource(references []string, failed func(error)) func(context.Context) ([]string, error)
	// Refresh marks old secrets, which are then read again, and reports
	// whether there are any.
	Refresh(references ...string) bool
}

// Open returns the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	// A process that starts reads all its secrets and the policy's pointer in one call.
	secrets := secrets.Connect(p.AWS, append([]string{s.Slack.BotToken}, s.SigningSecrets...)...)
	slack := slackclient.Connect(s.Slack, secrets)
	slack.OnError = func(err error) {
		if host.ErrorCode(err) == access.CodeMisconfigure {
			p.Metrics.Count(metric.Misconfigured, nil)
		}
	}
	rows := table.Connect(p.AWS)
	sso := identitycenter.Urgent(p.AWS, table.New(rows, s.Table.Name).AskToYield, p.Now, p.Logger)
	return New(s, Clients{
		DynamoDB:       rows,
		S3:             buckets.Connect(p.AWS),
		Pointer:        secrets.Beside(s.Policy.Pointer),
		SSOAdmin:       identitycenter.ConnectAdmin(sso, s.IdentityCenter),
		IdentityStore:  identitycenter.ConnectStore(sso, s.IdentityCenter),
		StepFunctions:  tasktoken.Connect(p.AWS),
		Lambda:         invoke.Connect(p.AWS),
		Slack:          slack,
		SigningSecrets: secrets,
	}, p)
}

// New returns the function with the clients c. The error is Misconfigured if
// RequestMachine isn't the ARN of a state machine.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	requests, err := newMachine(c.StepFunctions, s.RequestMachine.ARN)
	if err != nil {
		return nil, err
	}
	presses := pressMachine{client: c.StepFunctions, arn: s.ReconcileMachine.ARN, random: p.Random}
	center := identitycenter.NewFromSettings(c.SSOAdmin, c.IdentityStore, nil, s.IdentityCenter)
	object := catalog.Object{Client: c.S3, Bucket: s.Catalog.Bucket}
	names := catalog.New(object, p)
	names.Partial = object
	names.Ask = func(ctx context.Context) error {
		payload := map[string]string{"operation": host.OperationCatalog}
		return invoke.Function(ctx, c.Lambda, s.ReconcileFunction, payload, "request a catalog refresh")
	}
	rows := table.New(c.DynamoDB, s.Table.Name)
	fresh := cases.New(center, rows, names)
	finder := people.New(c.Slack, directory.New(center, object, p), s.People, p.Now)
	return &Handler{
		Table:  rows,
		Claims: &claims.Claims{Table: rows, Limit: s.MaxOpenRequests, Cooldown: s.DenyCooldown, Now: p.Now},
		Slack:  c.Slack,
		People: finder, CachedPeople: finder.Cached(),
		Catalog: names,
		Policy:  policyinforce.NewFrom(c.Pointer, c.S3, s.Policy.Pointer, p.Now),
		Cases:   fresh.Cached(p.Now), FreshCases: fresh,
		Machine:  requests,
		Tokens:   tasktoken.Resumer{API: c.StepFunctions},
		Pressed:  presses.Start,
		Refused:  presses.StartRefused,
		Findings: findings.New(c.S3, s.Catalog.Bucket),
		SigningSecrets: c.SigningSecrets.AnySource(s.SigningSecrets, func(err error) {
			p.Logger.Error("a signing secret can't be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			p.Metrics.Count(metric.Misconfigured, nil)
		}),
		Refresh:      func() bool { return c.SigningSecrets.Refresh(s.SigningSecrets...) },
		TeamID:       s.People.Team,
		EnterpriseID: s.Enterprise,
		AppID:        s.App,
		Account:      s.Stack.Account,
		Durations:    s.Durations,

		ConfirmApprovals: s.ConfirmApprovals,
		DenyReason:       DenyReason(s.DenyReason),

		Now:    p.Now,
		Logger: p.Logger,
	}, nil
}
