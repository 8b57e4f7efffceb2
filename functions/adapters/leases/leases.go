// Package leases decides who holds which access. It is the one place that
// creates and deletes assignments and memberships on behalf of requests, and it
// does both under a lease: a row of the table per subject that says which
// requests keep the access, and where it stands.
//
//	(no row) ─ Acquire ─► creating ─ Confirm ─► held ─ last holder's Release ─► deleting ─► (no row)
//
// What the rest relies on:
//
//   - A lease with the request among its holders is written before Create is
//     called, and Create is called only if the request's row, read after that,
//     says nothing of a removal. A removal enters itself in the row before it
//     reads the lease. So one of the two sees the other.
//   - Whoever is about to call Create or Delete writes SettlesAt before: it
//     lies behind the moment in which the function must have ended. Deletion
//     does not wait for it, but the lease is given up only after it, when no
//     creation is under way and the access is seen to be absent. So no call
//     that was held up comes down on somebody else's access.
//   - Every write of a lease is conditional on its version, and no version
//     comes twice under a key. Whoever loses reads the lease again.
//   - A holder counts while its request's removal is not finished.
//   - A membership has an id, and every membership that Create answered with is
//     noted in the lease. Another one is not ours: it is neither joined nor
//     removed, and does not keep the lease. Where an answer was lost, or none is
//     noted, it can't be told, and what is there is taken for ours.
//
// Any step may be repeated, from any function, after any crash.
package leases

import (
	"context"
	"errors"
	"maps"
	"sso-elevator/functions/adapters/host"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
)

// Table is what of the store the leases need.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	RecordGrant(ctx context.Context, id string, at, end time.Time, membershipID string) (access.Request, error)
	BeginRevoke(ctx context.Context, id, execution string, at time.Time) (access.Request, error)
	Rebuild(ctx context.Context, b access.Rebuilt) error
	RecordRemoval(ctx context.Context, r access.Request, at time.Time, state access.RemovalState) (access.Request, error)
	Lease(ctx context.Context, key string) (access.Lease, bool, error)
	PutLease(ctx context.Context, l access.Lease, expect int64) error
	DeleteLease(ctx context.Context, key string, expect int64) error
	Removal(ctx context.Context, ref access.FindingRef) (r access.DriftRemoval, found bool, err error)
	LatestRemoval(ctx context.Context, subject string) (r access.DriftRemoval, found bool, err error)
	PutRemoval(ctx context.Context, r access.DriftRemoval) (access.DriftRemoval, error)
}

// IdentityCenter is where access is made and unmade.
type IdentityCenter interface {
	Exists(ctx context.Context, s access.Subject) (bool, error)
	Create(ctx context.Context, s access.Subject) (operationID string, err error)
	Creation(ctx context.Context, s access.Subject, operationID string) (identitycenter.Operation, error)
	PendingCreation(ctx context.Context, s access.Subject) (bool, error)
	Delete(ctx context.Context, s access.Subject, membershipID string) (operationID string, err error)
	Deletion(ctx context.Context, s access.Subject, operationID string) (identitycenter.Operation, error)
	Vanished(ctx context.Context, s access.Subject) (bool, error)
	MembershipID(ctx context.Context, s access.Subject) (string, error)
}

var (
	_ Table          = (*table.Table)(nil)
	_ IdentityCenter = (*identitycenter.Client)(nil)
)

// Leases are the leases in a table about access in Identity Center.
type Leases struct {
	Table          Table
	IdentityCenter IdentityCenter
	Now            func() time.Time
	// Sleep waits, or returns the context's error before that.
	Sleep func(ctx context.Context, d time.Duration) error
	// Readers is how many of a lease's holders are read at a time; 0: ten.
	Readers int
}

const (
	// margin is added to the deadline of a function that sets out to call
	// Create or Delete: for the difference of two clocks, and for a call that
	// is on its way when the function ends.
	margin = 10 * time.Second

	// lambdaTimeout is taken for the deadline where the context has none.
	lambdaTimeout = 30 * time.Second

	// pollBudget is how long one call waits for Identity Center before it
	// says InProgress and leaves the waiting to the state machine.
	pollBudget = 5 * time.Second
	pollFirst  = 250 * time.Millisecond
	pollMost   = time.Second

	// lostTries bounds how often a lease is read again after somebody else
	// wrote it. Holders come and go in seconds, not in milliseconds.
	lostTries = 8

	// FirstWithin is how long after an execution set out to remove access no
	// attempt of its can have taken it away without the table: an attempt tries
	// the table for that long before. Attempts can run beside each other, where
	// the answer of one was lost.
	FirstWithin = 5 * time.Second

	// noDeletion stands for the id of a deletion where Identity Center said
	// that there is nothing to delete.
	noDeletion = "none"
)

// ErrTable marks the errors of Release in which the table could not be read or
// written, so that it is not known whether somebody else holds the access.
var ErrTable = errors.New("the table did not answer")

// tableFailure is an error of the table; errors.Is(err, ErrTable) holds.
type tableFailure struct{ err error }

func (t tableFailure) Error() string        { return t.err.Error() }
func (t tableFailure) Unwrap() error        { return t.err }
func (t tableFailure) Is(target error) bool { return target == ErrTable }

func tableError(err error, doing string) error {
	if err == nil {
		return nil
	}
	return access.Wrap(access.CodeOf(err), tableFailure{err}, doing)
}

func lost(err error) bool { return access.CodeOf(err) == access.CodeLost }

// poll calls look until it is done or fails, waiting longer and longer between
// the calls, and says InProgress when the budget is used up.
func (l *Leases) poll(ctx context.Context, what string, look func() (done bool, err error)) error {
	end := l.Now().Add(pollBudget)
	pause := pollFirst
	for {
		done, err := look()
		if done || err != nil {
			return err
		}
		if l.Now().Add(pause).After(end) {
			return access.Errorf(access.CodeInProgress, "%s", what)
		}
		if err := l.Sleep(ctx, pause); err != nil {
			return access.Wrap(access.CodeUnavailable, err, what)
		}
		pause = min(2*pause, pollMost)
	}
}

// holding is a copy of the holders, to be changed.
func holding(l access.Lease) map[string]access.Holder {
	holders := make(map[string]access.Holder, len(l.Holders)+1)
	maps.Copy(holders, l.Holders)
	return holders
}

// put writes the lease over the version that it was read at, or as a new one
// where it has none, and gives it its new version.
func (l *Leases) put(ctx context.Context, lease *access.Lease) error {
	expect := lease.Version
	written := *lease
	if expect == 0 {
		written.Version = l.Now().UnixNano()
	} else {
		written.Version = expect + 1
	}
	if err := l.Table.PutLease(ctx, written, expect); err != nil {
		return err
	}
	lease.Version = written.Version
	return nil
}

// claim sets the lease's SettlesAt for a call that this function is about to
// make, to a value that nobody else has set. It returns the function's deadline
// and the SettlesAt that was there.
func (l *Leases) claim(ctx context.Context, lease *access.Lease) (deadline, before time.Time) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = l.Now().Add(lambdaTimeout)
	}
	before = lease.SettlesAt
	lease.SettlesAt = deadline.Add(margin).UTC()
	if !lease.SettlesAt.After(before) {
		lease.SettlesAt = before.Add(time.Millisecond)
	}
	return deadline, before
}

// note writes into the lease what came of a claimed call: change is applied to
// it, and SettlesAt goes down to after if it is still mine, the claim's. Where
// others keep writing, or the lease is not there any more, it gives up: the
// lease settles by itself.
func (l *Leases) note(ctx context.Context, lease *access.Lease, mine, after time.Time, change func(*access.Lease)) error {
	for range lostTries {
		if lease.SettlesAt.Equal(mine) && after.Before(mine) {
			lease.SettlesAt = after.UTC()
		}
		change(lease)
		err := l.put(ctx, lease)
		if !lost(err) {
			return err
		}
		now, found, err := l.Table.Lease(ctx, lease.Key)
		if err != nil || !found {
			return err
		}
		*lease = now
	}
	return nil
}

// New makes leases that are kept in table.
func New(table Table, center IdentityCenter, p host.Process) *Leases {
	return &Leases{Table: table, IdentityCenter: center, Now: p.Now, Sleep: p.Sleep}
}
