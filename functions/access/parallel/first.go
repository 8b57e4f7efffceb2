package parallel

import (
	"context"
	"errors"
	"sync"
)

// errUnfinished is the error of a read whose goroutine ended before it returned. Without
// it, such a read would look like one that found nothing.
var errUnfinished = errors.New("a read ended without a result")

// First runs reads that don't depend on each other at the same time, on up to workers
// goroutines, and returns when all of them have returned.
//
// The error is that of the first read, in the order of the arguments, that failed by
// itself. So it doesn't depend on which one answered first. All reads have the deadline of
// ctx. Once a read has failed, the errors of those after it don't count any more: they are
// canceled, or not begun.
func First(ctx context.Context, workers int, reads ...func(context.Context) error) error {
	group := group{errs: make([]error, len(reads)), cancels: make([]context.CancelFunc, len(reads))}
	contexts := make([]context.Context, len(reads))
	for i := range reads {
		contexts[i], group.cancels[i] = context.WithCancel(ctx)
		defer group.cancels[i]()
	}
	Do(len(reads), workers, func(i int) {
		if !group.counts(i) {
			return
		}
		err := errUnfinished
		defer func() { group.note(i, err) }()
		err = reads[i](contexts[i])
	})
	for _, err := range group.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// group are the reads of First.
type group struct {
	mu      sync.Mutex
	errs    []error
	cancels []context.CancelFunc
}

// counts reports whether no read before i has failed.
func (g *group) counts(i int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, err := range g.errs[:i] {
		if err != nil {
			return false
		}
	}
	return true
}

// note keeps the result of read i. If it failed, the reads after it are canceled.
func (g *group) note(i int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errs[i] = err
	if err != nil {
		for _, cancel := range g.cancels[i+1:] {
			cancel()
		}
	}
}
