package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Limits of one check. The long one is for checks that make one call for each
// permission set or person: Identity Center allows 20 calls a second, Slack's
// users.lookupByEmail 50 a minute.
const (
	short = 20 * time.Second
	long  = 3 * time.Minute
)

// check is one check of the report. It runs only if all that it needs is known. It
// returns findings, or an error if it could not check.
type check struct {
	name  string
	limit time.Duration
	needs needs
	run   func(context.Context) ([]finding, error)
}

// examine runs all checks in parallel and returns the findings in the order of the
// checks. A check that fails, panics or takes longer than its limit becomes a
// finding itself.
func examine(ctx context.Context, checks []check) []finding {
	results := make([][]finding, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = c.findings(ctx) })
	}
	all.Wait()
	var out []finding
	for _, r := range results {
		out = append(out, r...)
	}
	return out
}

func (c check) findings(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, fmt.Errorf("no answer within %s", c.limit))
	defer cancel()
	type outcome struct {
		findings []finding
		err      error
	}
	answered := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if said := recover(); said != nil {
				o = outcome{err: fmt.Errorf("this check has a bug: %v", said)}
			}
			answered <- o
		}()
		if o.err = c.needs.lacking(c.name); o.err != nil {
			return
		}
		o.findings, o.err = c.run(ctx)
		if o.err == nil && len(o.findings) == 0 {
			o.err = errors.New("this check has a bug: it returned nothing")
		}
	}()
	var o outcome
	select {
	case o = <-answered:
		if o.err != nil && ctx.Err() != nil {
			o.err = context.Cause(ctx)
		}
	case <-ctx.Done():
		o.err = context.Cause(ctx)
	}
	if o.err != nil {
		return []finding{failed(c.name, o.err)}
	}
	for i := range o.findings {
		if o.findings[i].Check == "" {
			o.findings[i].Check = c.name
		}
	}
	return o.findings
}
