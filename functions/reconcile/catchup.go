package reconcile

import (
	"context"
	"slices"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/slack"
)

const (
	// toldAfter is how long after a grant the request's execution may still tell the
	// requester: state NotifyGranted gives up after 15 s.
	toldAfter = time.Minute
	// compareFor is how long after a grant its messages are compared with the row. Later,
	// any difference comes from a new release, whose messages read differently. Messages that are
	// missing for longer are tried only every retryEvery.
	compareFor = time.Hour
	retryEvery = 10 * time.Minute
	// mostCatchUps is for how many requests one look invokes notify. The next looks
	// continue. Slack limits how many messages it updates, and after a deployment, all
	// requests of the last hour may have to be shown again.
	mostCatchUps = 20
)

// catchUp makes notify send what Slack didn't take when the access was granted, and show
// access that is overdue. The request machine does neither, because no removal may wait for
// Slack. catchUp uses the rows that the look has read, and reads others about twice in all.
func (l *look) catchUp(ctx context.Context, open []access.Due) {
	if n := len(open); n > 0 { // start elsewhere each minute: messages that keep failing must not delay the others
		first := int(l.now.Unix()/60) * mostCatchUps % n
		open = slices.Concat(open[first:], open[:first])
	}
	const failed = "messages could not be checked"
	var mu sync.Mutex
	nextVisits := map[string]time.Time{} // of requests whose messages are missing, if notify can be invoked
	l.visit(ctx, &l.catchUps, open, failed, func(ctx context.Context, id string, now time.Time) (time.Time, error) {
		e, read := l.requests[id]
		if !read || e.err != nil {
			e.row, e.err = l.Table.Get(ctx, id)
		}
		if access.CodeOf(e.err) == access.CodeNotFound {
			return time.Time{}, nil // the index was behind
		}
		if e.err != nil {
			return time.Time{}, e.err
		}
		missing, next := missesMessages(e.row, now)
		if !missing {
			return next, nil
		}
		mu.Lock()
		defer mu.Unlock()
		nextVisits[id] = next
		return now, nil // the next look continues
	})
	open = slices.DeleteFunc(slices.Clone(open), func(d access.Due) bool { _, missing := nextVisits[d.ID]; return !missing })
	open = open[:min(len(open), mostCatchUps)]
	parallel.Do(len(open), atOnce, func(i int) {
		id := open[i].ID
		if err := l.Notify(ctx, host.OperationCatchUp, id); err != nil {
			l.Logger.WarnContext(ctx, failed, "request_id", id, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if v, ok := l.catchUps[id]; ok { // the next visit finds out whether Slack took it
			l.catchUps[id] = visit{v.due, nextVisits[id]}
		}
	})
}

// missesMessages reports whether the request's messages lack what notify must send now: that the
// access is ready, or that it is overdue. next is when to check again; zero for never.
func missesMessages(r access.Request, now time.Time) (missing bool, next time.Time) {
	end, ok := r.AccessEnd()
	overdue := end.Add(overdueAfter)
	if !ok || r.Rebuilt != nil { // a rebuilt row doesn't know its messages
		return false, time.Time{}
	}
	since := overdue
	switch {
	case !r.IsUsable(now):
		missing, next = !now.Before(overdue) && !isShown(r), overdue
	case wasTold(r, now), !r.MayCatchUp(now):
		return false, overdue
	default:
		since, next = r.GrantedAt, r.GrantedAt.Add(toldAfter)
		missing = !now.Before(next)
	}
	if missing && !now.Before(since.Add(compareFor)) {
		if next = now.Add(retryEvery); now.Before(overdue) && overdue.Before(next) {
			next = overdue
		}
	}
	return missing, next
}

// wasTold reports whether the requester was told that the access is ready: in the thread,
// in the direct message if one was tried and is still needed, and soon after the grant in all
// other messages.
func wasTold(r access.Request, now time.Time) bool {
	direct, tried := r.Posts[slack.DirectPurpose(slack.PurposeGranted)]
	return r.Posts[slack.PurposeGranted].TS != "" && (!tried || direct.TS != "" || direct.Over) &&
		(!now.Before(r.GrantedAt.Add(compareFor)) || isShown(r))
}

// isShown reports whether the request's messages show its state.
func isShown(r access.Request) bool {
	m := slack.RequestMessage(r)
	shown := r.Posts[m.Purpose].Digest == m.Digest()
	for _, s := range slack.DirectPosts(r) {
		shown = shown && (s.Post.TS == "" || s.Post.Digest == s.Message.Digest())
	}
	return shown
}
