package drift

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
	runs "sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
)

// Options say what a dry run is about.
type Options struct {
	AWS         aws.Config
	SSORegion   string // of Identity Center; empty: that of AWS
	InstanceARN string // empty: the only one there is
	Account     string // that AWS's credentials belong to; empty: not known
	// Table has the leases. Without one nothing counts as held.
	Table  string
	Policy access.Policy
	ListBy string // as Engine.ListBy
	Logger *slog.Logger
}

// DryRun makes the steps of a run in mode revoke up to where it would remove
// something, and writes nothing anywhere. FirstSeen of its findings is the time
// of the dry run. Its calls take half of Identity Center's quota, like those of
// a run.
func DryRun(ctx context.Context, o Options) (Preview, error) {
	pace := &identitycenter.Pace{Every: CallEvery / BatchesAtOnce, Now: time.Now, Sleep: host.Sleep}
	e := o.engine(o.directory(pace, identitycenter.Paced(o.AWS, identitycenter.OrganizationsEvery)), &runs.Store{Objects: &runs.Memory{}})
	batches, err := e.Plan(ctx, o.start())
	if err != nil {
		return Preview{}, err
	}
	for _, n := range batches {
		if err := e.Scan(ctx, dryRun, n); err != nil {
			return Preview{}, err
		}
	}
	p, err := e.Preview(ctx, dryRun)
	p.LeasesRead, p.Calls = o.Table != "", pace.Calls()
	return p, err
}

const dryRun = "dry-run"

func (o Options) start() Start {
	return Start{Run: dryRun, Account: o.Account, Mode: access.DriftRevoke}
}

// directory reads Identity Center at the pace, and Organizations by org.
func (o Options) directory(pace *identitycenter.Pace, org aws.Config) Directory {
	sso := host.InRegion(pace.Config(o.AWS), o.SSORegion)
	return identitycenter.New(ssoadmin.NewFromConfig(sso), identitystore.NewFromConfig(sso), organizations.NewFromConfig(org), o.InstanceARN)
}

func (o Options) engine(d Directory, store *runs.Store) *Engine {
	e := &Engine{
		Directory: d,
		Policy:    func(context.Context) (access.Policy, error) { return o.Policy, nil },
		Leases:    noLeases{},
		Runs:      store,
		ListBy:    o.ListBy,
		Now:       time.Now,
		Count:     func(string, map[string]string) {},
		Logger:    o.Logger,
	}
	if e.Logger == nil {
		e.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Table != "" {
		e.Leases = table.New(dynamodb.NewFromConfig(o.AWS), o.Table)
	}
	return e
}

type noLeases struct{}

func (noLeases) Lease(context.Context, string) (access.Lease, bool, error) {
	return access.Lease{}, false, nil
}
