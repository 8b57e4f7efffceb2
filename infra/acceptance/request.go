package acceptance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// followed is one request of this run.
type followed struct {
	row access.Request // as last read
	// active is the row as it was while the access existed.
	active access.Request
	events []access.EventKind // that the request should have recorded so far
	watch  *watch
}

func (f *followed) String() string {
	return fmt.Sprintf("request %s of %s for %s", f.row.ID, f.row.Requester.Email, describe(f.row.Target))
}

func (r *run) refresh(ctx context.Context, f *followed) (err error) {
	row, err := r.sys.Request(ctx, f.row.ID)
	if err == nil {
		f.row = row
	}
	return err
}

// request asks the person to request a target. It follows the request until its
// message is in the channel.
func (r *run) request(ctx context.Context, s *Step, target access.Target, email string) (*followed, error) {
	w := Wish{Target: target, Duration: r.Duration, Email: email, Mark: fmt.Sprintf("%s-%d", r.mark, len(r.requests)+1)}
	if err := r.person.Request(ctx, w); err != nil {
		return nil, err
	}
	f := &followed{events: []access.EventKind{access.EventRequested}}
	err := r.waitUntil(ctx, r.Patience, "a request with "+w.Mark+" in its reason", func() (bool, error) { return r.findRequest(ctx, s, w, f) })
	if err != nil {
		return nil, err
	}
	r.requests = append(r.requests, f)

	var posted time.Time
	err = r.waitUntil(ctx, settleLimit, "its message in the channel", func() (bool, error) {
		if err := r.refresh(ctx, f); err != nil {
			return false, err
		}
		if o := f.row.Outcome; o != nil && !o.Kind.Grants() {
			return false, fmt.Errorf("the request is %s: %s %s", o.Kind, o.Reason, o.Message)
		}
		ts, err := strconv.ParseFloat(f.row.Posts[slack.PurposeAnnounce].TS, 64)
		posted = time.UnixMicro(int64(ts * 1e6))
		return err == nil && f.row.EvaluatedDecision != nil, nil
	})
	if err != nil {
		return f, err
	}
	if c := f.row.Chain; c != nil {
		return f, heldError(f.row, c.Extends, c.End)
	}
	// Slack's clock is not AWS's.
	took := max(posted.Sub(f.row.CreatedAt), 0)
	r.recordTime("request_to_posted", took)
	r.note(s, "%s: message in the channel after %s", f, round(took))
	return f, nil
}

// findRequest reports whether the request that a person made for a wish is in the
// table.
func (r *run) findRequest(ctx context.Context, s *Step, w Wish, f *followed) (bool, error) {
	open, err := r.sys.Open(ctx)
	if err != nil {
		return false, err
	}
	for _, id := range open {
		if r.seen[id] || slices.ContainsFunc(r.requests, func(f *followed) bool { return f.row.ID == id }) {
			continue
		}
		row, err := r.sys.Request(ctx, id)
		if access.CodeOf(err) == access.CodeNotFound {
			continue // the index lags behind
		}
		if err != nil {
			return false, err
		}
		if !slices.Contains(strings.Fields(row.Reason), w.Mark) {
			r.seen[id] = true
			continue
		}
		f.row = row
		got, want := row.Target, w.Target
		if got.AccountID != want.AccountID || got.PermissionSet != want.PermissionSet || row.Duration != int64(w.Duration/time.Second) {
			r.seen[id] = true
			r.note(s, "%s for %d s is not the expected request (%s for %s). Deny or withdraw it, and submit the right request", f, row.Duration, describe(want), w.Duration)
			continue
		}
		return true, nil
	}
	return false, nil
}

// approve asks for the approval, unless the policy needs none. It follows the request
// until its access exists.
func (r *run) approve(ctx context.Context, s *Step, f *followed) error {
	// From here on, anything that a watch sees belongs to this request and not to an
	// earlier one.
	for _, before := range r.requests {
		if before.watch != nil && before.row.Subject().Key() == f.row.Subject().Key() {
			before.watch.end()
		}
	}
	f.watch = r.watch(f.row.Subject())
	if f.row.Outcome == nil {
		if err := r.person.Approve(ctx, f.row); err != nil {
			return err
		}
		err := r.waitUntil(ctx, r.Patience, "the approval of "+f.row.ID, func() (bool, error) {
			err := r.refresh(ctx, f)
			return f.row.Outcome != nil, err
		})
		if err != nil {
			return err
		}
	}
	if o := f.row.Outcome; !o.Kind.Grants() {
		return fmt.Errorf("%s is %s: %s", f, o.Kind, o.Message)
	}
	f.events = append(f.events, access.EventApproved)
	err := r.waitUntil(ctx, settleLimit, "the assignment", func() (bool, error) {
		err := r.refresh(ctx, f)
		if err == nil && f.row.Failure != nil {
			err = fmt.Errorf("the access was not granted: %s: %s", f.row.Failure.Code, f.row.Failure.Message)
		}
		return !f.watch.sight().seen.IsZero() && f.row.WasGranted(), err
	})
	if err != nil {
		return errors.Join(err, f.watch.sight().err)
	}
	f.events = append(f.events, access.EventGranted)
	if f.row.IsExtension() {
		return heldError(f.row, f.row.Extends, f.row.End)
	}
	seen := f.watch.sight().seen
	r.recordTime("press_to_assigned", seen.Sub(f.row.Outcome.At))
	r.note(s, "%s: %s by %s; the assignment appeared %s later, and ends at %s", f, f.row.Outcome.Kind, decider(f.row), round(seen.Sub(f.row.Outcome.At)), f.row.End.UTC().Format(time.TimeOnly))

	lease, found, err := r.sys.Lease(ctx, f.row.Subject())
	if err != nil {
		return err
	}
	if !found || !lease.IsHeldBy(f.row.ID) {
		return errors.New("the assignment exists, but this request has no lease in the table: something else created it")
	}
	return r.waitUntil(ctx, settleLimit, "the wait for its end", func() (bool, error) {
		err := r.refresh(ctx, f)
		if err == nil && f.row.EndToken != "" && !f.row.HasRemovalBegun() {
			f.active = f.row
		}
		if err == nil && f.active.ID == "" && f.row.HasRemovalBegun() {
			err = errors.New("the removal began before the execution waited for the end")
		}
		return f.active.ID != "", err
	})
}

// heldError is the error for a request by someone who has the access already, through
// another request. It would extend that access, so the access would neither appear nor end
// when the acceptance expects it.
func heldError(row access.Request, other string, end time.Time) error {
	return fmt.Errorf("%s already has access to %s through request %s, until %s: press End now in its message, wait until the access is removed, and run this command again",
		row.Requester.Email, describe(row.Target), other, end.UTC().Format("15:04:05 UTC on 2 January"))
}

func decider(row access.Request) string {
	if by := cmp.Or(row.Outcome.By.Email, row.Outcome.By.SlackID); by != "" {
		return by
	}
	return "the policy"
}

// obtain calls request and approve.
func (r *run) obtain(ctx context.Context, s *Step, target access.Target) (*followed, error) {
	f, err := r.request(ctx, s, target, "")
	if err != nil {
		return f, err
	}
	return f, r.approve(ctx, s, f)
}
