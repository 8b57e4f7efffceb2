// Package notify is the function that posts messages in Slack and keeps them
// up to date.
package notify

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/cache"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/functions/adapters/slackclient"
	"sso-elevator/functions/adapters/table"
)

// Settings are what the function reads from its environment.
type Settings struct {
	Table      table.Settings
	Catalog    catalog.Settings // for the findings of runs
	Slack      slackclient.Settings
	Channel    string `env:"ELEVATOR_SLACK_CHANNEL,required"`
	SendDM     bool   `env:"ELEVATOR_SEND_DM,default=true"`
	PostRevoke bool   `env:"ELEVATOR_POST_REVOKE,default=true"`

	ExtensionOffer time.Duration `env:"ELEVATOR_EXTENSION_OFFER_SECONDS"`
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB table.API
	S3       findings.S3
	Slack    Slack
}

// Open returns the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	secrets := secrets.Connect(p.AWS)
	h, err := New(s, Clients{
		DynamoDB: table.Connect(p.AWS),
		S3:       buckets.Connect(p.AWS),
		Slack:    slackclient.Connect(s.Slack, secrets),
	}, p)
	if err == nil {
		h.Prepare = func(ctx context.Context) {
			_, _ = secrets.Get(ctx, s.Slack.BotToken) // the first message reports an error
		}
	}
	return h, err
}

// New returns the function with the clients c.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	return &Handler{
		Findings:   findings.New(c.S3, s.Catalog.Bucket),
		Table:      table.New(c.DynamoDB, s.Table.Name),
		Slack:      &members{Slack: c.Slack, now: p.Now},
		Owners:     cache.New[access.Person](ownerMaxAge, p.Now),
		Channel:    s.Channel,
		SendDM:     s.SendDM,
		PostRevoke: s.PostRevoke,

		ExtensionOffer: s.ExtensionOffer,
		Now:            p.Now,
		Logger:         p.Logger,
	}, nil
}
