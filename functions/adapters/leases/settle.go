package leases

import (
	"cmp"
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

var errLost = access.Errorf(access.CodeLost, "the lease has changed")

var errHeld = access.Errorf(access.CodeHeld, "a request holds the access")

// RemoveDrift starts the deletion of access that no request holds, under a lease
// without holders. A request for the same access waits until Settle has deleted the
// lease. In a group, RemoveDrift deletes only the membership that was found. It
// returns nil if the deletion has started, if there is nothing to delete, or if the
// removal of this finding ended before. The lease names the finding, ref, for the
// function that finishes the removal. If the access is already gone, RemoveDrift
// records that at once.
//
// reserve, if not nil, is called once before the deletion starts. If it fails,
// its error is returned, and nothing is deleted.
//
// Errors, besides those of reserve, the table and Identity Center: Held if a request
// now holds, gets or releases the access; InProgress while another membership in its
// place is being removed.
func (l *Leases) RemoveDrift(ctx context.Context, f access.Finding, ref access.FindingRef, reserve func(context.Context) error) error {
	if !isComplete(f.Subject) || f.Kind == access.KindGroup && f.MembershipID == "" {
		return access.Errorf(access.CodeInvalid, "remove the access: the input names no access")
	}
	for range maxTries {
		lease, found, err := l.Table.Lease(ctx, f.Subject.Key())
		switch {
		case err != nil:
			return err
		case found && lease.State == access.LeaseDeleting && len(lease.Holders) == 0:
			if f.Kind == access.KindGroup && !lease.MayHaveMade(f.MembershipID) {
				return access.Errorf(access.CodeInProgress, "a different membership of this user is being removed")
			}
			return nil // already begun
		case found:
			return errHeld
		}
		// This read must come after that of the lease: a result is recorded
		// before its lease is given up.
		if _, ended, err := l.Table.Removal(ctx, ref); ended || err != nil {
			return err
		}
		lease = access.Lease{Key: f.Subject.Key(), Subject: f.Subject, State: access.LeaseDeleting, Holders: map[string]access.Holder{}, Drift: &ref}
		if f.MembershipID != "" {
			lease.MembershipIDs = []string{f.MembershipID}
		}
		seen, err := l.observe(ctx, lease)
		if err != nil {
			return err
		}
		if !seen.there {
			_, err := l.recordResult(ctx, ref, lease.Key, access.DriftAlreadyGone, "")
			return err
		}
		if reserve != nil {
			if err := reserve(ctx); err != nil {
				return err
			}
			reserve = nil
		}
		if err := l.delete(ctx, &lease, seen, false, nil); !isLost(err) {
			return err
		}
	}
	return access.Errorf(access.CodeConflict, "take the lease: other writes kept changing it")
}

// Settlement is the removal of a finding that Settle ended, with its result. It
// is zero for the lease of a request, and if no lease is known.
type Settlement struct {
	Finding access.FindingRef
	Result  access.RemovalResult
}

// Settle ends a lease without holders, or with holders that are done. It deletes the
// access and waits some seconds until the access is absent. If the lease was for a
// finding, it records the result. Then it deletes the lease. If there is no lease,
// Settle does nothing and returns the latest removal under that key.
//
// If the caller doesn't record the result, keep must be true: then the lease of a
// finding stays, and the next sweep finds it and records the result.
//
// Errors, besides those of the table and Identity Center: Held if a request holds the
// access; InProgress and Conflict while the removal is not done; AssignmentFailed with
// Identity Center's reason if the deletion failed and the access still exists. A
// request whose row someone deleted gets a new row with its removal, and its removal
// must be done, too.
func (l *Leases) Settle(ctx context.Context, key string, keep bool) (Settlement, error) {
	for range maxTries {
		if s, err := l.settle(ctx, key, keep); !isLost(err) {
			return s, err
		}
	}
	return Settlement{}, access.Errorf(access.CodeConflict, "settle the lease: other writes kept changing it")
}

// SettleDrift ends the removal of a finding that RemoveDrift began, and returns
// its result. If the access was removed under another lease, it was already gone
// for this finding. Errors are those of Settle.
func (l *Leases) SettleDrift(ctx context.Context, key string, ref access.FindingRef) (access.RemovalResult, error) {
	_, err := l.Settle(ctx, key, false)
	if err != nil && access.CodeOf(err) != access.CodeHeld {
		return "", err
	}
	// A request that holds the access now must have waited for this removal.
	r, found, readErr := l.Table.Removal(ctx, ref)
	if found || readErr != nil {
		return r.Result, readErr
	}
	if err != nil {
		return "", err
	}
	return l.recordResult(ctx, ref, key, access.DriftAlreadyGone, "")
}

func (l *Leases) settle(ctx context.Context, key string, keep bool) (Settlement, error) {
	lease, found, err := l.Table.Lease(ctx, key)
	if err != nil {
		return Settlement{}, err
	}
	if !found {
		// The answer of the call that deleted the lease may have been lost.
		r, _, err := l.Table.LatestRemoval(ctx, key)
		return Settlement{r.FindingRef, r.Result}, err
	}
	keep = keep && lease.Drift != nil
	if lease.Drift != nil {
		// Access that exists now was created after the removal ended.
		switch r, ended, err := l.Table.Removal(ctx, *lease.Drift); {
		case err != nil:
			return Settlement{}, err
		case ended && keep:
			return Settlement{r.FindingRef, r.Result}, nil
		case ended:
			return Settlement{r.FindingRef, r.Result}, l.giveUp(ctx, lease)
		}
	}
	holders, err := l.otherHolders(ctx, lease, "")
	if err != nil {
		return Settlement{}, err
	}
	// This must come after otherHolders, so that no deleted row is missed between
	// the two.
	if released, err := l.releaseRowless(ctx, lease); err != nil || released {
		return Settlement{}, cmp.Or(err, errLost)
	}
	if len(holders) > 0 {
		return Settlement{}, errHeld
	}
	if lease.State != access.LeaseDeleting || len(lease.Holders) > 0 {
		lease.State, lease.Holders = access.LeaseDeleting, map[string]access.Holder{}
		if err := l.put(ctx, &lease); err != nil {
			return Settlement{}, err
		}
	}
	if err := l.startDeletion(ctx, &lease, true, time.Time{}, nil); err != nil {
		return Settlement{}, err
	}
	if _, err := l.awaitAbsence(ctx, &lease, identitycenter.Operation{}); err != nil {
		return Settlement{}, err
	}
	var s Settlement
	if lease.Drift != nil {
		s.Finding = *lease.Drift
		deleted, err := l.hasDeleted(ctx, lease)
		if err != nil {
			return Settlement{}, err
		}
		result, requestID := access.DriftAlreadyGone, ""
		if deleted {
			result, requestID = access.DriftRemoved, lease.DeleteRequestID
		}
		if s.Result, err = l.recordResult(ctx, s.Finding, key, result, requestID); err != nil {
			return Settlement{}, err
		}
	}
	if keep {
		return s, nil
	}
	return s, l.giveUp(ctx, lease)
}

// recordResult records the result of the removal of a finding. It returns the
// result that was recorded first.
func (l *Leases) recordResult(ctx context.Context, ref access.FindingRef, key string, result access.RemovalResult, deleteRequestID string) (access.RemovalResult, error) {
	r, err := l.Table.PutRemoval(ctx, access.DriftRemoval{
		FindingRef: ref, Subject: key, Result: result, At: l.Now().UTC(), AWSDeleteRequestID: deleteRequestID,
	})
	return r.Result, err
}

// hasDeleted reports whether one of our deletions under the lease was accepted
// and did not fail. A deletion whose answer is lost doesn't count, because we
// don't know whether it happened.
func (l *Leases) hasDeleted(ctx context.Context, lease access.Lease) (bool, error) {
	if lease.Deleted {
		return true, nil
	}
	if lease.DeletionID == "" || lease.DeletionID == noDeletion {
		return false, nil
	}
	op, err := l.readDeletion(ctx, lease)
	return err == nil && op.Status != identitycenter.StatusFailed, err
}
