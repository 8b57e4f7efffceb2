package leases

import (
	"context"

	"sso-elevator/functions/access"
)

// TakeAway deletes the access without the order that the table gives, for when
// Release can't have it: taking away wins over keeping. What can still be read
// counts: access that others hold is left alone.
//
// rowGone says that the table answered, and has no row of the request (it was
// restored, or somebody removed the row); then the access is deleted also
// without a lease. Without rowGone, no lease in a table that answers means that
// there is nothing to take away.
//
// Of memberships, the one that the lease says this system did not make is left,
// too; where the lease can't be read, whatever is there goes.
//
// nil means that nothing is left to delete, or a deletion was started. Whether
// the access is gone, and the lease with it, is for Release to find out.
func (l *Leases) ForceRemove(ctx context.Context, id string, s access.Subject, rowGone bool) error {
	if !isComplete(s) {
		return access.Errorf(access.CodeInvalid, "take the access away: it is not said which")
	}
	lease, found, err := l.Table.Lease(ctx, s.Key())
	if err == nil {
		holds := lease.IsHeldBy(id)
		switch {
		case found && !holds:
			return nil
		case !found && !rowGone:
			return nil
		case found:
			others, err := l.otherHolders(ctx, lease, id)
			if err == nil && len(others) > 0 {
				return nil
			}
		}
	}
	if err != nil || !found {
		lease = access.Lease{Key: s.Key(), Subject: s} // which tells nothing apart
	}
	seen, lookErr := l.observe(ctx, lease)
	if lookErr == nil && !seen.there {
		return nil
	}
	_, err = l.callDelete(ctx, lease, seen)
	if access.CodeOf(err) != access.CodeNotFound {
		return err
	}
	if s.Kind == access.KindGroup {
		return lookErr // without a look, its id may not be known
	}
	return nil
}

// Gone says whether a request that has no row in the table any more has no
// access either: then its lease, if it is alone in it, is given up.
func (l *Leases) ConfirmGone(ctx context.Context, id string, s access.Subject) (bool, error) {
	lease, found, err := l.Table.Lease(ctx, s.Key())
	if err != nil {
		return false, err
	}
	holds := lease.IsHeldBy(id)
	if found && !holds {
		return true, nil
	}
	if found {
		others, err := l.otherHolders(ctx, lease, id)
		if err != nil {
			return false, err
		}
		if len(others) > 0 {
			return true, nil // pruned by whoever leaves last
		}
		if !lease.IsSettled(l.Now()) {
			return false, nil
		}
	}
	pending, err := l.IdentityCenter.PendingCreation(ctx, s)
	if err != nil || pending {
		return false, err
	}
	if !found {
		lease = access.Lease{Key: s.Key(), Subject: s}
	}
	seen, err := l.observe(ctx, lease)
	if err != nil || seen.there {
		return false, err
	}
	if found {
		if err := l.Table.DeleteLease(ctx, lease.Key, lease.Version); err != nil && !isLost(err) {
			return false, err
		}
	}
	return true, nil
}

func isComplete(s access.Subject) bool {
	if s.PrincipalID == "" {
		return false
	}
	switch s.Kind {
	case access.KindAccount:
		return s.AccountID != "" && s.PermissionSetARN != ""
	case access.KindGroup:
		return s.GroupID != ""
	}
	return false
}
