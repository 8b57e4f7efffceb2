package policytab

import (
	"context"
	"errors"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/policydiff"
)

// Limits of a comparison. Real policies need a hundredth of them.
const (
	maxChanges = 50 // in an answer
	maxUnknown = 200
	maxCompare = 3 * time.Second
)

// errTooLarge means that a policy can't be compared within the limits.
var errTooLarge = errors.New("the policy is too large to compare here; use elevator policy diff")

// change is one effect of an edit.
type change struct {
	Text   string            `json:"text"`
	Effect policydiff.Effect `json:"effect"`
}

// compare returns what the edited policy decides differently than the running one, and
// how many changes it leaves out. It returns errTooLarge if that takes too long.
func (t *tab) compare(ctx context.Context, edited *access.Policy) (changes []change, more int, err error) {
	if t.countUnknown(edited) > maxUnknown {
		return nil, 0, errTooLarge
	}
	ctx, cancel := context.WithTimeout(ctx, maxCompare)
	defer cancel()
	result, err := policydiff.Compare(ctx, t.running, edited, t.Organization.forDiff(), nil)
	if err != nil {
		return nil, 0, errTooLarge
	}
	changes = []change{}
	for i := range min(len(result.Changes), maxChanges) {
		c := &result.Changes[i]
		changes = append(changes, change{result.Sentence(c) + ".", c.Effect})
	}
	return changes, len(result.Changes) - len(changes), nil
}

// countUnknown returns how many people and groups the policy names that the organization
// doesn't have. A comparison takes each two of them for the same person.
func (t *tab) countUnknown(p *access.Policy) int {
	known := map[string]bool{}
	for _, one := range t.Organization.People {
		known[access.NormalizeEmail(one.Email)] = true
	}
	unknown := map[string]bool{}
	for _, s := range slices.Concat(p.Accounts, p.Groups) {
		for _, entry := range slices.Concat(s.Allowed, s.Approvers) {
			if !known[entry] {
				unknown[entry] = true
			}
		}
	}
	return len(unknown)
}

// forDiff returns the organization in the form of package policydiff.
func (o *Organization) forDiff() *policydiff.Organization {
	out := &policydiff.Organization{PermissionSets: o.PermissionSets}
	for _, p := range o.People {
		out.People = append(out.People, policydiff.Person{Email: p.Email, Groups: p.Groups})
	}
	for _, a := range o.Accounts {
		out.Accounts = append(out.Accounts, policydiff.Account{ID: a.ID, Name: a.Name, OUs: a.OUs})
	}
	for _, g := range o.Groups {
		out.Groups = append(out.Groups, policydiff.Group{ID: g.ID, Name: g.Name})
	}
	return out
}
