package policylint

import (
	"fmt"
	"slices"
	"strings"
)

// warnOfScope warns if statements put the whole organization into the scope of the
// scheduled removal. It returns at most one warning, which says what will be removed.
func (sp *space) warnOfScope() []Warning {
	if sp.settings.RemovalSchedule == "" || len(sp.everywhere) == 0 {
		return nil
	}
	first := sp.everywhere[0]
	also := ""
	if more := sp.everywhere[1:]; len(more) > 0 {
		var found []finding
		for _, i := range more {
			found = append(found, finding{statement: i})
		}
		also = " (also because of " + sp.listStatements(found) + ")"
	}
	what, where, stays := "every member of any group whom it didn't add", "groups", "Groups that SCIM manages stay"
	if sp.key == "config" {
		what, where, stays = "every direct user assignment"+sp.describeSetsEverywhere()+" that it didn't grant, in all accounts", "accounts", "Assignments to groups stay"
		if len(sp.settings.Policy.ProtectedAccounts) > 0 {
			what += " but the protected ones"
		}
	}
	return []Warning{{Path: sp.path(first, "Resource"), Text: fmt.Sprintf(`%s, this app removes %s%s. %s. Name the %s, or set schedule_expression: "" until the reports in Slack list nothing that should stay`,
		describeSchedule(sp.settings.RemovalSchedule), what, also, stays, where)}}
}

// warnOfProtected gives notice if statements about all accounts don't cover protected accounts
// that no statement names. It returns at most one warning.
func (sp *space) warnOfProtected() []Warning {
	if sp.key != "config" || len(sp.everywhere) == 0 {
		return nil
	}
	var unnamed []string
	for _, account := range sp.settings.Policy.ProtectedAccounts {
		if !slices.Contains(sp.resourceNames, account) && !slices.Contains(unnamed, account) {
			unnamed = append(unnamed, account)
		}
	}
	if len(unnamed) == 0 {
		return nil
	}
	return []Warning{{IsNotice: true, Path: sp.path(sp.everywhere[0], "Resource"), Text: fmt.Sprintf("doesn't cover %s in protected_account_ids: nobody can request access there, and reconciliations only report there. Earlier releases covered protected accounts. To allow requests, name the accounts in a statement", nameSome(unnamed))}}
}

// describeSchedule returns a schedule as the beginning of a sentence.
func describeSchedule(expression string) string {
	if rate, ok := strings.CutPrefix(expression, "rate("); ok {
		return "Every " + strings.TrimSuffix(rate, ")")
	}
	return "At " + expression
}

// describeSetsEverywhere returns " of " and the permission sets of the statements
// about all accounts, or "" for all sets.
func (sp *space) describeSetsEverywhere() string {
	var names []string
	for _, i := range sp.everywhere {
		if sp.sets[i].all {
			return ""
		}
	}
	for n, id := range sp.setsEverywhere {
		if n == mostInFull {
			names = append(names, fmt.Sprintf("%d more", len(sp.setsEverywhere)-n))
			break
		}
		names = append(names, sp.setNames[id])
	}
	return " of " + strings.Join(names, " or ")
}
