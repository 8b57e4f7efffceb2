// Package revoke is the function that removes access: access that requests granted,
// and unknown access that a run found.
package revoke

import (
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/leases"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/table"
)

// Settings are the settings that the function reads from its environment.
type Settings struct {
	Table          table.Settings
	Policy         policyinforce.Settings
	Catalog        catalog.Settings // its bucket also has the findings of runs
	IdentityCenter identitycenter.Settings
	Removals       findings.Removals
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB      table.API
	S3            findings.S3
	SSM           policyinforce.Parameters
	SSOAdmin      identitycenter.SSOAdminAPI
	IdentityStore identitycenter.IdentityStoreAPI
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
	}, p)
}

// New returns the function with the clients c.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	center := identitycenter.NewFromSettings(c.SSOAdmin, c.IdentityStore, nil, s.IdentityCenter)
	rows := table.New(c.DynamoDB, s.Table.Name)
	return &Handler{
		Findings:    findings.New(c.S3, s.Catalog.Bucket),
		Table:       rows,
		Users:       center,
		Policy:      policyinforce.New(c.SSM, c.S3, s.Policy.Pointer, p.Now),
		Cases:       cases.New(center, rows, nil),
		Catalog:     catalog.New(catalog.Object{Client: c.S3, Bucket: s.Catalog.Bucket}, p),
		Leases:      leases.New(rows, center, p),
		RemovalsOff: !s.Removals.Allowed,
		Limit:       s.Removals.Max,
		Now:         p.Now,
		Sleep:       p.Sleep,
		Count:       p.Metrics.Count,
		Logger:      p.Logger,
	}, nil
}
