package ingress

import (
	"context"
	"slices"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/chains"
	"sso-elevator/functions/adapters/tasktoken"
)

// endOthers ends the access of the other requests that hold the same access as p.request,
// which a person has ended: those that were approved before. It returns the task tokens
// with which their executions are resumed, also if others could not be ended. It may be
// repeated.
//
// The end of p.request is in its row. So a request that enters the lease after this reads
// it sees that end, and is not granted.
func (p *press) endOthers(ctx context.Context) (tokens []string, err error) {
	end := p.request.EndRequest
	if end == nil || end.Reason != "" {
		return nil, nil
	}
	subject := p.request.Subject()
	lease, found, err := p.Table.Lease(ctx, subject.Key())
	if err != nil || !found {
		return nil, err
	}
	ids := chains.Others(lease, p.request.ID)
	pending, errs := make([]string, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), len(ids), func(i int) { pending[i], errs[i] = p.endOther(ctx, ids[i], *end) })
	tokens = slices.DeleteFunc(pending, func(token string) bool { return token == "" })
	for _, err := range errs {
		if err != nil {
			return tokens, err
		}
	}
	return tokens, nil
}

// endOther ends the access of one other request, at the time of the end that includes it.
func (p *press) endOther(ctx context.Context, id string, end access.EndRequest) (token string, err error) {
	r, err := p.Table.Get(ctx, id)
	if err != nil || !end.Includes(r) {
		return "", err
	}
	if r.EndRequest == nil {
		var won bool
		if r, won, err = p.Table.EndHolder(ctx, id, end); err != nil {
			return "", err
		}
		if won {
			p.log.Info("access ended early, with another request for the same access", "other", id, "execution", r.ExecutionARN)
		}
	}
	if !r.HasPendingEnd() {
		return "", nil
	}
	return r.EndToken, nil // "" if the wait hasn't begun: it will read the row
}

// endsUnfinished is what a person reads if the access of other requests could not be
// ended.
const endsUnfinished = "Your press is recorded, but other requests keep this access. Please press End now again."

// withOthers adds to the reply what ends the other requests for the same access.
func (p *press) withOthers(ctx context.Context, r reply) reply {
	tokens, err := p.endOthers(ctx)
	r.others = tokens
	if err != nil {
		p.log.Error("other requests for the access could not be ended", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		r.text, r.notResumed = endsUnfinished, ""
	}
	return r
}

// resumeOthers resumes the executions of the other requests that ended. Those that can't
// be resumed are due: the sweep removes their access.
func (p *press) resumeOthers(ctx context.Context, tokens []string) {
	var wait sync.WaitGroup
	for _, token := range tokens {
		wait.Go(func() { p.resume(ctx, token, tasktoken.EndOutput) })
	}
	wait.Wait()
}
