package reconcile

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/invoke"
)

// removerFunction is the function revoke.
type removerFunction struct {
	client invoke.API
	arn    string
}

var _ Remover = removerFunction{}

// removeGranted returns a function that removes the access of a granted request.
func removeGranted(r Remover) func(ctx context.Context, requestID string, s access.Subject) error {
	return func(ctx context.Context, requestID string, s access.Subject) error {
		return r.Remove(ctx, Removal{Operation: host.OperationConfirm, RequestID: requestID, Subject: s, Granted: true})
	}
}

// Remove invokes revoke and does not wait for it. If the removal does not succeed
// at once, the next look invokes it again.
func (f removerFunction) Remove(ctx context.Context, in Removal) error {
	return invoke.Function(ctx, f.client, f.arn, in, "invoke revoke")
}
