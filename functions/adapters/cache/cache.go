// Package cache keeps the answers of other services for a while.
package cache

import (
	"sync"
	"time"
)

// Cache keeps values by key for a while. It doesn't keep errors. It is safe for
// concurrent use.
type Cache[V any] struct {
	maxAge time.Duration
	now    func() time.Time

	mu      sync.Mutex
	entries map[string]entry[V]
}

type entry[V any] struct {
	value V
	at    time.Time
}

// maxEntries is the size at which a cache is emptied.
const maxEntries = 10_000

// New returns an empty cache, which keeps each value for maxAge.
func New[V any](maxAge time.Duration, now func() time.Time) *Cache[V] {
	return &Cache[V]{maxAge: maxAge, now: now, entries: map[string]entry[V]{}}
}

// Known returns the value from the cache. ok is false if it isn't there, or too old.
func (c *Cache[V]) Known(key string) (v V, ok bool) {
	c.mu.Lock()
	e, ok := c.entries[key]
	c.mu.Unlock()
	if !ok || c.now().Sub(e.at) >= c.maxAge {
		return v, false
	}
	return e.value, true
}

// Get returns the value from the cache, or asks for it. fresh skips the
// cached value. Two concurrent calls for one key may both ask.
func (c *Cache[V]) Get(key string, fresh bool, ask func() (V, error)) (V, error) {
	if v, ok := c.Known(key); ok && !fresh {
		return v, nil
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
