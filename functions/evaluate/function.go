// Package evaluate is the function that applies the policy. It identifies the
// requester, and approves the request, refuses it, or makes it wait for an approver.
// It also decides when to remind approvers and when a request expires.
package evaluate

import (
	"cmp"
	"context"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/functions/adapters/slackclient"
	"sso-elevator/functions/adapters/table"
)

// Settings are the function's settings, from its environment.
type Settings struct {
	Stack          host.Stack
	Table          table.Settings
	Policy         policyinforce.Settings
	Catalog        catalog.Settings
	IdentityCenter identitycenter.Settings
	Slack          slackclient.Settings
	People         people.Settings
	// SlackGroups are pairs "<group id>=<id of a Slack user group>".
	SlackGroups        []string      `env:"ELEVATOR_APPROVER_GROUP_MENTIONS"`
	MaxDuration        time.Duration `env:"ELEVATOR_MAX_DURATION_SECONDS,required"`
	Expiration         time.Duration `env:"ELEVATOR_REQUEST_EXPIRATION_SECONDS"`
	AnnounceFor        time.Duration `env:"ELEVATOR_ANNOUNCE_SECONDS,required"`
	PortalURL          string        `env:"ELEVATOR_ACCESS_PORTAL_URL"` // empty: the catalog knows it
	ReminderInitial    time.Duration `env:"ELEVATOR_REMINDER_INITIAL_SECONDS"`
	ReminderMultiplier float64       `env:"ELEVATOR_REMINDER_MULTIPLIER,default=1"`
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB      table.API
	S3            catalog.S3
	Pointer       policyinforce.Source // to the policy in force
	SSOAdmin      identitycenter.SSOAdminAPI
	IdentityStore identitycenter.IdentityStoreAPI
	Organizations identitycenter.OrganizationsAPI
	Slack         people.Slack
}

// Open returns the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	rows := table.Connect(p.AWS)
	sso := identitycenter.Urgent(p.AWS, table.New(rows, s.Table.Name).AskToYield, p.Now, p.Logger)
	// A process that starts reads the token and the policy's pointer in one call.
	secrets := secrets.Connect(p.AWS, s.Slack.BotToken)
	h, err := New(s, Clients{
		DynamoDB:      rows,
		S3:            buckets.Connect(p.AWS),
		Pointer:       secrets.Beside(s.Policy.Pointer),
		SSOAdmin:      identitycenter.ConnectAdmin(sso, s.IdentityCenter),
		IdentityStore: identitycenter.ConnectStore(sso, s.IdentityCenter),
		Organizations: identitycenter.ConnectParents(p.AWS),
		Slack:         slackclient.Connect(s.Slack, secrets),
	}, p)
	if err == nil {
		h.Prepare = func(ctx context.Context) {
			_, _ = secrets.Get(ctx, s.Slack.BotToken) // the first call of Slack reports an error
		}
	}
	return h, err
}

// New returns the function with the clients c.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	center := identitycenter.NewFromSettings(c.SSOAdmin, c.IdentityStore, c.Organizations, s.IdentityCenter)
	names := catalog.Object{Client: c.S3, Bucket: s.Catalog.Bucket}
	rows := table.New(c.DynamoDB, s.Table.Name)
	return &Handler{
		Table:       rows,
		Claims:      &claims.Claims{Table: rows, Now: p.Now},
		People:      people.New(c.Slack, directory.New(center, names, p), s.People, p.Now),
		Policy:      policyinforce.NewFrom(c.Pointer, c.S3, s.Policy.Pointer, p.Now),
		Catalog:     catalog.New(names, p),
		Cases:       cases.New(center, rows, cases.Live{Organization: center}),
		Account:     s.Stack.Account,
		Longest:     s.MaxDuration,
		Portal:      access.Portal{URL: s.PortalURL, Region: cmp.Or(s.IdentityCenter.Region, p.AWS.Region)},
		SlackGroups: slackGroups(s.SlackGroups),
		Reminders:   Reminders{Initial: s.ReminderInitial, Multiplier: s.ReminderMultiplier},
		Expiration:  s.Expiration,
		AnnounceFor: s.AnnounceFor,
		Now:         p.Now,
		Logger:      p.Logger,
	}, nil
}

// slackGroups reads Settings.SlackGroups. It returns the ids of Slack user groups by the id
// of a group in Identity Center, in lower case.
func slackGroups(pairs []string) map[string]string {
	all := map[string]string{}
	for _, pair := range pairs {
		if group, slackGroup, ok := strings.Cut(pair, "="); ok {
			all[strings.ToLower(group)] = slackGroup
		}
	}
	return all
}
