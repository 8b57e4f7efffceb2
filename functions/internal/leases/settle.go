package leases

import (
	"context"

	"sso-elevator/functions/access"
)

var errHeld = access.Errorf(access.CodeHeld, "a request holds the access")

// RemoveDrift starts the deletion of access that no request holds, under a lease
// without holders: a request for the same access waits until Settle has given
// it up. Of memberships it deletes the one that was found, and no other. nil
// means that the deletion is started, or that there is nothing to delete. The
// lease says which finding it is about, ref, for whoever ends what begins here.
//
// Errors: Held where a request holds the access by now, or is getting or
// leaving it; InProgress while another membership in its place is being removed;
// and those of table and Identity Center.
func (l *Leases) RemoveDrift(ctx context.Context, f access.Finding, ref access.FindingRef) error {
	if !complete(f.Subject) || f.Kind == access.KindGroup && f.MembershipID == "" {
		return access.Errorf(access.CodeInvalid, "remove the access: it is not said which")
	}
	for range lostTries {
		lease, found, err := l.Table.Lease(ctx, f.Subject.Key())
		switch {
		case err != nil:
			return err
		case found && lease.State == access.LeaseDeleting && len(lease.Holders) == 0:
			if f.Kind == access.KindGroup && !lease.Made(f.MembershipID) {
				return access.Errorf(access.CodeInProgress, "another membership in its place is just being removed")
			}
			return nil // begun before
		case found:
			return errHeld
		}
		lease = access.Lease{Key: f.Subject.Key(), Subject: f.Subject, State: access.LeaseDeleting, Holders: map[string]access.Holder{}, Drift: &ref}
		if f.MembershipID != "" {
			lease.MembershipIDs = []string{f.MembershipID}
		}
		seen, err := l.look(ctx, lease)
		if err != nil || !seen.there {
			return err
		}
		if err := l.delete(ctx, &lease, seen); !lost(err) {
			return err
		}
	}
	return access.Errorf(access.CodeConflict, "take the lease: others changed it all the time")
}

// Settle ends a lease that no request holds (any more): it deletes what hangs on
// it, waits for seconds until that is seen to be absent, and gives the lease up.
// No lease is nothing to do.
//
// Errors: Held where a request holds it; InProgress and Conflict while it is not
// over; AssignmentFailed with Identity Center's reason where the deletion failed
// and the access is still there; and those of table and Identity Center.
func (l *Leases) Settle(ctx context.Context, key string) error {
	for range lostTries {
		if err := l.settle(ctx, key); !lost(err) {
			return err
		}
	}
	return access.Errorf(access.CodeConflict, "settle the lease: others changed it all the time")
}

func (l *Leases) settle(ctx context.Context, key string) error {
	lease, found, err := l.Table.Lease(ctx, key)
	if err != nil || !found {
		return err
	}
	holders, err := l.others(ctx, lease, "")
	if err != nil {
		return err
	}
	if len(holders) > 0 {
		return errHeld
	}
	if lease.State != access.LeaseDeleting || len(lease.Holders) > 0 {
		lease.State, lease.Holders = access.LeaseDeleting, map[string]access.Holder{}
		if err := l.put(ctx, &lease); err != nil {
			return err
		}
	}
	if err := l.startDeletion(ctx, &lease, true); err != nil {
		return err
	}
	if _, err := l.absent(ctx, &lease); err != nil {
		return err
	}
	return l.giveUp(ctx, lease)
}
