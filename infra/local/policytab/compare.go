package policytab

import (
	"fmt"
	"slices"

	"sso-elevator/functions/access"
)

// maxChanges is how many changes an answer has.
const maxChanges = 50

// change is one effect of an edit.
type change struct {
	Text  string `json:"text"`
	Wider bool   `json:"wider"` // somebody gets access more easily
}

// compare returns what the edited policy decides differently than the running one, and
// how many changes it leaves out.
func (t *tab) compare(edited *access.Policy) (changes []change, more int) {
	changes = []change{}
	before, after := access.NewIndex(t.running), access.NewIndex(edited)
	rank := []access.DecisionOutcome{access.DecideRefused, access.DecideApproval, access.DecideAutomatic}
	words := []string{"not at all", "after approval", "without approval"}
	t.eachTarget(func(name string, target access.Target, ous []string) {
		type step struct{ from, to int }
		people := map[step][]string{}
		var steps []step
		for _, p := range t.Organization.People {
			c := &access.Case{Requester: access.Identity{Email: p.Email, Groups: p.Groups}, Target: target, OUs: ous}
			s := step{slices.Index(rank, before.Decide(c).Outcome), slices.Index(rank, after.Decide(c).Outcome)}
			if s.from == s.to {
				continue
			}
			if people[s] == nil {
				steps = append(steps, s)
			}
			people[s] = append(people[s], p.Name)
		}
		for _, s := range steps {
			changes = append(changes, change{fmt.Sprintf("%d people can get %s %s, and before %s.", len(people[s]), name, words[s.to], words[s.from]), s.to > s.from})
		}
	})
	n := min(len(changes), maxChanges)
	return changes[:n], len(changes) - n
}

// eachTarget calls f for everything that can be requested in the organization.
func (t *tab) eachTarget(f func(name string, target access.Target, ous []string)) {
	for _, a := range t.Organization.Accounts {
		for _, set := range t.Organization.PermissionSets {
			f(set+" in "+a.Name, access.Target{Kind: access.KindAccount, AccountID: a.ID, PermissionSet: set}, a.OUs)
		}
	}
	for _, g := range t.Organization.Groups {
		f("the group "+g.Name, access.Target{Kind: access.KindGroup, GroupID: g.ID}, nil)
	}
}
