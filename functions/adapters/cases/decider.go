package cases

import (
	"context"
	"time"

	"sso-elevator/functions/access"
)

// Decider is a Reader for the functions that decide. If a read fails, for whatever
// reason, its error is Undecidable: the state machine waits and asks again, because
// someone may have to fix it. NotFound stays: waiting doesn't bring back an account that
// left the organization.
type Decider struct{ Reader Reader }

// answerTime is how long before the function's deadline the reads end, so that the function
// can still return their error. If Lambda ends the function first, nobody learns what failed.
const answerTime = 4 * time.Second

// Case is Reader.Case.
func (d Decider) Case(ctx context.Context, x *access.Index, requester access.Person, c access.Case) (*access.Case, error) {
	return decide(ctx, func(ctx context.Context) (*access.Case, error) {
		return d.Reader.Case(ctx, x, requester, c)
	})
}

// Identity is Reader.Identity.
func (d Decider) Identity(ctx context.Context, x *access.Index, c *access.Case, who access.Person) (access.Identity, error) {
	return decide(ctx, func(ctx context.Context) (access.Identity, error) {
		return d.Reader.Identity(ctx, x, c, who)
	})
}

// HasOtherMember is Reader.HasOtherMember.
func (d Decider) HasOtherMember(ctx context.Context, x *access.Index, groupID, principalID string) (bool, error) {
	return decide(ctx, func(ctx context.Context) (bool, error) {
		return d.Reader.HasOtherMember(ctx, x, groupID, principalID)
	})
}

func decide[T any](ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-answerTime))
		defer cancel()
	}
	found, err := read(ctx)
	if access.CodeOf(err) != access.CodeNotFound {
		err = access.Wrap(access.CodeUndecidable, err, "the policy can't decide")
	}
	return found, err
}
