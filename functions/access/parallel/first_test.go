package parallel

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

// All reads are in flight at once: each returns only when the others have begun.
func TestFirstOverlaps(t *testing.T) {
	var begun sync.WaitGroup
	begun.Add(3)
	read := func(context.Context) error {
		begun.Done()
		begun.Wait()
		return nil
	}
	if err := First(t.Context(), 3, read, read, read); err != nil {
		t.Error(err)
	}
}

// The error of the first read counts, also if it comes last. A failed read cancels those
// after it, and none before it.
func TestFirstError(t *testing.T) {
	early, late := errors.New("early"), errors.New("late")
	failed := make(chan struct{})
	err := First(t.Context(), 3,
		func(ctx context.Context) error {
			<-failed
			time.Sleep(time.Millisecond) // a cancellation would have come by now
			if ctx.Err() != nil {
				t.Error("a later read canceled an earlier one")
			}
			return early
		},
		func(context.Context) error {
			close(failed)
			return late
		},
		func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
	)
	if err != early {
		t.Errorf("got %v", err)
	}
}

// With one worker, the reads run in their order, and none after one that failed.
func TestFirstOneByOne(t *testing.T) {
	wrong := errors.New("wrong")
	var begun []int
	read := func(i int, err error) func(context.Context) error {
		return func(context.Context) error {
			begun = append(begun, i)
			return err
		}
	}
	if err := First(t.Context(), 1, read(1, nil), read(2, wrong), read(3, nil)); err != wrong || len(begun) != 2 || begun[0] != 1 {
		t.Errorf("%v after %v", err, begun)
	}
	if err := First(t.Context(), 1); err != nil {
		t.Errorf("nothing to read: %v", err)
	}
}

// One deadline is for all reads.
func TestFirstDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := First(ctx, 2, wait, wait); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A read whose goroutine ends without a result has failed.
func TestUnfinishedRead(t *testing.T) {
	g := Begin(t.Context())
	defer g.End()
	exits := Start(g, func(context.Context) (int, error) { runtime.Goexit(); return 1, nil })
	if value, err := exits(); value != 0 || !errors.Is(err, errUnfinished) {
		t.Errorf("%d, %v", value, err)
	}
	var both sync.WaitGroup
	both.Add(2) // so that each has its own goroutine
	ended := make(chan struct{})
	go func() {
		defer close(ended) // also if the read ends this goroutine, which is one of the workers
		err := First(t.Context(), 2, func(context.Context) error {
			both.Done()
			both.Wait()
			runtime.Goexit()
			return nil
		}, func(context.Context) error {
			both.Done()
			both.Wait()
			return nil
		})
		if !errors.Is(err, errUnfinished) {
			t.Error(err)
		}
	}()
	<-ended
}
