package drift

import (
	"context"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
)

// markExempt marks the findings that an exemption covers now. It looks up a user only
// if an exemption covers the finding's target. If that lookup fails, the finding may
// be exempt, so it is dropped and counts as unread.
func (e *Engine) markExempt(ctx context.Context, policy *access.Policy, findings []access.Finding, now time.Time) (kept []access.Finding, unread []access.Unread) {
	about := make([][]access.Exemption, len(findings))
	asked := map[string]bool{}
	for i, f := range findings {
		if about[i] = policy.ExemptionsOf(f.Target, now); len(about[i]) > 0 {
			asked[f.PrincipalID] = true
		}
	}
	if len(asked) == 0 {
		return findings, nil
	}
	reading, cancel := withWriteTime(ctx)
	defer cancel()
	ids := sortedKeys(asked)
	names := make([][]string, len(ids))
	failed := make([]error, len(ids))
	parallel.Do(len(ids), callsAtOnce, func(i int) {
		names[i], _, failed[i] = e.Directory.UserNames(reading, ids[i])
	})
	var unreadUsers gaps
	for i, f := range findings {
		if len(about[i]) == 0 {
			kept = append(kept, f)
			continue
		}
		n, _ := slices.BinarySearch(ids, f.PrincipalID)
		if failed[n] != nil {
			e.Logger.ErrorContext(ctx, "exemption could not be checked", "user", f.PrincipalID, "error", access.ErrorMessage(failed[n]))
			unreadUsers.add("user "+f.PrincipalID, failed[n])
			continue
		}
		for _, x := range about[i] {
			// If several apply, the one that lasts longest counts.
			if x.IsFor(names[n]...) && (f.Exemption == nil || x.Until.After(f.Exemption.Until)) {
				f.Exemption = &access.Spared{Until: x.Until, Reason: x.Reason, Key: x.Key()}
			}
		}
		kept = append(kept, f)
	}
	return kept, unreadUsers.unread()
}

// markLeft marks the findings that a person left alone for now, unless that person is
// blocked. If that can't be read, the finding may be left alone, so it is dropped and
// counts as unread.
func (e *Engine) markLeft(ctx context.Context, findings []access.Finding, now time.Time) (kept []access.Finding, unread []access.Unread) {
	reading, cancel := withWriteTime(ctx)
	defer cancel()
	left := make([]*access.Leave, len(findings))
	failed := make([]error, len(findings))
	parallel.Do(len(findings), leasesAtOnce, func(i int) {
		l, found, err := e.Table.Leave(reading, findings[i].Key())
		if failed[i] = err; err == nil && found && !l.IsOver(now) {
			left[i] = &l
		}
	})
	if slices.ContainsFunc(left, func(l *access.Leave) bool { return l != nil }) {
		blocks, err := e.Table.Blocks(reading)
		for i, l := range left {
			switch {
			case l == nil:
			case err != nil:
				failed[i] = err
			case blocks.Of(l.By) != nil:
				left[i] = nil
			}
		}
	}
	var unreadFindings gaps
	for i, f := range findings {
		if failed[i] != nil {
			e.Logger.ErrorContext(ctx, "leave of a finding could not be read", "subject", f.Key(), "error", access.ErrorMessage(failed[i]))
			unreadFindings.add("user "+f.PrincipalID, failed[i])
			continue
		}
		// If the settings exempt it, too, the one that lasts longer counts.
		if l := left[i]; l != nil && (f.Exemption == nil || l.Until.After(f.Exemption.Until)) {
			f.Exemption = &access.Spared{Key: l.ButtonValue(), Until: l.Until, By: &l.By}
		}
		kept = append(kept, f)
	}
	return kept, unreadFindings.unread()
}

// enterExempt enters in the history which findings a run in mode revoke leaves
// alone, and since when. It reports whether this run is the first to leave one.
// It deletes entries whose exemption has ended.
func enterExempt(h *History, plan *Plan, findings []access.Finding, now time.Time) (first bool) {
	if plan.Mode != access.DriftRevoke {
		return false
	}
	maps.DeleteFunc(h.Exempt, func(_ string, s ExemptFinding) bool { return !now.Before(s.Until) })
	for i, f := range findings {
		if f.Exemption == nil {
			continue
		}
		key := f.Exemption.Key + " " + f.Key()
		exempt, ok := h.Exempt[key]
		if !ok {
			exempt = ExemptFinding{Since: plan.StartedAt, Run: plan.Run, Until: f.Exemption.Until}
			if h.Exempt == nil {
				h.Exempt = map[string]ExemptFinding{}
			}
			h.Exempt[key] = exempt
		}
		spared := *f.Exemption
		spared.Since, spared.Run = exempt.Since, exempt.Run
		findings[i].Exemption = &spared
		first = first || exempt.Run == plan.Run
	}
	return first
}

// markProtected marks the findings in protected accounts that no statement names.
func markProtected(plan *Plan, findings []access.Finding) {
	index := access.NewIndex(&plan.Policy)
	for i, f := range findings {
		findings[i].Protected = !index.CoversByName(f.Target, plan.ousOf(f.AccountID))
	}
}
