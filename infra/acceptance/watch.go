package acceptance

import (
	"context"
	"sync"
	"time"

	"sso-elevator/functions/access"
)

// watch checks for an assignment in Identity Center until its context ends.
type watch struct {
	end context.CancelFunc

	mu     sync.Mutex
	looks  int           // that saw the assignment
	gap    time.Duration // the longest time between two of them
	seen   time.Time     // first there
	last   time.Time     // last there
	gone   time.Time     // first of two checks in a row without it, after it was there
	missed time.Time     // last check, if it was the first without it
	back   time.Time     // there again after it was gone
	err    error         // of the last check
}

// sight is what a watch has seen so far.
type sight struct {
	looks                  int
	gap                    time.Duration
	seen, last, gone, back time.Time
	err                    error
}

// watch starts checking whether an assignment exists. The checks stop when the watch or
// the run ends.
func (r *run) watch(s access.Subject) *watch {
	ctx, end := context.WithCancel(r.lifetime)
	w := &watch{end: end}
	r.watches.Go(func() {
		for {
			there, err := r.sys.Assigned(ctx, s)
			w.look(r.Now(), there, err)
			if sleep(ctx, r.Poll) != nil {
				return
			}
		}
	})
	return w
}

// look records one check. Identity Center's lists lag behind: one check without the
// assignment proves nothing.
func (w *watch) look(at time.Time, there bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err = err; err != nil {
		return
	}
	switch {
	case there && !w.gone.IsZero():
		if w.back.IsZero() {
			w.back = at
		}
	case there:
		if w.seen.IsZero() {
			w.seen, w.last = at, at
		}
		w.looks++
		w.gap = max(w.gap, at.Sub(w.last))
		w.last, w.missed = at, time.Time{}
	case w.seen.IsZero() || !w.gone.IsZero():
	case w.missed.IsZero():
		w.missed = at
	default:
		w.gone = w.missed
	}
}

func (w *watch) sight() sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	return sight{w.looks, w.gap, w.seen, w.last, w.gone, w.back, w.err}
}

// sleep waits for d, or returns ctx's error if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
