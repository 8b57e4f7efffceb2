package ingress

import (
	"context"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
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
// would extend; nil if nothing. It reads both at the same time. If any read fails, nothing is
// known: the error is that of the policy, of the case, or of the chain, in this order.
func (h *Handler) extendedCase(ctx context.Context, policy policySource, requester access.Person, asked access.Case) (index *access.Index, c *access.Case, chain *access.Chain, err error) {
	reads := parallel.Begin(ctx)
	defer reads.End()
	extends := parallel.Start(reads, func(ctx context.Context) (*access.Chain, error) { return h.chain(ctx, requester, asked.Target) })
	now, err := policy()
	if err != nil {
		return nil, nil, nil, err
	}
	if c, err = h.Cases.Case(ctx, now.index, requester, asked); err != nil {
		return nil, nil, nil, err
	}
	if chain, err = extends(); err != nil {
		return nil, nil, nil, err
	}
	c.Longest = h.longest()
	c.Chain = chain.Length(asked.Duration)
	return now.index, c, chain, nil
}

// chain reads what a request for the target would extend; nil if nothing.
func (h *Handler) chain(ctx context.Context, requester access.Person, t access.Target) (*access.Chain, error) {
	chain, _, err := chains.Read(ctx, h.Table, access.Subject{Target: t, PrincipalID: requester.PrincipalID}, "", h.Now)
	return chain, err
}

// longestOffered returns the longest duration that the form offers under a decision; zero
// if none.
func (h *Handler) longestOffered(d access.Decision) (longest time.Duration) {
	for _, duration := range h.Durations {
		if d.MaxDuration == 0 || int64(duration/time.Second) <= d.MaxDuration {
			longest = max(longest, duration)
		}
	}
	return longest
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
