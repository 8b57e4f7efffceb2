package access

import "slices"

// asItIs is for emails that are normalized already.
func unchanged(s string) string { return s }

// Decide says what the policy makes of requester's wish for t. The requester's
// email may be in any case. Both slices of the answer are never nil.
//
// A requester whose email is not ASCII is nobody: no statement is about them, and
// they are refused.
//
// A target without its ids (a group without GroupID, an account without
// AccountID or PermissionSet, an unknown kind) is affected by no statement,
// not even by one that matches all.
func (p *Policy) Decide(requester string, t Target) Decision {
	return decide(p.statements(t.Kind), p.appendAffecting(t, make([]int, 0, usualCount)), NormalizeEmail(requester), NormalizeEmail)
}

// Permits says what would come of approver pressing Approve on requester's
// request for t, whether or not the request needs approval: somebody else has
// to be listed in an affecting statement; requesters themselves need the self
// approval rule on their side, at this moment. Denying takes the same right.
func (p *Policy) Permits(requester, approver string, t Target) bool {
	return permits(p.statements(t.Kind), p.appendAffecting(t, nil), NormalizeEmail(requester), NormalizeEmail(approver), NormalizeEmail)
}

// Offers says whether anybody at all could get t: a statement affects it, and
// either no approval is needed or somebody is listed who could give it.
func (p *Policy) Offers(t Target) bool {
	return offers(p.statements(t.Kind), p.appendAffecting(t, nil))
}

// about is the statements about targets of this kind.
func (p *Policy) statements(k Kind) []Statement {
	if k == KindGroup {
		return p.Groups
	}
	return p.Accounts
}

// affecting appends the indexes of the statements that match t, ascending.
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

// whole says whether t names everything that a statement is matched against.
func (t Target) isComplete() bool {
	switch t.Kind {
	case KindAccount:
		return t.AccountID != "" && t.PermissionSet != ""
	case KindGroup:
		return t.GroupID != ""
	}
	return false
}

// resource is what a statement's Resources are matched against.
func (t Target) resource() string {
	if t.Kind == KindGroup {
		return t.GroupID
	}
	return t.AccountID
}

// covers says whether s matches t, as far as permission sets go.
func (s *Statement) covers(t *Target) bool {
	return t.Kind == KindGroup || matches(s.PermissionSets, t.PermissionSet)
}

// usual is how many statements affect a request, and how many people they list,
// as a rule. With more of either a decision is right, and slower.
const usualCount = 10

// decide applies the rules to the statements that affect a request, which it
// keeps: affecting are their indexes in from. email makes an approver's email
// what it is compared as: NormalizeEmail, or asItIs where that was done before.
func decide(from []Statement, affecting []int, requester string, email func(string) string) Decision {
	if !IsASCII(requester) {
		affecting = affecting[:0]
	}
	d := Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: []string{}, Statements: affecting}
	var noApproval, self rule
	for _, i := range affecting {
		s := &from[i]
		noApproval.add(s.ApprovalIsNotRequired)
		// Most statements say nothing of self approval: the list of
		// approvers is then not worth reading yet.
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
			// Statements that affect one request mostly list the same few
			// people: what is not gathered twice need not be sorted.
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

// lists reports whether somebody, whose email is normalized and ASCII, is among the
// approvers.
func (s *Statement) hasApprover(who string, email func(string) string) bool {
	for _, a := range s.Approvers {
		if email(a) == who {
			return true
		}
	}
	return false
}

// matches says whether list names value, or everything.
func matches(list []string, value string) bool {
	for _, v := range list {
		if v == value || v == "*" {
			return true
		}
	}
	return false
}

// rule gathers what several statements say of one switch. One "no" outweighs
// every "yes"; a statement that is silent counts for neither.
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
