package drift

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// The next step of an execution that carries out a press on a finding.
const (
	PressRemoves = "remove"
	PressLeaves  = "leave"
	PressShows   = "show"    // all is done; only the message may be behind
	PressNothing = "nothing" // nobody pressed
)

// Press reads what people decided about a finding of a run. If someone left it alone for
// a day, Press writes that for later runs. It returns what is left to do. Only the run's
// row counts: inputs of executions can be forged.
func (e *Engine) Press(ctx context.Context, ref access.FindingRef) (next string, err error) {
	run, err := e.Table.Run(ctx, ref.Run)
	if access.CodeOf(err) == access.CodeNotFound {
		return PressNothing, nil
	}
	if err != nil {
		return "", err
	}
	presses := run.PressesAbout(ref.Index)
	switch {
	case len(presses) == 0:
		return PressNothing, nil
	case run.IsPressDone(ref.Index):
		return PressShows, nil
	}
	if p := presses[0]; !p.Remove {
		// It counts even if someone overruled it: the removal may be refused.
		wrote, err := e.writeLeave(ctx, ref, p)
		switch {
		case err != nil:
			return "", err
		case len(presses) == 1 && wrote:
			return PressLeaves, nil
		case len(presses) == 1:
			return PressShows, nil
		}
	}
	return PressRemoves, nil
}

// writeLeave writes the leave of a press, unless the finding's time is used up.
func (e *Engine) writeLeave(ctx context.Context, ref access.FindingRef, p access.FindingPress) (wrote bool, err error) {
	f, err := e.finding(ctx, ref)
	if err != nil {
		return false, err
	}
	until, ok := f.LeaveUntil(p.At)
	if !ok {
		return false, nil
	}
	if p.Until.Before(until) {
		until = p.Until
	}
	return true, e.Table.PutLeave(ctx, access.Leave{FindingRef: ref, Subject: f.Key(), By: p.By, At: p.At, Until: until})
}

// forget drops the finding from the history after a Remove now removed it, and ends the
// leave that this overruled. If the same access appears again, it is new, and not left alone.
// result is how the removal ended.
func (e *Engine) forget(ctx context.Context, ref access.FindingRef, presses []access.FindingPress, result access.RemovalResult) error {
	f, err := e.finding(ctx, ref)
	if err != nil {
		return err
	}
	p := presses[len(presses)-1]
	err = e.updateHistory(ctx, func(h *History) {
		if h.Findings[f.Key()].FirstSeen.Before(p.At) {
			h.endFinding(f, result)
		}
	})
	if err != nil {
		return err
	}
	if len(presses) == 1 {
		// Someone may have left it in another report. If the leave of this report isn't in
		// the table yet, it must not appear later.
		l, found, err := e.Table.Leave(ctx, f.Key())
		if err != nil || !found || l.IsOver(e.Now()) || !l.IsOverruledBy(&p) {
			return err
		}
	}
	return e.Table.PutLeave(ctx, access.Leave{FindingRef: ref, Subject: f.Key(), By: p.By, At: p.At, Until: p.At})
}

// finding reads a finding of a run.
func (e *Engine) finding(ctx context.Context, ref access.FindingRef) (access.Finding, error) {
	findings, err := e.Store.Findings(ctx, ref.Run)
	if err != nil {
		return access.Finding{}, err
	}
	if ref.Index < 0 || ref.Index >= len(findings) {
		return access.Finding{}, access.Errorf(access.CodeInvalid, "run %s has %d findings, none with the index %d", ref.Run, len(findings), ref.Index)
	}
	return findings[ref.Index], nil
}

// EndPress records how the removal that a person asked for ended. failure is
// the error that it ended with, "" if the access was removed. failed reports whether the
// access may still be there although it should be gone. A press that nobody made has no
// result.
func (e *Engine) EndPress(ctx context.Context, ref access.FindingRef, failure string) (failed bool, err error) {
	run, err := e.Table.Run(ctx, ref.Run)
	if err != nil {
		return false, err
	}
	presses := run.PressesAbout(ref.Index)
	if len(presses) == 0 || !presses[len(presses)-1].Remove {
		return false, access.Errorf(access.CodeRefused, "nobody asked to remove finding %d of run %q", ref.Index, ref.Run)
	}
	result := resultOf(failure)
	if before := run.PressResultOf(ref.Index); run.IsPressDone(ref.Index) || before == result {
		return before == access.DriftFailed, nil // a repeated step
	}
	if result == access.DriftRemoved || result == access.DriftAlreadyGone {
		if err := e.forget(ctx, ref, presses, result); err != nil {
			return false, err
		}
	}
	if err := e.Table.AddPressResult(ctx, run, access.PressResult{Finding: ref.Index, Result: result, At: e.Now().UTC()}); err != nil {
		return false, err
	}
	switch result {
	case access.DriftRemoved:
		e.Count(metric.DriftRevoked, nil)
	case access.DriftFailed:
		e.Count(metric.DriftFailed, nil)
	}
	return result == access.DriftFailed, nil
}

// resultOf returns the result of a removal that ended with that error of the function
// revoke.
func resultOf(failure string) access.RemovalResult {
	switch access.Code(failure) {
	case "":
		return access.DriftRemoved
	case access.CodeHeld:
		return access.DriftHeld
	case access.CodeAlreadyGone:
		return access.DriftAlreadyGone
	case access.CodeOutOfScope:
		return access.DriftOutOfScope
	case access.CodeExempt:
		return access.DriftExempt
	case access.CodeRefused:
		return access.DriftNotAllowed
	default:
		return access.DriftFailed
	}
}
