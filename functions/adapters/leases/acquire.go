package leases

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/chains"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
)

// Acquire makes the request a holder of its access. It starts the creation unless
// the access exists or is being created. The context's deadline must be the end
// of the calling function. The caller checks that the request may have the
// access. If the request extends access that exists, permit is called first.
//
// Errors: ForeignAccess if the access exists and no lease says that it is ours,
// or if a membership that is not ours is in its place; LeaseDeleting while the
// same access is being removed; Refused if the request's removal has begun, or if a person
// ended the access after the request was approved; and those of permit, check, the table
// and Identity Center.
//
// check, if not nil, is called after the lease has the request as a holder, and before
// the creation, while the request's row is read again. If it fails, nothing is created.
func (l *Leases) Acquire(ctx context.Context, r access.Request, permit Permit, check func(context.Context) error) error {
	return l.AcquireAfter(ctx, r, l.Look(ctx, r.Subject()), permit, check)
}

// Look is what Acquire reads first: the lease, and whether the access exists. It decides
// nothing. If the lease has changed since, its write fails.
type Look struct {
	lease access.Lease
	found bool
	err   error // of the lease

	// exists is unknown for groups, whose memberships are compared with the lease.
	exists    bool
	existsErr error
}

// Look reads the lease of the access, and the access, at the same time. It can run beside
// the checks of the caller, before AcquireAfter. With one reader, it reads the access
// first: that is the order in which more can happen between the two.
func (l *Leases) Look(ctx context.Context, s access.Subject) (k Look) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parallel.Do(2, cmp.Or(l.Readers, 2), func(i int) {
		if i == 0 && s.Kind != access.KindGroup {
			k.exists, k.existsErr = l.IdentityCenter.Exists(ctx, s)
		}
		if i == 1 {
			k.lease, k.found, k.err = l.Table.Lease(ctx, s.Key())
			if k.err != nil {
				cancel() // this error is the one that counts
			}
		}
	})
	return k
}

// AcquireAfter is Acquire with what Look has just read about the request's access.
func (l *Leases) AcquireAfter(ctx context.Context, r access.Request, look Look, permit Permit, check func(context.Context) error) error {
	for range maxTries {
		again, err := l.acquire(ctx, r, look, permit, check)
		if !again {
			return err
		}
		look = l.Look(ctx, r.Subject())
	}
	return access.Errorf(access.CodeConflict, "take the lease: other writes kept changing it")
}

func (l *Leases) acquire(ctx context.Context, r access.Request, look Look, permit Permit, check func(context.Context) error) (again bool, err error) {
	subject := r.Subject()
	lease, found, err := look.lease, look.found, look.err
	if err != nil {
		return false, err
	}
	if found && lease.State == access.LeaseDeleting {
		if _, err := l.extend(ctx, lease, r, nil); err != nil {
			return false, err
		}
		return l.finishAbandoned(ctx, lease)
	}
	if !found {
		lease = access.Lease{Key: subject.Key(), Subject: subject, State: access.LeaseCreating}
	}
	seen, err := observation{there: look.exists}, look.existsErr
	if subject.Kind == access.KindGroup {
		seen, err = l.observe(ctx, lease)
	}
	if err != nil {
		return false, err
	}
	if seen.foreign {
		return false, errForeign
	}
	if seen.there && !found {
		// Another request may have just taken the lease and created the access, or removed the
		// access and given the lease up. So the lease is read again, and then the access.
		if _, taken, err := l.Table.Lease(ctx, subject.Key()); err != nil || taken {
			return taken, err
		}
		if seen, err = l.observe(ctx, lease); err != nil || !seen.there {
			return err == nil, err
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

	holder := lease.IsHeldBy(r.ID)
	if !holder {
		lease.Holders = cloneHolders(lease)
		lease.Holders[r.ID] = access.Holder{ExecutionARN: r.ExecutionARN, Joined: chains.Others(lease, r.ID), Channel: r.Channel()}
		lease.Shared = lease.Shared || len(lease.Holders) > 1
	}
	var creation claim
	if create {
		lease.State = access.LeaseCreating
		creation = l.claim(ctx, &lease)
		if subject.Kind == access.KindGroup {
			lease.Unanswered = append(slices.Clone(lease.Unanswered), lease.SettlesAt)
		}
	}
	if create || !holder {
		if err := l.put(ctx, &lease); isLost(err) {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}

	if err := l.recheck(ctx, r.ID, lease, found, permit, check); err != nil {
		if create {
			l.withdraw(ctx, lease, creation, err)
		}
		return false, err
	}
	if !create {
		return false, nil
	}
	return false, l.create(ctx, lease, creation)
}

// recheck checks, after the lease has the request as a holder, that the request may still
// have the access.
func (l *Leases) recheck(ctx context.Context, id string, lease access.Lease, found bool, permit Permit, check func(context.Context) error) error {
	now, err := l.checkAfterWrite(ctx, id, check)
	if err != nil {
		return err
	}
	if now.IsOver() {
		if !found {
			// Nothing was created under this lease. If another request has joined, the version
			// has changed, and the deletion fails. That request then finds that this holder is
			// gone.
			_ = l.Table.DeleteLease(ctx, lease.Key, lease.Version)
		}
		return access.Errorf(access.CodeRefused, "the request is over: its removal has begun")
	}
	if now.WasGranted() {
		return nil
	}
	if now.EndRequest != nil {
		return endedError(*now.EndRequest)
	}
	_, err = l.extend(ctx, lease, now, permit)
	return err
}

// withdraw records that a claimed creation was not made, because of why. Otherwise the
// lease would wait for it, and take a membership that someone else adds meanwhile for ours.
// If that can't be recorded, the lease settles anyway.
func (l *Leases) withdraw(ctx context.Context, lease access.Lease, c claim, why error) {
	_ = l.note(ctx, &lease, c, latest(c.before, l.Now()), func(lease *access.Lease) {
		if lease.Subject.Kind == access.KindGroup {
			recordAnswer(lease, c, "", why)
		}
	})
}

// checkAfterWrite calls check, unless it is nil, and reads the request's row, at the same
// time. Both must come after the write of the lease, and before the creation: a removal
// that starts after this read sees the lease. If both fail, the error is that of check.
func (l *Leases) checkAfterWrite(ctx context.Context, id string, check func(context.Context) error) (now access.Request, err error) {
	err = parallel.First(ctx, cmp.Or(l.Readers, 2),
		func(ctx context.Context) error {
			if check == nil {
				return nil
			}
			return check(ctx)
		},
		func(ctx context.Context) (err error) {
			now, err = l.Table.Get(ctx, id)
			return err
		},
	)
	return now, err
}

var errForeign = access.Errorf(access.CodeForeign, "the access already exists, and this app did not create it")

// finishAbandoned handles a lease in state deleting. It returns LeaseDeleting if
// another function will delete the lease. If all its holders are done, a function
// stopped before it deleted the lease, and finishAbandoned finishes the removal;
// again is true once the lease is gone.
func (l *Leases) finishAbandoned(ctx context.Context, lease access.Lease) (again bool, err error) {
	beingRemoved := access.Errorf(access.CodeLeaseDeleting, "the same access is being removed")
	holders, err := l.otherHolders(ctx, lease, "")
	if err != nil {
		return false, err
	}
	// Leave a finding's lease to the run that removes the finding, or to the sweep, which
	// comes within minutes. Both also record the result.
	if len(holders) > 0 || lease.Drift != nil || !lease.IsSettled(l.Now()) {
		return false, beingRemoved
	}
	op, err := l.readDeletion(ctx, lease)
	if err != nil {
		return false, err
	}
	pending, err := l.IdentityCenter.PendingCreation(ctx, lease.Subject)
	if err != nil {
		return false, err
	}
	seen, err := l.observe(ctx, lease)
	if err != nil {
		return false, err
	}
	if seen.there && op.Status != identitycenter.StatusInProgress {
		if err := l.delete(ctx, &lease, seen, false, nil); err != nil && !isLost(err) {
			return false, err
		}
	}
	if seen.there || pending || op.Status == identitycenter.StatusInProgress {
		return false, beingRemoved
	}
	if err := l.Table.DeleteLease(ctx, lease.Key, lease.Version); err != nil && !isLost(err) {
		return false, err
	}
	return true, nil
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

// create calls Create for a claimed lease, and records its answer.
func (l *Leases) create(ctx context.Context, lease access.Lease, c claim) error {
	if !l.Now().Before(c.deadline) {
		return access.Errorf(access.CodeUnavailable, "create the assignment: the function ran out of time")
	}
	made, err := l.IdentityCenter.Create(ctx, lease.Subject)
	if code := access.CodeOf(err); code == access.CodeUnavailable || code == access.CodeInternal {
		return err // it may still happen, so SettlesAt stays
	}
	// An unanswered first try of the SDK may still be in flight.
	after := latest(c.before, l.Now().Add(settleMargin))
	noteErr := l.note(ctx, &lease, c, after, func(lease *access.Lease) {
		if made.ID != "" {
			lease.OperationID = made.ID
		}
		if err == nil {
			lease.CreateRequestID = made.RequestID
		}
		if lease.Subject.Kind == access.KindGroup {
			recordAnswer(lease, c, made.ID, err)
		}
	})
	if err == nil {
		err = noteErr
	}
	return err
}

// recordAnswer records the answer to the creation of a membership with the claim c: its
// id, or "" if the creation was refused. A repetition changes nothing.
func recordAnswer(lease *access.Lease, c claim, membershipID string, refused error) {
	known := membershipID != "" || refused != nil
	if known && !slices.Contains(lease.MembershipIDs, membershipID) {
		lease.MembershipIDs = append(slices.Clone(lease.MembershipIDs), membershipID)
	}
	lease.Unanswered = slices.DeleteFunc(slices.Clone(lease.Unanswered), c.settlesAt.Equal)
}

// Confirm waits, for seconds, until the access exists. Then it records the start
// and end of the access in the row, and in the lease that it is held. A second
// call changes nothing and returns what is stored.
//
// The duration counts from the end of what the request extends at this moment, or else
// from now. If it extends something, permit is called first. Two requests that are
// confirmed at the same moment may extend the same end, and then run in parallel.
//
// Errors: InProgress if Identity Center needs longer; AssignmentFailed, with Identity
// Center's reason, if the creation failed; ForeignAccess if someone removed the
// access and added it again outside this app; Refused if the request's removal has
// begun, or if a person ended the access after the request was approved; those of permit;
// Lost if the request holds no lease.
func (l *Leases) Confirm(ctx context.Context, r access.Request, permit Permit) (access.Request, error) {
	key := r.Subject().Key()
	lease, err := l.readHeldLease(ctx, key, r.ID)
	if err != nil {
		return r, err
	}
	var seen observation
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
		if seen, err = l.observe(ctx, lease); err != nil || seen.there {
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

	granted, err := l.recordGrant(ctx, lease, r, seen, permit)
	if isLost(err) && granted.EndRequest != nil && !granted.IsOver() {
		return granted, endedError(*granted.EndRequest)
	}
	if isLost(err) || err == nil && granted.IsOver() {
		return granted, access.Errorf(access.CodeRefused, "the request is over: its removal has begun")
	}
	if err != nil {
		return r, err
	}
	for range maxTries {
		lease.Holders = cloneHolders(lease)
		lease.State = access.LeaseHeld
		lease.Holders[r.ID] = access.Holder{
			ExecutionARN: r.ExecutionARN, GrantedAt: granted.GrantedAt, End: granted.End, ChainSince: granted.ChainSince, Extends: granted.Extends,
			Joined: lease.Holders[r.ID].Joined, Channel: r.Channel(),
		}
		if err = l.put(ctx, &lease); !isLost(err) {
			return granted, err
		}
		if lease, err = l.readHeldLease(ctx, key, r.ID); err != nil {
			return granted, err
		}
	}
	return granted, access.Errorf(access.CodeConflict, "confirm the lease: other writes kept changing it")
}

// recordGrant records that the access exists, and until when. If the request is granted
// already, its end stays: a chain that has grown since doesn't matter.
func (l *Leases) recordGrant(ctx context.Context, lease access.Lease, r access.Request, seen observation, permit Permit) (access.Request, error) {
	var chain *access.Chain
	if !r.WasGranted() {
		var err error
		if chain, err = l.extend(ctx, lease, r, permit); err != nil {
			now, readErr := l.Table.Get(ctx, r.ID)
			if readErr != nil || !now.WasGranted() {
				return r, err
			}
		}
	}
	now := l.Now().UTC()
	from := now
	if chain != nil {
		from = chain.End
	}
	return l.Table.RecordGrant(ctx, r.ID, table.Grant{
		At: now, End: from.Add(time.Duration(r.Duration) * time.Second), Chain: chain,
		MembershipID: seen.membershipID, CreateRequestID: lease.CreateRequestID,
	})
}

// IsHolder reports whether the request is a holder of its access. Then its access exists,
// or may come to exist.
func (l *Leases) IsHolder(ctx context.Context, r access.Request) (bool, error) {
	lease, found, err := l.Table.Lease(ctx, r.Subject().Key())
	return found && lease.IsHeldBy(r.ID), err
}

// readHeldLease reads the lease that the request holds. Lost if it holds none.
func (l *Leases) readHeldLease(ctx context.Context, key, id string) (access.Lease, error) {
	lease, found, err := l.Table.Lease(ctx, key)
	if err != nil {
		return access.Lease{}, err
	}
	if !found || !lease.IsHeldBy(id) || lease.State == access.LeaseDeleting {
		return access.Lease{}, access.Errorf(access.CodeLost, "the request no longer holds its access")
	}
	return lease, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
