package ingress

import (
	"cmp"
	"context"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/chains"
	"sso-elevator/functions/adapters/tasktoken"
)

// endOthers ends the access of the other requests that hold the same access as p.request,
// which a person has ended: those that were approved before. It returns those that end and
// whose removal has not begun, even if others could not be ended. lost reports whether one has
// no row, so that no press can end it. endOthers may be repeated.
//
// The end of p.request is in its row. So a request that enters the lease after this reads
// it sees that end, and is not granted.
func (p *press) endOthers(ctx context.Context) (ending []access.Request, lost bool, err error) {
	end := p.request.EndRequest
	if end == nil || end.Reason != "" {
		return nil, false, nil
	}
	subject := p.request.Subject()
	lease, found, err := p.Table.Lease(ctx, subject.Key())
	if err != nil || !found {
		return nil, false, err
	}
	ids := chains.Others(lease, p.request.ID)
	others, errs := make([]access.Request, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), len(ids), func(i int) { others[i], errs[i] = p.endOther(ctx, ids[i], *end) })
	for i := range ids {
		if others[i].HasPendingEnd() {
			ending = append(ending, others[i])
		}
		if access.CodeOf(errs[i]) == access.CodeNotFound {
			p.log.Error("another request for the access has no row", "other", ids[i])
			lost = true
			continue
		}
		err = cmp.Or(err, errs[i])
	}
	return ending, lost, err
}

// endOther ends the access of one other request, at the time of the end that includes it. It
// returns the request, the zero Request if the end doesn't include it.
func (p *press) endOther(ctx context.Context, id string, end access.EndRequest) (access.Request, error) {
	r, err := p.Table.Get(ctx, id)
	if err != nil || !end.Includes(r) {
		return access.Request{}, err
	}
	if r.EndRequest == nil {
		var won bool
		if end.ByPress = ""; r.WasGranted() {
			end.ByPress = p.id // which shows the end
		}
		if r, won, err = p.Table.EndHolder(ctx, id, end); err != nil {
			return access.Request{}, err
		}
		if won {
			p.log.Info("access ended early, with another request for the same access", "other", id, "execution", r.ExecutionARN)
		}
	}
	return r, nil
}

// endsUnfinished is what a person reads if the access of other requests could not be
// ended.
const endsUnfinished = "Your press is recorded, but other requests keep this access. Please press End now again."

// endsLost is what a person reads, too, if another request has no row. Its own execution
// removes the access on time, or the minute check does.
const endsLost = " The access may last until another request for it ends: this app lost the record of that request and can't end it. Please tell the people who run this app."

// withOthers adds to the reply what ends the other requests for the same access.
func (p *press) withOthers(ctx context.Context, r reply) reply {
	others, lost, err := p.endOthers(ctx)
	r.others = others
	switch {
	case err != nil:
		p.log.Error("other requests for the access could not be ended", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		r.text, r.notResumed, r.ending = endsUnfinished, "", false
	case lost:
		r.text = cmp.Or(r.text, "Your press is recorded.") + endsLost
	}
	return r
}

// resumeOthers resumes the executions of the other requests that end. Those that can't
// be resumed are due: the sweep removes their access. Without a token, the wait hasn't begun,
// and will read the row.
func (p *press) resumeOthers(ctx context.Context, others []access.Request) {
	var wait sync.WaitGroup
	for _, r := range others {
		wait.Go(func() { p.resume(ctx, r.EndToken, tasktoken.EndOutput) })
	}
	wait.Wait()
}
