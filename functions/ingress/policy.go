package ingress

import (
	"context"

	"sso-elevator/functions/access"
)

// inForce is the policy in force, and its digest.
type inForce struct {
	index  *access.Index
	digest string
}

// policySource returns the policy in force, or the error of reading it.
type policySource func() (inForce, error)

// policyInForce reads the policy in force.
func (h *Handler) policyInForce(ctx context.Context) (inForce, error) {
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return inForce{}, err
	}
	return inForce{h.menus.index(&policy, digest), digest}, nil
}

// isAbandoned reports whether a read was canceled because nobody needs its result anymore.
// Its error says nothing about the service, so it isn't logged.
func isAbandoned(ctx context.Context) bool { return ctx.Err() == context.Canceled }
