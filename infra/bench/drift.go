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
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/functions/drift"
)

// Targets of a drift check without findings, in an organization with scanSets permission
// sets and scanUsers users.
const (
	driftCalls      = 180 // 10 accounts
	driftTime       = 15 * time.Second
	driftTimeLarge  = 6*time.Minute + 30*time.Second // 1,000 accounts
	driftLatency    = 20 * time.Millisecond
	driftSpeed      = 10 // of the clock
	driftSpeedLarge = 20
)

// measureDrift measures drift checks as they are deployed: every batch in a process of its
// own, the names from the catalog, and the pace of all scans. The stub answers after 20 ms,
// and enforces AWS's quotas. The first check knows nothing of earlier ones.
//
// Starting functions, the table, S3 and Step Functions take no time here. The clock is a
// fast one: if this machine stops for 50 ms, the clock jumps by a second, and more calls
// seem to come at once. The tests of package identitycenter hold scans to their rate.
func measureDrift(ctx context.Context) ([]line, error) {
	var lines []line
	for _, size := range []struct {
		accounts int
		speed    time.Duration
		most     time.Duration
	}{{10, driftSpeed, driftTime}, {1_000, driftSpeedLarge, driftTimeLarge}} {
		d := &driftCheck{world: newIdentityCenter(size.accounts, scanSets, scanUsers, 0), store: &findings.Store{Objects: &findings.Memory{}}, table: &memoryTable{}}
		for _, which := range []string{"first", "usual"} {
			m, err := d.run(ctx, which, size.speed)
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("drift check, %d accounts, %s: ", size.accounts, which)
			calls := line{measure: name + "calls", figure: fmt.Sprint(m.calls)}
			if size.accounts == 10 {
				calls.toReach, calls.reached = fmt.Sprint(driftCalls), judge(m.calls <= driftCalls)
			}
			lines = append(lines, calls,
				line{name + "time", size.most.String(), m.took.Round(100 * time.Millisecond).String(), judge(m.took <= size.most)},
				line{measure: name + "most calls in a second, throttled", figure: fmt.Sprintf("%d, %d", m.most, m.throttled)})
		}
	}
	return lines, nil
}

// driftCheck runs drift checks over a world.
type driftCheck struct {
	world *identityCenter
	store *findings.Store
	table drift.Table
}

// checked is what a drift check cost.
type checked struct {
	calls, most, throttled int
	took                   time.Duration
}

func (d *driftCheck) run(ctx context.Context, run string, speed time.Duration) (checked, error) {
	clock := newFastClock(speed)
	api := newLimited(d.world, clock, driftLatency)
	ledger := &identitycentertest.Ledger{}
	engine := func() *drift.Engine { // of a process
		cfg := d.world.config()
		cfg.HTTPClient, cfg.RetryMode, cfg.RetryMaxAttempts = api, aws.RetryModeAdaptive, 10
		paced := (&identitycenter.ScanPace{Ledger: ledger, Now: clock.now, Sleep: clock.sleep, Logger: slog.New(slog.DiscardHandler)}).Config(cfg)
		org := (&identitycenter.Pace{Every: identitycenter.OrganizationsEvery, PerOperation: true, Now: clock.now, Sleep: clock.sleep}).Config(cfg)
		return &drift.Engine{
			Directory: identitycenter.New(ssoadmin.NewFromConfig(paced), identitystore.NewFromConfig(paced), organizations.NewFromConfig(org), ""),
			Names: func(context.Context) (accounts, sets map[string]string, err error) {
				sets = map[string]string{}
				for _, arn := range d.world.sets {
					sets[arn] = arn[len(arn)-16:]
				}
				return nil, sets, nil
			},
			Policy: func(context.Context) (access.Policy, error) { return everything, nil },
			Table:  d.table, Store: d.store,
			Now: clock.now, Count: func(string, map[string]string) {}, Logger: slog.New(slog.DiscardHandler),
		}
	}
	began := clock.now()
	batches, err := engine().Plan(ctx, drift.Start{Run: run, Mode: access.DriftWarn})
	if err != nil {
		return checked{}, err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	left := batches
	for range drift.BatchesAtOnce {
		all.Go(func() {
			for {
				mu.Lock()
				if len(left) == 0 || err != nil {
					mu.Unlock()
					return
				}
				n := left[0]
				left = left[1:]
				mu.Unlock()
				if failed := engine().Scan(ctx, run, n); failed != nil {
					mu.Lock()
					err = failed
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if err != nil {
		return checked{}, err
	}
	next, err := engine().Collect(ctx, run)
	if err == nil && (!next.Complete || next.Next != "nothing") {
		err = fmt.Errorf("a drift check without findings ended with %+v", next)
	}
	return checked{api.calls, api.most, api.throttled, clock.now().Sub(began)}, err
}

// memoryTable has no leases and no runs.
type memoryTable struct{ noLeases }
