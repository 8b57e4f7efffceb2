package settings

import (
	"fmt"
	"strings"
)

// checkScope warns once of the statements that put the whole organization in
// scope of the scheduled removal, and says what that means.
func (s *Settings) checkScope(r *reader, sp *space) {
	if s.RevokeSchedule == "" || !s.AllowRemovals || len(sp.everywhere) == 0 {
		return
	}
	first := sp.everywhere[0]
	path := sp.path(first, "Resource")
	what, where := "every member of any group, whom no request added,", "groups"
	if sp.key == "config" {
		what, where = sp.heldEverywhere()+" that a user has in any account without a request", "accounts"
	}
	also := ""
	if more := sp.everywhere[1:]; len(more) > 0 {
		var found []finding
		for _, i := range more {
			found = append(found, finding{statement: i})
		}
		also = " (also in " + sp.list(found) + ")"
	}
	stays := "only what is assigned to groups stays"
	if sp.key == "group_config" {
		stays = "only groups that SCIM manages are left alone"
	}
	r.warn(r.keys[path], path, `"*"%s puts all %s in scope of the removal at %s: %s goes then, and %s. Name the %s, or set schedule_expression: "" until the warnings in Slack name nothing that should stay`,
		also, where, s.RevokeSchedule, what, stays, where)
}

// heldEverywhere says which permission sets the statements about all accounts
// are about.
func (sp *space) heldEverywhere() string {
	var names []string
	for _, i := range sp.everywhere {
		if sp.sets[i].all {
			return "every permission set"
		}
	}
	for n, id := range sp.setsEverywhere {
		if n == mostInFull {
			names = append(names, fmt.Sprintf("%d more", len(sp.setsEverywhere)-n))
			break
		}
		names = append(names, sp.setNames[id])
	}
	return strings.Join(names, " or ")
}
