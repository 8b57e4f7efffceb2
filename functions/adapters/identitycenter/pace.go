package identitycenter

import (
	"context"
	"maps"
	"net/http"
	"sso-elevator/functions/adapters/host"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// OrganizationsEvery is the time between two calls of one operation of Organizations: 4
// calls a second. AWS allows an account 8 ListAccounts calls a second, and bursts of 12
// (AWS Organizations User Guide, "Quotas and service limits", throttling limits).
// So two functions can list accounts at the same time. It allows 5 calls a second of
// ListAccountsForParent, ListOrganizationalUnitsForParent and ListParents, and bursts of
// 8. The bursts leave room for the calls that grants make.
const OrganizationsEvery = time.Second / 4

// Paced returns cfg with at least that much time between the starts of two calls.
func Paced(cfg aws.Config, every time.Duration) aws.Config {
	return (&Pace{Every: every, Now: time.Now, Sleep: host.Sleep}).Config(cfg)
}

// Pace spaces calls to AWS and counts them. Like a quota, it counts every page and
// every repeated attempt. All clients made with its Config share it. It is safe for
// concurrent use.
type Pace struct {
	Every time.Duration // from one call to the next
	// PerOperation: each operation has a pace of its own, as it has a quota of its own.
	PerOperation bool
	Now          func() time.Time
	// Sleep waits, or returns ctx's error.
	Sleep func(context.Context, time.Duration) error

	mu    sync.Mutex
	next  map[string]time.Time // by operation; "" for all
	calls map[string]int
}

// Config returns cfg with all calls paced.
func (p *Pace) Config(cfg aws.Config) aws.Config {
	return withClient(cfg, func(next aws.HTTPClient) aws.HTTPClient { return pacedClient{p, next} })
}

// withClient returns cfg with its HTTP client wrapped.
func withClient(cfg aws.Config, wrap func(aws.HTTPClient) aws.HTTPClient) aws.Config {
	wrapped := cfg.Copy()
	var client aws.HTTPClient = awshttp.NewBuildableClient()
	if cfg.HTTPClient != nil {
		client = cfg.HTTPClient
	}
	wrapped.HTTPClient = wrap(client)
	return wrapped
}

// Calls returns the number of calls by operation ("ListUsers").
func (p *Pace) Calls() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return copyCalls(p.calls)
}

func copyCalls(calls map[string]int) map[string]int {
	all := make(map[string]int, len(calls))
	maps.Copy(all, calls)
	return all
}

// operationOf returns the operation that a request calls ("ListUsers").
func operationOf(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	return target[strings.LastIndexByte(target, '.')+1:]
}

// turn counts a call and returns how long it must wait.
func (p *Pace) turn(operation string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls, p.next = map[string]int{}, map[string]time.Time{}
	}
	p.calls[operation]++
	if !p.PerOperation {
		operation = ""
	}
	now := p.Now()
	at := p.next[operation]
	if at.Before(now) {
		at = now
	}
	p.next[operation] = at.Add(p.Every)
	return at.Sub(now)
}

type pacedClient struct {
	pace *Pace
	next aws.HTTPClient
}

func (c pacedClient) Do(r *http.Request) (*http.Response, error) {
	if wait := c.pace.turn(operationOf(r)); wait > 0 {
		if err := c.pace.Sleep(r.Context(), wait); err != nil {
			return nil, err
		}
	}
	return c.next.Do(r)
}
