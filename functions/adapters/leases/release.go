package leases

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/identitycenter"
)

const (
	// holderReaders is how many of a lease's other holders are read at a time.
	holderReaders = 10
	// holdersTimeout is how long reading all of them may take: as long as one call
	// of the table.
	holdersTimeout = 5 * time.Second
)

// Release takes the request's share in its access away: leaves the lease where
// others hold it too, and otherwise deletes the access and the lease. It begins
// with the request's row, so that no grant goes on beside it.
//
// Without wait it returns once the deletion is started, or there is none to
// start; with wait it returns nil only when the access is seen to be absent, or
// kept for others, and the row says so.
//
// Errors: InProgress and Conflict, while Identity Center is not ready or a
// function that set out to create may not have ended; AssignmentFailed with
// Identity Center's reason where the deletion failed and the access is still
// there; NotFound where there is no such request; Refused if execution (an ARN,
// "" for the sweep's direct call) may not remove it; and those of table and
// Identity Center. errors.Is(err, ErrTable) tells that the table could not be
// asked, and whether others hold the access is not known.
func (l *Leases) Release(ctx context.Context, id, execution string, wait bool) (access.Request, error) {
	return l.release(ctx, id, execution, wait, time.Time{})
}

// Start is Release without wait for the first removal of the execution, which set
// out for it at began and may have made attempts since. If the execution is the
// request's own, and the access is not there, somebody else removed it: within
// FirstWithin of began, no TakeAway of this request can have deleted it.
func (l *Leases) Start(ctx context.Context, id, execution string, began time.Time) (access.Request, error) {
	return l.release(ctx, id, execution, false, began.Add(FirstWithin))
}

// release does what Release and Start say. Until knownUntil no TakeAway of the
// request can have deleted the access, if execution is the request's own.
func (l *Leases) release(ctx context.Context, id, execution string, wait bool, knownUntil time.Time) (access.Request, error) {
	r, err := l.Table.BeginRevoke(ctx, id, execution, l.Now())
	if code := access.CodeOf(err); code == access.CodeNotFound || code == access.CodeRefused {
		return r, err
	}
	if err != nil {
		return r, tableError(err, "begin the removal")
	}
	// A tombstone says that the sweep takes part, and may have made attempts.
	if execution != r.ExecutionARN || r.Tombstone || r.GrantedAt.IsZero() {
		knownUntil = time.Time{}
	}
	for range lostTries {
		lease, mine, moved, err := l.leave(ctx, r)
		if lost(err) {
			continue
		}
		if err != nil {
			return r, err
		}
		if !mine {
			again, foreign, err := l.recover(ctx, r, lease)
			if lost(err) || again {
				continue
			}
			if err != nil {
				return r, err
			}
			return l.left(ctx, r, lease, foreign)
		}
		if !moved || lease.Shared {
			knownUntil = time.Time{} // somebody else may have deleted the access
		}
		err = l.startDeletion(ctx, &lease, !r.GrantedAt.IsZero(), knownUntil)
		if lost(err) {
			continue
		}
		if err != nil || !wait {
			return r, err
		}
		after, err := l.finishDeletion(ctx, r, lease)
		if lost(err) {
			continue
		}
		return after, err
	}
	return r, access.Errorf(access.CodeConflict, "leave the lease: others changed it all the time")
}

// leave takes the request out of the lease if others hold it; if not, moves the
// lease to deleting: then mine is true, and the request is its only holder. A
// lease with version 0 is one that is not there. moved is true where this call
// moved it.
func (l *Leases) leave(ctx context.Context, r access.Request) (lease access.Lease, mine, moved bool, err error) {
	const doing = "leave the lease"
	lease, found, err := l.Table.Lease(ctx, r.Subject().Key())
	if err != nil {
		return lease, false, false, tableError(err, doing)
	}
	me, holder := lease.Holders[r.ID]
	if !found || !holder {
		return lease, false, false, nil
	}
	if lease.State == access.LeaseDeleting {
		return lease, true, false, nil
	}
	others, err := l.others(ctx, lease, r.ID)
	if err == nil {
		err = l.restoreOthers(ctx, lease, r.ID, others)
	}
	if err != nil {
		return lease, false, false, tableError(err, doing)
	}
	if len(others) > 0 {
		lease.Holders = others
	} else {
		lease.State = access.LeaseDeleting
		lease.Holders = map[string]access.Holder{r.ID: me}
	}
	if err := l.put(ctx, &lease); err != nil {
		if lost(err) {
			return lease, false, false, err
		}
		return lease, false, false, tableError(err, doing)
	}
	return lease, len(others) == 0, len(others) == 0, nil
}

// others returns the lease's other holders. A request whose removal is finished,
// or whose row is gone, is none, whatever the lease says: nobody would come to
// take it out. The rows are read in parallel and within holdersTimeout together.
// Of several errors the one about the lowest request id is returned.
func (l *Leases) others(ctx context.Context, lease access.Lease, id string) (map[string]access.Holder, error) {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(lease.Holders)), func(other string) bool { return other == id })
	ctx, cancel := context.WithTimeout(ctx, holdersTimeout)
	defer cancel()
	holds, errs := make([]bool, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), cmp.Or(l.Readers, holderReaders), func(i int) {
		r, err := l.Table.Get(ctx, ids[i])
		switch {
		case access.CodeOf(err) == access.CodeNotFound:
		case err != nil:
			errs[i] = err
		default:
			holds[i] = r.RevokedAt.IsZero() && r.ClosedAt.IsZero()
		}
	})
	others := map[string]access.Holder{}
	for i, other := range ids {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if holds[i] {
			others[other] = lease.Holders[other]
		}
	}
	return others, nil
}

// recover writes a lease for access that was granted, was never recorded to be
// gone, and has none: the lease was lost, for instance when the table was
// restored. again is true where it did: then there is something to delete.
// foreign is true where the access that is there is not what was granted. A row
// that was rebuilt came from a lease: if there is none, it was given up since.
func (l *Leases) recover(ctx context.Context, r access.Request, lease access.Lease) (again, foreign bool, err error) {
	if lease.Version > 0 || r.GrantedAt.IsZero() || !r.RevokedAt.IsZero() || r.Rebuilt != nil {
		return false, false, nil
	}
	subject := r.Subject()
	lease = access.Lease{
		Key: subject.Key(), Subject: subject, State: access.LeaseDeleting,
		Holders: map[string]access.Holder{r.ID: {ExecutionARN: r.ExecutionARN, End: r.End}},
	}
	if id := r.GroupMembershipID; id != "" {
		lease.MembershipIDs = []string{id}
	}
	seen, err := l.look(ctx, lease)
	if err != nil || !seen.there {
		return false, seen.foreign, err
	}
	if err := l.put(ctx, &lease); err != nil && !lost(err) {
		return false, false, tableError(err, "recover the lease")
	} else {
		return err == nil, false, err
	}
}

// left enters how it ended for a request that does not hold the lease (any
// more). What was granted and is not held was kept for others, or removed
// already; foreign says that there is something else in its place.
func (l *Leases) left(ctx context.Context, r access.Request, lease access.Lease, foreign bool) (access.Request, error) {
	state := access.RemovalNothing
	switch {
	case foreign:
		state = access.RemovalForeign
	case lease.Version > 0 && !r.GrantedAt.IsZero():
		state = access.RemovalKept
	case !r.GrantedAt.IsZero():
		state = access.RemovalDone
	}
	return l.Table.RecordRemoval(ctx, r, l.Now(), state)
}

// startDeletion calls Delete if there is, or may be, something to delete and no
// deletion is under way. created says that it is known to have been there. Until
// knownUntil nothing of ours can have deleted it.
func (l *Leases) startDeletion(ctx context.Context, lease *access.Lease, created bool, knownUntil time.Time) error {
	ic, subject := l.IdentityCenter, lease.Subject
	seen, err := l.look(ctx, *lease)
	if err != nil {
		return err
	}
	if seen.there || lease.DeletionID != "" {
		return l.delete(ctx, lease, seen, false)
	}
	if seen.foreign {
		return nil // there is one membership at a time: ours is gone
	}
	// Lists lag behind: what was created is deleted once even if it is not
	// listed. What was not is left to the look at its absence.
	if lease.OperationID != "" {
		op, err := ic.Creation(ctx, subject, lease.OperationID)
		if err != nil {
			return err
		}
		switch op.Status {
		case identitycenter.StatusInProgress:
			return access.Errorf(access.CodeInProgress, "Identity Center is still creating what is to be removed")
		case identitycenter.StatusSucceeded:
			created = true
		}
	}
	if !created {
		return nil
	}
	return l.delete(ctx, lease, sight{}, l.Now().Before(knownUntil))
}

// delete calls Delete unless the latest deletion is under way, or did its work:
// for what was seen, or where nothing was, for what the lease says was made.
// The call is claimed: one that is held up until the lease is given up would
// take the access of whoever holds it next. missing says that somebody else
// removed the access, unless this call still finds it: lists lag behind. Lost:
// somebody else wrote the lease.
func (l *Leases) delete(ctx context.Context, lease *access.Lease, seen sight, missing bool) error {
	if lease.DeletionID != "" {
		if !seen.there {
			return nil
		}
		op, err := l.deletion(ctx, *lease)
		if err != nil || op.Status == identitycenter.StatusInProgress {
			return err
		}
		lease.Deleted = lease.Deleted || op.Status == identitycenter.StatusSucceeded
	}
	deadline, before := l.claim(ctx, lease)
	lease.Missing = missing
	if err := l.put(ctx, lease); err != nil {
		if lost(err) {
			return err
		}
		return tableError(err, "claim the deletion")
	}
	if !l.Now().Before(deadline) {
		return access.Errorf(access.CodeUnavailable, "remove the access: the function's time is over")
	}
	mine := lease.SettlesAt
	id, err := l.callDelete(ctx, *lease, seen)
	switch code := access.CodeOf(err); {
	case code == access.CodeNotFound, err == nil && id == "":
		id, err = noDeletion, nil
	case code == access.CodeUnavailable, code == access.CodeInternal:
		return err // it may still happen
	}
	noteErr := l.note(ctx, lease, mine, before, func(lease *access.Lease) {
		if id != "" {
			lease.DeletionID = id
		}
	})
	if err != nil {
		return err
	}
	if noteErr != nil {
		// The deletion is on its way; the next call finds out.
		return access.Wrap(access.CodeOf(noteErr), noteErr, "note the deletion")
	}
	return nil
}

func (l *Leases) deletion(ctx context.Context, lease access.Lease) (identitycenter.Operation, error) {
	if lease.DeletionID == "" || lease.DeletionID == noDeletion {
		return identitycenter.Operation{}, nil
	}
	return l.IdentityCenter.Deletion(ctx, lease.Subject, lease.DeletionID)
}

// deletedNothing reports whether the only deletion under the lease found nothing
// to delete. Identity Center says so at once, or accepts the deletion and lets it
// fail. One without an answer may have deleted the access.
func (l *Leases) deletedNothing(ctx context.Context, lease access.Lease) (bool, error) {
	if lease.DeletionID == noDeletion {
		return true, nil
	}
	op, err := l.deletion(ctx, lease)
	return op.Status == identitycenter.StatusFailed, err
}

// finishDeletion waits until the access is absent, enters that in the request's
// row, and gives the lease up.
func (l *Leases) finishDeletion(ctx context.Context, r access.Request, lease access.Lease) (access.Request, error) {
	foreign, err := l.absent(ctx, &lease)
	if err != nil {
		return r, err
	}
	state := access.RemovalDone
	switch {
	case r.GrantedAt.IsZero() && lease.DeletionID == "":
		state = access.RemovalNothing
	case !r.GrantedAt.IsZero() && foreign:
		state = access.RemovalForeign
	case !r.GrantedAt.IsZero() && lease.Missing:
		deletedNothing, err := l.deletedNothing(ctx, lease)
		if err != nil {
			return r, err
		}
		if deletedNothing {
			state = access.RemovalAlreadyGone
		}
	}
	// The row first: should this end here, the request still holds the lease,
	// and the next call comes by again.
	r, err = l.Table.RecordRemoval(ctx, r, l.Now(), state)
	if err != nil {
		return r, err
	}
	return r, l.giveUp(ctx, lease)
}

// giveUp removes a lease whose access is absent.
func (l *Leases) giveUp(ctx context.Context, lease access.Lease) error {
	err := l.Table.DeleteLease(ctx, lease.Key, lease.Version)
	if lost(err) {
		return access.Errorf(access.CodeInProgress, "another function is just giving the lease up")
	}
	return err
}

// absent waits until the access that is being deleted is absent and can't come
// back; what came (back) after the deletion is deleted again. A membership that
// is not ours, in its place, is none of it: foreign.
func (l *Leases) absent(ctx context.Context, lease *access.Lease) (foreign bool, err error) {
	ic, subject := l.IdentityCenter, lease.Subject
	var seen sight
	err = l.poll(ctx, "the access is not verified to be gone yet", func() (bool, error) {
		op, err := l.deletion(ctx, *lease)
		if err != nil || op.Status == identitycenter.StatusInProgress {
			return false, err
		}
		// In this order: what could still come, what is coming, what is there.
		settled := !l.Now().Before(lease.SettlesAt)
		pending, err := ic.PendingCreation(ctx, subject)
		if err != nil {
			return false, err
		}
		if seen, err = l.look(ctx, *lease); err != nil {
			return false, err
		}
		if !seen.there {
			return settled && !pending, nil
		}
		if op.Status != identitycenter.StatusFailed && lease.DeletionID != noDeletion {
			return false, nil
		}
		if gone, err := ic.Vanished(ctx, subject); gone || err != nil {
			return gone, err
		}
		if op.Status == identitycenter.StatusFailed {
			return false, access.Errorf(access.CodeFailed, "Identity Center could not remove the access: %s", op.Reason)
		}
		return false, nil
	})
	if access.CodeOf(err) == access.CodeInProgress && seen.there {
		if err := l.delete(ctx, lease, seen, false); err != nil {
			return false, err
		}
	}
	return seen.foreign, err
}
