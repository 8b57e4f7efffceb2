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

// Press reads what a person decided about a finding of a run. If they left it alone for
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
	p := run.PressAbout(ref.Index)
	switch {
	case p == nil:
		return PressNothing, nil
	case run.IsPressDone(ref.Index):
		return PressShows, nil
	case p.Remove:
		return PressRemoves, nil
	}
	findings, err := e.Store.Findings(ctx, ref.Run)
	if err != nil {
		return "", err
	}
	if ref.Index < 0 || ref.Index >= len(findings) {
		return "", access.Errorf(access.CodeInvalid, "run %s has %d findings, none with the index %d", ref.Run, len(findings), ref.Index)
	}
	f := findings[ref.Index]
	until, ok := f.LeaveUntil(p.At)
	if !ok {
		return PressShows, nil
	}
	if p.Until.Before(until) {
		until = p.Until
	}
	return PressLeaves, e.Table.PutLeave(ctx, access.Leave{FindingRef: ref, Subject: f.Key(), By: p.By, At: p.At, Until: until})
}

// EndPress records how the removal of a finding ended that a person asked for. failure is
// the error that it ended with, "" if the access was removed. failed reports whether the
// access may still be there although it should be gone. A press that nobody made has no
// result.
func (e *Engine) EndPress(ctx context.Context, ref access.FindingRef, failure string) (failed bool, err error) {
	run, err := e.Table.Run(ctx, ref.Run)
	if err != nil {
		return false, err
	}
	if p := run.PressAbout(ref.Index); p == nil || !p.Remove {
		return false, access.Errorf(access.CodeRefused, "nobody asked to remove finding %d of run %q", ref.Index, ref.Run)
	}
	result := resultOf(failure)
	if before := run.PressResultOf(ref.Index); run.IsPressDone(ref.Index) || before == result {
		return before == access.DriftFailed, nil // a repeated step
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
