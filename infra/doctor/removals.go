package doctor

import (
	"fmt"
	"time"

	"sso-elevator/infra/settings"
)

// checkRemovals says when reconciliations remove unknown access, and which access is exempt.
func checkRemovals(s *settings.Settings) []finding {
	var all []finding
	switch {
	case !s.AllowRemovals:
		all = append(all, finding{
			Status: warning,
			Found:  "allow_reconcile_removals is false, so no reconciliation removes unknown access",
			Fix:    "When the reports in Slack list nothing that should stay, set allow_reconcile_removals: true.",
		})
	case s.RevokeSchedule == "":
		all = append(all, finding{Status: ready, Found: "schedule_expression is empty, so unknown access is removed only if someone starts a reconciliation"})
	default:
		all = append(all, finding{Status: ready, Found: fmt.Sprintf("unknown access is removed at %s. Removing more than %d within 24 hours needs someone's consent in Slack", s.RevokeSchedule, s.MaxRemovals)})
	}
	if len(s.Policy.Exemptions) == 0 {
		return all
	}
	exempt := finding{
		Status: warning, Found: "reconcile_exemptions protects this unknown access from removal",
		Fix: "When the emergency is over, remove this access by hand and delete the exemptions. Once an exemption has ended, deployments fail until you delete it.",
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
