package drift

import (
	"context"
	"maps"
	"slices"
	"time"

	"sso-elevator/functions/access"
	runs "sso-elevator/functions/adapters/findings"
)

// rememberTries is how often what is known is read and written again where
// other runs write it at the same time. There are few.
const rememberTries = 10

// remember changes what runs know. change may be called several times, each
// time with what is there by then.
func (e *Engine) remember(ctx context.Context, change func(*runs.Known)) error {
	var err error
	for range rememberTries {
		var known runs.Known
		var version string
		known, version, err = e.known(ctx)
		if err != nil {
			return err
		}
		change(&known)
		if err = e.Runs.PutKnown(ctx, known, version); access.CodeOf(err) != access.CodeLost {
			return err
		}
	}
	return access.Wrap(access.CodeUnavailable, err, "write what is known")
}

// known is what runs know. What makes no sense counts as nothing: then
// everything is new, and a run that removes asks a person first.
func (e *Engine) known(ctx context.Context) (runs.Known, string, error) {
	known, version, err := e.Runs.Known(ctx)
	if access.CodeOf(err) == access.CodeInvalid {
		e.Logger.ErrorContext(ctx, "what earlier runs know makes no sense and is made anew", "error", access.ErrorMessage(err))
		return runs.Known{Findings: map[string]runs.KnownFinding{}}, version, nil
	}
	return known, version, err
}

// firstSeen enters the findings into what is known, gives each the time when it
// was first seen, and says how many this run is the first to see.
func firstSeen(k *runs.Known, plan *runs.Plan, findings []access.Finding) int {
	n := 0
	for i := range findings {
		key := findings[i].Key()
		known, ok := k.Findings[key]
		if !ok {
			known = runs.KnownFinding{FirstSeen: plan.StartedAt, FirstRun: plan.Run}
			k.Findings[key] = known
		}
		findings[i].FirstSeen = known.FirstSeen
		if known.FirstRun == plan.Run {
			n++
		}
	}
	return n
}

// forget drops what is no finding any more. What was first seen after this run
// began, another run saw: this one may have looked before it was there.
func forget(k *runs.Known, plan *runs.Plan, findings []access.Finding) {
	there := map[string]bool{}
	for _, f := range findings {
		there[f.Key()] = true
	}
	maps.DeleteFunc(k.Findings, func(key string, known runs.KnownFinding) bool {
		return !there[key] && known.FirstSeen.Before(plan.StartedAt)
	})
}

// toTell are the findings that a run tells of: where it removes all, otherwise
// those that are exempt, and those that no other run has reported for a day.
func toTell(plan *runs.Plan, k runs.Known, findings []access.Finding, now time.Time) []access.Finding {
	var tell []access.Finding
	for _, f := range findings {
		known := k.Findings[f.Key()]
		if plan.Mode == access.DriftRevoke || f.Exemption != nil || known.ToldAt.IsZero() || known.ToldRun == plan.Run || now.Sub(known.ToldAt) >= TellAgain {
			tell = append(tell, f)
		}
	}
	slices.SortFunc(tell, byTarget)
	return tell
}

// changed is now where it is other than what was told last, or where it was this
// run that told it; nil otherwise.
func changed(plan *runs.Plan, told runs.Told, now []string) []string {
	if plan.Partial || slices.Equal(told.Names, now) && told.Run != plan.Run {
		return nil
	}
	return now
}

// enterTold enters what a run tells of beside its findings.
func enterTold(plan *runs.Plan, told *runs.Told, now []string) {
	if !plan.Partial && !slices.Equal(told.Names, now) {
		*told = runs.Told{Names: now, Run: plan.Run}
	}
}

// tells says whether there is anything to tell people.
func (e *Engine) tells(plan *runs.Plan, k runs.Known, findings []access.Finding, c *runs.Collected) bool {
	return len(c.Unread) > 0 ||
		len(toTell(plan, k, findings, e.Now())) > 0 ||
		len(changed(plan, k.Unmanageable, c.Unmanageable)) > 0 ||
		len(changed(plan, k.Provisioned, c.Provisioned)) > 0
}
