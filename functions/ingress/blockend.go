package ingress

import (
	"cmp"
	"context"
	"crypto/rand"
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
	// mostOfBlocked is how many requests of a person, and how many open requests, are read
	// when the person is blocked, the latest first. The minute check ends others.
	mostOfBlocked = 100
	// enders is how many of them are ended at the same time.
	enders = 10
)

// endAll refuses the blocked person's undecided requests and ends their active access. It
// looks things up and writes with work, and resumes executions with ctx. As far as there is
// time, it also updates the posts of the requests whose access ends.
func (h *Handler) endAll(ctx, work context.Context, log *slog.Logger, block access.Block) slack.Ended {
	press := rand.Text()
	ended := slack.Ended{Block: block, At: h.Now().UTC()}
	found := h.findRequests(work, log, block)
	ids := found.toEnd
	ended.Unsure = !found.complete
	var mu sync.Mutex
	parallel.Do(len(ids), enders, func(i int) {
		r, end, err := h.endBlocked(work, block, press, ids[i])
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
		case end == endBefore:
			ended.Earlier = append(ended.Earlier, r)
		}
	})
	all := slices.Concat(ended.Refused, ended.Ending)
	parallel.Do(len(all), enders, func(i int) { h.resumeBlocked(ctx, log, all[i]) })
	byTarget := func(a, b access.Request) int {
		return cmp.Or(cmp.Compare(a.Target.Key(), b.Target.Key()), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(ended.Refused, byTarget)
	slices.SortFunc(ended.Ending, byTarget)
	showing, cancel := beforeHome(ctx) // leaves time to show the result
	defer cancel()
	showing, cancel = context.WithTimeout(showing, showTime)
	defer cancel()
	var wait sync.WaitGroup
	// Access that someone else is removing or creating has no end by this press, so notify
	// wouldn't wait for its updates.
	byThis := slices.DeleteFunc(slices.Clone(ended.Ending), func(r access.Request) bool { return r.EndRequest == nil })
	wait.Go(func() { h.showRequests(showing, log, source{press, block.By.SlackID}, byThis) })
	ended.Earlier = append(ended.Earlier, h.rowsOf(work, found.earlier)...)
	wait.Wait()
	ended.EarlierUnsure = !found.allEarlier
	return ended
}

// rowsOf reads the rows of requests in the index, which lacks the duration of sessions. If
// a row can't be read, that is not known.
func (h *Handler) rowsOf(ctx context.Context, indexed []access.Request) []access.Request {
	rows := slices.Clone(indexed)
	parallel.Do(len(rows), enders, func(i int) {
		if r, err := h.Table.Get(ctx, rows[i].ID); err == nil {
			rows[i] = r
		}
	})
	return rows
}

// foundRequests are a blocked person's requests, as far as they were found.
type foundRequests struct {
	// toEnd are the ids of requests that may have to be ended; some may be other people's.
	// complete is false if some may be missing.
	toEnd    []string
	complete bool
	// earlier are requests in the index whose access ended so short a time ago that sessions
	// may be open. allEarlier is false if some may be missing.
	earlier    []access.Request
	allEarlier bool
}

// findRequests finds the person's requests. The claims have all undecided ones, and the
// index of requesters has the others, as far as it knows them. It also reads the open
// requests with the latest end or expiry, because the index may be behind, and release
// 0.1.0 didn't fill it.
func (h *Handler) findRequests(ctx context.Context, log *slog.Logger, block access.Block) foundRequests {
	principal := block.Person.PrincipalID
	if principal == "" { // Identity Center has no one user with their email; the rows may have one
		ids, _, err := h.Table.LatestOpenRequests(ctx, mostOfBlocked)
		if err != nil {
			log.Error("open requests could not be listed; the minute check ends those of the blocked person", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		return foundRequests{toEnd: ids}
	}
	var claims access.Claims
	var found []access.Request
	var open []string
	var more bool
	var claimsErr, indexErr, openErr error
	var wait sync.WaitGroup
	wait.Go(func() { claims, claimsErr = h.Table.Claims(ctx, principal) })
	wait.Go(func() { found, more, indexErr = h.Table.RequestsOf(ctx, principal, mostOfBlocked) })
	wait.Go(func() { open, _, openErr = h.Table.LatestOpenRequests(ctx, mostOfBlocked) })
	wait.Wait()
	if err := cmp.Or(claimsErr, indexErr, openErr); err != nil {
		log.Error("requests of the blocked person could not be listed; the minute check ends them", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	all := map[string]bool{}
	for _, c := range claims.Claims {
		all[c.RequestID] = true
	}
	for _, id := range open {
		all[id] = true
	}
	var earlier []access.Request
	for _, r := range found {
		switch {
		case r.Open() || r.IsApproved() && !r.IsFinished():
			all[r.ID] = true
		case all[r.ID]:
		case r.WasGranted() && r.RevokedAt.Add(access.MaxSession).After(h.Now()):
			earlier = append(earlier, r)
		}
	}
	return foundRequests{
		toEnd: slices.Sorted(maps.Keys(all)), complete: claimsErr == nil && indexErr == nil && openErr == nil && !more,
		earlier: earlier, allEarlier: indexErr == nil && !more,
	}
}

// endOfBlocked is what was done with a request of a blocked person.
type endOfBlocked int

const (
	endNothing endOfBlocked = iota // it gives no access
	endRefused                     // it was refused
	endActive                      // its access ends
	endBefore                      // its access has ended before
)

// endBlocked refuses the request if it is undecided, and ends its access if it is active.
// Access that is just being created is ended by grant.
func (h *Handler) endBlocked(ctx context.Context, block access.Block, press, id string) (access.Request, endOfBlocked, error) {
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
		r, _, err = h.Table.RequestEnd(ctx, r.ID, access.EndRequest{By: block.By, At: now, Reason: access.EndBlocked, ByPress: press})
		if err != nil {
			return r, endNothing, err
		}
	}
	if r.IsApproved() && !r.IsFinished() || r.HasAccess() {
		return r, endActive, nil
	}
	if r.WasGranted() {
		return r, endBefore, nil
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
