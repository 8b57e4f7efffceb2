// Package casestest has groups for the tests of functions.
package casestest

import (
	"context"
	"slices"
	"sync/atomic"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
)

// Groups are Identity Center's groups, and the leases of their memberships. Several
// goroutines may read them at once.
type Groups struct {
	Members  map[string][]string // user ids, by group
	Disabled []string            // user ids
	Granted  []string            // memberships that this app granted: "group user"
	Err      error               // of all reads
	ListErr  error               // of lists of members
	Calls    int64               // of MemberOf
	Lists    int                 // of EachMember
}

// Reader returns a reader of the groups. They may change later.
func (g *Groups) Reader() cases.Reader { return cases.New(g, g, nil) }

func (g *Groups) MemberOf(_ context.Context, user string, groups []string) (of []string, err error) {
	atomic.AddInt64(&g.Calls, 1)
	for _, id := range groups {
		if slices.Contains(g.Members[id], user) {
			of = append(of, id)
		}
	}
	return of, g.Err
}

func (g *Groups) EachMember(_ context.Context, group string, each func(string) (bool, error)) error {
	g.Lists++
	for _, user := range g.Members[group] {
		if more, err := each(user); err != nil || !more {
			return err
		}
	}
	return g.ListErr
}

func (g *Groups) UserStatus(_ context.Context, user string) (access.UserStatus, error) {
	if slices.Contains(g.Disabled, user) {
		return access.UserDisabled, g.Err
	}
	return access.UserEnabled, g.Err
}

func (g *Groups) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	return access.Lease{}, slices.ContainsFunc(g.Granted, func(granted string) bool {
		i := slices.Index([]byte(granted), ' ')
		s := access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: granted[:i]}, PrincipalID: granted[i+1:]}
		return s.Key() == key
	}), g.Err
}
