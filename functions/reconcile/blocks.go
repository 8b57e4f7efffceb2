package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/table"
)

const (
	// blocksTimeout bounds one check of what blocked people have. The next one continues.
	blocksTimeout = 20 * time.Second
	// freshBlock is how long all open requests are read every minute after someone was
	// blocked. After that nothing new can come up, because all functions refuse it, and they
	// are read every oldBlockEvery minutes.
	freshBlock    = 24 * time.Hour
	oldBlockEvery = 10
)

// BlocksTable is the part of the requests table that Blocked uses.
type BlocksTable interface {
	Blocks(ctx context.Context) (access.Blocks, error)
	OpenRequests(ctx context.Context) ([]access.Due, error)
	Get(ctx context.Context, id string) (access.Request, error)
	RequestEnd(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error)
	OpenLeases(ctx context.Context) ([]access.Due, error)
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
}

var _ BlocksTable = (*table.Table)(nil)

// Blocked ends what blocked people still have. The press that blocks a person does that,
// too, but it may be interrupted, and its list may lack a request that was just created.
type Blocked struct {
	Table BlocksTable
	// ResumeApproval ends the wait for an approval, so that evaluate refuses the request.
	// ResumeEnd ends the wait for the end of access. Both take the wait's task token.
	ResumeApproval, ResumeEnd func(ctx context.Context, token string) error
	// Remove starts the removal of a request's access if the request's row was deleted.
	Remove func(ctx context.Context, requestID string, s access.Subject) error
	// Record starts the recording of events about blocks.
	Record func(ctx context.Context) error
	Now    func() time.Time
	Logger *slog.Logger
}

// Look ends active access of blocked people, ends the waits of their undecided requests,
// and starts the recording of events that are not recorded yet. Two looks may run at
// once. A request that can't be read or ended doesn't stop the look. The next one tries
// again.
func (b *Blocked) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, blocksTimeout)
	defer cancel()
	blocks, err := b.Table.Blocks(ctx)
	if err != nil {
		return err
	}
	var failures []error
	if b.isDue(blocks) {
		failures = append(failures, b.endAll(ctx, blocks), b.removeLost(ctx, blocks))
	}
	if len(blocks.Unrecorded()) > 0 {
		failures = append(failures, b.Record(ctx))
	}
	err = errors.Join(failures...)
	return access.Wrap(codeOfFirst(failures), err, "end what blocked people have")
}

func codeOfFirst(errs []error) access.Code {
	for _, err := range errs {
		if err != nil {
			return access.CodeOf(err)
		}
	}
	return ""
}

func (b *Blocked) isDue(blocks access.Blocks) bool {
	now := b.Now().UTC()
	for _, block := range blocks.Blocks {
		if now.Sub(block.At) < freshBlock || now.Minute()%oldBlockEvery == 0 {
			return true
		}
	}
	return false
}

func (b *Blocked) endAll(ctx context.Context, blocks access.Blocks) error {
	open, err := b.Table.OpenRequests(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(open))
	parallel.Do(len(open), atOnce, func(i int) { errs[i] = b.end(ctx, blocks, open[i].ID) })
	return access.Wrap(codeOfFirst(errs), errors.Join(errs...), "end requests")
}

// end ends the request if its requester is blocked. Requests that are being granted are
// left to grant, which reads the blocks, too.
func (b *Blocked) end(ctx context.Context, blocks access.Blocks, id string) error {
	r, err := b.Table.Get(ctx, id)
	if access.CodeOf(err) == access.CodeNotFound {
		return nil // the index was behind
	}
	if err != nil {
		return err
	}
	block := blocks.Of(r.Requester)
	if block == nil {
		return nil
	}
	if r.Open() && r.ApprovalToken != "" {
		b.Logger.WarnContext(ctx, "request of a blocked person is undecided; ending its wait", "request_id", id, "block", block.ID)
		return b.ResumeApproval(ctx, r.ApprovalToken)
	}
	if !r.IsActive() || r.EndRequest != nil {
		return nil // the sweep sees to a recorded end
	}
	r, won, err := b.Table.RequestEnd(ctx, id, access.EndRequest{By: block.By, At: b.Now().UTC(), Reason: access.EndBlocked})
	if err != nil || !won {
		return err
	}
	b.Logger.WarnContext(ctx, "access of a blocked person ended", "request_id", id, "block", block.ID, "subject", r.Subject().Key())
	if r.EndToken == "" {
		return nil
	}
	if err := b.ResumeEnd(ctx, r.EndToken); err != nil {
		b.Logger.WarnContext(ctx, "execution could not be resumed; the minute check removes the access", "request_id", id, "error", access.ErrorMessage(err))
	}
	return nil
}

// removeLost removes the access of blocked people that only a lease still knows, because
// someone deleted the request's row.
func (b *Blocked) removeLost(ctx context.Context, blocks access.Blocks) error {
	open, err := b.Table.OpenLeases(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range open {
		block := blocks.Of(access.Person{PrincipalID: access.PrincipalOf(d.ID)})
		if block == nil {
			continue
		}
		lease, found, err := b.Table.Lease(ctx, d.ID)
		if err != nil || !found {
			errs = append(errs, err)
			continue
		}
		for id, holder := range lease.Holders {
			_, err := b.Table.Get(ctx, id)
			if access.CodeOf(err) == access.CodeNotFound && holder.IsConfirmed() {
				b.Logger.ErrorContext(ctx, "ending the access of a blocked person whose request's row is gone", "request_id", id, "block", block.ID, "subject", d.ID)
				errs = append(errs, b.Remove(ctx, id, lease.Subject))
			} else if access.CodeOf(err) != access.CodeNotFound {
				errs = append(errs, err)
			}
		}
	}
	return access.Wrap(codeOfFirst(errs), errors.Join(errs...), "remove access without a row")
}
