package parallel

import (
	"context"
	"sync"
)

// Group runs independent reads at the same time, under one context.
type Group struct {
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// Begin returns a group without reads. Its context is canceled with ctx, or by End. The
// caller must call End.
func Begin(ctx context.Context) *Group {
	g := &Group{}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// End cancels the reads that still run, and returns when all have returned.
func (g *Group) End() {
	g.cancel()
	g.wait.Wait()
}

// Start starts a read in the group, and returns a function that waits for its result. That
// function may be called any number of times. If several reads fail, the caller sees the
// error that it asks for first, whichever read failed first.
func Start[T any](g *Group, read func(context.Context) (T, error)) (result func() (T, error)) {
	var value T
	err := errUnfinished
	done := make(chan struct{})
	g.wait.Go(func() {
		defer close(done)
		value, err = read(g.ctx)
	})
	return func() (T, error) {
		<-done
		return value, err
	}
}
