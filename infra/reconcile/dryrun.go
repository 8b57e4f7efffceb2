package reconcile

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/drift"
	"sso-elevator/infra/settings"
)

// callEvery is the time between two calls of a dry run.
const callEvery = time.Second / 5

// dryRunID is the id of the run. Only this process stores the run.
const dryRunID = "dry-run"

// dryRun runs the steps of a run in mode revoke, up to the first step that would
// remove access. It writes nothing to AWS. account is the account of the credentials
// in cfg. leases is the name of the table; if it is "", no access counts as granted
// by a request.
//
// FirstSeen of the findings is the time of the dry run. The calls use a quarter of
// Identity Center's quota. Scans of the deployed system may use the rest but that for
// requests, and a dry run can't share their pace without writing to the table.
func dryRun(ctx context.Context, cfg aws.Config, account, leases string, s *settings.Settings) (drift.Preview, error) {
	pace := &identitycenter.Pace{Every: callEvery, Now: time.Now, Sleep: host.Sleep}
	e := newEngine(cfg, pace, leases, s)
	batches, err := e.Plan(ctx, drift.Start{Run: dryRunID, Account: account, Mode: access.DriftRevoke})
	if err != nil {
		return drift.Preview{}, err
	}
	for _, n := range batches {
		if err := e.Scan(ctx, dryRunID, n); err != nil {
			return drift.Preview{}, err
		}
	}
	p, err := e.Preview(ctx, dryRunID)
	p.LeasesRead, p.Calls = leases != "", pace.Calls()
	return p, err
}

// newEngine returns an engine that reads Identity Center at the given pace and keeps
// its findings in memory.
func newEngine(cfg aws.Config, pace *identitycenter.Pace, leases string, s *settings.Settings) *drift.Engine {
	sso := host.InRegion(pace.Config(cfg), s.SSORegion)
	org := identitycenter.Paced(cfg, identitycenter.OrganizationsEvery)
	center := identitycenter.New(ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso), organizations.NewFromConfig(org), s.SSOInstanceARN)
	e := &drift.Engine{
		Directory: center,
		// The catalog may not exist yet.
		OUs: func(ctx context.Context, wanted []string) (func(string) ([]string, bool), error) {
			units, _, err := catalog.ReadUnits(ctx, center, wanted)
			ous := catalog.NewOUs(units)
			return func(accountID string) ([]string, bool) { return ous.Of(accountID), true }, err
		},
		Policy: func(context.Context) (access.Policy, error) { return s.Policy, nil },
		Table:  noLeases{},
		Store:  &findings.Store{Objects: &findings.Memory{}},
		Now:    time.Now,
		Count:  func(string, map[string]string) {},
		Logger: slog.New(slog.DiscardHandler),
	}
	if leases != "" {
		e.Table = table.New(dynamodb.NewFromConfig(cfg), leases)
	}
	return e
}

// noLeases is a table without leases and leaves, for when nothing is deployed.
type noLeases struct{ drift.Table }

func (noLeases) Lease(context.Context, string) (access.Lease, bool, error) {
	return access.Lease{}, false, nil
}

func (noLeases) Leave(context.Context, string) (access.Leave, bool, error) {
	return access.Leave{}, false, nil
}

func (noLeases) Blocks(context.Context) (access.Blocks, error) { return access.Blocks{}, nil }
