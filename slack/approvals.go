package slack

import (
	"fmt"
	"slices"
	"strings"

	"sso-elevator/functions/access"
)

// Limits of the lines about approvals, within which a message stays below Slack's limits.
const (
	maxRequirements = 10 // lines
	maxLapsed       = 10 // approvals that stopped counting
	maxMentions     = 60 // in all lines together
	maxOthers       = 10 // emails and groups in all lines together
)

// writeRequirements writes a line for each statement that needs approvals: how many it
// has, from whom, and who else can give one. Below are the approvals that stopped
// counting.
func writeRequirements(b *richText, r access.Request, t access.Tally) {
	shown := t.Requirements[:min(len(t.Requirements), maxRequirements)]
	for _, q := range shown {
		b.label(fmt.Sprintf("Approvals %d of %d", min(len(q.Given), q.Needed), q.Needed))
		var gave []access.Person
		for _, i := range q.Given {
			if i < len(t.Approvals) {
				gave = append(gave, t.Approvals[i].By)
			}
		}
		needs := "needs "
		if len(gave) > 0 {
			b.text("approved by ").list(gave)
			needs = ". Still needs "
		}
		if left := q.Needed - len(q.Given); left > 0 {
			b.text(needs)
			this := access.Tally{Approvals: t.Approvals, Requirements: []access.RequirementProgress{q}}
			awaited := slices.DeleteFunc(this.Awaited(), func(a string) bool { return slices.Contains(r.UnknownApprovers, a) })
			writeAwaited(b, r, t, left, awaited, len(shown))
		}
	}
	if more := len(t.Requirements) - len(shown); more > 0 {
		b.newLine().text(fmt.Sprintf("Other rules of the policy that need approvals: %d.", more))
	}
	lapsed := 0
	for _, a := range t.Approvals {
		if a.Lapse == "" {
			continue
		}
		if lapsed++; lapsed <= maxLapsed {
			b.label("No longer counts").text("the approval by ").person(a.By).text(", because " + lapseReason(a.Lapse))
		}
	}
}

// writeAwaited writes the approvers: "@A or @B", or "2 of @A, @B, @C". needed is how many of
// them must still approve. It mentions those with a known Slack user. lines is how many such
// lines the message has; they share the limits.
func writeAwaited(b *richText, r access.Request, t access.Tally, needed int, approvers []string, lines int) {
	if len(approvers) == 0 {
		b.text("more approvers than the policy has")
		return
	}
	last := " or "
	if needed > 1 {
		b.text(fmt.Sprintf("%d of ", needed))
		last = ", "
	}
	var mentioned []access.Person
	var others []string
	var groups []access.ApproverGroup
	for _, approver := range approvers {
		known := slices.IndexFunc(r.Approvers, func(p access.Person) bool { return access.SameEmail(p.Email, approver) })
		group, isGroup := access.GroupOf(approver)
		switch {
		case known >= 0:
			mentioned = append(mentioned, r.Approvers[known])
		case isGroup:
			g := awaitedGroup(r, t, group)
			groups = append(groups, g)
			others = append(others, "a member of the group "+cut(GroupName(g.Name, g.ID), maxApproverGroup)+noneFound(g))
		default:
			others = append(others, cut(clean(approver), maxName))
		}
	}
	mentioned = mentioned[:min(len(mentioned), maxMentions/lines)]
	others = others[:min(len(others), maxOthers/lines)]
	more := len(approvers) - len(mentioned) - len(others)
	for i := range len(mentioned) + len(others) {
		switch {
		case i == 0:
		case i == len(approvers)-1:
			b.text(last)
		default:
			b.text(", ")
		}
		if i < len(mentioned) {
			b.person(mentioned[i])
		} else {
			b.text(others[i-len(mentioned)])
		}
	}
	if more > 0 {
		b.text(fmt.Sprintf(" or %d more", more))
	}
	for _, g := range groups[:min(len(groups), maxGroups)] {
		switch {
		case isSlackGroupID(g.SlackGroup):
			b.text(" ").slackGroup(g.SlackGroup)
		case len(g.Mentioned) > 0:
			b.text(" (").list(g.Mentioned).text(")")
		}
	}
}

func lapseReason(l access.Lapse) string {
	switch l {
	case access.LapseNotPermitted:
		return "the current policy doesn't let them approve this"
	case access.LapseBlocked:
		return "an incident responder blocked them"
	}
	return "their user in Slack or IAM Identity Center was disabled or changed"
}

// awaitedApprovers returns those of the request's approvers whose approval may still
// help: people, and groups without the members whose approval counts.
func awaitedApprovers(r access.Request) (people []access.Person, groups []access.ApproverGroup) {
	t := r.Tally()
	if len(t.Requirements) == 0 {
		return r.Approvers, approverGroups(r)
	}
	for _, a := range t.Awaited() {
		if group, ok := access.GroupOf(a); ok {
			groups = append(groups, awaitedGroup(r, t, group))
		} else if i := slices.IndexFunc(r.Approvers, func(p access.Person) bool { return access.SameEmail(a, p.Email) }); i >= 0 {
			people = append(people, r.Approvers[i])
		}
	}
	return people, groups
}

// approverGroups returns the groups whose members may approve the request. NoneFound is
// false once a reminder found a member of any of them: they may be in several.
func approverGroups(r access.Request) []access.ApproverGroup {
	all := slices.Clone(r.ApproverGroups)
	for i := range all {
		all[i].NoneFound = all[i].NoneFound && len(r.FurtherApprovers) == 0
	}
	return all
}

// noneFound says that no member of a group was found in Slack, if that is so.
func noneFound(g access.ApproverGroup) string {
	if g.NoneFound && !isSlackGroupID(g.SlackGroup) {
		return " (none found in Slack so far)"
	}
	return ""
}

// awaitedGroup returns the group of approvers with this id, without the members whose
// approval counts.
func awaitedGroup(r access.Request, t access.Tally, id string) access.ApproverGroup {
	all := approverGroups(r)
	i := slices.IndexFunc(all, func(g access.ApproverGroup) bool { return strings.EqualFold(g.ID, id) })
	if i < 0 {
		return access.ApproverGroup{ID: id}
	}
	g := all[i]
	g.Mentioned = slices.DeleteFunc(slices.Clone(g.Mentioned), func(p access.Person) bool {
		return slices.ContainsFunc(t.Approvals, func(a access.Approval) bool { return a.Lapse == "" && a.By.SlackID == p.SlackID })
	})
	return g
}
