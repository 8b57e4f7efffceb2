package main

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/internal/metric"
)

// drift records an event of the findings from, to to-1 of a run. They are counted
// where the run is reported, once for each run. What the bucket
// does not take raises the alarm and is Unavailable; the next try goes through
// all of them again, and writes what is missing. The run counts what it found
// and removed.
func (h *Handler) drift(ctx context.Context, log *slog.Logger, id string, kind access.EventKind, from, to int) error {
	run, err := h.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	findings, err := h.Runs.Findings(ctx, id)
	if err != nil {
		return err
	}
	if from < 0 || to < from || to > len(findings) {
		return access.Errorf(access.CodeInvalid, "run %s has %d findings; there are none from %d to %d", id, len(findings), from, to)
	}
	writing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for i := from; i < to; i++ {
		// Of a removal the record that was written first stays, with its time.
		f := auditrecord.Finding{Finding: findings[i], Kind: kind, Run: run, Index: i, RemovedAt: h.Now().UTC()}
		if err := h.Log.WriteFinding(writing, f); err != nil {
			h.Count(metric.AuditDeferred, nil)
			log.Error("the audit bucket did not take a record", "event", kind, "index", i, "error", err)
			return access.Wrap(access.CodeUnavailable, err, "write audit record")
		}
	}
	return nil
}
