package access

import "slices"

// Approver is a person who approved a request, as the policy in force sees them now.
type Approver struct {
	Identity
	PrincipalID string // Identity Store user id
}

// Progress says how far a request is approved.
type Progress struct {
	// Met reports whether the approvals are enough.
	Met bool
	// Counted reports, for each approval, whether it counts.
	Counted []bool
	// Requirements has the requirements that apply, with the approvals that each of
	// them got. If there are none, one approval is enough.
	Requirements []RequirementProgress
}

// RequirementProgress is a requirement and the approvals that count for it.
type RequirementProgress struct {
	Requirement
	Given []int `json:"given,omitempty"` // indexes of approvals, ascending
}

// Progress applies the policy to the approvals of a request. An approval counts if its
// approver may approve the request and isn't the requester, unless the policy lets
// them approve their own. Of several by one Identity Center user, the first that
// counts is used. One approval may count for several requirements.
func (x *Index) Progress(c *Case, requesterPrincipalID string, approvals []Approver) Progress {
	r := x.rulesFor(c, nil)
	p := Progress{Counted: make([]bool, len(approvals))}
	for _, q := range decide(r, c).Requirements {
		p.Requirements = append(p.Requirements, RequirementProgress{Requirement: q})
	}
	counted := map[string]bool{}
	for n, a := range approvals {
		if a.PrincipalID == "" || counted[a.PrincipalID] || !permits(r, c, a.Identity) {
			continue
		}
		isRequester := a.PrincipalID == requesterPrincipalID
		if isRequester && (len(p.Requirements) > 0 || !r.letsApproveSelf(c)) {
			continue
		}
		counted[a.PrincipalID], p.Counted[n] = true, true
		who := a.normalized()
		for i := range p.Requirements {
			q := &p.Requirements[i]
			if slices.ContainsFunc(q.Approvers, who.isNamedBy) {
				q.Given = append(q.Given, n)
			}
		}
	}
	p.Met = slices.Contains(p.Counted, true)
	for _, q := range p.Requirements {
		p.Met = p.Met && len(q.Given) >= q.Needed
	}
	return p
}

// HasEnough reports whether enough people can approve: those who were found in Slack under
// the emails of the requirement, apart from the requester. A group counts as enough people
// if it has another member than the requester. hasOther reports that, and is only asked if
// the others aren't enough.
func (q *Requirement) HasEnough(found []Person, requester Person, hasOther func(group string) (bool, error)) (bool, error) {
	emails, groups := SplitApprovers(q.Approvers)
	if CountOthers(found, emails, requester) >= q.Needed {
		return true, nil
	}
	for _, id := range groups {
		if has, err := hasOther(id); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

// CountOthers returns how many people besides the requester have one of the emails. A
// person with several counts once.
func CountOthers(all []Person, emails []string, requester Person) int {
	of := map[string]bool{}
	for _, p := range all {
		if !SamePerson(p, requester) && slices.Contains(emails, p.Email) {
			of[p.SlackID] = true
		}
	}
	return len(of)
}
