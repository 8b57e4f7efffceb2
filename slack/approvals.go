package slack

import (
	"fmt"
	"slices"

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
			writeAwaited(b, r, left, awaited, len(shown))
		}
	}
	if more := len(t.Requirements) - len(shown); more > 0 {
		b.newLine().text(fmt.Sprintf("%d more rules of the policy need approvals.", more))
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

// writeAwaited writes the approvers, of whom needed are needed: "@A or @B", or "2 of @A,
// @B, @C". It mentions those with a known Slack user. There are lines such lines.
func writeAwaited(b *richText, r access.Request, needed int, approvers []string, lines int) {
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
	for _, approver := range approvers {
		known := slices.IndexFunc(r.Approvers, func(p access.Person) bool { return access.SameEmail(p.Email, approver) })
		group, isGroup := access.GroupOf(approver)
		switch {
		case known >= 0:
			mentioned = append(mentioned, r.Approvers[known])
		case isGroup:
			others = append(others, "a member of the group "+cut(clean(group), maxName))
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
}

func lapseReason(l access.Lapse) string {
	if l == access.LapseNotPermitted {
		return "the current policy doesn't let them approve this"
	}
	return "their user in Slack or IAM Identity Center was disabled or changed"
}

// awaitedApprovers returns those of the request's approvers whose approval may still
// help.
func awaitedApprovers(r access.Request) []access.Person {
	t := r.Tally()
	if len(t.Requirements) == 0 {
		return r.Approvers
	}
	awaited := t.Awaited()
	var people []access.Person
	for _, p := range r.Approvers {
		if slices.ContainsFunc(awaited, func(email string) bool { return access.SameEmail(email, p.Email) }) {
			people = append(people, p)
		}
	}
	return people
}
