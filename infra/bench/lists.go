package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
)

// A new deployment in a large organization, and its target.
const (
	listsAccounts = 10_000
	listsSets     = 1_000
	listsUsers    = 5_000
	listsTime     = 3 * time.Minute
	listsSpeed    = 20 // of the clock
)

// measureLists measures how long people wait for the first lists of a new deployment. The
// policy names an organizational unit with all accounts, which costs most calls. The stub
// enforces AWS's quotas.
func measureLists(ctx context.Context) ([]line, error) {
	world := newIdentityCenter(listsAccounts, listsSets, listsUsers, 0)
	clock := newFastClock(listsSpeed)
	api := newLimited(world, clock, driftLatency)
	cfg := world.config()
	cfg.HTTPClient, cfg.RetryMode, cfg.RetryMaxAttempts = api, aws.RetryModeAdaptive, 10
	paced := (&identitycenter.ScanPace{Ledger: &identitycentertest.Ledger{}, Now: clock.now, Sleep: clock.sleep, Logger: slog.New(slog.DiscardHandler)}).Config(cfg)
	org := (&identitycenter.Pace{Every: identitycenter.OrganizationsEvery, PerOperation: true, Now: clock.now, Sleep: clock.sleep}).Config(cfg)
	store := &memoryCatalog{now: clock.now}
	began := clock.now()
	err := (&catalog.Refresher{
		Lister: identitycenter.New(ssoadmin.NewFromConfig(paced), identitystore.NewFromConfig(paced), organizations.NewFromConfig(org), ""),
		Store:  store, Emails: store, Partials: store,
		Policy: func(context.Context) (access.Policy, error) {
			return access.Policy{Accounts: []access.Statement{{Resources: []string{stubUnit}, PermissionSets: []string{"*"}}}}, nil
		},
		Now: clock.now, Logger: slog.New(slog.DiscardHandler),
	}).Refresh(ctx)
	if err != nil {
		return nil, err
	}
	if s := store.snapshot; s == nil || len(s.Accounts) != listsAccounts || len(s.PermissionSets) != listsSets || len(s.Units[stubUnit]) != listsAccounts {
		return nil, fmt.Errorf("the first snapshot is not whole")
	}
	what := fmt.Sprintf("first lists, %d accounts: ", listsAccounts)
	took := store.wholeAt.Sub(began)
	return []line{
		{measure: what + "first entries offered", figure: store.partialAt.Sub(began).Round(100 * time.Millisecond).String()},
		{what + "whole", listsTime.String(), took.Round(time.Second).String(), judge(took <= listsTime)},
		{measure: what + "most calls of Identity Center in a second, throttled calls", figure: fmt.Sprintf("%d, %d", api.most, api.throttled)},
	}, nil
}

// memoryCatalog notes when the first lists were written.
type memoryCatalog struct {
	now func() time.Time

	mu                 sync.Mutex
	partialAt, wholeAt time.Time
	snapshot           *catalog.Snapshot
}

func (m *memoryCatalog) Get(context.Context, string) (*catalog.Snapshot, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snapshot == nil {
		return nil, "", access.Errorf(access.CodeNotFound, "there is none")
	}
	return m.snapshot, "1", nil
}

func (m *memoryCatalog) Put(_ context.Context, s *catalog.Snapshot, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snapshot == nil {
		m.wholeAt = m.now()
	}
	m.snapshot = s
	return nil
}

func (m *memoryCatalog) GetPartial(context.Context, string) (*catalog.Partial, string, error) {
	return nil, "", access.Errorf(access.CodeNotFound, "there are none")
}

func (m *memoryCatalog) PutPartial(_ context.Context, p *catalog.Partial) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.partialAt.IsZero() && len(p.Accounts) > 0 {
		m.partialAt = m.now()
	}
	return nil
}

func (m *memoryCatalog) GetEmails(context.Context, string) (*catalog.Emails, string, error) {
	return nil, "", access.Errorf(access.CodeNotFound, "there is none")
}

func (m *memoryCatalog) PutEmails(context.Context, *catalog.Emails, string) error { return nil }
