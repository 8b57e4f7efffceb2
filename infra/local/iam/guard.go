package iam

import (
	"fmt"
	"maps"
	"sync"
)

// Guard knows the callers and their permissions.
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

// Admit assigns an access key to a function whose role has these policies.
func (g *Guard) Admit(accessKey, role, function string, policies []Policy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.callers == nil {
		g.callers = map[string]caller{}
	}
	g.callers[accessKey] = caller{role, function, policies}
}

// Denial is an action that a caller may not do.
type Denial struct {
	Message string // in AWS's words
	Action  string
	Context map[string][]string // AWS doesn't show it
	Person  bool                // the caller is not a function
}

// Check decides on a call by an access key. A caller that was not admitted counts as
// an administrator: the person at this machine, moto, or the local stack itself.
// Administrators may do everything that no bucket policy denies. Check fails if it
// doesn't understand a function's call.
func (g *Guard) Check(accessKey string, c Call) (*Denial, error) {
	who, isFunction, place := g.caller(accessKey)
	requests, err := place.Requests(c)
	if err != nil {
		if !isFunction {
			err = nil
		}
		return nil, err
	}
	if denial := place.bucketDenial(accessKey, who, isFunction, requests); denial != nil || !isFunction {
		return denial, nil
	}
	return firstDenial(place, who, requests), nil
}

// bucketDenial checks the policies of buckets. All connections count as TLS, with a
// version that is new enough.
func (p Place) bucketDenial(accessKey string, who caller, isFunction bool, requests []Request) *Denial {
	for _, r := range requests {
		policies := p.BucketPolicies[bucketOf(r.Resource)]
		if len(policies) == 0 {
			continue
		}
		name, principal := "user/"+accessKey, "arn:aws:iam::"+p.AccountID+":user/"+accessKey
		if isFunction {
			name, principal = "assumed-role/"+who.role+"/"+who.function, "arn:aws:iam::"+p.AccountID+":role/"+who.role
		}
		context := map[string][]string{"aws:PrincipalArn": {principal}, "aws:SecureTransport": {"true"}, "s3:TlsVersion": {"1.3"}}
		maps.Copy(context, r.Context)
		if Denied(policies, Request{Action: r.Action, Resource: r.Resource, Context: context}) {
			return &Denial{Action: r.Action, Context: r.Context, Person: !isFunction, Message: fmt.Sprintf(
				"User: arn:aws:sts::%s:%s is not authorized to perform: %s on resource: %q with an explicit deny in a resource-based policy",
				p.AccountID, name, r.Action, r.Resource)}
		}
	}
	return nil
}

// CheckAbsent decides on a call whose object doesn't exist. S3 says so only to
// callers that may list the bucket.
func (g *Guard) CheckAbsent(accessKey string, c Call) *Denial {
	who, ok, place := g.caller(accessKey)
	if !ok {
		return nil
	}
	requests, err := place.Requests(c)
	if err != nil || len(requests) != 1 {
		return nil
	}
	listing, ok := listRequestFor(requests[0])
	if !ok {
		return nil
	}
	return firstDenial(place, who, []Request{listing})
}

// CheckBehind decides on the requests that AWS makes in the caller's name after it
// has accepted the call.
func (g *Guard) CheckBehind(accessKey string, requests func(Place) []Request) *Denial {
	who, ok, place := g.caller(accessKey)
	if !ok {
		return nil
	}
	return firstDenial(place, who, requests(place))
}

// SetPlace replaces the place. Calls may arrive meanwhile.
func (g *Guard) SetPlace(p Place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Place = p
}

func (g *Guard) caller(accessKey string) (who caller, isFunction bool, place Place) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	who, isFunction = g.callers[accessKey]
	return who, isFunction, g.Place
}

func firstDenial(place Place, who caller, requests []Request) *Denial {
	for _, r := range requests {
		if !Allowed(who.policies, r) {
			return &Denial{Action: r.Action, Context: r.Context, Message: fmt.Sprintf(
				"User: arn:aws:sts::%s:assumed-role/%s/%s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
				place.AccountID, who.role, who.function, r.Action, r.Resource, r.Action)}
		}
	}
	return nil
}
