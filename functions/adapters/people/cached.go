package people

import (
	"context"

	"sso-elevator/functions/access"
)

// Cached finds people as forms do: what it knows about them may be MaxAge old. It is for
// what people see, and decides nothing.
type Cached struct{ finder *Finder }

// Cached returns a finder that shares the cache of f.
func (f *Finder) Cached() Cached { return Cached{f} }

// Approver is Finder.Approver.
func (c Cached) Approver(ctx context.Context, slackID string) (access.Person, error) {
	return c.finder.approver(ctx, slackID, false)
}

// CheckRequester is Finder.CheckRequester.
func (c Cached) CheckRequester(ctx context.Context, requester access.Person) error {
	return c.finder.checkRequester(ctx, requester, false)
}
