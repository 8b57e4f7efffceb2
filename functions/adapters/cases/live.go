package cases

import (
	"context"
	"slices"

	"sso-elevator/functions/access"
)

// Organization is the organization's tree as it is now.
type Organization interface {
	// Parent returns the organizational unit or the root that is directly above an
	// account or a unit. NotFound: it isn't in the organization.
	Parent(ctx context.Context, childID string) (string, error)
}

// mostParents is how many parents an account can have: five organizational units and
// the root (AWS Organizations User Guide, "Quotas", OU nesting).
const mostParents = 6

// Live finds accounts in the organization as it is now.
type Live struct{ Organization Organization }

// OUs walks from the account upward until it has found every unit that is wanted, or
// the root. It takes at most six calls. The units are in that order. An account that
// isn't in the organization is an error, because units could have denied something.
func (l Live) OUs(ctx context.Context, accountID string, wanted []string) ([]string, error) {
	left := slices.Clone(wanted)
	var above []string
	for id := accountID; len(above) < mostParents; {
		parent, err := l.Organization.Parent(ctx, id)
		if err != nil {
			return nil, err
		}
		above = append(above, parent)
		left = slices.DeleteFunc(left, func(ou string) bool { return ou == parent })
		if len(left) == 0 || access.IsRoot(parent) {
			return above, nil
		}
		id = parent
	}
	return nil, access.Errorf(access.CodeInternal, "find the organizational units of account %s: there is no root within %d levels", accountID, mostParents)
}
