package leases

import (
	"context"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// Acquire makes the request a holder of its access and starts the creation
// unless the access is there or on its way. The context's deadline is when the
// calling function must have ended. That the request may have the access is the
// caller's to know.
//
// Errors: ForeignAccess where the access exists and no lease says that it is
// ours, or a membership that is not ours is in its place; LeaseDeleting while the same access is just being removed; Refused where
// the request's removal has begun; and those of table and Identity Center.
func (l *Leases) Acquire(ctx context.Context, r access.Request) error {
	for range lostTries {
		again, err := l.acquire(ctx, r)
		if !again {
			return err
		}
	}
	return access.Errorf(access.CodeConflict, "take the lease: others changed it all the time")
}

func (l *Leases) acquire(ctx context.Context, r access.Request) (again bool, err error) {
	subject := r.Subject()
	lease, found, err := l.Table.Lease(ctx, subject.Key())
	if err != nil {
		return false, err
	}
	if found && lease.State == access.LeaseDeleting {
		return l.abandoned(ctx, lease)
	}
	if !found {
		lease = access.Lease{Key: subject.Key(), Subject: subject, State: access.LeaseCreating}
	}
	seen, err := l.look(ctx, lease)
	if err != nil {
		return false, err
	}
	if seen.foreign {
		return false, errForeign
	}
	if seen.there && !found {
		// Unless somebody has just taken the lease, and made it.
		if _, taken, err := l.Table.Lease(ctx, subject.Key()); err != nil || taken {
			return taken, err
		}
		return false, errForeign
	}
	create := !seen.there
	if create && found {
		underWay, err := l.creationUnderWay(ctx, lease)
		if err != nil {
			return false, err
		}
		create = !underWay
	}

	_, holder := lease.Holders[r.ID]
	if !holder {
		lease.Holders = holding(lease)
		lease.Holders[r.ID] = access.Holder{ExecutionARN: r.ExecutionARN}
		lease.Shared = lease.Shared || len(lease.Holders) > 1
	}
	var deadline, before time.Time
	if create {
		lease.State = access.LeaseCreating
		deadline, before = l.claim(ctx, &lease)
		if subject.Kind == access.KindGroup {
			lease.Unanswered = append(slices.Clone(lease.Unanswered), lease.SettlesAt)
		}
	}
	if create || !holder {
		if err := l.put(ctx, &lease); lost(err) {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}

	// Only now: a removal that this read does not see will see the lease.
	now, err := l.Table.Get(ctx, r.ID)
	if err != nil {
		return false, err
	}
	if over(now) {
		if !found {
			// Nothing was created under it. Should somebody have joined, the
			// version has changed, and they find out that this holder is gone.
			_ = l.Table.DeleteLease(ctx, lease.Key, lease.Version)
		}
		return false, access.Errorf(access.CodeRefused, "the request is over: its removal has begun")
	}
	if !create {
		return false, nil
	}
	return false, l.create(ctx, lease, deadline, before)
}

var errForeign = access.Errorf(access.CodeForeign, "the access exists already, and this system did not make it")

// abandoned looks at a lease that is being deleted. Somebody is about to give it
// up: LeaseDeleting. Unless all its holders are done: then one of their
// functions came late and left it, and nobody but us will.
func (l *Leases) abandoned(ctx context.Context, lease access.Lease) (again bool, err error) {
	beingRemoved := access.Errorf(access.CodeLeaseDeleting, "the same access is just being removed")
	holders, err := l.others(ctx, lease, "")
	if err != nil {
		return false, err
	}
	// What a run removes is settled by that run, or by the sweep within minutes:
	// they record how it ended.
	if len(holders) > 0 || lease.Drift != nil || l.Now().Before(lease.SettlesAt) {
		return false, beingRemoved
	}
	op, err := l.deletion(ctx, lease)
	if err != nil {
		return false, err
	}
	pending, err := l.IdentityCenter.PendingCreation(ctx, lease.Subject)
	if err != nil {
		return false, err
	}
	seen, err := l.look(ctx, lease)
	if err != nil {
		return false, err
	}
	if seen.there && op.Status != identitycenter.StatusInProgress {
		if err := l.delete(ctx, &lease, seen, false); err != nil && !lost(err) {
			return false, err
		}
	}
	if seen.there || pending || op.Status == identitycenter.StatusInProgress {
		return false, beingRemoved
	}
	if err := l.Table.DeleteLease(ctx, lease.Key, lease.Version); err != nil && !lost(err) {
		return false, err
	}
	return true, nil
}

// over says that nothing is granted for the request any more.
func over(r access.Request) bool {
	return r.Tombstone || !r.RevokingAt.IsZero() || !r.RevokedAt.IsZero() || !r.ClosedAt.IsZero()
}

func (l *Leases) creationUnderWay(ctx context.Context, lease access.Lease) (bool, error) {
	if lease.OperationID != "" {
		op, err := l.IdentityCenter.Creation(ctx, lease.Subject, lease.OperationID)
		if err != nil || op.Status == identitycenter.StatusInProgress {
			return err == nil, err
		}
	}
	return l.IdentityCenter.PendingCreation(ctx, lease.Subject)
}

// create calls Create, which is claimed, and notes its answer in the lease.
func (l *Leases) create(ctx context.Context, lease access.Lease, deadline, before time.Time) error {
	if !l.Now().Before(deadline) {
		return access.Errorf(access.CodeUnavailable, "create the assignment: the function's time is over")
	}
	mine := lease.SettlesAt
	operationID, err := l.IdentityCenter.Create(ctx, lease.Subject)
	if code := access.CodeOf(err); code == access.CodeUnavailable || code == access.CodeInternal {
		return err // it may still happen: the lease settles when it was said to
	}
	// A first try of the SDK that was not answered may still be on its way.
	after := latest(before, l.Now().Add(margin))
	noteErr := l.note(ctx, &lease, mine, after, func(lease *access.Lease) {
		if operationID != "" {
			lease.OperationID = operationID
		}
		if lease.Subject.Kind == access.KindGroup {
			answered(lease, mine, operationID, err)
		}
	})
	if err == nil {
		err = noteErr
	}
	return err
}

// answered enters the answer to the creation of a membership that was claimed
// as mine: the id, or "" where it was refused and none was made. Twice is once.
func answered(lease *access.Lease, mine time.Time, membershipID string, refused error) {
	known := membershipID != "" || refused != nil
	if known && !slices.Contains(lease.MembershipIDs, membershipID) {
		lease.MembershipIDs = append(slices.Clone(lease.MembershipIDs), membershipID)
	}
	lease.Unanswered = slices.DeleteFunc(slices.Clone(lease.Unanswered), mine.Equal)
}

// Confirm waits, for seconds, until the access is seen to exist, and enters it:
// in the row when it came and when it ends, in the lease that it is held. A
// second call changes nothing and returns what is stored.
//
// Errors: InProgress where Identity Center needs longer; AssignmentFailed with
// its reason where it gave up; ForeignAccess where somebody removed what was
// made, and made it anew by other means; Refused where the request's removal has
// begun; Lost where the request holds no lease.
func (l *Leases) Confirm(ctx context.Context, r access.Request) (access.Request, error) {
	key := r.Subject().Key()
	lease, err := l.held(ctx, key, r.ID)
	if err != nil {
		return r, err
	}
	var seen sight
	err = l.poll(ctx, "Identity Center is still creating the assignment", func() (bool, error) {
		var op identitycenter.Operation
		if lease.OperationID != "" {
			var err error
			if op, err = l.IdentityCenter.Creation(ctx, lease.Subject, lease.OperationID); err != nil {
				return false, err
			}
		}
		if op.Status == identitycenter.StatusInProgress {
			return false, nil
		}
		var err error
		if seen, err = l.look(ctx, lease); err != nil || seen.there {
			return seen.there, err
		}
		if seen.foreign {
			return false, errForeign
		}
		if op.Status == identitycenter.StatusFailed {
			return false, access.Errorf(access.CodeFailed, "Identity Center could not create the assignment: %s", op.Reason)
		}
		return false, nil
	})
	if err != nil {
		return r, err
	}

	now := l.Now().UTC()
	granted, err := l.Table.RecordGrant(ctx, r.ID, now, now.Add(time.Duration(r.Duration)*time.Second), seen.membershipID)
	if lost(err) || err == nil && over(granted) {
		return granted, access.Errorf(access.CodeRefused, "the request is over: its removal has begun")
	}
	if err != nil {
		return r, err
	}
	for range lostTries {
		lease.Holders = holding(lease)
		lease.State = access.LeaseHeld
		lease.Holders[r.ID] = access.Holder{ExecutionARN: r.ExecutionARN, GrantedAt: granted.GrantedAt, End: granted.End}
		if err = l.put(ctx, &lease); !lost(err) {
			return granted, err
		}
		if lease, err = l.held(ctx, key, r.ID); err != nil {
			return granted, err
		}
	}
	return granted, access.Errorf(access.CodeConflict, "confirm the lease: others changed it all the time")
}

// held reads the lease that the request holds; Lost where it holds none.
func (l *Leases) held(ctx context.Context, key, id string) (access.Lease, error) {
	lease, found, err := l.Table.Lease(ctx, key)
	if err != nil {
		return access.Lease{}, err
	}
	if _, holder := lease.Holders[id]; !found || !holder || lease.State == access.LeaseDeleting {
		return access.Lease{}, access.Errorf(access.CodeLost, "the request does not hold its access")
	}
	return lease, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
