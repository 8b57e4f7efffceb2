// Package cases gathers what the policy needs to know about a request: the memberships
// of people and the organizational units of an account. It reads them only if a
// statement that affects the request names a group or a unit.
package cases

import (
	"context"
	"fmt"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/cache"
)

// leasesAtOnce limits how many leases of one person are read at once.
const leasesAtOnce = 8

// Memberships reads the members of groups.
type Memberships interface {
	// MemberOf returns those of the groups that the user is a member of. The ids of
	// the groups are not empty. Groups that don't exist have no members.
	MemberOf(ctx context.Context, principalID string, groups []string) ([]string, error)
}

// Members lists the members of a group.
type Members interface {
	// EachMember calls each with the ids of the group's members, until there are no
	// more or each returns false or an error.
	EachMember(ctx context.Context, groupID string, each func(userID string) (more bool, err error)) error
	UserStatus(ctx context.Context, userID string) (access.UserStatus, error)
}

// Leases knows the memberships that this app granted.
type Leases interface {
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
}

// Units finds accounts in the organization.
type Units interface {
	// OUs returns the ids of organizational units above the account: at least those
	// that are wanted, and maybe others. wanted is not empty.
	OUs(ctx context.Context, accountID string, wanted []string) ([]string, error)
}

// Reader gathers cases. If a read fails, the policy can't decide: the caller must
// neither grant nor refuse.
//
// Memberships that this app granted don't count, unless the policy lets them. Otherwise
// someone could request the membership, and then use it to request or approve more.
type Reader struct {
	Memberships Memberships
	Leases      Leases
	Members     Members // used only by HasOtherMember
	Units       Units

	cached bool
}

// Center is Identity Center.
type Center interface {
	Memberships
	Members
}

// New returns a reader that reads the memberships anew each time. units may be nil if
// the reader makes no cases.
func New(center Center, leases Leases, units Units) Reader {
	return Reader{Memberships: center, Leases: leases, Members: center, Units: units}
}

// maxAge is how long a cached reader uses a membership.
const maxAge = time.Minute

// Cached returns a reader that uses what it read about a person for a minute. It is for
// lists and previews, and decides nothing.
func (r Reader) Cached(now func() time.Time) Reader {
	r.Memberships = cachedMemberships{r.Memberships, cache.New[[]string](maxAge, now)}
	r.Leases = cachedLeases{r.Leases, cache.New[bool](maxAge, now)}
	r.cached = true
	return r
}

type cachedMemberships struct {
	Memberships
	cache *cache.Cache[[]string]
}

func (c cachedMemberships) MemberOf(ctx context.Context, principalID string, groups []string) ([]string, error) {
	return c.cache.Get(fmt.Sprintf("%q %q", principalID, groups), false, func() ([]string, error) {
		return c.Memberships.MemberOf(ctx, principalID, groups)
	})
}

type cachedLeases struct {
	Leases
	cache *cache.Cache[bool]
}

// Lease returns an empty lease: only whether there is one is cached.
func (c cachedLeases) Lease(ctx context.Context, key string) (l access.Lease, found bool, err error) {
	found, err = c.cache.Get(key, false, func() (bool, error) {
		_, found, err := c.Leases.Lease(ctx, key)
		return found, err
	})
	return l, found, err
}

// Case returns c with what the policy needs to know about the requester and the target.
func (r Reader) Case(ctx context.Context, x *access.Index, requester access.Person, c access.Case) (*access.Case, error) {
	_, err := r.complete(ctx, x, &c, requester)
	return &c, err
}

// CaseAndIdentity is Case and Identity. It reads the memberships of both people at the
// same time.
func (r Reader) CaseAndIdentity(ctx context.Context, x *access.Index, requester access.Person, c access.Case, who access.Person) (*access.Case, access.Identity, error) {
	as, err := r.complete(ctx, x, &c, requester, who)
	if err != nil {
		return nil, access.Identity{}, err
	}
	return &c, as[1], nil
}

// complete completes c, the request of the first of the people, and returns all of them
// as the policy sees them. If several reads fail, the error is of the first of the people.
func (r Reader) complete(ctx context.Context, x *access.Index, c *access.Case, people ...access.Person) ([]access.Identity, error) {
	if wanted := x.OUsAffecting(c.Target); len(wanted) > 0 {
		var err error
		if c.OUs, err = r.Units.OUs(ctx, c.Target.AccountID, wanted); err != nil {
			return nil, err
		}
	}
	as, errs := make([]access.Identity, len(people)), make([]error, len(people))
	parallel.Do(len(people), len(people), func(i int) { as[i], errs[i] = r.Identity(ctx, x, c, people[i]) })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	c.Requester = as[0]
	return as, nil
}

// Identity returns a person as the policy sees them in a case.
func (r Reader) Identity(ctx context.Context, x *access.Index, c *access.Case, who access.Person) (access.Identity, error) {
	return r.identity(ctx, x, who, x.GroupsAffecting(c.Target, c.OUs))
}

// Requester returns a person as the policy sees them in every case.
func (r Reader) Requester(ctx context.Context, x *access.Index, who access.Person) (access.Identity, error) {
	return r.identity(ctx, x, who, x.DecisionGroups())
}

func (r Reader) identity(ctx context.Context, x *access.Index, who access.Person, groups []string) (access.Identity, error) {
	member, err := r.memberOf(ctx, x, who.PrincipalID, groups)
	if err != nil {
		return access.Identity{}, err
	}
	return who.Identity(member), nil
}

// GroupsOfDecider returns those groups of a person whose members decide whether access
// to the targets is removed. ousOf is as for Index.DecidersOfAny.
func (r Reader) GroupsOfDecider(ctx context.Context, x *access.Index, who access.Person, targets []access.Target, ousOf func(accountID string) []string) ([]string, error) {
	deciders, _ := x.DecidersOfAny(targets, ousOf)
	var groups []string
	for _, d := range deciders {
		if id, ok := access.GroupOf(d); ok {
			groups = append(groups, id)
		}
	}
	return r.memberOf(ctx, x, who.PrincipalID, groups)
}

// MemberOf returns those of the groups in which the person's membership counts.
func (r Reader) MemberOf(ctx context.Context, x *access.Index, who access.Person, groups []string) ([]string, error) {
	return r.memberOf(ctx, x, who.PrincipalID, groups)
}

// memberOf returns those of the groups in which the person's membership counts.
func (r Reader) memberOf(ctx context.Context, x *access.Index, principalID string, groups []string) ([]string, error) {
	if len(groups) == 0 || principalID == "" {
		return nil, nil
	}
	member, err := r.Memberships.MemberOf(ctx, principalID, groups)
	if err != nil {
		return nil, err
	}
	if len(member) == 0 || x.CountsManagedMemberships() {
		return member, nil
	}
	ours, errs := make([]bool, len(member)), make([]error, len(member))
	parallel.Do(len(member), leasesAtOnce, func(i int) { ours[i], errs[i] = r.isOurs(ctx, member[i], principalID) })
	var counted []string
	for i, id := range member {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if !ours[i] {
			counted = append(counted, id)
		}
	}
	if len(counted) == 0 || r.cached {
		return counted, nil
	}
	// Revoke may have removed the membership and its lease between the two reads. A
	// membership from grant always has a lease, so one that is seen before and after there
	// was no lease is not ours, unless it was removed and granted again in these moments.
	return r.Memberships.MemberOf(ctx, principalID, counted)
}

// isOurs reports whether there is a lease, so that this app may have granted the
// membership.
func (r Reader) isOurs(ctx context.Context, groupID, principalID string) (bool, error) {
	membership := access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: groupID}, PrincipalID: principalID}
	_, found, err := r.Leases.Lease(ctx, membership.Key())
	return found, err
}

// HasOtherMember reports whether a member of the group could approve the request of the
// user with that id: another user who is enabled, and whose membership counts. It stops
// at the first. A membership that ends at the same time may count: it approves nothing.
func (r Reader) HasOtherMember(ctx context.Context, x *access.Index, groupID, principalID string) (found bool, err error) {
	err = r.Members.EachMember(ctx, groupID, func(id string) (more bool, err error) {
		if id == principalID {
			return true, nil
		}
		if !x.CountsManagedMemberships() {
			if ours, err := r.isOurs(ctx, groupID, id); err != nil || ours {
				return true, err
			}
		}
		status, err := r.Members.UserStatus(ctx, id)
		if err != nil {
			return false, err
		}
		found = !status.Gone()
		return !found, nil
	})
	return found && err == nil, err
}
