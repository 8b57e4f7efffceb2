package ingress

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/chains"
)

// longest returns the longest access that the settings allow, in seconds.
func (h *Handler) longest() int64 {
	if len(h.Durations) == 0 {
		return 0
	}
	return int64(slices.Max(h.Durations) / time.Second)
}

// extendedCase returns the case as the policy in force sees it, and what a request for it
// would extend; nil if nothing. It reads both at the same time. If either read fails,
// nothing is known.
func (h *Handler) extendedCase(ctx context.Context, requester access.Person, asked access.Case) (index *access.Index, c *access.Case, chain *access.Chain, err error) {
	var caseErr, chainErr error
	var wait sync.WaitGroup
	wait.Go(func() {
		subject := access.Subject{Target: asked.Target, PrincipalID: requester.PrincipalID}
		chain, _, chainErr = chains.Read(ctx, h.Table, subject, "", h.Now)
	})
	policy, digest, err := h.Policy.Load(ctx)
	if err == nil {
		index = h.menus.index(&policy, digest)
		c, caseErr = h.Cases.Case(ctx, index, requester, asked)
	}
	wait.Wait()
	if err := cmp.Or(err, caseErr, chainErr); err != nil {
		return nil, nil, nil, err
	}
	c.Longest = h.longest()
	c.Chain = chain.Length(asked.Duration)
	return index, c, chain, nil
}

// longestExtension returns the longest offered duration that the policy grants
// automatically as an extension of the chain; zero if none. d is its decision about a
// request that extends nothing.
func (h *Handler) longestExtension(chain access.Chain, d access.Decision) (longest time.Duration) {
	limit := h.longest()
	if d.MaxDuration > 0 {
		limit = min(limit, d.MaxDuration)
	}
	for _, duration := range h.Durations {
		if chain.Length(int64(duration/time.Second)) <= limit {
			longest = max(longest, duration)
		}
	}
	return longest
}
