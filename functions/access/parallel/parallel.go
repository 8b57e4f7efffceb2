// Package parallel runs independent calls at the same time.
package parallel

import (
	"sync"
	"sync/atomic"
)

// Do calls do for each of 0 to n-1, on up to workers goroutines, and returns when
// all calls have returned. The caller's goroutine is one of them, and the only
// one if workers is 1.
func Do(n, workers int, do func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	}
	var wait sync.WaitGroup
	for range min(n, workers) - 1 {
		wait.Go(work)
	}
	work()
	wait.Wait()
}
