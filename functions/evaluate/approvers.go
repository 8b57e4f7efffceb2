package evaluate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/table"
)

// findApprovers enters in e who can approve the request. nobody is "" if that is enough
// people; otherwise it says why not.
func (h *Handler) findApprovers(ctx context.Context, x *access.Index, d access.Decision, requester access.Person, e *table.Evaluation) (nobody string, err error) {
	emails, groups := access.SplitApprovers(d.Approvers)
	known, unknown, err := h.People.Approvers(ctx, emails)
	if err != nil {
		return "", err
	}
	e.UnknownApprovers = unknown
	e.Approvers = slices.DeleteFunc(known, func(p access.Person) bool { return access.SamePerson(p, requester) })
	asked := map[string]bool{} // has another member, by group
	hasOther := func(id string) (has bool, err error) {
		has, ok := asked[id]
		if !ok {
			has, err = h.decider().HasOtherMember(ctx, x, id, requester.PrincipalID)
			asked[id] = has
		}
		return has, err
	}
	for _, q := range d.AllRequirements() {
		enough, err := q.HasEnough(e.Approvers, requester, hasOther)
		if err != nil {
			return "", err
		}
		if !enough {
			return h.explainNobody(ctx, d, q, e.UnknownApprovers), nil
		}
	}
	e.ApproverGroups, err = h.describeGroups(ctx, groups, requester, e.Approvers)
	return "", err
}

// explainNobody returns why the approvers of a requirement aren't enough, so that
// someone can fix it. unknown are the emails of all approvers who were not found in
// Slack.
func (h *Handler) explainNobody(ctx context.Context, d access.Decision, q access.Requirement, unknown []string) string {
	const most = 10
	emails, groups := access.SplitApprovers(q.Approvers)
	lost := slices.DeleteFunc(slices.Clone(unknown), func(email string) bool { return !slices.Contains(emails, email) })
	var sentences []string
	if len(lost) > 0 {
		text := strings.Join(lost[:min(len(lost), most)], ", ")
		if more := len(lost) - most; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		which := "None of the approvers is a full member"
		switch {
		case q.Needed == 1 && d.NeedsSeveral():
			which = "None of the approvers of one rule is a full member"
		case q.Needed > 1:
			which = fmt.Sprintf("%d approvals are needed. These approvers are not full members", q.Needed)
		}
		sentences = append(sentences, which+" of this Slack workspace with a confirmed email address: "+text+".")
	}
	for _, id := range groups {
		name, _ := h.Catalog.ApproverGroup(ctx, id)
		if name == "" {
			name = id
		}
		sentences = append(sentences, "The group "+name+" has no enabled member who could approve this.")
	}
	if len(sentences) == 0 && q.Needed > 1 {
		return fmt.Sprintf("%d approvals are needed, and not enough of the approvers can give one.", q.Needed)
	}
	if len(sentences) == 0 && d.NeedsSeveral() {
		return "The only approver of one rule is the requester, under another email address."
	}
	if len(sentences) == 0 {
		return "The only approver is the requester, under another email address."
	}
	return strings.Join(sentences, " ")
}

// mostLookups is how many members of groups are looked up in Slack for one request.
const mostLookups = 2 * access.MaxMentionedMembers

// mostReminderLookups is how many other members are looked up for one reminder. Slack
// allows 50 lookups a minute.
const mostReminderLookups = 3 * mostLookups

// describeGroups returns what the request's message shows of the groups, and which members
// are asked. listed are the people who are mentioned anyway.
func (h *Handler) describeGroups(ctx context.Context, ids []string, requester access.Person, listed []access.Person) ([]access.ApproverGroup, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var all []access.ApproverGroup
	var members [][]catalog.Member // of each group, apart from the requester
	for _, id := range ids {
		name, m := h.Catalog.ApproverGroup(ctx, id)
		users := slices.DeleteFunc(slices.Clone(m.Users), func(u catalog.Member) bool { return u.UserID == requester.PrincipalID })
		all = append(all, access.ApproverGroup{ID: id, Name: name, SlackGroup: h.SlackGroups[id], Others: len(users), More: m.More})
		members = append(members, users)
	}
	emails := candidates(members)
	emails = emails[:min(len(emails), mostLookups)]
	found, _, err := h.People.Approvers(ctx, emails)
	if err != nil {
		return nil, err
	}
	for i, users := range members {
		// A member without an email can't be in Slack.
		all[i].NoneFound = slices.ContainsFunc(users, func(m catalog.Member) bool { return m.Email == "" || slices.Contains(emails, m.Email) }) &&
			!slices.ContainsFunc(found, func(p access.Person) bool {
				return !access.SamePerson(p, requester) && slices.ContainsFunc(users, func(m catalog.Member) bool { return m.Email == p.Email })
			})
	}
	isMentioned := map[string]bool{requester.SlackID: true}
	for _, p := range listed {
		isMentioned[p.SlackID] = true
	}
	mentioned := 0
	for _, p := range found {
		for _, i := range groupsOf(p.Email, all, members) {
			if isMentioned[p.SlackID] {
				// They are mentioned already, or they are the requester.
				all[i].Others--
			} else if mentioned < access.MaxMentionedMembers {
				isMentioned[p.SlackID] = true
				mentioned++
				all[i].Mentioned = append(all[i].Mentioned, p)
				all[i].Others--
			}
		}
	}
	return all, nil
}

// groupsOf returns the indexes of the groups that have a member with this email. Groups whose
// Slack user group is mentioned come last: the message doesn't name their members.
func groupsOf(email string, groups []access.ApproverGroup, members [][]catalog.Member) (of []int) {
	for _, last := range []bool{false, true} {
		for i, users := range members {
			if (groups[i].SlackGroup != "") == last && slices.ContainsFunc(users, func(m catalog.Member) bool { return m.Email == email }) {
				of = append(of, i)
			}
		}
	}
	return of
}

// candidates returns the emails of the members, of each group in turn.
func candidates(groups [][]catalog.Member) (emails []string) {
	isListed := map[string]bool{"": true}
	for i, more := 0, true; more; i++ {
		more = false
		for _, members := range groups {
			if i >= len(members) {
				continue
			}
			more = true
			if email := members[i].Email; !isListed[email] {
				isListed[email] = true
				emails = append(emails, email)
			}
		}
	}
	return emails
}

// furtherApprovers returns the members of groups whom reminder n asks: those whom earlier
// reminders asked, and up to access.MaxMentionedMembers others. If the others can't be
// looked up, only those who were asked before get the reminder. The row doesn't say who
// isn't in Slack. So if a reminder asked fewer people than it may, the next one starts
// further down the list of members. At the end of the list, it goes on at the start.
func (h *Handler) furtherApprovers(ctx context.Context, r access.Request, n int) []access.FurtherApprover {
	further := slices.Clone(r.FurtherApprovers)
	known := append([]access.Person{r.Requester}, r.Approvers...)
	for _, f := range further {
		known = append(known, f.Person)
	}
	t := r.Tally()
	var groups []access.ApproverGroup
	var members [][]catalog.Member // of each group
	for _, g := range r.ApproverGroups {
		known = append(known, g.Mentioned...)
		if len(t.Requirements) == 0 || slices.ContainsFunc(t.Awaited(), func(a string) bool {
			id, isGroup := access.GroupOf(a)
			return isGroup && strings.EqualFold(id, g.ID)
		}) {
			groups = append(groups, g)
		}
	}
	isKnown := map[string]bool{} // by email: they were asked, or are the requester
	for _, g := range groups {
		_, m := h.Catalog.ApproverGroup(ctx, g.ID)
		members = append(members, m.Users)
		for _, u := range m.Users {
			isKnown[u.Email] = isKnown[u.Email] || slices.ContainsFunc(known, func(p access.Person) bool {
				return p.PrincipalID != "" && p.PrincipalID == u.UserID || access.SameEmail(p.Email, u.Email)
			})
		}
	}
	emails := candidates(members)
	if len(emails) > 0 {
		from := mostReminderLookups * fruitless(further, n) % len(emails)
		emails = append(slices.Clone(emails[from:]), emails[:from]...)
	}
	emails = slices.DeleteFunc(emails, func(email string) bool { return isKnown[email] })
	emails = emails[:min(len(emails), mostReminderLookups)]
	most := min(access.MaxMentionedMembers, access.MaxFurtherApprovers-len(further))
	for asked := 0; most > 0 && len(emails) > 0; {
		next := emails[:min(len(emails), mostLookups)]
		emails = emails[len(next):]
		found, _, err := h.People.Approvers(ctx, next)
		if err != nil {
			h.Logger.WarnContext(ctx, "further approvers could not be looked up", "request_id", r.ID, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			break
		}
		for _, p := range found {
			if asked == most {
				return further
			}
			if slices.ContainsFunc(known, func(k access.Person) bool { return access.SamePerson(k, p) }) {
				continue
			}
			of := groupsOf(p.Email, groups, members)
			if len(of) == 0 {
				continue
			}
			further = append(further, access.FurtherApprover{Person: p, Group: groups[of[0]].ID, Reminder: n})
			known = append(known, p)
			asked++
		}
		if asked == most {
			break
		}
	}
	return further
}

// fruitless returns how many reminders before reminder n asked fewer people than they
// may. If one of them was never sent, or couldn't look members up, the members that it
// would have looked up come again at the end.
func fruitless(further []access.FurtherApprover, n int) (count int) {
	for earlier := 1; earlier < n; earlier++ {
		asked := 0
		for _, f := range further {
			if f.Reminder == earlier {
				asked++
			}
		}
		if asked < access.MaxMentionedMembers {
			count++
		}
	}
	return count
}
