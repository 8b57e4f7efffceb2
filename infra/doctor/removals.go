package doctor

import (
	"fmt"
	"time"

	"sso-elevator/infra/settings"
)

// checkRemovals says when runs remove unknown access, and which access is exempt.
func checkRemovals(s *settings.Settings) []finding {
	var all []finding
	switch {
	case !s.AllowRemovals:
		all = append(all, finding{
			Status: warning,
			Found:  "allow_reconcile_removals is false: no run removes access that no request granted",
			Fix:    "Set allow_reconcile_removals: true once the reports in Slack list nothing that should stay.",
		})
	case s.RevokeSchedule == "":
		all = append(all, finding{Status: ready, Found: "schedule_expression is empty: access that no request granted is removed only if somebody starts a run"})
	default:
		all = append(all, finding{Status: ready, Found: fmt.Sprintf("access that no request granted is removed at %s; more than %d within 24 hours only after a person agreed", s.RevokeSchedule, s.MaxRemovals)})
	}
	if len(s.Policy.Exemptions) == 0 {
		return all
	}
	exempt := finding{
		Status: warning, Found: "access that no request granted is left alone by reconcile_exemptions",
		Fix: "Remove this access by hand when the emergency is over, and take the exemptions out: after their time a deployment fails.",
	}
	for _, e := range s.Policy.Exemptions {
		what := e.AccountID + " " + e.PermissionSet
		if e.GroupID != "" {
			what = "group " + e.GroupID
		}
		exempt.Items = append(exempt.Items, fmt.Sprintf("%s, %s, until %s: %s", e.Email, what, e.Until.Format(time.RFC3339), e.Reason))
	}
	return append(all, exempt)
}
