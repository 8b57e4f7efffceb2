package drift

import (
	"context"
	"slices"
	"time"

	runs "sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/identitycenter"
)

// Measurement is what a run costs.
type Measurement struct {
	Findings int
	Unread   int
	ByUser   bool
	Batches  int
	Calls    int           // of Identity Center and the Identity Store
	Took     time.Duration // of its steps, one after the other, as deployed
	Longest  time.Duration // of its invocations
}

// Measure makes the steps of a run, each with a clock of its own that goes on
// by CallEvery with every call: nothing waits. That is how long calls take at
// the pace as deployed, where answers come in time for it. Batches are scanned
// BatchesAtOnce at a time; starting functions, reading leases and S3 take no
// time here.
func Measure(ctx context.Context, o Options) (Measurement, error) {
	store := &runs.Store{Objects: &runs.Memory{}}
	var m Measurement
	step := func(do func(*Engine) error) (time.Duration, error) {
		pace := &identitycenter.Pace{Every: CallEvery, Now: time.Now, Sleep: func(context.Context, time.Duration) error { return nil }}
		err := do(o.engine(o.directory(pace, o.AWS), store))
		calls := 0
		for _, n := range pace.Calls() {
			calls += n
		}
		m.Calls += calls
		took := time.Duration(calls) * CallEvery
		m.Longest = max(m.Longest, took)
		return took, err
	}
	var batches []int
	took, err := step(func(e *Engine) (err error) {
		batches, err = e.Plan(ctx, o.start())
		return err
	})
	if err != nil {
		return m, err
	}
	m.Took, m.Batches = took, len(batches)
	lanes := make([]time.Duration, BatchesAtOnce)
	for _, n := range batches {
		took, err := step(func(e *Engine) error { return e.Scan(ctx, dryRun, n) })
		if err != nil {
			return m, err
		}
		free := slices.Index(lanes, slices.Min(lanes))
		lanes[free] += took
	}
	m.Took += slices.Max(lanes)
	took, err = step(func(e *Engine) error {
		p, err := e.Preview(ctx, dryRun)
		m.Findings, m.Unread = len(p.Findings), len(p.Unread)
		return err
	})
	m.Took += took
	if err != nil {
		return m, err
	}
	plan, err := store.Plan(ctx, dryRun)
	m.ByUser = plan.ByUser
	return m, err
}
