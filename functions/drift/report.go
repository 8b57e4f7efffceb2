package drift

import (
	"context"
	"encoding/json"
	"maps"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// Removal is what became of the finding with that index.
type Removal struct {
	Index  int                  `json:"index"`
	Result access.RemovalResult `json:"result"`
}

// Removals are what the distributed Map of the state machine answers: the output
// of each of its child executions. One that fails is tolerated, and AWS does not
// document what stands in its place: nothing, null, or its error. Whatever has
// no index and no result is refused: it says nothing of any finding, and one of
// which nothing is heard counts as not removed.
type Removals []Removal

// UnmarshalJSON never fails: of a Map whose answer makes no sense nothing is heard.
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

// Answer says whether somebody let the run remove anything: "remove" or "report".
// It ends the question: whoever presses from here on is told so.
func (e *Engine) EndQuestion(ctx context.Context, run string) (string, error) {
	row, err := e.endQuestion(ctx, run)
	if err != nil || !row.HasConsent() {
		return nextReport, err
	}
	return nextRemove, nil
}

// answered is the row of a run whose question is over, at the latest from now on.
func (e *Engine) endQuestion(ctx context.Context, run string) (access.Run, error) {
	row, _, err := e.Table.ExpireRun(ctx, run, e.Now().UTC())
	if err == nil && row.Answer == nil {
		err = access.Errorf(access.CodeInternal, "the run %s has no answer", run)
	}
	return row, err
}

// Report writes what people are told of a run, and marks it as told. tell says
// whether there is anything, complete whether everything was read.
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
	case c.Next == nextRemove || c.Next == nextAsk && row.HasConsent():
		r.Results = results(findings, removals, access.DriftFailed)
		for i, f := range findings {
			// Of what nobody let go, the Map may say anything: it is left.
			if f.Exemption == nil && !row.MayRemove(i) {
				r.Results[f.Key()] = access.DriftNotAllowed
			}
		}
	case plan.Mode == access.DriftRevoke && c.Guard == "":
		// All of it is exempt; or what was to remove may not any more.
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
	if err := e.Store.PutReport(ctx, r); err != nil {
		return false, false, err
	}
	if err := e.leaveHeartbeat(ctx, &plan, &c, len(findings), c.Next == nextAsk && mayRemoveAll(row, findings)); err != nil {
		return false, false, err
	}
	complete = len(c.Unread) == 0
	e.countMetrics(&plan, &c, r, complete)
	tell = len(r.Findings) > 0 || len(r.Unread) > 0 || len(r.Unmanageable) > 0 || len(r.Provisioned) > 0
	return tell, complete, nil
}

// isAllLetGo reports whether people let go everything that is not exempt.
func mayRemoveAll(row access.Run, findings []access.Finding) bool {
	for i, f := range findings {
		if f.Exemption == nil && !row.MayRemove(i) {
			return false
		}
	}
	return true
}

// results are those of all findings: one of which nothing is heard has the result
// otherwise. An exempt one was not to be removed. nil where there are no findings.
func results(findings []access.Finding, removals []Removal, otherwise access.RemovalResult) map[string]access.RemovalResult {
	if len(findings) == 0 {
		return nil
	}
	all := map[string]access.RemovalResult{}
	for _, f := range findings {
		all[f.Key()] = otherwise
		if f.Exemption != nil {
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

// claim puts into the report what no other run has told of, and marks it as told
// in the same step: of two runs side by side one tells. A repeated step claims
// the same again. Findings that are gone are forgotten.
func (e *Engine) claimReport(ctx context.Context, plan *Plan, r *access.DriftReport, findings []access.Finding, c *Collected) error {
	return e.updateHistory(ctx, func(h *History) {
		r.Findings = toReport(plan, *h, findings, r.At)
		r.Unmanageable = changedNames(plan, h.Unmanageable, c.Unmanageable)
		r.Provisioned = changedNames(plan, h.Provisioned, c.Provisioned)
		for _, f := range r.Findings {
			key := f.Key()
			known, ok := h.Findings[key]
			if !ok {
				known = SeenFinding{FirstSeen: f.FirstSeen, FirstRun: plan.Run}
			}
			known.ReportedAt, known.ReportedRun = r.At, plan.Run
			h.Findings[key] = known
		}
		maps.DeleteFunc(h.Findings, func(key string, _ SeenFinding) bool {
			return r.Results[key] == access.DriftRemoved || r.Results[key] == access.DriftAlreadyGone
		})
		enterReported(plan, &h.Unmanageable, c.Unmanageable)
		enterReported(plan, &h.Provisioned, c.Provisioned)
	})
}

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
