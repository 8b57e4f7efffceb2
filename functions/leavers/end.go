package leavers

import (
	"context"
	"errors"
	"maps"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// endAll ends the access of the people with these ids. It returns the people for whom
// that succeeded, and whether all of their access ended. If a person is held
// (Person.Held), it ends only the access that someone released.
func (c *Checker) endAll(ctx context.Context, people People, ids []string, holders map[string][]string) (ended map[string]bool, failures []error) {
	ended = map[string]bool{}
	questions := map[string]func(access.Request) bool{} // by run
	for _, id := range ids {
		mayEnd, err := func(access.Request) bool { return true }, error(nil)
		if person := people.People[id]; person.Held {
			if mayEnd = questions[person.Released]; mayEnd == nil {
				mayEnd, err = c.readMayEnd(ctx, person.Released)
				questions[person.Released] = mayEnd
			}
		}
		var isAll bool
		if err == nil {
			isAll, err = c.end(ctx, id, holders[id], mayEnd)
		}
		if err != nil {
			c.Logger.ErrorContext(ctx, "could not end the access of a person who left, retrying",
				"principal", id, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			failures = append(failures, err)
			continue
		}
		ended[id] = isAll
	}
	return ended, failures
}

// end ends the person's granted requests that mayEnd permits, and reports whether it
// ended all of them. It skips requests that aren't granted yet: grant looks up the
// person, too, and the next recheck ends a request that was granted meanwhile.
func (c *Checker) end(ctx context.Context, principal string, keys []string, mayEnd func(access.Request) bool) (isAll bool, _ error) {
	requests, err := c.readActive(ctx, principal, keys)
	failures := []error{err}
	isAll = true
	for _, r := range requests {
		if r.EndRequest == nil && !mayEnd(r) {
			isAll = false
			continue
		}
		failures = append(failures, c.endRequest(ctx, r))
	}
	if err := errors.Join(failures...); err != nil {
		for _, one := range failures {
			if one != nil {
				return false, access.Wrap(access.CodeOf(one), err, "end access")
			}
		}
	}
	return isAll, nil
}

// readActive returns the person's requests whose access exists and is not being
// removed. If a request's row was deleted, it has only the data of the lease.
func (c *Checker) readActive(ctx context.Context, principal string, keys []string) (all []access.Request, _ error) {
	var first error
	for _, key := range keys {
		lease, found, err := c.Table.Lease(ctx, key)
		if err != nil {
			first = firstOf(first, err)
			continue
		}
		if !found {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(lease.Holders)) {
			r, err := c.Table.Get(ctx, id)
			switch {
			case access.CodeOf(err) == access.CodeNotFound && lease.Holders[id].IsConfirmed():
				all = append(all, access.Request{ID: id, Target: lease.Subject.Target, Requester: access.Person{PrincipalID: principal}})
			case access.CodeOf(err) == access.CodeNotFound:
			case err != nil:
				first = firstOf(first, err)
			case r.Requester.PrincipalID == principal && r.IsActive():
				all = append(all, r)
			}
		}
	}
	return all, first
}

func firstOf(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// endRequest records that the access ends, and has the execution remove it. If
// the execution can't be resumed, the sweep removes the access.
func (c *Checker) endRequest(ctx context.Context, r access.Request) error {
	id, subject := r.ID, r.Subject()
	r, won, err := c.Table.RequestEnd(ctx, id, access.EndRequest{At: c.Now().UTC(), Reason: access.EndRequesterGone})
	switch {
	case access.CodeOf(err) == access.CodeNotFound:
		c.Logger.ErrorContext(ctx, "access ended: requester is disabled or deleted in Identity Center, and the request's row is gone",
			"request_id", id, "subject", subject.Key())
		return c.Remove(ctx, id, subject)
	case err != nil:
		return err
	}
	if won {
		c.Count(metric.PeopleGone, nil)
		c.Logger.WarnContext(ctx, "access ended: requester is disabled or deleted in Identity Center",
			"request_id", r.ID, "execution", r.ExecutionARN, "subject", r.Subject().Key())
	}
	if r.EndToken == "" || !r.HasPendingEnd() {
		return nil
	}
	if err := c.ResumeEnd(ctx, r.EndToken); err != nil {
		c.Logger.WarnContext(ctx, "execution could not be resumed; the minute check removes the access",
			"request_id", r.ID, "execution", r.ExecutionARN, "error", access.ErrorMessage(err))
	}
	return nil
}
