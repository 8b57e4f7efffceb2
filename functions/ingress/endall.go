package ingress

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
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

// endsKeeper is what a person reads if another request kept the access of the one that they
// pressed.
const endsKeeper = "This request had already ended, but another request kept the access. That request is ending now."

// endLate decides about a press of End now that comes too late for the request itself, which
// late says. The message may be hours old, and another request may keep the access. Then done
// is false: if the person may end the access, the press ends that request (p.keeper).
func (p *press) endLate(ctx context.Context, late reply) (r reply, done bool, err error) {
	end := p.request.EndRequest
	byPerson := end != nil && end.Reason == ""
	switch {
	case byPerson:
		// The press that ended the access may not have ended the others.
		if late = p.withOthers(ctx, late); late.text == endsUnfinished {
			return late, true, nil
		}
	case end == nil && !p.request.HasRemovalBegun():
		return late, true, nil // it isn't granted yet
	}
	h, err := p.readHolders(ctx)
	if err != nil {
		return reply{}, true, err
	}
	if p.keeper = h.keeper(); p.keeper.ID != "" {
		return reply{}, false, nil
	}
	r = late
	if h.isBeingRemoved() {
		r.text = strings.Replace(r.text, hasEnded, beingRemoved, 1)
	}
	r.others = h.ending() // whose executions may not know it
	if !byPerson && len(h.rows) < len(h.ids) {
		r.text += endsLost
	}
	return r, true, nil
}

// endKeeper ends p.keeper as if the person had pressed that request: its row has the end
// before the lease is read again. Its execution may have begun to remove the access meanwhile.
// Then yet another request may keep it.
func (p *press) endKeeper(ctx context.Context) (reply, error) {
	end := access.EndRequest{By: p.by, At: p.Now().UTC()}
	if p.keeper.WasGranted() {
		end.ByPress = p.id // which shows the end
	}
	r, won, err := p.Table.EndHolder(ctx, p.keeper.ID, end)
	if err != nil {
		return reply{}, err
	}
	p.request = r
	if won {
		p.log.Info("access ended early, with a press on a request that had ended", "other", r.ID)
		return p.withOthers(ctx, p.endReply(endsKeeper)), nil
	}
	late, done, err := p.endLate(ctx, p.endReply(notActiveText(r)))
	if done || err != nil {
		return late, err
	}
	return p.endKeeper(ctx)
}

// holders are the other requests in the lease of a request's access. Those without a row are
// only in ids.
type holders struct {
	lease access.Lease
	ids   []string // sorted
	rows  map[string]access.Request
}

// readHolders reads the other requests in the lease of the pressed request's access.
func (p *press) readHolders(ctx context.Context) (holders, error) {
	lease, found, err := p.Table.Lease(ctx, p.request.Subject().Key())
	if err != nil || !found {
		return holders{}, err
	}
	rows, err := chains.Rows(ctx, p.Table, 0, lease, p.request.ID)
	return holders{lease, chains.Others(lease, p.request.ID), rows}, err
}

// keeper returns the approved request that keeps the access, or is about to get it, and that
// nobody has ended: of several, the one that ends last. It returns the zero Request if there
// is none.
func (h holders) keeper() (last access.Request) {
	for _, id := range h.ids {
		r, found := h.rows[id]
		if !found || !r.IsApproved() || r.EndRequest != nil || !r.IsUninterrupted() && !r.IsPending() {
			continue
		}
		if last.ID == "" || r.End.After(last.End) {
			last = r
		}
	}
	return last
}

// ending returns the requests that someone has ended and whose removal has not begun.
func (h holders) ending() (ending []access.Request) {
	for _, id := range h.ids {
		if r, found := h.rows[id]; found && r.HasPendingEnd() {
			ending = append(ending, r)
		}
	}
	return ending
}

// isBeingRemoved reports whether one of the requests is being removed, or will be at once.
func (h holders) isBeingRemoved() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(h.rows)), func(r access.Request) bool {
		return !r.IsFinished() && (r.HasPendingEnd() || r.HasRemovalBegun())
	})
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
