// Package leases decides which requests hold which access. Only this package
// creates and deletes assignments and memberships on behalf of requests. It does
// both under a lease: a row of the table for each subject, with the requests that
// hold the access, and its state.
//
//	(no row) ─ Acquire ─► creating ─ Confirm ─► held ─ last holder's Release ─► deleting ─► (no row)
//
// The other functions rely on this:
//
//   - Acquire writes a lease with the request among its holders before it calls
//     Create. It calls Create only if the request's row, read after that, has no
//     removal. A removal is entered in the row before it reads the lease. So at
//     least one of the two sees the other.
//   - SettlesAt is written before each call of Create or Delete. It is later than
//     the deadline of the calling function. A deletion does not wait for it. But the
//     lease is given up only after SettlesAt, when no creation is pending and the
//     access is absent. So no delayed call can affect a later request.
//   - Every write of a lease is conditional on its version, and no version is used
//     twice under a key. After a conflict, the lease is read again. Only a removal that
//     is being confirmed may begin with the lease as this process wrote it (copies).
//   - A holder counts until its request's removal is done.
//   - A person who ends the access of one holder writes that in its row, and then reads
//     the lease to end the others. A request enters the lease, and then reads the rows of
//     the others. So no extension that was approved before survives that end.
//   - A membership has an id, and the lease records each id that Create returned.
//     Any other membership is not ours: we neither share nor remove it, and the lease
//     can be deleted while it exists. If an answer is missing or no id is recorded, any
//     membership counts as ours.
//
// Every step may be repeated, from any function, after any crash.
package leases

import (
	"context"
	"errors"
	"maps"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/table"
)

// Table is the part of the table that the leases use.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	RecordGrant(ctx context.Context, id string, g table.Grant) (access.Request, error)
	BeginRevoke(ctx context.Context, id, execution string, at time.Time) (access.Request, error)
	Rebuild(ctx context.Context, b access.Rebuilt) error
	RecordRemoval(ctx context.Context, r access.Request, at time.Time, state access.RemovalState, deleteRequestID string) (access.Request, error)
	Lease(ctx context.Context, key string) (access.Lease, bool, error)
	PutLease(ctx context.Context, l access.Lease, expect int64) error
	DeleteLease(ctx context.Context, key string, expect int64) error
	Removal(ctx context.Context, ref access.FindingRef) (r access.DriftRemoval, found bool, err error)
	LatestRemoval(ctx context.Context, subject string) (r access.DriftRemoval, found bool, err error)
	PutRemoval(ctx context.Context, r access.DriftRemoval) (access.DriftRemoval, error)
}

// IdentityCenter creates and deletes access.
type IdentityCenter interface {
	Exists(ctx context.Context, s access.Subject) (bool, error)
	Create(ctx context.Context, s access.Subject) (identitycenter.Call, error)
	Creation(ctx context.Context, s access.Subject, operationID string) (identitycenter.Operation, error)
	PendingCreation(ctx context.Context, s access.Subject) (bool, error)
	Delete(ctx context.Context, s access.Subject, membershipID string) (identitycenter.Call, error)
	Deletion(ctx context.Context, s access.Subject, operationID string) (identitycenter.Operation, error)
	Vanished(ctx context.Context, s access.Subject) (bool, error)
	MembershipID(ctx context.Context, s access.Subject) (string, error)
}

var (
	_ Table          = (*table.Table)(nil)
	_ IdentityCenter = (*identitycenter.Client)(nil)
)

// Leases are the leases of access in Identity Center.
type Leases struct {
	Table          Table
	IdentityCenter IdentityCenter
	Now            func() time.Time
	// Sleep waits for d. If the context ends first, it returns the context's
	// error.
	Sleep func(ctx context.Context, d time.Duration) error
	// Readers is how many reads run at a time; 0 means ten of a lease's holders, or all of
	// those that Acquire makes together.
	Readers int

	copies copies // of leases that this process wrote
}

const (
	// settleMargin is added to the deadline of a function that is about to call Create or
	// Delete. It allows for clock skew, and for calls in flight when the function ends.
	settleMargin = 10 * time.Second

	// lambdaTimeout is the deadline if the context has none.
	lambdaTimeout = 30 * time.Second

	// pollBudget is how long one call waits for Identity Center. After that, it returns
	// InProgress, and the state machine waits instead.
	pollBudget = 5 * time.Second
	firstPause = 250 * time.Millisecond
	maxPause   = time.Second

	// maxTries bounds how often a lease is read again after a conflicting write. Holders
	// change every few seconds at most, so few tries are enough.
	maxTries = 8

	// UntouchedFor is how long an attempt to remove access tries to use the table before
	// it deletes the access without it. So within UntouchedFor of the removal's start, no
	// attempt can have done so. Attempts can overlap if an answer was lost.
	UntouchedFor = 5 * time.Second

	// noDeletion stands for a deletion's id if Identity Center found nothing to delete.
	noDeletion = "none"
)

// ErrTable marks the errors of Release after which we don't know whether other
// requests hold the access: the table could not be read or written.
var ErrTable = errors.New("the table didn't answer")

// tableFailure is an error of the table that matches ErrTable.
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

func isLost(err error) bool { return access.CodeOf(err) == access.CodeLost }

// poll calls look until it is done or fails, with growing pauses. When pollBudget
// is used up, it returns InProgress.
func (l *Leases) poll(ctx context.Context, what string, look func() (done bool, err error)) error {
	end := l.Now().Add(pollBudget)
	pause := firstPause
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
		pause = min(2*pause, maxPause)
	}
}

// cloneHolders returns a copy of the holders.
func cloneHolders(l access.Lease) map[string]access.Holder {
	holders := make(map[string]access.Holder, len(l.Holders)+1)
	maps.Copy(holders, l.Holders)
	return holders
}

// put writes the lease over the version that was read, or as a new one if it has
// no version, and sets its new version.
func (l *Leases) put(ctx context.Context, lease *access.Lease) error {
	expect := lease.Version
	written := *lease
	if expect == 0 {
		written.Version = l.Now().UnixNano()
	} else {
		written.Version = expect + 1
	}
	if err := l.Table.PutLease(ctx, written, expect); err != nil {
		l.copies.forget(lease.Key)
		return err
	}
	lease.Version = written.Version
	l.copies.keep(written, l.Now())
	return nil
}

// claim is the intention of a function to call Create or Delete. It is written to the
// lease first.
type claim struct {
	deadline  time.Time // the end of the function
	settlesAt time.Time // the lease's SettlesAt with the claim, a unique value
	before    time.Time // the lease's SettlesAt without it
}

// claim sets the lease's SettlesAt before this function calls Create or Delete.
func (l *Leases) claim(ctx context.Context, lease *access.Lease) claim {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = l.Now().Add(lambdaTimeout)
	}
	c := claim{deadline: deadline, before: lease.SettlesAt}
	lease.SettlesAt = deadline.Add(settleMargin).UTC()
	if !lease.SettlesAt.After(c.before) {
		lease.SettlesAt = c.before.Add(time.Millisecond)
	}
	c.settlesAt = lease.SettlesAt
	return c
}

// note records the result of a claimed call: it applies change to the lease, and
// lowers SettlesAt to after if the claim's value is still there. If the lease is
// gone, or others keep writing it, note gives up without an error: the lease settles
// anyway.
func (l *Leases) note(ctx context.Context, lease *access.Lease, c claim, after time.Time, change func(*access.Lease)) error {
	for range maxTries {
		if lease.SettlesAt.Equal(c.settlesAt) && after.Before(c.settlesAt) {
			lease.SettlesAt = after.UTC()
		}
		change(lease)
		err := l.put(ctx, lease)
		if !isLost(err) {
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

// New returns the leases in table.
func New(table Table, center IdentityCenter, p host.Process) *Leases {
	return &Leases{Table: table, IdentityCenter: center, Now: p.Now, Sleep: p.Sleep}
}
