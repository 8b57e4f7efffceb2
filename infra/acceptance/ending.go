package acceptance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// early is how long before its end access may disappear, because clocks differ.
const early = 5 * time.Second

// maxGap is the longest time without a successful check while access should be
// there.
const maxGap = 30 * time.Second

// grace is how long to wait for a removal that is late. It distinguishes a late removal
// from one that never comes.
const grace = 10 * time.Second

// awaitGone waits until the access of a request is gone. It returns an error if
// that takes longer after from than the system promises.
func (r *run) awaitGone(ctx context.Context, s *Step, f *followed, what, kind string, from time.Time) error {
	limit := from.Add(removalPromise)
	err := r.waitUntil(ctx, max(limit.Sub(r.Now()), 0)+grace, fmt.Sprintf("the removal after %s (%s)", what, from.UTC().Format(time.TimeOnly)), func() (bool, error) {
		return !f.watch.sight().gone.IsZero(), nil
	})
	seen := f.watch.sight()
	if err != nil {
		how := "THE ACCESS IS STILL THERE"
		if seen.err != nil {
			how = "THE ACCESS MAY STILL BE THERE"
		}
		return errors.Join(fmt.Errorf("%s: %s, last seen at %s", f, how, seen.last.UTC().Format(time.TimeOnly)), err, seen.err)
	}
	f.events = append(f.events, access.EventRevoked)
	late := seen.gone.Sub(from)
	r.recordTime(kind, late)
	r.note(s, "%s: gone %s after %s (limit %s)", f, round(late), what, removalPromise)
	if late > removalPromise {
		return fmt.Errorf("the access was removed too late")
	}
	return nil
}

// checkHeld checks that access existed from its start to its end.
func (r *run) checkHeld(s *Step, f *followed) error {
	seen := f.watch.sight()
	until := seen.gone
	if until.IsZero() {
		until = seen.last
	}
	r.note(s, "%s: the access was there for %s (%d checks); the request was for %s", f, round(until.Sub(seen.seen)), seen.looks, r.Duration)
	switch row := f.row; {
	case row.End.Sub(row.GrantedAt) != r.Duration:
		return fmt.Errorf("the access ends at %s, which is not %s after the grant at %s", row.End, r.Duration, row.GrantedAt)
	case !seen.gone.IsZero() && seen.gone.Before(row.End.Add(-early)):
		return fmt.Errorf("the access was gone %s before its end", round(row.End.Sub(seen.gone)))
	case seen.gap > maxGap:
		return fmt.Errorf("no check succeeded for %s", round(seen.gap))
	case seen.gone.IsZero() && seen.last.Before(row.End.Add(-early)):
		return fmt.Errorf("the checks stopped before the access ended: %w", errors.Join(errors.New("the last was at "+seen.last.UTC().Format(time.TimeOnly)), seen.err))
	}
	return nil
}

// endEarly asks the person to end active access, and waits until it is gone.
func (r *run) endEarly(ctx context.Context, s *Step, f *followed) error {
	if err := r.person.EndNow(ctx, f.row); err != nil {
		return err
	}
	err := r.waitUntil(ctx, r.Patience, "the early end of "+f.row.ID, func() (bool, error) {
		err := r.refresh(ctx, f)
		if err == nil && f.row.EndRequest == nil && f.row.HasRemovalBegun() {
			err = errors.New("the access ended on time, before anyone pressed End now")
		}
		return f.row.EndRequest != nil, err
	})
	if err != nil {
		return err
	}
	f.events = append(f.events, access.EventEnded)
	return r.awaitGone(ctx, s, f, "End now was pressed", "early_end_to_gone", f.row.EndRequest.At)
}

// stop stops the execution of a request with active access. It returns the time of
// the stop.
func (r *run) stop(ctx context.Context, s *Step, f *followed) (time.Time, error) {
	if err := r.sys.Stop(ctx, f.row.ExecutionARN); err != nil {
		return time.Time{}, err
	}
	at := r.Now()
	status, err := r.sys.Status(ctx, f.row.ExecutionARN)
	if err != nil {
		return at, err
	}
	if status.State != aborted {
		return at, fmt.Errorf("the execution is %s, not stopped", status.State)
	}
	r.note(s, "%s: stopped its execution, %s before its end", f, round(f.row.End.Sub(at)))
	return at, nil
}

// tryManagement has someone request access to the management account.
func (r *run) tryManagement(ctx context.Context, s *Step) error {
	if r.ManagementSet == "" {
		if r.isInManagementAccount() {
			return skip("needs --management. The stack is in the management account. If the policy covers that account, name a permission set for it")
		}
		return skip("needs --management")
	}
	f, err := r.obtain(ctx, s, r.manage)
	if err != nil {
		return err
	}
	return r.endEarly(ctx, s, f)
}

// isInManagementAccount reports whether the stack is known to be in the
// organization's management account.
func (r *run) isInManagementAccount() bool {
	for _, f := range r.requests {
		// arn:PARTITION:states:REGION:ACCOUNT:…
		if parts := strings.Split(f.row.ExecutionARN, ":"); len(parts) > 4 && parts[4] == r.catalog.ManagementAccount {
			return true
		}
	}
	return false
}

// tryCapitals has someone whose email has capitals request the target, and someone
// else deny it.
func (r *run) tryCapitals(ctx context.Context, s *Step) error {
	if r.CapitalsUser == "" {
		return skip("needs --capitals")
	}
	f, err := r.request(ctx, s, r.target, r.CapitalsUser)
	if err != nil {
		return err
	}
	if !access.SameEmail(f.row.Requester.Email, r.CapitalsUser) {
		return fmt.Errorf("%s submitted the request, not %s", f.row.Requester.Email, r.CapitalsUser)
	}
	emails, err := r.sys.Emails(ctx, f.row.Requester.PrincipalID)
	if err != nil {
		return err
	}
	for _, email := range emails {
		if email == r.CapitalsUser {
			r.note(s, "%s in Slack is %s in Identity Center, user %s", f.row.Requester.Email, email, f.row.Requester.PrincipalID)
			return r.deny(ctx, s, f)
		}
	}
	return fmt.Errorf("the app matched the requester to user %s, whose emails are %q", f.row.Requester.PrincipalID, emails)
}

// deny asks the person to deny a request. If the request needs no approval, it
// asks them to end the access instead.
func (r *run) deny(ctx context.Context, s *Step, f *followed) error {
	if f.row.Outcome != nil {
		if err := r.approve(ctx, s, f); err != nil {
			return err
		}
		return r.endEarly(ctx, s, f)
	}
	if err := r.person.Deny(ctx, f.row); err != nil {
		return err
	}
	err := r.waitUntil(ctx, r.Patience, "the denial of "+f.row.ID, func() (bool, error) {
		err := r.refresh(ctx, f)
		return f.row.Outcome != nil, err
	})
	if err != nil {
		return err
	}
	if kind := f.row.Outcome.Kind; kind != access.OutcomeDenied {
		return fmt.Errorf("%s is %s, not denied", f, kind)
	}
	f.events = append(f.events, access.EventDenied)
	r.note(s, "denied by %s", decider(f.row))
	there, err := r.sys.Assigned(ctx, f.row.Subject())
	if err == nil && there {
		err = errors.New("the request was denied, but the access exists")
	}
	return err
}
