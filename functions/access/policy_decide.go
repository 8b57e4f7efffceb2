package access

import "slices"

// unchanged returns s. It is for emails that are already normalized.
func unchanged(s string) string { return s }

// Decide returns the policy's decision about a request for t. The requester's
// email may be in any case. Both slices of the decision are never nil.
//
// A requester whose email is not ASCII is refused: no statement matches them.
//
// A target without its ids matches no statement, not even one that matches
// everything. Such a target is a group without GroupID, an account without
// AccountID or PermissionSet, or one of unknown kind.
func (p *Policy) Decide(requester string, t Target) Decision {
	return decide(p.statements(t.Kind), p.appendAffecting(t, make([]int, 0, usualCount)), NormalizeEmail(requester), NormalizeEmail)
}

// Permits reports whether approver may approve requester's request for t, whether or
// not it needs approval. Another person must be listed in a matching statement. For
// requesters themselves, the statements must also allow self-approval now. Denying a
// request needs the same permission.
func (p *Policy) Permits(requester, approver string, t Target) bool {
	return permits(p.statements(t.Kind), p.appendAffecting(t, nil), NormalizeEmail(requester), NormalizeEmail(approver), NormalizeEmail)
}

// Offers reports whether anyone could get t: a statement matches it, and either
// no approval is needed or someone is listed who could approve.
func (p *Policy) Offers(t Target) bool {
	return offers(p.statements(t.Kind), p.appendAffecting(t, nil))
}

// statements returns the statements about targets of this kind.
func (p *Policy) statements(k Kind) []Statement {
	if k == KindGroup {
		return p.Groups
	}
	return p.Accounts
}

// appendAffecting appends the indexes of the statements that match t, ascending.
func (p *Policy) appendAffecting(t Target, to []int) []int {
	if !t.isComplete() {
		return to
	}
	from, resource := p.statements(t.Kind), t.resource()
	for i := range from {
		if s := &from[i]; matches(s.Resources, resource) && s.covers(&t) {
			to = append(to, i)
		}
	}
	return to
}

// isComplete reports whether t has all ids and names that statements are matched
// against.
func (t Target) isComplete() bool {
	switch t.Kind {
	case KindAccount:
		return t.AccountID != "" && t.PermissionSet != ""
	case KindGroup:
		return t.GroupID != ""
	}
	return false
}

// resource returns the account id or group id that is matched against a statement's
// Resources.
func (t Target) resource() string {
	if t.Kind == KindGroup {
		return t.GroupID
	}
	return t.AccountID
}

// covers reports whether the permission sets of s match t. For groups they always
// do.
func (s *Statement) covers(t *Target) bool {
	return t.Kind == KindGroup || matches(s.PermissionSets, t.PermissionSet)
}

// usualCount is the usual number of matching statements, and of the approvers they
// list. Larger numbers only make a decision slower.
const usualCount = 10

// decide applies the rules to the statements that match a request. affecting are
// their indexes in from; the decision keeps the slice. email normalizes an
// approver's email for comparison: NormalizeEmail, or unchanged if that was done
// before.
func decide(from []Statement, affecting []int, requester string, email func(string) string) Decision {
	if !IsASCII(requester) {
		affecting = affecting[:0]
	}
	d := Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: []string{}, Statements: affecting}
	var noApproval, self rule
	for _, i := range affecting {
		s := &from[i]
		noApproval.add(s.ApprovalIsNotRequired)
		// Most statements don't mention self-approval, so their approvers need
		// not be read here.
		if s.AllowSelfApproval != nil && s.hasApprover(requester, email) {
			self.add(s.AllowSelfApproval)
		}
	}
	switch {
	case len(affecting) == 0:
		return d
	case noApproval.isYes():
		d.Outcome, d.Reason = DecideAutomatic, ReasonApprovalNotRequired
		return d
	case self.isYes():
		d.Outcome, d.Reason = DecideAutomatic, ReasonSelfApproval
		return d
	}
	d.Approvers = make([]string, 0, usualCount)
	for _, i := range affecting {
		for _, a := range from[i].Approvers {
			// Statements that match one request mostly list the same few people.
			// Skipping duplicates here leaves little to sort.
			a = email(a)
			if a != requester && IsASCII(a) && !slices.Contains(d.Approvers[:min(len(d.Approvers), usualCount)], a) {
				d.Approvers = append(d.Approvers, a)
			}
		}
	}
	if len(d.Approvers) == 0 {
		d.Reason = ReasonNoApprovers
		return d
	}
	slices.Sort(d.Approvers)
	d.Approvers = slices.Compact(d.Approvers)
	d.Outcome, d.Reason = DecideApproval, ReasonRequiresApproval
	return d
}

func permits(from []Statement, affecting []int, requester, approver string, email func(string) string) bool {
	if !IsASCII(requester) || !IsASCII(approver) {
		return false
	}
	var self rule
	for _, i := range affecting {
		s := &from[i]
		if !s.hasApprover(approver, email) {
			continue
		}
		if approver != requester {
			return true
		}
		self.add(s.AllowSelfApproval)
	}
	return self.isYes()
}

func offers(from []Statement, affecting []int) bool {
	var noApproval rule
	approvable := false
	for _, i := range affecting {
		s := &from[i]
		noApproval.add(s.ApprovalIsNotRequired)
		approvable = approvable || slices.ContainsFunc(s.Approvers, IsASCII)
	}
	return approvable || noApproval.isYes()
}

// hasApprover reports whether someone, whose email is normalized and ASCII, is
// among the approvers.
func (s *Statement) hasApprover(who string, email func(string) string) bool {
	for _, a := range s.Approvers {
		if email(a) == who {
			return true
		}
	}
	return false
}

// matches reports whether list contains value or "*".
func matches(list []string, value string) bool {
	for _, v := range list {
		if v == value || v == "*" {
			return true
		}
	}
	return false
}

// rule combines one switch over several statements. One "no" outweighs every
// "yes". A statement without the switch counts as neither.
type rule struct{ yes, no bool }

func (r *rule) add(b *bool) {
	if b == nil {
		return
	}
	if *b {
		r.yes = true
	} else {
		r.no = true
	}
}

func (r rule) isYes() bool { return r.yes && !r.no }
