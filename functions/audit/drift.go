package audit

import (
	"context"
	"log/slog"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/access/metric"
)

// recordFindings records the findings of a run with the indexes from to to-1. It
// counts no metrics, because the run's report counts the findings.
func (h *Handler) recordFindings(ctx context.Context, log *slog.Logger, id string, from, to int) error {
	run, findings, err := h.readRun(ctx, id)
	if err != nil {
		return err
	}
	if from < 0 || to < from || to > len(findings) {
		return access.Errorf(access.CodeInvalid, "run %s has %d findings; the range from %d to %d is invalid", id, len(findings), from, to)
	}
	var records []auditrecord.Finding
	for i := from; i < to; i++ {
		records = append(records, auditrecord.Finding{Finding: findings[i], Kind: access.EventDriftFound, Run: run, Index: i})
	}
	return h.writeFindings(ctx, log, records)
}

// recordExemptions records the findings that this run, in mode revoke, was the first
// to skip because of their exemption.
func (h *Handler) recordExemptions(ctx context.Context, log *slog.Logger, id string) error {
	run, findings, err := h.readRun(ctx, id)
	if err != nil {
		return err
	}
	var records []auditrecord.Finding
	for i, f := range findings {
		if f.Exemption != nil && f.Exemption.Run == id && run.Mode == access.DriftRevoke {
			records = append(records, auditrecord.Finding{Finding: f, Kind: access.EventDriftExempted, Run: run, Index: i})
		}
	}
	return h.writeFindings(ctx, log, records)
}

// recordPress records what people decided about a finding with buttons: one record for each
// press that took effect. Refused: the run's row has no press about that finding.
func (h *Handler) recordPress(ctx context.Context, log *slog.Logger, ref access.FindingRef) error {
	run, findings, err := h.readRun(ctx, ref.Run)
	if err != nil {
		return err
	}
	presses := run.PressesAbout(ref.Index)
	if len(presses) == 0 || ref.Index < 0 || ref.Index >= len(findings) {
		return access.Errorf(access.CodeRefused, "nobody pressed a button of finding %d of run %q", ref.Index, ref.Run)
	}
	var records []auditrecord.Finding
	for i := range presses {
		records = append(records, auditrecord.Finding{Finding: findings[ref.Index], Kind: access.EventDriftPressed, Run: run, Index: ref.Index, Press: i})
	}
	return h.writeFindings(ctx, log, records)
}

// recordRefusedPresses records the presses in the run's row that were refused. Records that
// exist already stay as they are.
func (h *Handler) recordRefusedPresses(ctx context.Context, log *slog.Logger, id string) error {
	run, findings, err := h.readRun(ctx, id)
	if err != nil {
		return err
	}
	return h.writeAll(ctx, log, len(run.RefusedPresses), func(ctx context.Context, i int) (access.EventKind, error) {
		p := auditrecord.RefusedPress{RefusedPress: run.RefusedPresses[i], Run: run, Index: i}
		if p.Finding >= 0 && p.Finding < len(findings) {
			p.Subject = findings[p.Finding]
		}
		return access.EventPressRefused, h.Records.WriteRefusedPress(ctx, p)
	})
}

// recordFindingRemoval records that this system removed a finding. It doesn't trust
// the payload: the table must show that the removal was authorized, and that this
// system removed the access. If someone else had already removed the access, it
// writes no record and returns no error. Refused: the table has no such authorized
// removal.
func (h *Handler) recordFindingRemoval(ctx context.Context, log *slog.Logger, ref access.FindingRef) error {
	removal, found, err := h.Table.Removal(ctx, ref)
	if err != nil {
		return err
	}
	if !found {
		return access.Errorf(access.CodeRefused, "the table has no removal of finding %[2]d of run %[1]q", ref.Run, ref.Index)
	}
	if removal.Result != access.DriftRemoved {
		log.InfoContext(ctx, "access was already gone; no removal recorded", "subject", removal.Subject)
		return nil
	}
	run, findings, err := h.readRun(ctx, ref.Run)
	if err != nil {
		return err
	}
	switch {
	case !run.MayRemove(ref.Index):
		return access.Errorf(access.CodeRefused, "nobody authorized run %q to remove its finding %d", ref.Run, ref.Index)
	case ref.Index < 0 || ref.Index >= len(findings) || findings[ref.Index].Key() != removal.Subject:
		return access.Errorf(access.CodeRefused, "%s was removed, but it is not finding %d of run %q", removal.Subject, ref.Index, ref.Run)
	}
	return h.writeFindings(ctx, log, []auditrecord.Finding{{
		Finding: findings[ref.Index], Kind: access.EventDriftRevoked, Run: run, Index: ref.Index, RemovedAt: removal.At,
		AWSDeleteRequestID: removal.AWSDeleteRequestID,
	}})
}

// readRun reads a run's row and its findings.
func (h *Handler) readRun(ctx context.Context, id string) (access.Run, []access.Finding, error) {
	run, err := h.Table.Run(ctx, id)
	if err != nil {
		return run, nil, err
	}
	findings, err := h.Findings.Findings(ctx, id)
	return run, findings, err
}

// writeFindings writes the records as writeAll does.
func (h *Handler) writeFindings(ctx context.Context, log *slog.Logger, records []auditrecord.Finding) error {
	return h.writeAll(ctx, log, len(records), func(ctx context.Context, i int) (access.EventKind, error) {
		return records[i].Kind, h.Records.WriteFinding(ctx, records[i])
	})
}

// writeAll writes n records about a run. If the bucket refuses one, it raises the alarm
// and returns Unavailable. The next try goes through all records again and writes the
// missing ones.
func (h *Handler) writeAll(ctx context.Context, log *slog.Logger, n int, write func(ctx context.Context, i int) (access.EventKind, error)) error {
	writing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for i := range n {
		if kind, err := write(writing, i); err != nil {
			h.Count(metric.AuditDeferred, nil)
			log.Error("audit record could not be written", "event", kind, "index", i, "error", err)
			return access.Wrap(access.CodeUnavailable, err, "write audit record")
		}
	}
	return nil
}
