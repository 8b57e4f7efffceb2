// Package audit is the function that writes audit records: one object in the audit
// bucket for each event.
package audit

import (
	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/table"
)

// Settings are the settings that the function reads from its environment.
type Settings struct {
	Table   table.Settings
	Policy  policyinforce.Settings
	Catalog catalog.Settings // for the findings of runs
	Log     auditlog.Settings
}

// Clients are the services that the function calls.
type Clients struct {
	DynamoDB table.API
	S3       findings.S3
	SSM      policyinforce.Parameters
}

// Open returns the function as it runs in Lambda.
func Open(s Settings, p host.Process) (*Handler, error) {
	return New(s, Clients{
		DynamoDB: table.Connect(p.AWS),
		S3:       buckets.Connect(p.AWS),
		SSM:      policyinforce.Connect(p.AWS),
	}, p)
}

// New returns the function with the clients c.
func New(s Settings, c Clients, p host.Process) (*Handler, error) {
	rows := table.New(c.DynamoDB, s.Table.Name)
	return &Handler{
		Table:    rows,
		Claims:   &claims.Claims{Table: rows, Now: p.Now},
		Findings: findings.New(c.S3, s.Catalog.Bucket),
		Records:  auditlog.New(c.S3, s.Log.Bucket, s.Log.Prefix),
		Policy:   policyinforce.New(c.SSM, c.S3, s.Policy.Pointer, p.Now),
		Now:      p.Now,
		Count:    p.Metrics.Count,
		Measure:  p.Metrics.Measure,
		Logger:   p.Logger,
	}, nil
}
