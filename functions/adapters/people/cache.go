package people

import (
	"sync"
	"time"
)

// cache keeps answers by key for a while. Errors are not kept.
type cache[V any] struct {
	maxAge time.Duration
	now    func() time.Time

	mu      sync.Mutex
	entries map[string]entry[V]
}

type entry[V any] struct {
	value V
	at    time.Time
}

// maxEntries bounds a cache; beyond it everything is forgotten.
const maxEntries = 10_000

func newCache[V any](maxAge time.Duration, now func() time.Time) *cache[V] {
	return &cache[V]{maxAge: maxAge, now: now, entries: map[string]entry[V]{}}
}

// get answers from the cache, or asks; fresh: it asks in any case. Two who ask
// for the same key at the same time may both ask.
func (c *cache[V]) get(key string, fresh bool, ask func() (V, error)) (V, error) {
	c.mu.Lock()
	e, ok := c.entries[key]
	c.mu.Unlock()
	if !fresh && ok && c.now().Sub(e.at) < c.maxAge {
		return e.value, nil
	}
	v, err := ask()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxEntries {
		clear(c.entries)
	}
	c.entries[key] = entry[V]{v, c.now()}
	return v, nil
}
