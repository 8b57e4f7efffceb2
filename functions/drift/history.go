package drift

import (
	"context"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
)

// updateTries is how often the history is read and written again because
// another run wrote it meanwhile. Few runs do.
const updateTries = 10

// updateHistory changes the history. It may call change several times, each time
// with the newest history.
func (e *Engine) updateHistory(ctx context.Context, change func(*History)) error {
	var err error
	for range updateTries {
		var history History
		var version string
		history, version, err = e.readHistory(ctx)
		if err != nil {
			return err
		}
		change(&history)
		if err = e.Store.PutHistory(ctx, history, version); access.CodeOf(err) != access.CodeLost {
			return err
		}
	}
	return access.Wrap(access.CodeUnavailable, err, "write the history")
}

// readHistory reads the history. A history that is invalid counts as empty:
// then every finding is new, and a run that removes asks a person first.
func (e *Engine) readHistory(ctx context.Context) (History, string, error) {
	history, version, err := e.Store.History(ctx)
	if access.CodeOf(err) == access.CodeInvalid {
		e.Logger.ErrorContext(ctx, "history of earlier runs is invalid; starting a new one", "error", access.ErrorMessage(err))
		return History{Findings: map[string]SeenFinding{}}, version, nil
	}
	return history, version, err
}

// forgottenAfter is how long the history knows a finding that no run finds any more. A
// run that reads everything forgets it at once. But such a run may never come, for
// example because one account can't be read.
const forgottenAfter = access.MaxExemption

// FirstSeen returns when a run first found the access of a subject. It is zero if that
// is not known at that time.
func (h History) FirstSeen(subject string, at time.Time) time.Time {
	if seen := h.Findings[subject]; !seen.isForgotten(at) {
		return seen.FirstSeen
	}
	return time.Time{}
}

func (s SeenFinding) isForgotten(at time.Time) bool {
	return !s.LastSeen.IsZero() && at.Sub(s.LastSeen) > forgottenAfter
}

// endFinding enters that a finding was removed, or was gone already. If it is a membership
// that was gone, the user may have another one by now, and so the access. The history then
// still knows since when, and the next run reports it.
func (h History) endFinding(f access.Finding, result access.RemovalResult) {
	key := f.Key()
	seen, ok := h.Findings[key]
	switch {
	case !ok:
	case result == access.DriftAlreadyGone && f.MembershipID != "":
		seen.ReportedAt, seen.ReportedRun = time.Time{}, ""
		h.Findings[key] = seen
	case result == access.DriftRemoved, result == access.DriftAlreadyGone:
		delete(h.Findings, key)
	}
}

// enterFirstSeen enters the findings in the history, sets when each was first
// seen, and returns how many this run is the first to see.
func enterFirstSeen(h *History, plan *Plan, findings []access.Finding) int {
	n := 0
	for i := range findings {
		key := findings[i].Key()
		seen, ok := h.Findings[key]
		if !ok || seen.isForgotten(plan.StartedAt) {
			seen = SeenFinding{FirstSeen: plan.StartedAt, FirstRun: plan.Run}
		}
		if plan.StartedAt.After(seen.LastSeen) {
			seen.LastSeen = plan.StartedAt
		}
		h.Findings[key] = seen
		findings[i].FirstSeen = seen.FirstSeen
		if seen.FirstRun == plan.Run {
			n++
		}
	}
	return n
}

// enterCreation enters in the history what the run's event says about the creation of
// its access. Of several events about the same access, the latest counts. Then it adds
// to the findings what the history knows.
func enterCreation(h *History, plan *Plan, findings []access.Finding) {
	for i := range findings {
		key := findings[i].Key()
		seen := h.Findings[key]
		if c := plan.Created; c != nil && c.Subject == key && (seen.Creation == nil || seen.Creation.At.Before(c.At)) {
			seen.Creation = &c.Creation
			h.Findings[key] = seen
		}
		findings[i].Creation = seen.Creation
	}
}

// dropGone drops findings from the history that no longer exist. It keeps a finding that
// another run saw after this one began, because the access may have appeared after this
// run listed that account or group.
func dropGone(h *History, plan *Plan, findings []access.Finding) {
	there := map[string]bool{}
	for _, f := range findings {
		there[f.Key()] = true
	}
	maps.DeleteFunc(h.Findings, func(key string, seen SeenFinding) bool {
		return !there[key] && seen.FirstSeen.Before(plan.StartedAt)
	})
}

// toReport returns the findings that a run reports: all of them in mode revoke,
// otherwise exempt ones and those that no other run reported within a day. Those that a
// person left alone wait until that is over.
func toReport(plan *Plan, h History, findings []access.Finding, now time.Time) []access.Finding {
	var report []access.Finding
	for _, f := range findings {
		seen := h.Findings[f.Key()]
		if plan.Mode != access.DriftRevoke && f.Exemption != nil && f.Exemption.By != nil {
			continue
		}
		if plan.Mode == access.DriftRevoke || f.Exemption != nil || seen.ReportedAt.IsZero() || seen.ReportedRun == plan.Run || now.Sub(seen.ReportedAt) >= reportAgain {
			report = append(report, f)
		}
	}
	slices.SortFunc(report, byTarget)
	return report
}

// changedNames returns the current names, now, if they differ from the last reported
// names, or if this run reported those. Otherwise it returns nil.
func changedNames(plan *Plan, reported Reported, now []string) []string {
	if plan.Partial || slices.Equal(reported.Names, now) && reported.Run != plan.Run {
		return nil
	}
	return now
}

// enterReported adds to the history what a run reports besides its findings.
func enterReported(plan *Plan, reported *Reported, now []string) {
	if !plan.Partial && !slices.Equal(reported.Names, now) {
		*reported = Reported{Names: now, Run: plan.Run}
	}
}

// hasReport reports whether there is anything to report to people.
func (e *Engine) hasReport(plan *Plan, h History, findings []access.Finding, c *Collected) bool {
	return len(c.Unread) > 0 ||
		len(toReport(plan, h, findings, e.Now())) > 0 ||
		len(changedNames(plan, h.Unmanageable, c.Unmanageable)) > 0 ||
		len(changedNames(plan, h.Provisioned, c.Provisioned)) > 0
}
