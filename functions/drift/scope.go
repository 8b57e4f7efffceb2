package drift

import (
	"context"
	"slices"
	"time"

	"sso-elevator/functions/access"
)

// Scope is what runs may remove without asking, apart from other guards. A person
// decides before anything outside it is removed. It is kept as the part of the policy
// that says what it covers, because new accounts, permission sets and groups belong to
// a scope that already had all of them.
type Scope struct {
	Run string    `json:"run"` // that left it
	At  time.Time `json:"at"`  // when that run was planned

	Accounts  []access.Statement `json:"accounts,omitempty"` // only their resources and permission sets
	Groups    []access.Statement `json:"groups,omitempty"`
	Protected []string           `json:"protected_accounts,omitempty"`
	// OUs are the organizational units above accounts.
	OUs map[string][]string `json:"ous,omitempty"`
	// Pending are the keys of targets that are covered, but whose findings nobody
	// released for removal since they became so.
	Pending []string `json:"pending,omitempty"`

	index *access.Index
}

// newScope returns the scope of a whole run.
func newScope(plan *Plan) *Scope {
	s := &Scope{
		Run: plan.Run, At: plan.StartedAt,
		Accounts: coverageOf(plan.Policy.Accounts), Groups: coverageOf(plan.Policy.Groups), Protected: plan.Policy.ProtectedAccounts,
	}
	for _, a := range plan.Accounts {
		if len(a.OUs) > 0 {
			if s.OUs == nil {
				s.OUs = map[string][]string{}
			}
			s.OUs[a.ID] = a.OUs
		}
	}
	return s
}

func coverageOf(statements []access.Statement) (all []access.Statement) {
	for _, s := range statements {
		all = append(all, access.Statement{Resources: s.Resources, PermissionSets: s.PermissionSets})
	}
	return all
}

// has reports whether the target is in the scope. Nothing is in an unknown one, nil.
func (s *Scope) has(t access.Target) bool {
	if s == nil {
		return false
	}
	if s.index == nil {
		s.index = access.NewIndex(&access.Policy{Accounts: s.Accounts, Groups: s.Groups, ProtectedAccounts: s.Protected})
	}
	return s.index.CoversByName(t, s.OUs[t.AccountID]) && !slices.Contains(s.Pending, t.Key())
}

// leaveScope makes the run's scope the one of later runs, if the run read all of it.
// Targets that are new in the scope, and have findings that nobody released for
// removal, stay out of it: later runs ask about them, too.
func (e *Engine) leaveScope(ctx context.Context, plan *Plan, c *Collected, row access.Run, findings []access.Finding) error {
	if plan.Partial || len(c.Unread) > 0 {
		return nil
	}
	return e.updateHistory(ctx, func(h *History) {
		if h.Scope != nil && !h.Scope.At.Before(plan.StartedAt) {
			return // by a repeated step, or by a later run
		}
		next := newScope(plan)
		for i, f := range findings {
			released := f.MayBeRemoved() && row.NeedsConsent(i) && row.MayRemove(i)
			if key := f.Target.Key(); !released && !h.Scope.has(f.Target) && !slices.Contains(next.Pending, key) {
				next.Pending = append(next.Pending, key)
			}
		}
		h.Scope = next
	})
}
