package parallel_test

import (
	"context"
	"errors"
	"testing"

	"sso-elevator/functions/access/parallel"
)

// Each of the reads waits for the other one to begin.
func TestGroupRunsReadsAtTheSameTime(t *testing.T) {
	g := parallel.Begin(t.Context())
	defer g.End()
	one, two := make(chan int, 1), make(chan int, 1)
	first := parallel.Start(g, func(context.Context) (int, error) { one <- 1; return <-two, nil })
	second := parallel.Start(g, func(context.Context) (int, error) { two <- 2; return <-one, nil })
	for range 2 {
		if got, err := first(); got != 2 || err != nil {
			t.Errorf("got %d, %v, want 2", got, err)
		}
	}
	if got, err := second(); got != 1 || err != nil {
		t.Errorf("got %d, %v, want 1", got, err)
	}
}

// A read that failed doesn't cancel the others: the caller may ask for theirs first.
func TestGroupKeepsEachResult(t *testing.T) {
	g := parallel.Begin(t.Context())
	defer g.End()
	failed := errors.New("failed")
	bad := parallel.Start(g, func(context.Context) (int, error) { return 0, failed })
	if _, err := bad(); err != failed {
		t.Errorf("got %v, want %v", err, failed)
	}
	good := parallel.Start(g, func(ctx context.Context) (int, error) { return 7, ctx.Err() })
	if got, err := good(); got != 7 || err != nil {
		t.Errorf("got %d, %v, want 7", got, err)
	}
}

func TestGroupEndsItsReads(t *testing.T) {
	for name, cancelsOuter := range map[string]bool{"by End": false, "with the outer context": true} {
		t.Run(name, func(t *testing.T) {
			outer, cancel := context.WithCancel(t.Context())
			defer cancel()
			g := parallel.Begin(outer)
			ended := false
			result := parallel.Start(g, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				ended = true
				return 0, ctx.Err()
			})
			if cancelsOuter {
				cancel()
				if _, err := result(); err != context.Canceled {
					t.Errorf("ended with %v", err)
				}
			}
			g.End()
			if _, err := result(); !ended || err != context.Canceled {
				t.Errorf("ended: %v, with %v", ended, err)
			}
		})
	}
}
