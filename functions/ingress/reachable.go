package ingress

import (
	"context"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

const (
	// reachTime is how long a form waits for Slack to say who the approvers are. Without an
	// answer, it shows no warning.
	reachTime = 700 * time.Millisecond
	// mostReachLookups is how many approvers, with the members of groups, a form looks up in
	// Slack. Of more, we assume that someone is there.
	mostReachLookups = 10
	// reachAtOnce is how many of them are looked up at the same time.
	reachAtOnce = 5
)

// inVain is the warning for a request that evaluate accepts, although nobody would see it.
const inVain = "Nobody who can approve this was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself."

// unreachableText returns the warning for a form whose request nobody could approve, or
// nobody in Slack. refused reports whether evaluate would refuse the request. The text is
// "" if someone could approve it, or if that is not known.
func (h *Handler) unreachableText(ctx context.Context, d access.Decision, requester access.Person) (text string, refused bool) {
	if d.Outcome != access.DecideApproval {
		return "", false
	}
	hasOther := func(group string) bool { return h.mayHaveOther(ctx, group, requester) }
	if unmet := unmetRequirement(d, func(emails []string) bool { return len(emails) > 0 }, hasOther); unmet != nil {
		return "This would be refused, because " + h.whyUnmet(ctx, *unmet, nil), true
	}
	listed, members, ok := h.whoApproves(ctx, d, requester)
	if !ok {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	var unknown []string
	// Slack allows 50 lookups a minute. Often, the first of them suffice.
	for emails := range slices.Chunk(append(slices.Clone(listed), members...), reachAtOnce) {
		known, lost, err := h.People.Approvers(ctx, emails)
		if err != nil {
			h.Logger.WarnContext(ctx, "approvers could not be looked up for a form", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			return "", false
		}
		if anyOther(known, requester) {
			return "", false
		}
		unknown = append(unknown, lost...)
	}
	// For evaluate, a group is enough if it has members. It doesn't look them up in Slack.
	if unmet := unmetRequirement(d, func([]string) bool { return false }, hasOther); unmet != nil {
		return "This would be refused, because " + h.whyUnmet(ctx, *unmet, unknown), true
	}
	return inVain, false
}

// knownUnreachable returns why evaluate will refuse a request that nobody can approve. It
// returns "" if someone can, or if that is not known. So that no submission waits for
// Slack, emails count as lost only if this process showed so in a form a moment ago. If
// groups have no members according to the catalog, which may be old, Identity Center is
// asked.
func (h *Handler) knownUnreachable(ctx context.Context, x *access.Index, d access.Decision, requester access.Person) string {
	if d.Outcome != access.DecideApproval {
		return ""
	}
	var unknown []string
	anyListed := func(emails []string) bool {
		known, lost, ok := h.People.KnownApprovers(emails)
		unknown = append(unknown, lost...)
		return !ok || anyOther(known, requester)
	}
	unmet := unmetRequirement(d, anyListed, func(group string) bool { return h.mayHaveOther(ctx, group, requester) })
	if unmet == nil {
		return ""
	}
	reading, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	_, groups := access.SplitApprovers(unmet.Approvers)
	for _, id := range groups {
		has, err := h.FreshCases.HasOtherMember(reading, x, id, requester.PrincipalID)
		if err != nil {
			h.Logger.WarnContext(ctx, "members of a group could not be read for a form", "group", id, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		if has || err != nil {
			return ""
		}
	}
	return upperFirst(h.whyUnmet(ctx, *unmet, unknown))
}

// upperFirst returns a sentence that begins with a capital letter.
func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// unmetRequirement returns the first requirement that nobody can meet, nil if there is
// none. anyListed reports whether someone with one of the emails can approve, and hasOther
// whether a group has a member who can.
func unmetRequirement(d access.Decision, anyListed func(emails []string) bool, hasOther func(group string) bool) *access.Requirement {
	for _, q := range d.AllRequirements() {
		emails, groups := access.SplitApprovers(q.Approvers)
		if !slices.ContainsFunc(groups, hasOther) && !anyListed(emails) {
			return &q
		}
	}
	return nil
}

// mayHaveOther reports whether a group has an enabled member besides the requester, as far
// as the catalog knows.
func (h *Handler) mayHaveOther(ctx context.Context, group string, requester access.Person) bool {
	_, m := h.Catalog.ApproverGroup(ctx, group)
	return !m.Known || m.More || slices.ContainsFunc(m.Users, func(u catalog.Member) bool { return u.UserID != requester.PrincipalID })
}

// whyUnmet returns why nobody can meet a requirement, and what to do. unknown are the
// emails of approvers who were not found in Slack.
func (h *Handler) whyUnmet(ctx context.Context, q access.Requirement, unknown []string) string {
	emails, groups := access.SplitApprovers(q.Approvers)
	unknown = slices.DeleteFunc(slices.Clone(unknown), func(email string) bool { return !slices.Contains(emails, email) })
	var why []string
	if len(unknown) > 0 {
		why = append(why, "none of the approvers is a full member of this Slack workspace with a confirmed email address: "+strings.Join(unknown, ", "))
	}
	for _, id := range groups {
		name, _ := h.Catalog.ApproverGroup(ctx, id)
		why = append(why, "the group "+slack.GroupName(name, id)+" has no enabled member besides you")
	}
	if len(why) == 0 {
		why = append(why, "you are the only approver, under another email address")
	}
	for i, sentence := range why[1:] {
		why[i+1] = upperFirst(sentence)
	}
	return strings.Join(append(why, "Ask the people who run this app."), ". ")
}

// whoApproves returns the emails of the people who can approve a request: those whom the
// policy lists, and the other members of groups. ok is false if nobody needs to be looked
// up: there are too many, or a group's members are not known.
func (h *Handler) whoApproves(ctx context.Context, d access.Decision, requester access.Person) (listed, members []string, ok bool) {
	listed, groups := access.SplitApprovers(d.Approvers)
	for _, group := range groups {
		_, m := h.Catalog.ApproverGroup(ctx, group)
		if m.More || !m.Known {
			return nil, nil, false
		}
		for _, u := range m.Users {
			// A member without an email can't approve anything.
			if u.Email != "" && u.UserID != requester.PrincipalID && !slices.Contains(d.Approvers, u.Email) && !slices.Contains(members, u.Email) {
				members = append(members, u.Email)
			}
		}
	}
	return listed, members, len(listed)+len(members) <= mostReachLookups
}

// anyOther reports whether there is anyone but the requester.
func anyOther(people []access.Person, requester access.Person) bool {
	return slices.ContainsFunc(people, func(p access.Person) bool { return !access.SamePerson(p, requester) })
}
