package reconcile

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/clients"
	"sso-elevator/functions/adapters/host"
)

// removerFunction is the function revoke, by ARN.
type removerFunction struct {
	client clients.LambdaAPI
	arn    string
}

var _ Remover = removerFunction{}

// removeOf removes the access of a request that was granted.
func removeGranted(r Remover) func(ctx context.Context, requestID string, s access.Subject) error {
	return func(ctx context.Context, requestID string, s access.Subject) error {
		return r.Remove(ctx, Removal{Operation: host.OperationConfirm, RequestID: requestID, Subject: s, Granted: true})
	}
}

// Remove invokes revoke, and does not wait for it. A removal that does not
// succeed at once is invoked again by the next look.
func (f removerFunction) Remove(ctx context.Context, in Removal) error {
	return clients.Invoke(ctx, f.client, f.arn, in, "invoke revoke")
}
