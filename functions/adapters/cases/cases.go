// Package cases gathers what the policy needs to know about a request: the memberships
// of people and the organizational units of an account. It reads them only if a
// statement that affects the request names a group or a unit.
package cases

import (
	"context"

	"sso-elevator/functions/access"
)

// Memberships reads the members of groups.
type Memberships interface {
	// MemberOf returns those of the groups that the user is a member of. The ids of
	// the groups are not empty.
	MemberOf(ctx context.Context, principalID string, groups []string) ([]string, error)
}

// Units finds accounts in the organization.
type Units interface {
	// OUs returns the ids of organizational units above the account: at least those
	// that are wanted, and maybe others. wanted is not empty.
	OUs(ctx context.Context, accountID string, wanted []string) ([]string, error)
}

// Reader gathers cases. If a read fails, the policy can't decide: the caller must
// neither grant nor refuse.
type Reader struct {
	Memberships Memberships
	Units       Units
}

// Case returns the request of a person as the policy sees it. duration is in seconds;
// zero means one that no limit forbids.
func (r Reader) Case(ctx context.Context, x *access.Index, requester access.Person, t access.Target, duration int64) (*access.Case, error) {
	c := &access.Case{Target: t, Duration: duration}
	var err error
	if wanted := x.OUsAffecting(t); len(wanted) > 0 {
		if c.OUs, err = r.Units.OUs(ctx, t.AccountID, wanted); err != nil {
			return nil, err
		}
	}
	c.Requester, err = r.Identity(ctx, x, c, requester)
	return c, err
}

// Identity returns a person as the policy sees them in a case.
func (r Reader) Identity(ctx context.Context, x *access.Index, c *access.Case, who access.Person) (access.Identity, error) {
	return r.identity(ctx, who, x.GroupsAffecting(c.Target, c.OUs))
}

// Requester returns a person as the policy sees them in every case.
func (r Reader) Requester(ctx context.Context, x *access.Index, who access.Person) (access.Identity, error) {
	return r.identity(ctx, who, x.DecisionGroups())
}

func (r Reader) identity(ctx context.Context, who access.Person, groups []string) (access.Identity, error) {
	if len(groups) == 0 || who.PrincipalID == "" {
		return who.Identity(nil), nil
	}
	member, err := r.Memberships.MemberOf(ctx, who.PrincipalID, groups)
	if err != nil {
		return access.Identity{}, err
	}
	return who.Identity(member), nil
}
