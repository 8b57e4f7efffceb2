package leases

import (
	"context"
	"slices"

	"sso-elevator/functions/access"
)

// sight is what a look at Identity Center shows of the access that a lease
// guards.
type observation struct {
	there        bool   // what this system made, or may have made
	foreign      bool   // a membership that it did not make, in its place
	membershipID string // of either; "" for an assignment
}

// look says whether the access is there, and whose it is. An assignment has
// nothing to tell it from another one by: it is taken for ours. A lease with
// version 0 is not in the table, and is believed as it is.
func (l *Leases) observe(ctx context.Context, lease access.Lease) (observation, error) {
	if lease.Subject.Kind != access.KindGroup {
		exists, err := l.IdentityCenter.Exists(ctx, lease.Subject)
		return observation{there: exists}, err
	}
	id, err := l.IdentityCenter.MembershipID(ctx, lease.Subject)
	if err != nil || id == "" {
		return observation{}, err
	}
	if lease.IsStored() && !slices.Contains(lease.MembershipIDs, id) {
		// Perhaps made, or its creation answered, since the lease was read.
		// Whoever makes one writes so before: a lease that is read after the
		// look says it.
		now, found, err := l.Table.Lease(ctx, lease.Key)
		if err != nil {
			return observation{}, tableError(err, "read the lease again")
		}
		if found {
			lease = now
		}
	}
	made := lease.MayHaveMade(id)
	return observation{there: made, foreign: !made, membershipID: id}, nil
}

// callDelete deletes what was seen, and nothing that came into its place since.
// Where nothing was seen, it is what the lease says was made: lists lag behind.
// NotFound: there was nothing to delete.
func (l *Leases) callDelete(ctx context.Context, lease access.Lease, seen observation) (deletionID string, err error) {
	if lease.Subject.Kind != access.KindGroup {
		return l.IdentityCenter.Delete(ctx, lease.Subject, "")
	}
	ids := lease.MembershipIDs
	if seen.there {
		ids = []string{seen.membershipID}
	}
	for _, id := range ids {
		if id == "" {
			continue // a creation that made none
		}
		deleted, err := l.IdentityCenter.Delete(ctx, lease.Subject, id)
		switch access.CodeOf(err) {
		case "":
			deletionID = deleted
		case access.CodeNotFound:
		default:
			return "", err
		}
	}
	if deletionID == "" {
		return "", access.Errorf(access.CodeNotFound, "there is no membership to remove")
	}
	return deletionID, nil
}
