package iam

import (
	"fmt"
	"sync"
)

// Guard knows who calls, and what they may do.
type Guard struct {
	Place Place

	mu      sync.RWMutex
	callers map[string]caller // by access key
}

type caller struct {
	role     string // name
	function string
	policies []Policy
}

// Admit makes an access key that of a function, whose role has these policies.
func (g *Guard) Admit(accessKey, role, function string, policies []Policy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.callers == nil {
		g.callers = map[string]caller{}
	}
	g.callers[accessKey] = caller{role, function, policies}
}

// Denial is what somebody may not do.
type Denial struct {
	Message string // as AWS says it
	Action  string
	Context map[string][]string // which AWS does not say
}

// Check decides on a call by an access key. Who is not admitted is not one of
// the functions and may do anything: the person at this machine, moto, the local
// stack itself. A call that is not understood is an error, whoever may do what.
func (g *Guard) Check(accessKey string, c Call) (*Denial, error) {
	who, ok := g.caller(accessKey)
	if !ok {
		return nil, nil
	}
	requests, err := g.Place.Requests(c)
	if err != nil {
		return nil, err
	}
	return g.first(who, requests), nil
}

// CheckAbsent decides on a call that found nothing: S3 says that an object is
// not there only to who may list the bucket.
func (g *Guard) CheckAbsent(accessKey string, c Call) *Denial {
	who, ok := g.caller(accessKey)
	if !ok {
		return nil
	}
	requests, err := g.Place.Requests(c)
	if err != nil || len(requests) != 1 {
		return nil
	}
	listing, ok := listingOf(requests[0])
	if !ok {
		return nil
	}
	return g.first(who, []Request{listing})
}

// CheckBehind decides on what AWS asks for behind a call, by the name of the one
// who made it, once the call itself is accepted.
func (g *Guard) CheckBehind(accessKey string, requests func(Place) []Request) *Denial {
	who, ok := g.caller(accessKey)
	if !ok {
		return nil
	}
	return g.first(who, requests(g.Place))
}

func (g *Guard) caller(accessKey string) (caller, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	who, ok := g.callers[accessKey]
	return who, ok
}

func (g *Guard) first(who caller, requests []Request) *Denial {
	for _, r := range requests {
		if !Allowed(who.policies, r) {
			return &Denial{Action: r.Action, Context: r.Context, Message: fmt.Sprintf(
				"User: arn:aws:sts::%s:assumed-role/%s/%s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
				g.Place.AccountID, who.role, who.function, r.Action, r.Resource, r.Action)}
		}
	}
	return nil
}
