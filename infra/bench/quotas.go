package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// fastClock is a clock that runs speed times as fast as the real one.
type fastClock struct {
	began time.Time
	speed time.Duration
}

func newFastClock(speed time.Duration) fastClock { return fastClock{time.Now(), speed} }

func (c fastClock) now() time.Time { return c.began.Add(time.Since(c.began) * c.speed) }

func (c fastClock) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d / c.speed)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// quota is a token bucket: so many calls a second, and so many at once.
type quota struct {
	rate, burst float64

	tokens float64
	at     time.Time
}

// take reports whether a call is within the quota.
func (q *quota) take(now time.Time) bool {
	if q.at.IsZero() {
		q.tokens, q.at = q.burst, now
	}
	q.tokens = min(q.burst, q.tokens+now.Sub(q.at).Seconds()*q.rate)
	q.at = now
	if q.tokens < 1 {
		return false
	}
	q.tokens--
	return true
}

// limited answers calls like next, but late, and not more than AWS's quotas allow. It is
// safe for concurrent use.
type limited struct {
	next    aws.HTTPClient
	clock   fastClock
	latency time.Duration

	mu        sync.Mutex
	quotas    map[string]*quota // by operation of Organizations; "" for Identity Center
	calls     int               // of Identity Center and the Identity Store
	throttled int
	times     []time.Time // of the calls in the last second
	most      int         // of these
}

// newLimited returns a client with these quotas:
//   - Identity Center and the Identity Store: 20 calls a second (IAM Identity Center user
//     guide, "Quotas", throttle limits);
//   - Organizations: for each operation its own number (AWS Organizations user guide,
//     "Quotas and service limits", throttling limits).
func newLimited(next aws.HTTPClient, clock fastClock, latency time.Duration) *limited {
	return &limited{next: next, clock: clock, latency: latency, quotas: map[string]*quota{
		"":                                 {rate: 20, burst: 20},
		"ListAccounts":                     {rate: 8, burst: 12},
		"ListAccountsForParent":            {rate: 5, burst: 8},
		"ListOrganizationalUnitsForParent": {rate: 5, burst: 8},
	}}
}

// Do implements aws.HTTPClient.
func (l *limited) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !l.count(operation) {
		return &http.Response{
			StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
			Body: io.NopCloser(bytes.NewReader([]byte(`{"__type":"ThrottlingException"}`))),
		}, nil
	}
	if err := l.clock.sleep(r.Context(), l.latency); err != nil {
		return nil, err
	}
	return l.next.Do(r)
}

// count counts a call. It reports whether the call is within its quota.
func (l *limited) count(operation string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.now()
	q := l.quotas[operation]
	if q == nil {
		q = l.quotas[""]
		l.calls++
		l.times = append(l.times, now)
		for now.Sub(l.times[0]) >= time.Second {
			l.times = l.times[1:]
		}
		l.most = max(l.most, len(l.times))
	}
	if !q.take(now) {
		l.throttled++
		return false
	}
	return true
}
