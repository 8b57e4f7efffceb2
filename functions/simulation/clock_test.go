package simulation

import (
	"container/heap"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// A clock lets one goroutine of a history run at a time. Each waits for its turn
// at a virtual time; the clock gives the next turn only when no goroutine runs.
// So a history depends on its seed alone, on any number of processors. The clock
// works in a bubble of testing/synctest; the functions' contexts use its time.
//
// A goroutine holds mu while it runs, which also shows the race detector that
// they run one at a time. The goroutine that made the clock lets go of mu in run
// and end; those of spawn do in wait and outside. A function's own code runs
// without mu, on several goroutines if it likes. So whatever the function calls
// of the world takes mu first.
type clock struct {
	mu    sync.Mutex
	queue turns
	ended bool // the history has ended, and waiting goroutines exit

	start time.Time
	story *strings.Builder // nil if not recorded
}

// turn is a goroutine's turn at a time. Turns at the same time are sorted by order, a
// random number that no two share.
type turn struct {
	at    time.Time
	order uint64
	ready chan struct{}
	index int // in the queue, or -1 if not in it
}

// newClock returns a clock whose mu the caller holds.
func newClock() *clock {
	c := &clock{start: time.Now()}
	c.mu.Lock()
	return c
}

func (c *clock) now() time.Time { return time.Now() }

// spawn starts a goroutine of the history.
func (c *clock) spawn(do func()) {
	go func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		do()
	}()
}

// outside runs a function's own code.
func (c *clock) outside(do func()) {
	c.mu.Unlock()
	defer c.mu.Lock() // also if it panics, or its goroutine exits
	do()
}

// wait waits for the turn.
func (c *clock) wait(t *turn) {
	if c.ended {
		runtime.Goexit()
	}
	heap.Push(&c.queue, t)
	c.mu.Unlock()
	<-t.ready
	c.mu.Lock()
	if c.ended {
		runtime.Goexit()
	}
}

// until waits until a time. If that has passed, others with an earlier turn go
// first.
func (c *clock) until(at time.Time, order uint64) {
	c.wait(&turn{at: at, order: order, ready: make(chan struct{}, 1)})
}

// wake moves a waiting goroutine's turn to now.
func (c *clock) wake(t *turn) {
	if t == nil || t.index < 0 || t.index >= len(c.queue) || c.queue[t.index] != t {
		return
	}
	if now := c.now(); t.at.After(now) {
		t.at = now
		heap.Fix(&c.queue, t.index)
	}
}

// run gives turns until done returns true or no goroutine waits.
func (c *clock) run(done func() bool) {
	for {
		c.pause(0)
		if done() || len(c.queue) == 0 {
			return
		}
		// The first in the queue stays first, because no goroutine runs that could
		// change it.
		if d := c.queue[0].at.Sub(c.now()); d > 0 {
			c.pause(d) // expired contexts are canceled before the next turn
		}
		t := heap.Pop(&c.queue).(*turn)
		t.ready <- struct{}{}
	}
}

// pause moves the time. The other goroutines run until all of them wait.
func (c *clock) pause(d time.Duration) {
	c.mu.Unlock()
	if d > 0 {
		time.Sleep(d)
	}
	synctest.Wait()
	c.mu.Lock()
}

// end ends all waiting goroutines: none may outlive the bubble.
func (c *clock) end() {
	c.ended = true
	for _, t := range c.queue {
		t.ready <- struct{}{}
	}
	c.queue = nil
	c.pause(0)
}

// say adds a line to the story.
func (c *clock) say(format string, args ...any) {
	if c.story == nil {
		return
	}
	fmt.Fprintf(c.story, "%11.3f  %s\n", c.now().Sub(c.start).Seconds(), fmt.Sprintf(format, args...))
}

type turns []*turn

func (q turns) Len() int { return len(q) }
func (q turns) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q turns) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *turns) Push(x any) {
	t := x.(*turn)
	t.index = len(*q)
	*q = append(*q, t)
}
func (q *turns) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	last.index = -1
	return last
}

// dice are random numbers that depend on where they are drawn, not on who drew before.
// Goroutines that run at the same time don't change each other's numbers.
type dice struct{ state uint64 }

// source makes dice for named actions. The nth action of a name gets the same
// numbers whatever happens between.
type source struct {
	mu   sync.Mutex
	key  uint64
	seen map[string]uint64
}

func newSource(key uint64) *source { return &source{key: key, seen: map[string]uint64{}} }

func (s *source) dice(name string) *dice {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[name]++
	return &dice{mix(mix(s.key, hash(name)), s.seen[name])}
}

func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func mix(a, b uint64) uint64 {
	d := dice{a ^ b*0x9e3779b97f4a7c15}
	return d.next()
}

// next is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
// generators, 2014).
func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n).
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// chance reports true with probability p.
func (d *dice) chance(p float64) bool { return float64(d.next()>>11)/(1<<53) < p }

// between returns a duration in [least, most).
func (d *dice) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(d.next()%uint64(most-least))
}

func pick[T any](d *dice, of []T) T { return of[d.below(len(of))] }
