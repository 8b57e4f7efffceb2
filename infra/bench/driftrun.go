package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/drift"
)

// driftRun is the cost of one reconciliation.
type driftRun struct {
	findings int
	unread   int // parts
	calls    int // of Identity Center and the Identity Store
	took     time.Duration
}

// driftRunID is the id of the run, which only this process stores.
const driftRunID = "bench"

// measureDriftRun runs the steps of a run over a policy. listBy is
// drift.Engine.ListBy.
//
// Nothing waits: the time is that of the calls at the pace of all scans. So it matches a
// deployed system where AWS answers fast enough for the pace. Starting functions, reading
// leases, and S3 take no time here.
func measureDriftRun(ctx context.Context, cfg aws.Config, listBy string, policy access.Policy) (driftRun, error) {
	store := &findings.Store{Objects: &findings.Memory{}}
	var m driftRun
	step := func(do func(*drift.Engine) error) error {
		pace := &identitycenter.Pace{Now: time.Now, Sleep: func(context.Context, time.Duration) error { return nil }}
		paced := pace.Config(cfg)
		err := do(&drift.Engine{
			Directory: identitycenter.New(ssoadmin.NewFromConfig(paced), identitystore.NewFromConfig(paced), organizations.NewFromConfig(cfg), ""),
			Policy:    func(context.Context) (access.Policy, error) { return policy, nil },
			Table:     noLeases{},
			Store:     store,
			ListBy:    listBy,
			Now:       time.Now,
			Count:     func(string, map[string]string) {},
			Logger:    slog.New(slog.DiscardHandler),
		})
		for _, n := range pace.Calls() {
			m.calls += n
		}
		m.took = time.Duration(m.calls) * time.Second / access.PaceRate
		return err
	}
	var batches []int
	err := step(func(e *drift.Engine) (err error) {
		batches, err = e.Plan(ctx, drift.Start{Run: driftRunID, Mode: access.DriftRevoke})
		return err
	})
	if err != nil {
		return m, err
	}
	for _, n := range batches {
		if err := step(func(e *drift.Engine) error { return e.Scan(ctx, driftRunID, n) }); err != nil {
			return m, err
		}
	}
	err = step(func(e *drift.Engine) error {
		p, err := e.Preview(ctx, driftRunID)
		m.findings, m.unread = len(p.Findings), len(p.Unread)
		return err
	})
	return m, err
}

// noLeases has no leases: every assignment is a finding.
type noLeases struct{ drift.Table }

func (noLeases) Lease(context.Context, string) (access.Lease, bool, error) {
	return access.Lease{}, false, nil
}

func (noLeases) Leave(context.Context, string) (access.Leave, bool, error) {
	return access.Leave{}, false, nil
}

func (noLeases) Blocks(context.Context) (access.Blocks, error) { return access.Blocks{}, nil }
