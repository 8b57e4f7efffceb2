package leases

import (
	"context"

	"sso-elevator/functions/access"
)

// ForceRemove deletes the access without the order that the table guarantees, for
// when Release can't work: removing access is more important than keeping it. If it
// can read that others hold the access, it leaves the access alone.
//
// rowGone means that the table answered, and has no row of the request (it was
// restored, or someone deleted the row). In that case, ForceRemove deletes the access
// even without a lease. If rowGone is false and the table has no lease, there is
// nothing to remove.
//
// A membership that this system did not create, according to the lease, is left
// alone. If the lease can't be read, any membership is deleted.
//
// nil means that there is nothing to delete, or that a deletion has started.
// Release finds out whether the access is gone, and gives up the lease.
func (l *Leases) ForceRemove(ctx context.Context, id string, s access.Subject, rowGone bool) error {
	if !isComplete(s) {
		return access.Errorf(access.CodeInvalid, "remove the access: the input names no access")
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
		lease = access.Lease{Key: s.Key(), Subject: s} // any membership counts as ours
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
		return lookErr // without the observation, its id may be unknown
	}
	return nil
}

// ConfirmGone reports whether a request without a row has no access. If the request
// is the lease's only holder, ConfirmGone also deletes the lease.
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
			return true, nil // the last holder to leave removes this one
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
