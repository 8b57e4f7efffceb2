package policylint

import (
	"fmt"
	"strings"
)

// warnOfScope warns once of the statements that put the whole organization in
// scope of the scheduled removal, and says what that means.
func (sp *space) warnOfScope() []Warning {
	if sp.settings.RemovalSchedule == "" || len(sp.everywhere) == 0 {
		return nil
	}
	first := sp.everywhere[0]
	path := sp.path(first, "Resource")
	what, where := "every member of any group, whom no request added,", "groups"
	if sp.key == "config" {
		what, where = sp.describeSetsEverywhere()+" that a user has in any account without a request", "accounts"
	}
	also := ""
	if more := sp.everywhere[1:]; len(more) > 0 {
		var found []finding
		for _, i := range more {
			found = append(found, finding{statement: i})
		}
		also = " (also in " + sp.listStatements(found) + ")"
	}
	stays := "only what is assigned to groups stays"
	if sp.key == "group_config" {
		stays = "only groups that SCIM manages are left alone"
	}
	return []Warning{{path, fmt.Sprintf(`"*"%s puts all %s in scope of the removal at %s: %s goes then, and %s. Name the %s, or set schedule_expression: "" until the warnings in Slack name nothing that should stay`,
		also, where, sp.settings.RemovalSchedule, what, stays, where)}}
}

// describeSetsEverywhere says which permission sets the statements about all accounts
// are about.
func (sp *space) describeSetsEverywhere() string {
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
