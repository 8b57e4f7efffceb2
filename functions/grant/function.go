// Package grant is the function that creates access: account assignments and
// group memberships.
package grant

import (
	"time"

	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/leases"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/table"
)

// Settings are the function's settings, from its environment.
type Settings struct {
	Stack          host.Stack
	Table          table.Settings
	Policy         policyinforce.Settings
	Catalog        catalog.Settings
	IdentityCenter identitycenter.Settings
	MaxDuration    time.Duration `env:"ELEVATOR_MAX_DURATION_SECONDS,required"`
	WaitFor        time.Duration `env:"ELEVATOR_GRANT_WAIT_SECONDS,required"`
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB      table.API
	S3            catalog.S3
	SSM           policyinforce.Parameters
	SSOAdmin      identitycenter.SSOAdminAPI
	IdentityStore identitycenter.IdentityStoreAPI
	Organizations identitycenter.OrganizationsAPI
}

// Open returns the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	rows := table.Connect(p.AWS)
	sso := identitycenter.Urgent(p.AWS, table.New(rows, s.Table.Name).AskToYield, p.Now, p.Logger)
	return New(s, Clients{
		DynamoDB:      rows,
		S3:            buckets.Connect(p.AWS),
		SSM:           policyinforce.Connect(p.AWS),
		SSOAdmin:      identitycenter.ConnectAdmin(sso, s.IdentityCenter),
		IdentityStore: identitycenter.ConnectStore(sso, s.IdentityCenter),
		Organizations: identitycenter.ConnectParents(p.AWS),
	}, p)
}

// New returns the function with the clients c.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	center := identitycenter.NewFromSettings(c.SSOAdmin, c.IdentityStore, c.Organizations, s.IdentityCenter)
	rows := table.New(c.DynamoDB, s.Table.Name)
	return &Handler{
		Table:     rows,
		Policy:    policyinforce.New(c.SSM, c.S3, s.Policy.Pointer, p.Now),
		Directory: Center{center, directory.New(center, catalog.Object{Client: c.S3, Bucket: s.Catalog.Bucket}, p)},
		Catalog:   catalog.New(catalog.Object{Client: c.S3, Bucket: s.Catalog.Bucket}, p),
		Account:   s.Stack.Account,
		Longest:   s.MaxDuration,
		WaitFor:   s.WaitFor,
		Cases:     cases.New(center, rows, cases.Live{Organization: center}),
		Leases:    leases.New(rows, center, p),
		Now:       p.Now,
		Logger:    p.Logger,
	}, nil
}
