package leases

import (
	"context"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// observation is what Identity Center shows of the access that a lease guards.
type observation struct {
	there        bool   // access that this system created, or may have created
	foreign      bool   // a membership that it did not create, in its place
	membershipID string // of either one; "" for an assignment
}

// observe finds out whether the access exists, and whether this app created it.
// Assignments have no id to tell them apart, so an assignment counts as ours. A lease
// that is not stored is used as it is.
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
		// The membership may have been created, or its creation answered, since the lease was
		// read. Each creation is written to the lease first, so reading the lease now answers
		// this.
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

// callDelete deletes the access that was observed, and nothing that replaced it
// since. Lists are eventually consistent: if no access was observed, some may still
// exist. So it then deletes the memberships that the lease names. NotFound if there was nothing to delete.
func (l *Leases) callDelete(ctx context.Context, lease access.Lease, seen observation) (deletion identitycenter.Call, err error) {
	if lease.Subject.Kind != access.KindGroup {
		return l.IdentityCenter.Delete(ctx, lease.Subject, "")
	}
	ids := lease.MembershipIDs
	if seen.there {
		ids = []string{seen.membershipID}
	}
	for _, id := range ids {
		if id == "" {
			continue // a creation that was refused
		}
		deleted, err := l.IdentityCenter.Delete(ctx, lease.Subject, id)
		switch access.CodeOf(err) {
		case "":
			deletion = deleted
		case access.CodeNotFound:
		default:
			return identitycenter.Call{}, err
		}
	}
	if deletion.ID == "" {
		return identitycenter.Call{}, access.Errorf(access.CodeNotFound, "the membership to remove does not exist")
	}
	return deletion, nil
}
