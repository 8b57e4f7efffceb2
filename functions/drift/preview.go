package drift

import (
	"context"
	"slices"

	"sso-elevator/functions/access"
)

// Preview is what a run in mode revoke would do if it ran now.
type Preview struct {
	// Findings are what the run would remove, by target and user.
	Findings []access.Finding `json:"findings"`
	// Exempt are what the run would leave alone under an exemption.
	Exempt []access.Finding `json:"exempt"`
	// Protected are what the run would only report, because the account is protected.
	Protected []access.Finding `json:"protected"`
	// Unread is what the run could not read, and would not touch.
	Unread       []access.Unread `json:"unread"`
	Unmanageable []string        `json:"unmanageable"` // accounts, by id
	Provisioned  []string        `json:"provisioned"`  // groups that SCIM manages, by name
	// LeasesRead is false if there was no table. Then the findings include access
	// that requests granted.
	LeasesRead bool `json:"leases_read"`
	// Calls are how many calls Identity Center and the Identity Store got, by
	// operation.
	Calls map[string]int `json:"calls"`
}

// Preview combines the results of a run's batches, and writes nothing. FirstSeen of
// its findings is when the run started. It sets neither LeasesRead nor Calls.
func (e *Engine) Preview(ctx context.Context, run string) (Preview, error) {
	plan, err := e.Store.Plan(ctx, run)
	if err != nil {
		return Preview{}, err
	}
	findings, c, err := e.merge(ctx, &plan)
	if err != nil {
		return Preview{}, err
	}
	e.nameUsers(ctx, &plan, findings)
	markProtected(&plan, findings)
	findings, unread := e.markExempt(ctx, &plan.Policy, findings, e.Now())
	c.Unread = append(c.Unread, unread...)
	findings, unread = e.markLeft(ctx, findings, e.Now())
	c.Unread = append(c.Unread, unread...)
	for i := range findings {
		findings[i].FirstSeen = plan.StartedAt
	}
	slices.SortFunc(findings, byTarget)
	var remove, exempt, protected []access.Finding
	for _, f := range findings {
		switch {
		case f.Protected:
			protected = append(protected, f)
		case f.Exemption != nil:
			exempt = append(exempt, f)
		default:
			remove = append(remove, f)
		}
	}
	return Preview{
		Findings: orEmpty(remove), Exempt: orEmpty(exempt), Protected: orEmpty(protected), Unread: orEmpty(c.Unread), Unmanageable: orEmpty(c.Unmanageable), Provisioned: orEmpty(c.Provisioned),
	}, nil
}

// orEmpty returns the list, or an empty one for nil, so that JSON has a list.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
