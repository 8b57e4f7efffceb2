package access

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Approval is one person's approval of a request that needs several.
type Approval struct {
	By Person    `json:"by"`
	At time.Time `json:"at"`
	// PolicyDigest and Statements are as in Outcome, at the time of the approval.
	PolicyDigest string `json:"policy_digest,omitempty"`
	Statements   []int  `json:"statements,omitempty"`
	// Lapse is why the approval no longer counted when it was last checked; empty if it
	// counted.
	Lapse Lapse `json:"lapse,omitempty"`
}

// Lapse is why an approval no longer counts.
type Lapse string

const (
	// LapseGone: the approver can no longer approve anything, or has another user in
	// Identity Center or another email now.
	LapseGone Lapse = "gone"
	// LapseNotPermitted: the policy in force doesn't let the approver approve the request.
	LapseNotPermitted Lapse = "not_permitted"
	// LapseBlocked: an incident responder blocked the approver.
	LapseBlocked Lapse = "blocked"
)

// Limits of a request's approvals. An item of the table holds at most 400 KB, and must
// keep room for the other events.
const (
	// MaxTakenBack is how many approvals of a request can be taken back.
	MaxTakenBack = 20
	// MaxApprovalEvents is how many approvals of a request are recorded, those taken back
	// included.
	MaxApprovalEvents = 60
)

// CountEvents returns how many events of the kind the request has.
func (r *Request) CountEvents(kind EventKind) int {
	n := 0
	for _, e := range r.Events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// ApprovalBy returns the index of the approval by the person, or -1: by their Slack user,
// or by another Slack user of the same Identity Center user.
func (r *Request) ApprovalBy(p Person) int {
	return slices.IndexFunc(r.Approvals, func(a Approval) bool { return SamePerson(a.By, p) })
}

// ApproverGroupIDs returns the ids of the groups whose members the row of the request
// lists as approvers, each once.
func (r *Request) ApproverGroupIDs() []string {
	var ids []string
	for _, g := range r.ApproverGroups {
		ids = append(ids, strings.ToLower(g.ID))
	}
	t := r.Tally()
	for _, a := range t.Awaited() {
		if id, ok := GroupOf(a); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// IsWaitingFor reports whether the request waits for an approval that the person may
// give, by what its row says: they are listed as an approver, or they are a member of a
// group that is, and their approval isn't there yet. groups are those of
// ApproverGroupIDs that they are a member of. It is for lists. Whether they may approve
// the request is decided by the policy in force when they press.
func (r *Request) IsWaitingFor(p Person, groups []string, now time.Time) bool {
	switch {
	case !r.Open(), !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt):
		return false
	case p.PrincipalID == "" || p.SecondaryDomain: // such a person can't approve
		return false
	case SamePerson(r.Requester, p):
		return false
	}
	isMember := func(id string) bool {
		return slices.ContainsFunc(groups, func(has string) bool { return strings.EqualFold(has, id) })
	}
	if t := r.Tally(); len(t.Requirements) > 0 {
		if i := r.ApprovalBy(p); i >= 0 && r.Approvals[i].Lapse == "" {
			return false
		}
		return slices.ContainsFunc(t.Awaited(), func(approver string) bool {
			id, isGroup := GroupOf(approver)
			return isGroup && isMember(id) || SameEmail(approver, p.Email)
		})
	}
	return slices.ContainsFunc(r.Approvers, func(a Person) bool { return SamePerson(a, p) || SameEmail(a.Email, p.Email) }) ||
		slices.ContainsFunc(r.UnknownApprovers, func(email string) bool { return SameEmail(email, p.Email) }) ||
		slices.ContainsFunc(r.ApproverGroups, func(g ApproverGroup) bool { return isMember(g.ID) })
}

// SamePerson reports whether a and b are one person: they have the same Slack user
// or the same Identity Center user. Emails don't matter.
func SamePerson(a, b Person) bool {
	return a.SlackID != "" && a.SlackID == b.SlackID || a.PrincipalID != "" && a.PrincipalID == b.PrincipalID
}

// Tally is what the policy makes of a request's approvals.
type Tally struct {
	// Approvals are those that were counted, with Lapse set anew.
	Approvals []Approval
	// Requirements are those of the policy, with indexes of Approvals.
	Requirements []RequirementProgress
	// Met reports whether the approvals are enough.
	Met bool
}

// Last returns the last approval that counts. ok is false if none does.
func (t *Tally) Last() (a Approval, ok bool) {
	for _, a := range slices.Backward(t.Approvals) {
		if a.Lapse == "" {
			return a, true
		}
	}
	return Approval{}, false
}

// Awaited returns those whose approval may still help: the approvers of requirements that
// are not met, without those whose approval counts. They are emails and groups, as in
// Decision, sorted.
func (t *Tally) Awaited() []string {
	var all []string
	for _, q := range t.Requirements {
		if len(q.Given) < q.Needed {
			all = append(all, q.Approvers...)
		}
	}
	return slices.DeleteFunc(sortedApprovers(all), func(approver string) bool {
		return slices.ContainsFunc(t.Approvals, func(a Approval) bool { return a.Lapse == "" && SameEmail(a.By.Email, approver) })
	})
}

// SameAs reports whether the row of the request has this tally of its approvals.
func (t *Tally) SameAs(r Request) bool {
	sameLapse := func(a, b Approval) bool { return a.Lapse == b.Lapse }
	return slices.EqualFunc(t.Approvals, r.Approvals, sameLapse) && reflect.DeepEqual(t.Requirements, r.ApprovalProgress)
}

// Tally returns the tally of the approvals in the row. Before the first approval, it has
// the requirements of the request's evaluation. Met is not set.
func (r *Request) Tally() Tally {
	t := Tally{Approvals: r.Approvals, Requirements: r.ApprovalProgress}
	if len(r.Approvals) == 0 && len(t.Requirements) == 0 && r.EvaluatedDecision != nil {
		for _, q := range r.EvaluatedDecision.Requirements {
			t.Requirements = append(t.Requirements, RequirementProgress{Requirement: q})
		}
	}
	return t
}

// Count checks the approvals of the request r, which is the case c, under the policy.
// identities are the approvers as the policy sees them now. An approval that has lapsed
// because its approver is gone or blocked (LapseGone, LapseBlocked) stays so; all others are
// judged anew.
func (x *Index) Count(c *Case, r Request, approvals []Approval, identities []Identity) Tally {
	t := Tally{Approvals: slices.Clone(approvals)}
	approvers := make([]Approver, len(approvals))
	for i, a := range approvals {
		approvers[i].Identity = identities[i]
		if a.Lapse != LapseGone && a.Lapse != LapseBlocked && x.mayCount(c, r.Requester, a.By) {
			approvers[i].PrincipalID = a.By.PrincipalID
		}
	}
	p := x.Progress(c, r.Requester.PrincipalID, approvers)
	for i := range t.Approvals {
		switch a := &t.Approvals[i]; {
		case p.Counted[i]:
			a.Lapse = ""
		case a.Lapse == "":
			a.Lapse = LapseNotPermitted
		}
	}
	t.Requirements, t.Met = p.Requirements, p.Met
	return t
}

// mayCount reports whether an approval by this person may count, apart from whom the
// policy lists. Without a user in Identity Center, we could not rule out that they are
// the requester under another email. The requester, under any email, counts only if the
// policy lets them approve their own request.
func (x *Index) mayCount(c *Case, requester, by Person) bool {
	if by.SlackID == "" || by.Email == "" || by.PrincipalID == "" || by.SecondaryDomain {
		return false
	}
	isRequester := SamePerson(by, requester) || SameEmail(by.Email, requester.Email)
	return !isRequester || !requester.SecondaryDomain && x.Permits(c, c.Requester)
}

// WithoutApproval returns the tally that the row has, without the approval number i. It
// checks nothing anew.
func (r *Request) WithoutApproval(i int) Tally {
	t := Tally{Approvals: slices.Delete(slices.Clone(r.Approvals), i, i+1)}
	for _, q := range r.ApprovalProgress {
		var given []int
		for _, n := range q.Given {
			switch {
			case n < i:
				given = append(given, n)
			case n > i:
				given = append(given, n-1)
			}
		}
		t.Requirements = append(t.Requirements, RequirementProgress{Requirement: q.Requirement, Given: given})
	}
	return t
}

// CountedApprovers returns those whose approval led to the outcome: if several did, in
// the order of their approvals. The outcome must be OutcomeApproved.
func (r *Request) CountedApprovers() []Person {
	var all []Person
	for _, a := range r.Approvals {
		if a.Lapse == "" {
			all = append(all, a.By)
		}
	}
	if by := r.Outcome.By; !slices.ContainsFunc(all, func(p Person) bool { return SamePerson(p, by) }) {
		all = append(all, by)
	}
	return all
}
