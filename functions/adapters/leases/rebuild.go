package leases

import (
	"context"
	"maps"
	"slices"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

// Rebuild writes a row for a request that holds access and whose row someone deleted.
// Then Release can remove the access, and functions that read only rows can record
// it. The request's own execution may call it at any time. So may a caller that knows
// from its own Grant or from the row that the access was granted (then granted is
// true). Any other caller must wait until the access has ended. known is false if
// there is no lease, or the request is not among its holders.
//
// Errors are those of the table, and match ErrTable.
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

// restoreOthers writes a new row for each of the lease's holders whose row
// someone deleted. It adds the holder to others if its access has not ended: its
// execution will remove the access. It skips holders that were never confirmed,
// and those whose row may have expired because the request was closed long ago.
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

// releaseRowless releases the lease for holders whose rows someone deleted, and
// writes new rows for them. released reports whether there was such a holder.
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
