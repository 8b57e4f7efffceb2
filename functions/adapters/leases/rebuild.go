package leases

import (
	"context"
	"maps"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

// Rebuild enters a row for a request that holds access and whose row somebody
// deleted, so that Release can remove the access and what reads rows only can
// record it. The request's own execution may ask for it at any time, and so may
// who knows that the access was granted (granted): its own Grant succeeded, or it
// read that in the row. Any other may once the access is over. known is false
// where the lease says nothing of the request, or there is none.
//
// Errors are those of the table; errors.Is(err, ErrTable) holds.
func (l *Leases) Rebuild(ctx context.Context, id, execution string, granted bool, s access.Subject) (known bool, err error) {
	const doing = "rebuild the row"
	lease, found, err := l.Table.Lease(ctx, s.Key())
	if err != nil {
		return false, tableError(err, doing)
	}
	holder, holds := lease.Holders[id]
	if !found || !holds || holder.ExecutionARN != execution && !granted && !holder.HasEnded(l.Now()) {
		return false, nil
	}
	return true, tableError(l.Table.Rebuild(ctx, access.RebuiltFrom(lease, id, l.Now())), doing)
}

// restoreOthers gives a new row to each of the lease's holders whose row somebody
// deleted, and adds it to others if its time is not over: its execution comes to
// remove the access. A holder that was never confirmed is left out, and so is one
// whose row may have been dropped because the request was closed long ago.
func (l *Leases) restoreOthers(ctx context.Context, lease access.Lease, id string, others map[string]access.Holder) error {
	for other, holder := range lease.Holders {
		_, counts := others[other]
		if other == id || counts || !holder.IsConfirmed() || l.Now().Sub(holder.End) > table.KeepClosed/2 {
			continue
		}
		switch _, err := l.Table.Get(ctx, other); {
		case err == nil:
			continue
		case access.CodeOf(err) != access.CodeNotFound:
			return err
		}
		if err := l.Table.Rebuild(ctx, access.RebuiltFrom(lease, other, l.Now())); err != nil {
			return err
		}
		if !holder.HasEnded(l.Now()) {
			others[other] = holder
		}
	}
	return nil
}

// releaseRowless releases the lease for those of its holders whose rows somebody
// deleted, under new rows. released is true where there was one.
func (l *Leases) releaseRowless(ctx context.Context, lease access.Lease) (released bool, err error) {
	var rowless []string
	for _, id := range slices.Sorted(maps.Keys(lease.Holders)) {
		r, err := l.Table.Get(ctx, id)
		switch {
		case access.CodeOf(err) == access.CodeNotFound:
			err = l.Table.Rebuild(ctx, access.RebuiltFrom(lease, id, l.Now()))
		case err == nil && (r.Rebuilt == nil || r.IsRemoved()):
			continue
		}
		if err != nil {
			return false, err
		}
		rowless = append(rowless, id)
	}
	for _, id := range rowless {
		if _, err := l.Release(ctx, id, "", true); err != nil {
			return false, err
		}
	}
	return len(rowless) > 0, nil
}
