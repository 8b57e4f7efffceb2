package drift

import (
	"context"
	"encoding/json"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// Removal is how the removal of the finding with that index ended.
type Removal struct {
	Index  int                  `json:"index"`
	Result access.RemovalResult `json:"result"`
}

// Removals are what the state machine's distributed Map returns: the output of
// each of its child executions. AWS does not document the output of a failed child: it
// may be missing, null, or the error. An output without an index and a result is
// dropped. A finding without an output counts as not removed.
type Removals []Removal

// UnmarshalJSON never fails: an output that is invalid counts as no removals.
func (all *Removals) UnmarshalJSON(text []byte) error {
	*all = nil
	var outputs []json.RawMessage
	if json.Unmarshal(text, &outputs) != nil {
		return nil
	}
	for _, output := range outputs {
		var r struct {
			Index  *int                 `json:"index"`
			Result access.RemovalResult `json:"result"`
		}
		if json.Unmarshal(output, &r) == nil && r.Index != nil && r.Result != "" {
			*all = append(*all, Removal{*r.Index, r.Result})
		}
	}
	return nil
}

// EndQuestion ends the run's question. It returns "remove" if there is anything to
// remove: someone agreed to it, or it needs no answer. Otherwise it returns "report".
// Later presses get the reply that the question has ended.
func (e *Engine) EndQuestion(ctx context.Context, run string) (string, error) {
	row, err := e.endQuestion(ctx, run)
	if err != nil || !mayRemoveAny(row) {
		return nextReport, err
	}
	return nextRemove, nil
}

// endQuestion returns the row of a run, and ends its question if it is still
// open.
func (e *Engine) endQuestion(ctx context.Context, run string) (access.Run, error) {
	row, _, err := e.Table.ExpireRun(ctx, run, e.Now().UTC())
	if err == nil && row.Answer == nil {
		err = access.Errorf(access.CodeInternal, "the question of run %s was closed without an answer", run)
	}
	return row, err
}

// Report writes what the run reports to people, and marks it as reported. tell
// reports whether there is anything to report, and complete whether the run read
// everything.
func (e *Engine) Report(ctx context.Context, run string, removals []Removal) (tell, complete bool, err error) {
	plan, err := e.Store.Plan(ctx, run)
	if err != nil {
		return false, false, err
	}
	findings, err := e.Store.Findings(ctx, run)
	if err != nil {
		return false, false, err
	}
	c, err := e.Store.Collected(ctx, run)
	if err != nil {
		return false, false, err
	}
	now := e.Now().UTC()
	r := access.DriftReport{
		RunID: run, Mode: plan.Mode, At: now, ExecutionARN: plan.Execution,
		Total: len(findings), Guard: c.Guard, Limit: c.Limit, Unread: c.Unread,
	}
	row := access.Run{Mode: plan.Mode, Partial: plan.Partial}
	if c.Guard != "" {
		if row, err = e.endQuestion(ctx, run); err != nil {
			return false, false, err
		}
		r.Answers, r.Answer = row.Answers, row.Answer
	}
	switch {
	case c.Next == nextRemove || c.Next == nextAsk && mayRemoveAny(row):
		r.Results = results(findings, removals, access.DriftFailed)
		for i, f := range findings {
			// The Map's output can't change this: revoke removes nothing without authorization.
			if f.MayBeRemoved() && !row.MayRemove(i) {
				r.Results[f.Key()] = access.DriftNotAllowed
			}
		}
	case plan.Mode == access.DriftRevoke && c.Guard == "":
		// Everything is exempt or protected, or removals were turned off meanwhile.
		r.Results = results(findings, nil, access.DriftNotAllowed)
	}
	if e.Next != nil && !e.RemovalsOff {
		if at, ok := e.Next(now); ok {
			r.NextRevocation = at.UTC()
		}
	}
	if err := e.claimReport(ctx, &plan, &r, findings, &c); err != nil {
		return false, false, err
	}
	r.Decidable = e.decidable(findings, r)
	if err := e.Store.PutReport(ctx, r); err != nil {
		return false, false, err
	}
	if err := e.leaveHeartbeat(ctx, &plan, &c, len(findings), c.Next == nextAsk && mayRemoveAll(row, findings)); err != nil {
		return false, false, err
	}
	if err := e.leaveScope(ctx, &plan, &c, row, findings); err != nil {
		return false, false, err
	}
	complete = len(c.Unread) == 0
	e.countMetrics(&plan, &c, r, complete)
	tell = len(r.Findings) > 0 || len(r.Unread) > 0 || len(r.Unmanageable) > 0 || len(r.Provisioned) > 0
	return tell, complete, nil
}

// mayRemoveAny reports whether there is anything to remove after the question.
func mayRemoveAny(row access.Run) bool { return row.HasConsent() || len(row.InScope) > 0 }

// mayRemoveAll reports whether people allowed the run to remove everything that
// is neither exempt nor protected.
func mayRemoveAll(row access.Run, findings []access.Finding) bool {
	for i, f := range findings {
		if f.MayBeRemoved() && !row.MayRemove(i) {
			return false
		}
	}
	return true
}

// results returns the results of all findings. A finding without a result in removals
// gets otherwise. A finding that stays in any case gets the reason. It returns nil if
// there are no findings.
func results(findings []access.Finding, removals []Removal, otherwise access.RemovalResult) map[string]access.RemovalResult {
	if len(findings) == 0 {
		return nil
	}
	all := map[string]access.RemovalResult{}
	for _, f := range findings {
		all[f.Key()] = otherwise
		switch {
		case f.Protected:
			all[f.Key()] = access.DriftProtected
		case f.Exemption != nil:
			all[f.Key()] = access.DriftExempt
		}
	}
	for _, r := range removals {
		if r.Index < 0 || r.Index >= len(findings) {
			continue
		}
		switch r.Result {
		case access.DriftRemoved, access.DriftAlreadyGone, access.DriftHeld, access.DriftOutOfScope, access.DriftExempt, access.DriftOverLimit, access.DriftNotAllowed:
			all[findings[r.Index].Key()] = r.Result
		}
	}
	return all
}

// claimReport adds to the report what no other run reported, and marks it as reported
// in the same write. So only one of two concurrent runs reports it. A repeated step
// claims the same again. Findings that are gone leave the history.
func (e *Engine) claimReport(ctx context.Context, plan *Plan, r *access.DriftReport, findings []access.Finding, c *Collected) error {
	return e.updateHistory(ctx, func(h *History) {
		r.Findings = toReport(plan, *h, findings, r.At)
		r.Unmanageable = changedNames(plan, h.Unmanageable, c.Unmanageable)
		r.Provisioned = changedNames(plan, h.Provisioned, c.Provisioned)
		for _, f := range r.Findings {
			key := f.Key()
			seen, ok := h.Findings[key]
			if !ok {
				// Someone had it removed in another report meanwhile.
				seen = SeenFinding{FirstSeen: plan.StartedAt, FirstRun: plan.Run, LastSeen: plan.StartedAt}
			}
			seen.ReportedAt, seen.ReportedRun = r.At, plan.Run
			h.Findings[key] = seen
		}
		for _, f := range findings {
			h.endFinding(f, r.Results[f.Key()])
		}
		enterReported(plan, &h.Unmanageable, c.Unmanageable)
		enterReported(plan, &h.Provisioned, c.Provisioned)
	})
}

// decidable returns the indexes of the reported findings that people may decide about
// with a button: those that are still there, and that this app may remove.
func (e *Engine) decidable(findings []access.Finding, r access.DriftReport) map[string]int {
	if e.RemovalsOff {
		return nil
	}
	reported := map[string]bool{}
	for _, f := range r.Findings {
		reported[f.Key()] = true
	}
	all := map[string]int{}
	for i, f := range findings {
		isExempt := f.Exemption != nil && f.Exemption.By == nil
		if !reported[f.Key()] || f.Protected || isExempt {
			continue
		}
		switch r.Results[f.Key()] {
		case "", access.DriftFailed, access.DriftOverLimit, access.DriftNotAllowed, access.DriftExempt:
			all[f.Key()] = i
		}
	}
	return all
}

// countMetrics counts what the run found and removed, and whether it is complete.
func (e *Engine) countMetrics(plan *Plan, c *Collected, r access.DriftReport, complete bool) {
	for range c.New {
		e.Count(metric.DriftFound, nil)
	}
	for _, result := range r.Results {
		switch result {
		case access.DriftRemoved:
			e.Count(metric.DriftRevoked, nil)
		case access.DriftFailed:
			e.Count(metric.DriftFailed, nil)
		}
	}
	if !complete {
		e.Count(metric.ReconcileIncomplete, nil)
		return
	}
	e.Count(metric.ReconcileCompleted, map[string]string{"Mode": string(plan.Mode)})
}
