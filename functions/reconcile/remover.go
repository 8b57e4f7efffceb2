package reconcile

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/clients"
	"sso-elevator/functions/adapters/host"
)

// removerFunction is the function revoke.
type removerFunction struct {
	client clients.LambdaAPI
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
	return clients.Invoke(ctx, f.client, f.arn, in, "invoke revoke")
}
