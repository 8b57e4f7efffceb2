package iam

import (
	"fmt"
	"maps"
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
	Person  bool                // it is about nobody of the functions
}

// Check decides on a call by an access key. Who is not admitted is not one of
// the functions and is an administrator: the person at this machine, moto, the
// local stack itself. They may do anything but what a bucket's policy denies. A
// function's call that is not understood is an error.
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

// bucketDenial looks at the policies of buckets. Connections count as TLS here,
// of a version that is new enough.
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

// CheckAbsent decides on a call that found nothing: S3 says that an object is
// not there only to who may list the bucket.
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

// CheckBehind decides on what AWS asks for behind a call, by the name of the one
// who made it, once the call itself is accepted.
func (g *Guard) CheckBehind(accessKey string, requests func(Place) []Request) *Denial {
	who, ok, place := g.caller(accessKey)
	if !ok {
		return nil
	}
	return firstDenial(place, who, requests(place))
}

// SetPlace says where the calls arrive, also while some do.
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
