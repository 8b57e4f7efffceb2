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

// A clock lets one goroutine of a history run at a time: each waits for its turn
// at a virtual time, and the next turn is given only when nobody runs any more.
// So a history depends on its seed alone, however many processors there are.
// It works in a bubble of testing/synctest, whose time the contexts of the
// functions follow, too.
type clock struct {
	mu    sync.Mutex
	queue turns
	over  bool // everybody who waits ends

	start time.Time
	story *strings.Builder // nil: not told
}

// turn is somebody's turn at a time. Who is due at the same time goes by order,
// which is drawn: no two are alike.
type turn struct {
	at    time.Time
	order uint64
	ready chan struct{}
	index int // in the queue; -1: not there
}

func newClock() *clock { return &clock{start: time.Now()} }

func (c *clock) now() time.Time { return time.Now() }

// wait waits for the turn.
func (c *clock) wait(t *turn) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		runtime.Goexit()
	}
	heap.Push(&c.queue, t)
	c.mu.Unlock()
	<-t.ready
	if c.over {
		runtime.Goexit()
	}
}

// until waits until a time; one that is over gives others a turn before.
func (c *clock) until(at time.Time, order uint64) {
	c.wait(&turn{at: at, order: order, ready: make(chan struct{}, 1)})
}

// wake lets somebody who waits have their turn now.
func (c *clock) wake(t *turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t == nil || t.index < 0 || t.index >= len(c.queue) || c.queue[t.index] != t {
		return
	}
	if now := c.now(); t.at.After(now) {
		t.at = now
		heap.Fix(&c.queue, t.index)
	}
}

// run gives turns until done says that it is enough, or nobody waits.
func (c *clock) run(done func() bool) {
	for {
		synctest.Wait()
		if done() || len(c.queue) == 0 {
			return
		}
		// Whoever is first in the queue stays so: nobody runs who could change it.
		if d := c.queue[0].at.Sub(c.now()); d > 0 {
			time.Sleep(d)
			synctest.Wait() // contexts whose time is over know it before anybody goes on
		}
		t := heap.Pop(&c.queue).(*turn)
		t.ready <- struct{}{}
	}
}

// end ends all who wait: a bubble must be left by everybody.
func (c *clock) end() {
	c.mu.Lock()
	c.over = true
	for _, t := range c.queue {
		t.ready <- struct{}{}
	}
	c.queue = nil
	c.mu.Unlock()
	synctest.Wait()
}

// say tells a step of the story.
func (c *clock) say(format string, args ...any) {
	if c.story == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
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

// dice are random numbers that follow from where they are drawn, and not from
// who drew before: goroutines that run side by side don't change each other's.
type dice struct{ state uint64 }

// source makes dice for the things that somebody does: those of the nth thing of
// a name are the same however others come between.
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

// below is a number in [0, n).
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return float64(d.next()>>11)/(1<<53) < p }

// between is a time in [least, most).
func (d *dice) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(d.next()%uint64(most-least))
}

func pick[T any](d *dice, of []T) T { return of[d.below(len(of))] }
