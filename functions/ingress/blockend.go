package ingress

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/tasktoken"
	"sso-elevator/slack"
)

const (
	// mostOfBlocked is how many requests of a person are read when they are blocked, the
	// latest first. The minute check ends others.
	mostOfBlocked = 100
	// enders is how many of them are ended at the same time.
	enders = 10
)

// endAll refuses the blocked person's undecided requests and ends their active access. It
// looks things up and writes with work, and resumes executions with ctx.
func (h *Handler) endAll(ctx, work context.Context, log *slog.Logger, block access.Block) slack.Ended {
	ended := slack.Ended{Block: block}
	ids, complete := h.requestsToEnd(work, log, block)
	ended.Unsure = !complete
	var mu sync.Mutex
	parallel.Do(len(ids), enders, func(i int) {
		r, end, err := h.endBlocked(work, block, ids[i])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			log.Error("request of the blocked person could not be ended; the minute check tries again", "request_id", ids[i], "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			ended.Unsure = true
		case end == endRefused:
			ended.Refused = append(ended.Refused, r)
		case end == endActive:
			ended.Ending = append(ended.Ending, r)
		}
	})
	all := slices.Concat(ended.Refused, ended.Ending)
	parallel.Do(len(all), enders, func(i int) { h.resumeBlocked(ctx, log, all[i]) })
	byTarget := func(a, b access.Request) int {
		return cmp.Or(cmp.Compare(a.Target.Key(), b.Target.Key()), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(ended.Refused, byTarget)
	slices.SortFunc(ended.Ending, byTarget)
	return ended
}

// requestsToEnd returns the ids of the person's requests that may have to be ended. The
// claims have all undecided ones, and the index has the others, as far as it knows them.
// complete is false if something could not be read.
func (h *Handler) requestsToEnd(ctx context.Context, log *slog.Logger, block access.Block) (ids []string, complete bool) {
	principal := block.Person.PrincipalID
	if principal == "" {
		return nil, true
	}
	var claims access.Claims
	var found []access.Request
	var more bool
	var claimsErr, indexErr error
	var wait sync.WaitGroup
	wait.Go(func() { claims, claimsErr = h.Table.Claims(ctx, principal) })
	wait.Go(func() { found, more, indexErr = h.Table.RequestsOf(ctx, principal, mostOfBlocked) })
	wait.Wait()
	if err := cmp.Or(claimsErr, indexErr); err != nil {
		log.Error("requests of the blocked person could not be listed; the minute check ends them", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	all := map[string]bool{}
	for _, c := range claims.Claims {
		all[c.RequestID] = true
	}
	for _, r := range found {
		if r.Open() || r.IsApproved() && !r.IsFinished() {
			all[r.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), claimsErr == nil && indexErr == nil && !more
}

// endOfBlocked is what was done with a request of a blocked person.
type endOfBlocked int

const (
	endNothing endOfBlocked = iota // it gives no access
	endRefused                     // it was refused
	endActive                      // its access ends
)

// endBlocked refuses the request if it is undecided, and ends its access if it is active.
// Access that is just being created is ended by grant.
func (h *Handler) endBlocked(ctx context.Context, block access.Block, id string) (access.Request, endOfBlocked, error) {
	r, err := h.Table.Get(ctx, id)
	switch {
	case access.CodeOf(err) == access.CodeNotFound: // only claimed so far
		return r, endNothing, nil
	case err != nil:
		return r, endNothing, err
	case !access.SamePerson(r.Requester, block.Person):
		return r, endNothing, nil
	}
	now := h.Now().UTC()
	if r.Open() {
		var won bool
		r, won, err = h.Table.Decide(ctx, r.ID, access.Outcome{
			Kind: access.OutcomeRefused, By: block.By, At: now, Reason: string(access.CodeBlocked), PolicyDigest: block.PolicyDigest,
		})
		if err != nil || won {
			return r, endRefused, err
		}
	}
	if r.IsActive() && r.EndRequest == nil {
		r, _, err = h.Table.RequestEnd(ctx, r.ID, access.EndRequest{By: block.By, At: now, Reason: access.EndBlocked})
		if err != nil {
			return r, endNothing, err
		}
	}
	if r.IsApproved() && !r.IsFinished() || r.HasAccess() {
		return r, endActive, nil
	}
	return r, endNothing, nil
}

// resumeBlocked resumes the execution of a request that was ended, and frees its claim. If
// that fails, the minute check removes the access, and the execution reads the outcome at
// the end of its wait.
func (h *Handler) resumeBlocked(ctx context.Context, log *slog.Logger, r access.Request) {
	token, output := r.EndToken, tasktoken.EndOutput
	if !r.IsApproved() {
		h.freeClaim(ctx, log, r)
		token, output = r.ApprovalToken, tasktoken.ApprovalOutput(access.OutcomeRefused)
	} else if !r.HasPendingEnd() {
		return
	}
	if token == "" {
		return
	}
	if err := h.Tokens.Resume(ctx, token, output); err != nil {
		log.Error("execution of the blocked person's request could not be resumed", "request_id", r.ID, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
}
