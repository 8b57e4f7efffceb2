package audit

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// recordBlocks records the events about blocks that are not in the bucket yet, in order.
// The row of the blocks is their outbox. If the bucket refuses one, recordBlocks raises the
// alarm and returns Unavailable. The minute check tries again.
func (h *Handler) recordBlocks(ctx context.Context, log *slog.Logger) error {
	blocks, err := h.Table.Blocks(ctx)
	if err != nil {
		return err
	}
	writing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var failed error
	var done int64
	for _, e := range blocks.Unrecorded() {
		if err := h.Records.WriteBlock(writing, e); err != nil {
			h.Count(metric.AuditDeferred, nil)
			log.Error("audit record could not be written", "event", e.Kind, "block", e.Block.ID, "error", err)
			failed = access.Wrap(access.CodeUnavailable, err, "write audit record")
			break
		}
		done = e.Sequence
	}
	if done > 0 {
		if err := h.Table.MarkBlocksRecorded(ctx, done); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}
