package leases

import (
	"cmp"
	"context"
	"errors"
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
	// holdersTimeout bounds the time to read all of them. It is as long as the
	// timeout of one call of the table.
	holdersTimeout = 5 * time.Second
)

// Release removes the request from the holders of its access. If it was the last one,
// it deletes the access and the lease. It first records the removal in the request's
// row, so that no grant continues at the same time.
//
// Without wait, it returns once the deletion has started, or there is nothing to
// delete. With wait, it returns nil only when the row has the result: the access
// is absent, or kept for other requests.
//
// Errors, besides those of the table and Identity Center:
//
//   - InProgress and Conflict: Identity Center is not ready, or a function that was
//     about to create the access may still run;
//   - AssignmentFailed, with Identity Center's reason: the deletion failed, and the
//     access still exists;
//   - NotFound: there is no such request;
//   - Refused: execution (an ARN, "" for the minute check's direct call) may not
//     remove the access.
//
// If errors.Is(err, ErrTable), the table failed, and we don't know whether others
// hold the access.
func (l *Leases) Release(ctx context.Context, id, execution string, wait bool) (access.Request, error) {
	return l.release(ctx, id, execution, wait, time.Time{})
}

// Start is Release without wait, for the first removal by the execution. The
// execution began it at began, and may have made attempts since. If it is the
// request's own, and the access is absent within UntouchedFor of began, someone
// else removed it: no ForceRemove for this request can have deleted it.
func (l *Leases) Start(ctx context.Context, id, execution string, began time.Time) (access.Request, error) {
	return l.release(ctx, id, execution, false, began.Add(UntouchedFor))
}

// release implements Release and Start. untouchedUntil counts only if execution is the
// request's own. Until then, no ForceRemove for the request can have deleted the access.
func (l *Leases) release(ctx context.Context, id, execution string, wait bool, untouchedUntil time.Time) (access.Request, error) {
	r, err := l.Table.BeginRevoke(ctx, id, execution, l.Now())
	if code := access.CodeOf(err); code == access.CodeNotFound || code == access.CodeRefused {
		return r, err
	}
	if err != nil {
		return r, tableError(err, "begin the removal")
	}
	// A tombstone means that the sweep is involved, and may have tried to remove the
	// access.
	if execution != r.ExecutionARN || r.Tombstone || !r.WasGranted() {
		untouchedUntil = time.Time{}
	}
	for try := range maxTries {
		// If the removal is recorded, another function may have given the lease up since.
		lease, left, err := l.leave(ctx, &r, wait && try == 0 && !r.IsRemoved())
		if isLost(err) {
			continue
		}
		if err != nil {
			return r, err
		}
		if !left.isLast {
			again, foreign, err := l.recoverLease(ctx, r, lease)
			if isLost(err) || again {
				continue
			}
			if err != nil {
				return r, err
			}
			return l.recordRemoval(ctx, r, lease, foreign)
		}
		if !left.moved || lease.Shared {
			untouchedUntil = time.Time{} // someone else may have deleted the access
		}
		var begun identitycenter.Operation
		if wait {
			if begun, err = l.readDeletion(ctx, lease); err != nil {
				return r, err
			}
		}
		// A deletion that didn't fail needs no look at the access before the wait, which looks
		// at it and deletes what is still there at its end.
		if begun.Status != identitycenter.StatusInProgress && begun.Status != identitycenter.StatusSucceeded {
			err = l.startDeletion(ctx, &lease, r.WasGranted(), untouchedUntil, left.claimed)
			begun = identitycenter.Operation{}
			l.dropUnused(ctx, &lease, left.claimed, err)
		}
		if isLost(err) {
			continue
		}
		if err != nil || !wait {
			return r, err
		}
		after, err := l.finishDeletion(ctx, r, lease, begun)
		if isLost(err) {
			continue
		}
		return after, err
	}
	return r, access.Errorf(access.CodeConflict, "release the lease: other writes kept changing it")
}

// leaving is what leave found and did.
type leaving struct {
	isLast bool // the request is the lease's only holder, and the lease is in deleting
	moved  bool // this call moved it there
	// claimed is the claim that this call wrote, or nil. It is for the first deletion.
	claimed *deletionClaim
}

// deletionClaim is a claim that is written before the look at the access.
type deletionClaim struct {
	claim
	used bool // Delete may be called, or was
}

// leave removes the request from the lease if others hold it. If not, it moves the
// lease to deleting. If the access was granted, a deletion is likely, so the same write
// claims it. If there is no lease in the table, the returned lease is not stored. leave
// sets r.KeptUntil and r.KeptLink, if it knows them.
//
// If useCopy, the lease may be a copy (see copies).
func (l *Leases) leave(ctx context.Context, r *access.Request, useCopy bool) (lease access.Lease, left leaving, err error) {
	const doing = "release the lease"
	key := r.Subject().Key()
	if useCopy {
		if lease, found := l.copies.take(key, r.ID, l.Now()); found {
			return lease, leaving{isLast: true}, nil
		}
	}
	lease, found, err := l.Table.Lease(ctx, key)
	if err != nil {
		return lease, leaving{}, tableError(err, doing)
	}
	me, holder := lease.Holders[r.ID]
	if !found || !holder {
		if found && !r.WasGranted() && !r.IsRemoved() {
			// For its message only: a failed read stops no removal.
			if _, holding, err := l.lookAtOthers(ctx, lease, r.ID); err == nil {
				r.KeptUntil, r.KeptLink = access.LastEnd(holding, l.Now())
			}
		}
		return lease, leaving{}, nil
	}
	if lease.State == access.LeaseDeleting {
		return lease, leaving{isLast: true}, nil
	}
	others, holding, err := l.lookAtOthers(ctx, lease, r.ID)
	r.KeptUntil, r.KeptLink = access.LastEnd(holding, l.Now())
	if err == nil {
		err = l.restoreOthers(ctx, lease, r.ID, others)
	}
	if err != nil {
		return lease, leaving{}, tableError(err, doing)
	}
	if len(others) > 0 {
		lease.Holders = others
	} else {
		left.isLast, left.moved = true, true
		lease.State = access.LeaseDeleting
		lease.Holders = map[string]access.Holder{r.ID: me}
		if r.WasGranted() {
			left.claimed = &deletionClaim{claim: l.claim(ctx, &lease)}
		}
	}
	if err := l.put(ctx, &lease); err != nil {
		if isLost(err) {
			return lease, leaving{}, err
		}
		return lease, leaving{}, tableError(err, doing)
	}
	return lease, left, nil
}

// dropUnused lowers SettlesAt if nothing was deleted under the claim, so that the removal
// doesn't wait for it. err is why, or nil. If someone else wrote the lease since, or the
// table fails, the claim stays, and the lease settles anyway.
func (l *Leases) dropUnused(ctx context.Context, lease *access.Lease, c *deletionClaim, err error) {
	if c == nil || c.used || isLost(err) || errors.Is(err, ErrTable) {
		return
	}
	without := *lease
	without.SettlesAt = c.before
	if l.put(ctx, &without) == nil {
		*lease = without
	}
}

// otherHolders returns the lease's other holders. A request whose removal is done, or
// whose row is gone, doesn't count, no matter what the lease says: nothing would ever
// release its hold. The rows are read in parallel and within holdersTimeout together.
// If there are several errors, it returns the one with the lowest request id.
func (l *Leases) otherHolders(ctx context.Context, lease access.Lease, id string) (map[string]access.Holder, error) {
	others, _, err := l.lookAtOthers(ctx, lease, id)
	return others, err
}

// lookAtOthers returns the same as otherHolders, and their rows.
func (l *Leases) lookAtOthers(ctx context.Context, lease access.Lease, id string) (others map[string]access.Holder, holding []access.Request, err error) {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(lease.Holders)), func(other string) bool { return other == id })
	ctx, cancel := context.WithTimeout(ctx, holdersTimeout)
	defer cancel()
	rows, errs := make([]access.Request, len(ids)), make([]error, len(ids))
	parallel.Do(len(ids), cmp.Or(l.Readers, holderReaders), func(i int) {
		rows[i], errs[i] = l.Table.Get(ctx, ids[i])
	})
	others = map[string]access.Holder{}
	for i, other := range ids {
		switch err := errs[i]; {
		case access.CodeOf(err) == access.CodeNotFound:
		case err != nil:
			return nil, nil, err
		case !rows[i].IsFinished():
			others[other] = lease.Holders[other]
			holding = append(holding, rows[i])
		}
	}
	return others, holding, nil
}

// recoverLease writes a lease for access that was granted, was never recorded as
// removed, and has no lease. The lease was lost, for instance when the table was
// restored. again reports whether it wrote a lease; the access must then be deleted.
// foreign reports whether the existing access is not what was granted. A
// rebuilt row came from a lease, so a missing lease means that it was deleted since.
func (l *Leases) recoverLease(ctx context.Context, r access.Request, lease access.Lease) (again, foreign bool, err error) {
	if lease.IsStored() || !r.HasAccess() || r.Rebuilt != nil {
		return false, false, nil
	}
	subject := r.Subject()
	lease = access.Lease{
		Key: subject.Key(), Subject: subject, State: access.LeaseDeleting,
		Holders: map[string]access.Holder{r.ID: {ExecutionARN: r.ExecutionARN, End: r.End, ChainSince: r.ChainSince, Extends: r.Extends, Channel: r.Channel()}},
	}
	if id := r.GroupMembershipID; id != "" {
		lease.MembershipIDs = []string{id}
	}
	seen, err := l.observe(ctx, lease)
	if err != nil || !seen.there {
		return false, seen.foreign, err
	}
	if err := l.put(ctx, &lease); err != nil && !isLost(err) {
		return false, false, tableError(err, "recover the lease")
	} else {
		return err == nil, false, err
	}
}

// recordRemoval writes the result of the removal into the row of a request that never
// held the lease, or no longer holds it. If the access was granted, it was kept for
// other requests or is already removed. foreign reports that different access is in its place.
func (l *Leases) recordRemoval(ctx context.Context, r access.Request, lease access.Lease, foreign bool) (access.Request, error) {
	state := access.RemovalNothing
	switch {
	case foreign:
		state = access.RemovalForeign
	case lease.IsStored() && r.WasGranted():
		state = access.RemovalKept
	case r.WasGranted():
		state = access.RemovalDone
	}
	return l.Table.RecordRemoval(ctx, r, l.Now(), state, "")
}

// startDeletion calls Delete if there may be something to delete and no deletion is
// in progress. created reports that the access is known to have existed. Before
// untouchedUntil, this app can't have deleted it. claimed is as for delete.
func (l *Leases) startDeletion(ctx context.Context, lease *access.Lease, created bool, untouchedUntil time.Time, claimed *deletionClaim) error {
	ic, subject := l.IdentityCenter, lease.Subject
	seen, err := l.observe(ctx, *lease)
	if err != nil {
		return err
	}
	if seen.there || lease.DeletionID != "" {
		return l.delete(ctx, lease, seen, false, claimed)
	}
	if seen.foreign {
		return nil // there is one membership at a time, so ours is gone
	}
	// Lists are eventually consistent, so access that was created is deleted once even if
	// it is not listed. If nothing was created, awaitAbsence handles the rest.
	if lease.OperationID != "" {
		op, err := ic.Creation(ctx, subject, lease.OperationID)
		if err != nil {
			return err
		}
		switch op.Status {
		case identitycenter.StatusInProgress:
			return access.Errorf(access.CodeInProgress, "Identity Center is still creating the access to remove")
		case identitycenter.StatusSucceeded:
			created = true
		}
	}
	if !created {
		return nil
	}
	return l.delete(ctx, lease, observation{}, l.Now().Before(untouchedUntil), claimed)
}

// delete calls Delete unless the latest deletion is in progress or succeeded. It
// deletes what was seen, or else what the lease says was created. The call is claimed
// first: a call delayed until after the lease is deleted could delete the next
// holder's access. missing reports that someone else removed the access, unless this
// call still finds it, because lists are eventually consistent. Lost if someone else
// wrote the lease.
//
// claimed is the claim that leave wrote, or nil. With it, delete writes the lease only to
// set Missing. Without that write, it doesn't notice another function that deletes the
// access at the same time, and calls Delete, too. That does no harm: nobody gives the
// lease up before the claim settles.
func (l *Leases) delete(ctx context.Context, lease *access.Lease, seen observation, missing bool, claimed *deletionClaim) error {
	if lease.DeletionID != "" {
		if !seen.there {
			return nil
		}
		op, err := l.readDeletion(ctx, *lease)
		if err != nil || op.Status == identitycenter.StatusInProgress {
			return err
		}
		lease.Deleted = lease.Deleted || op.Status == identitycenter.StatusSucceeded
	}
	isClaimed := claimed != nil
	if !isClaimed {
		claimed = &deletionClaim{claim: l.claim(ctx, lease)}
	}
	if !isClaimed || missing {
		lease.Missing = missing
		if err := l.put(ctx, lease); err != nil {
			if isLost(err) {
				return err
			}
			return tableError(err, "claim the deletion")
		}
	}
	claimed.used = true
	if !l.Now().Before(claimed.deadline) {
		return access.Errorf(access.CodeUnavailable, "remove the access: the function ran out of time")
	}
	deletion, err := l.callDelete(ctx, *lease, seen)
	id := deletion.ID
	switch code := access.CodeOf(err); {
	case code == access.CodeNotFound, err == nil && id == "":
		id, err = noDeletion, nil
	case code == access.CodeUnavailable, code == access.CodeInternal:
		return err // it may still happen
	}
	noteErr := l.note(ctx, lease, claimed.claim, claimed.before, func(lease *access.Lease) {
		if id != "" {
			lease.DeletionID = id
		}
		if deletion.ID != "" {
			lease.DeleteRequestID = deletion.RequestID
		}
	})
	if err != nil {
		return err
	}
	if noteErr != nil {
		// The deletion has started; the next call checks its result.
		return access.Wrap(access.CodeOf(noteErr), noteErr, "record the deletion")
	}
	return nil
}

func (l *Leases) readDeletion(ctx context.Context, lease access.Lease) (identitycenter.Operation, error) {
	if lease.DeletionID == "" || lease.DeletionID == noDeletion {
		return identitycenter.Operation{}, nil
	}
	return l.IdentityCenter.Deletion(ctx, lease.Subject, lease.DeletionID)
}

// deletedNothing reports whether the only deletion under the lease found nothing to
// delete. Identity Center either says so at once, or accepts the deletion and fails
// it later. A deletion without an answer may have deleted the access.
func (l *Leases) deletedNothing(ctx context.Context, lease access.Lease) (bool, error) {
	if lease.DeletionID == noDeletion {
		return true, nil
	}
	op, err := l.readDeletion(ctx, lease)
	return op.Status == identitycenter.StatusFailed, err
}

// finishDeletion waits until the access is absent, records that in the request's
// row, and gives the lease up. begun is as for awaitAbsence.
func (l *Leases) finishDeletion(ctx context.Context, r access.Request, lease access.Lease, begun identitycenter.Operation) (access.Request, error) {
	foreign, err := l.awaitAbsence(ctx, &lease, begun)
	if err != nil {
		return r, err
	}
	state := access.RemovalDone
	switch {
	case !r.WasGranted() && lease.DeletionID == "":
		state = access.RemovalNothing
	case r.WasGranted() && foreign:
		state = access.RemovalForeign
	case r.WasGranted() && lease.Missing:
		deletedNothing, err := l.deletedNothing(ctx, lease)
		if err != nil {
			return r, err
		}
		if deletedNothing {
			state = access.RemovalAlreadyGone
		}
	}
	if !r.WasGranted() && state != access.RemovalNothing {
		r.AWSCreateRequestID = lease.CreateRequestID // no grant has recorded it
	}
	// The row comes first: if the function stops here, the request still holds
	// the lease, and the next call finishes.
	r, err = l.Table.RecordRemoval(ctx, r, l.Now(), state, lease.DeleteRequestID)
	if err != nil {
		return r, err
	}
	return r, l.giveUp(ctx, lease)
}

// giveUp deletes a lease whose access is absent.
func (l *Leases) giveUp(ctx context.Context, lease access.Lease) error {
	err := l.Table.DeleteLease(ctx, lease.Key, lease.Version)
	if isLost(err) {
		return access.Errorf(access.CodeInProgress, "another function is deleting the lease")
	}
	return err
}

// awaitAbsence waits until the access that is being deleted is absent and can't
// come back. It deletes access again that appeared after the deletion. A
// membership that is not ours doesn't count; then foreign is true. begun is the state of
// the deletion if the caller has just read it, or else zero.
func (l *Leases) awaitAbsence(ctx context.Context, lease *access.Lease, begun identitycenter.Operation) (foreign bool, err error) {
	ic, subject := l.IdentityCenter, lease.Subject
	var seen observation
	err = l.poll(ctx, "the access is not confirmed to be gone yet", func() (bool, error) {
		op, err := begun, error(nil)
		if begun = (identitycenter.Operation{}); op == begun {
			op, err = l.readDeletion(ctx, *lease)
		}
		if err != nil || op.Status == identitycenter.StatusInProgress {
			return false, err
		}
		// The order matters: first check what could still be created, then what is being
		// created, then what exists.
		settled := lease.IsSettled(l.Now())
		pending, err := ic.PendingCreation(ctx, subject)
		if err != nil {
			return false, err
		}
		if seen, err = l.observe(ctx, *lease); err != nil {
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
		if err := l.delete(ctx, lease, seen, false, nil); err != nil {
			return false, err
		}
	}
	return seen.foreign, err
}
