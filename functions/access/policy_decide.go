package access

import (
	"regexp"
	"slices"
	"strings"
)

// Decide returns the policy's decision about a request. Approvers and Statements of
// the decision are never nil.
//
// A requester whose email is not ASCII is refused: no statement matches them.
//
// A target without its ids matches no statement, not even one that matches
// everything. Such a target is a group without GroupID, an account without
// AccountID or PermissionSet, or one of unknown kind.
func (x *Index) Decide(c *Case) Decision {
	return decide(x.rulesFor(c, make([]int, 0, usualCount)), c)
}

// Permits reports whether approver may approve the request, whether or not it needs
// approval. The person must be listed in a statement that applies to the requester. If
// such statements make requirements, only their own approvers may approve, and never
// the requester. Otherwise the requester may if the statements allow self-approval.
// They may not if the request is an extension whose chain is too long: then someone else
// must approve it.
func (x *Index) Permits(c *Case, approver Identity) bool {
	return permits(x.rulesFor(c, nil), c, approver)
}

// PermitsDenial reports whether the person may deny the request, or end its access: they
// may if a statement that applies lists them. If no statement applies, such as when the
// requester has left a group, anyone may whom a statement that affects the request lists.
// Otherwise only the requester could still stop it. For the requester, the statements must
// also allow self-approval; requesters without it can withdraw, and end their own access.
func (x *Index) PermitsDenial(c *Case, by Identity) bool {
	return permitsDenial(x.rulesFor(c, nil), by)
}

// Offers reports whether the requester could get this access.
func (x *Index) Offers(c *Case) bool { return x.Decide(c).Outcome != DecideRefused }

// rulesFor returns the statements that affect the case. It appends their indexes to
// affecting, which is empty.
func (x *Index) rulesFor(c *Case, affecting []int) rules {
	t := &c.Target
	protected := t.Kind == KindAccount && x.protected[t.AccountID]
	r := rules{from: x.policy.statements(t.Kind), requester: c.Requester.normalized(), tickets: x.tickets, hasExtras: x.hasExtras}
	if !IsASCII(r.requester.Email) {
		r.affecting = affecting
		return r
	}
	r.affecting = x.appendAffecting(t, c.OUs, protected, affecting)
	r.protected = protected && len(r.affecting) == 0 && len(x.appendAffecting(t, c.OUs, false, nil)) > 0
	return r
}

// isComplete reports whether t has all ids and names that statements are matched
// against.
func (t *Target) isComplete() bool {
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
func (t *Target) resource() string {
	if t.Kind == KindGroup {
		return t.GroupID
	}
	return t.AccountID
}

// IsOU reports whether a resource is an organizational unit.
func IsOU(resource string) bool { return strings.HasPrefix(resource, "ou-") }

// IsRoot reports whether id is of an organization's root, not of an organizational
// unit. An organization has one root, which is above all of its accounts.
func IsRoot(id string) bool { return strings.HasPrefix(id, "r-") }

// covers reports whether the permission sets of s match t. For groups they always
// do.
func (s *Statement) covers(t *Target) bool {
	return t.Kind == KindGroup || matches(s.PermissionSets, t.PermissionSet)
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

// usualCount is the usual number of matching statements, and of the approvers they
// list. Larger numbers only make a decision slower.
const usualCount = 10

// rules are the statements that affect a request.
type rules struct {
	from      []Statement // their emails are normalized
	affecting []int       // indexes in from
	protected bool        // nothing affects, but statements would if the account weren't protected
	requester Identity
	tickets   map[string]*regexp.Regexp // see Index
	hasExtras bool                      // see Index
}

// normalized returns the identity with its emails normalized, and UserEmail as the email
// that Allowed is compared with. It may be "", which no statement has.
func (i *Identity) normalized() Identity {
	n := Identity{Email: NormalizeEmail(i.Email), UserEmail: NormalizeEmail(i.UserEmail), Groups: i.Groups}
	if !i.SecondaryDomain {
		n.UserEmail = n.Email
	}
	return n
}

// decide applies the rules. The decision keeps the slice of indexes.
func decide(r rules, c *Case) Decision {
	d := Decision{Outcome: DecideRefused, Reason: ReasonNoStatements, Approvers: []string{}, Statements: r.affecting}
	var noApproval, self rule
	applying, requirements := 0, 0
	for _, i := range r.affecting {
		s := &r.from[i]
		applies := r.applies(s)
		if applies {
			applying++
			if s.ApprovalsNeeded > 0 {
				requirements++
			}
			if s.MaxDuration > 0 && (d.MaxDuration == 0 || s.MaxDuration < d.MaxDuration) {
				d.MaxDuration = s.MaxDuration
			}
		}
		noApproval.add(s.ApprovalIsNotRequired, applies)
		// Most statements don't mention self-approval, so their approvers need
		// not be read here.
		if s.AllowSelfApproval != nil && r.lists(s, &r.requester) {
			self.add(s.AllowSelfApproval, applies)
		}
	}
	d.Confirm = requirements > 0
	if r.hasExtras {
		r.addExtras(&d)
	}
	// A request that is too long by itself is refused as such.
	tooLong := c.isChainTooLong(d.MaxDuration) && !(d.MaxDuration > 0 && c.Duration > d.MaxDuration)
	switch {
	case r.protected:
		d.Reason = ReasonProtectedAccount
		return d
	case len(r.affecting) == 0:
		return d
	case applying == 0:
		d.Reason = ReasonNotAllowed
		return d
	case requirements > 0:
		d.Reason = ReasonRequiresApproval
		for _, i := range r.affecting {
			s := &r.from[i]
			if s.ApprovalsNeeded == 0 || !r.applies(s) {
				continue
			}
			q := Requirement{Statement: i, Needed: s.ApprovalsNeeded, Approvers: sortedApprovers(r.appendApprovers(s, []string{}))}
			if !q.satisfiable() {
				d.Reason = ReasonNoApprovers
			}
			d.Requirements = append(d.Requirements, q)
			d.Approvers = append(d.Approvers, q.Approvers...)
		}
	case noApproval.isYes() && !tooLong:
		d.Reason = ReasonApprovalNotRequired
	case self.isYes() && !tooLong:
		d.Reason = ReasonSelfApproval
	default:
		d.ChainTooLong = noApproval.isYes() || self.isYes()
		d.Reason = ReasonRequiresApproval
		d.Approvers = make([]string, 0, usualCount)
		for _, i := range r.affecting {
			if s := &r.from[i]; r.applies(s) {
				d.Approvers = r.appendApprovers(s, d.Approvers)
			}
		}
		if len(d.Approvers) == 0 {
			d.Reason = ReasonNoApprovers
		}
	}
	switch {
	case d.Reason == ReasonNoApprovers:
	case d.MaxDuration > 0 && c.Duration > d.MaxDuration:
		d.Reason = ReasonDurationTooLong
	case c.Ticket != nil && !r.accepts(d.Tickets, *c.Ticket):
		d.Reason = ReasonTicketMissing
	case d.Reason == ReasonRequiresApproval:
		d.Outcome, d.Approvers = DecideApproval, sortedApprovers(d.Approvers)
	default:
		d.Outcome = DecideAutomatic
	}
	if d.Outcome != DecideApproval {
		d.Approvers = []string{}
	}
	return d
}

// DependsOnChain reports whether the decision might be another one if the request extended
// access. d must be about a request that extends nothing. If that one needs an approval, an
// extension of any length needs the same approval.
func (d *Decision) DependsOnChain() bool { return d.Outcome != DecideApproval }

// isChainTooLong reports whether the request extends access so far that it needs an
// approval. limit is the lowest MaxDuration of the statements that apply; zero is none.
func (c *Case) isChainTooLong(limit int64) bool {
	return limit > 0 && c.Chain > limit || c.Longest > 0 && c.Chain > c.Longest
}

// addExtras adds what the statements say besides who decides.
func (r *rules) addExtras(d *Decision) {
	for _, i := range r.affecting {
		s := &r.from[i]
		d.Confirm = d.Confirm || s.Confirm
		if !r.applies(s) {
			continue
		}
		if s.Ticket != nil && !slices.Contains(d.Tickets, *s.Ticket) {
			d.Tickets = append(d.Tickets, *s.Ticket)
		}
		if s.Warning != "" && !slices.Contains(d.Warnings, s.Warning) {
			d.Warnings = append(d.Warnings, s.Warning)
		}
		if d.Channel == "" {
			d.Channel = s.Channel
		}
	}
}

// accepts reports whether all of the rules accept the ticket. A pattern that is not a
// regular expression accepts nothing.
func (r *rules) accepts(all []Ticket, ticket string) bool {
	for _, t := range all {
		switch {
		case ticket == "":
			if t.Required {
				return false
			}
		case t.Pattern != "":
			if pattern := r.tickets[t.Pattern]; pattern == nil || !pattern.MatchString(ticket) {
				return false
			}
		}
	}
	return true
}

// applies reports whether a statement that affects the request also allows the
// requester.
func (r *rules) applies(s *Statement) bool {
	if len(s.Allowed) == 0 {
		return true
	}
	who := Identity{Email: r.requester.UserEmail, Groups: r.requester.Groups}
	return IsASCII(who.Email) && r.names(s.Allowed, &who)
}

// lists reports whether the approvers of s name who.
func (r *rules) lists(s *Statement, who *Identity) bool { return r.names(s.Approvers, who) }

// names reports whether list has the email of who, which is normalized and ASCII, or a
// group that they are a member of.
func (r *rules) names(list []string, who *Identity) bool {
	return slices.ContainsFunc(list, who.isNamedBy)
}

func (i *Identity) isMemberOf(group string) bool {
	return slices.ContainsFunc(i.Groups, func(g string) bool { return strings.EqualFold(g, group) })
}

// appendApprovers appends the approvers of s to all, without the requester. Duplicates
// may remain.
func (r *rules) appendApprovers(s *Statement, all []string) []string {
	for _, a := range s.Approvers {
		// Statements that match one request mostly list the same few people.
		// Skipping duplicates here leaves little to sort.
		if a != r.requester.Email && IsASCII(a) && !slices.Contains(all[:min(len(all), usualCount)], a) {
			all = append(all, a)
		}
	}
	return all
}

func sortedApprovers(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// satisfiable reports whether enough approvers are listed. A group counts as enough.
func (q *Requirement) satisfiable() bool {
	return len(q.Approvers) >= q.Needed || slices.ContainsFunc(q.Approvers, isGroup)
}

// groupPrefix begins a group in a list of emails and groups.
const groupPrefix = "group:"

// GroupEntry returns how Allowed and Approvers name the group with this id.
func GroupEntry(id string) string { return groupPrefix + id }

// GroupOf returns the id of the group that an entry of Allowed or Approvers names; ok
// is false if the entry is an email.
func GroupOf(entry string) (id string, ok bool) { return strings.CutPrefix(entry, groupPrefix) }

// SplitApprovers returns the emails among approvers, and the ids of the groups.
func SplitApprovers(approvers []string) (emails, groups []string) {
	for _, a := range approvers {
		if id, ok := GroupOf(a); ok {
			groups = append(groups, id)
		} else {
			emails = append(emails, a)
		}
	}
	return emails, groups
}

func isGroup(entry string) bool { return strings.HasPrefix(entry, groupPrefix) }

func permits(r rules, c *Case, approver Identity) bool {
	listed, required, inRequirement := r.listing(&approver)
	switch {
	case required:
		return inRequirement && approver.Email != r.requester.Email
	case approver.Email == r.requester.Email:
		return r.letsApproveSelf(c)
	}
	return listed
}

func permitsDenial(r rules, by Identity) bool {
	by = by.normalized()
	if by.Email == r.requester.Email {
		return r.allowsSelfApproval()
	}
	applies := func(i int) bool { return r.applies(&r.from[i]) }
	anyApplies := slices.ContainsFunc(r.affecting, applies)
	return IsASCII(by.Email) && slices.ContainsFunc(r.affecting, func(i int) bool {
		return (applies(i) || !anyApplies) && r.lists(&r.from[i], &by)
	})
}

// listing normalizes who, and reports whether a statement that applies lists them,
// whether any such statement makes a requirement, and whether one that does lists
// them.
func (r *rules) listing(who *Identity) (listed, required, inRequirement bool) {
	*who = who.normalized()
	for _, i := range r.affecting {
		s := &r.from[i]
		if !r.applies(s) {
			continue
		}
		lists := IsASCII(who.Email) && r.lists(s, who)
		listed = listed || lists
		required = required || s.ApprovalsNeeded > 0
		inRequirement = inRequirement || lists && s.ApprovalsNeeded > 0
	}
	return listed, required, inRequirement
}

// allowsSelfApproval reports whether the statements let the requester decide alone,
// apart from requirements.
func (r *rules) allowsSelfApproval() bool {
	var self rule
	for _, i := range r.affecting {
		if s := &r.from[i]; s.AllowSelfApproval != nil && r.lists(s, &r.requester) {
			self.add(s.AllowSelfApproval, r.applies(s))
		}
	}
	return self.isYes()
}

// letsApproveSelf reports whether the requester may approve the request alone, apart from
// requirements.
func (r *rules) letsApproveSelf(c *Case) bool {
	return r.allowsSelfApproval() && !c.isChainTooLong(r.maxDuration())
}

// maxDuration returns the lowest limit of the statements that apply; zero if there is none.
func (r *rules) maxDuration() (lowest int64) {
	for _, i := range r.affecting {
		if s := &r.from[i]; s.MaxDuration > 0 && (lowest == 0 || s.MaxDuration < lowest) && r.applies(s) {
			lowest = s.MaxDuration
		}
	}
	return lowest
}

// rule combines one switch over several statements. One "no" outweighs every
// "yes". A "yes" counts only from a statement that applies. A statement without the
// switch counts as neither.
type rule struct{ yes, no bool }

func (r *rule) add(b *bool, applies bool) {
	switch {
	case b == nil:
	case !*b:
		r.no = true
	case applies:
		r.yes = true
	}
}

func (r rule) isYes() bool { return r.yes && !r.no }
