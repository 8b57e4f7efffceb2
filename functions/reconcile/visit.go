package reconcile

import (
	"context"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

// notifyTimeout bounds how long a look searches for messages that notify must send.
const notifyTimeout = 4 * time.Second

// sendMessages has function notify send what it could not send before, and offers of more
// time. Nothing that it does delays a removal or makes the look fail.
func (l *look) sendMessages(ctx context.Context, open []access.Due) {
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() { l.catchUp(ctx, open) })
	both.Go(func() { l.offerMoreTime(ctx, open) })
	both.Wait()
}

// visits are when to look at requests again, by id. They save reads, and may be lost. They
// keep only requests that are still in the index.
type visits map[string]visit

type visit struct {
	due  time.Time // in the index
	next time.Time // zero: only after due changes
}

// visit calls do for each request that is new, whose due time has changed, or whose next
// visit has come. do returns when to visit the request again; zero: only
// after its due time changes. An error is logged as failed, and the next look calls
// do again.
func (s *Sweep) visit(ctx context.Context, known *visits, requests []access.Due, failed string, do func(ctx context.Context, id string, now time.Time) (next time.Time, err error)) {
	now := s.Now()
	s.mu.Lock()
	before := *known
	s.mu.Unlock()
	after := visits{}
	var visited []access.Due
	for _, d := range requests {
		if v, ok := before[d.ID]; ok && v.due.Equal(d.At) && (v.next.IsZero() || now.Before(v.next)) {
			after[d.ID] = v
		} else {
			visited = append(visited, d)
		}
	}
	next, errs := make([]time.Time, len(visited)), make([]error, len(visited))
	parallel.Do(len(visited), atOnce, func(i int) { next[i], errs[i] = do(ctx, visited[i].ID, now) })
	for i, d := range visited {
		if errs[i] != nil {
			s.Logger.WarnContext(ctx, failed, "request_id", d.ID, "code", access.CodeOf(errs[i]), "error", access.ErrorMessage(errs[i]))
			continue
		}
		after[d.ID] = visit{d.At, next[i]}
	}
	s.mu.Lock()
	*known = after
	s.mu.Unlock()
}
