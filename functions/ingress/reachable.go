package ingress

import (
	"context"
	"fmt"
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
const inVain = "Nobody who can approve %s was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself."

// tooFewInVain is the warning for a request that evaluate accepts, although too few people
// would see it.
const tooFewInVain = "Too few people who can approve %s were found in Slack, so probably it won't get the approvals it needs. You can still submit it. Then tell the people who run this app."

// unreachable returns why evaluate would refuse a request, because too few people can
// approve it. Otherwise it returns a warning if too few of them were found in Slack. Both are
// "" if enough were found, or if that is not known. what is what the warning calls the
// request.
func (h *Handler) unreachable(ctx context.Context, d access.Decision, requester access.Person, what string) (refusal, warning string) {
	if d.Outcome != access.DecideApproval {
		return "", ""
	}
	hasOther := func(group string) (bool, error) { return h.mayHaveOther(ctx, group, requester), nil }
	all := d.AllRequirements()
	for _, q := range all {
		if enough, _ := q.HasEnough(anyone(q), requester, hasOther); !enough {
			return h.whyUnmet(ctx, d, q, nil), ""
		}
	}
	candidates := h.whoApproves(ctx, all, requester)
	found, unknown, ok := h.lookUp(ctx, all, candidates, requester)
	if !ok {
		return "", ""
	}
	isVain, isSeen := false, false
	for i, q := range all {
		n := access.CountOthers(found, candidates[i], requester)
		isSeen = isSeen || n > 0 || candidates[i] == nil
		if n >= q.Needed || candidates[i] == nil {
			continue
		}
		// For evaluate, a group is enough if it has members. It doesn't look them up in Slack.
		if enough, _ := q.HasEnough(found, requester, hasOther); !enough {
			return h.whyUnmet(ctx, d, q, unknown), ""
		}
		isVain = true
	}
	switch {
	case isVain && isSeen:
		return "", fmt.Sprintf(tooFewInVain, what)
	case isVain:
		return "", fmt.Sprintf(inVain, what)
	}
	return "", ""
}

// anyone returns a person for each email that the requirement lists, as if all were in Slack.
func anyone(q access.Requirement) (people []access.Person) {
	emails, _ := access.SplitApprovers(q.Approvers)
	for _, email := range emails {
		people = append(people, access.Person{SlackID: email, Email: email})
	}
	return people
}

// lookUp looks up the candidates of each requirement in Slack, until enough of them are
// found. ok is false if Slack doesn't answer in time.
func (h *Handler) lookUp(ctx context.Context, all []access.Requirement, candidates [][]string, requester access.Person) (found []access.Person, unknown []string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	var asked []string
	for {
		var left [][]string // of each requirement
		for i, q := range all {
			if access.CountOthers(found, candidates[i], requester) < q.Needed {
				left = append(left, slices.DeleteFunc(slices.Clone(candidates[i]), func(email string) bool { return slices.Contains(asked, email) }))
			}
		}
		// Slack allows 50 lookups a minute. Often, the first of them suffice.
		next := inTurn(left)
		next = next[:min(len(next), reachAtOnce)]
		if len(next) == 0 {
			return found, unknown, true
		}
		known, lost, err := h.People.Approvers(ctx, next)
		if err != nil {
			h.Logger.WarnContext(ctx, "approvers could not be looked up for a form", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
			return nil, nil, false
		}
		found, unknown, asked = append(found, known...), append(unknown, lost...), append(asked, next...)
	}
}

// inTurn returns the emails of all lists, of each list in turn, and each email once.
func inTurn(lists [][]string) (emails []string) {
	for i, more := 0, true; more; i++ {
		more = false
		for _, list := range lists {
			if i >= len(list) {
				continue
			}
			more = true
			if !slices.Contains(emails, list[i]) {
				emails = append(emails, list[i])
			}
		}
	}
	return emails
}

// knownUnreachable returns why evaluate will refuse a request that too few people can
// approve. It returns "" if enough can, or if that is not known. So that no submission
// waits for Slack, emails count as lost only if this process showed so in a form a moment
// ago. If groups have no members according to the catalog, which may be old, Identity
// Center is asked.
func (h *Handler) knownUnreachable(ctx context.Context, x *access.Index, d access.Decision, requester access.Person) string {
	if d.Outcome != access.DecideApproval {
		return ""
	}
	reading, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	inCatalog := func(group string) (bool, error) { return h.mayHaveOther(ctx, group, requester), nil }
	asked := map[string]bool{} // may have another member, by group
	inIdentityCenter := func(group string) (bool, error) {
		if has, ok := asked[group]; ok {
			return has, nil
		}
		has, err := h.FreshCases.HasOtherMember(reading, x, group, requester.PrincipalID)
		if err != nil {
			h.Logger.WarnContext(ctx, "members of a group could not be read for a form", "group", group, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		asked[group] = has || err != nil
		return asked[group], nil
	}
	for _, q := range d.AllRequirements() {
		emails, _ := access.SplitApprovers(q.Approvers)
		known, unknown, ok := h.People.KnownApprovers(emails)
		if !ok {
			known, unknown = anyone(q), nil
		}
		if enough, _ := q.HasEnough(known, requester, inCatalog); enough {
			continue
		}
		if enough, _ := q.HasEnough(known, requester, inIdentityCenter); !enough {
			return upperFirst(h.whyUnmet(ctx, d, q, unknown))
		}
	}
	return ""
}

// upperFirst returns a sentence that begins with a capital letter.
func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// mayHaveOther reports whether a group has an enabled member besides the requester, as far
// as the catalog knows.
func (h *Handler) mayHaveOther(ctx context.Context, group string, requester access.Person) bool {
	_, m := h.Catalog.ApproverGroup(ctx, group)
	return !m.Known || m.More || slices.ContainsFunc(m.Users, func(u catalog.Member) bool { return u.UserID != requester.PrincipalID })
}

// whyUnmet returns why too few people can meet a requirement, and what to do. unknown are
// the emails of approvers who were not found in Slack.
func (h *Handler) whyUnmet(ctx context.Context, d access.Decision, q access.Requirement, unknown []string) string {
	const members = " of this Slack workspace with a confirmed email address: "
	emails, groups := access.SplitApprovers(q.Approvers)
	unknown = slices.DeleteFunc(slices.Clone(unknown), func(email string) bool { return !slices.Contains(emails, email) })
	ofRule := ""
	if d.NeedsSeveral() {
		ofRule = " of one rule"
	}
	var why []string
	switch lost := strings.Join(unknown, ", "); {
	case q.Needed > 1:
		why = append(why, fmt.Sprintf("%d approvals are needed, and too few of the approvers can give one", q.Needed))
		if lost != "" {
			why = append(why, "these are not full members"+members+lost)
		}
	case lost != "":
		why = append(why, "none of the approvers"+ofRule+" is a full member"+members+lost)
	case len(groups) == 0:
		why = append(why, "you are the only approver"+ofRule+", under another email address")
	}
	for _, id := range groups {
		name, _ := h.Catalog.ApproverGroup(ctx, id)
		why = append(why, "the group "+slack.GroupName(name, id)+" has no enabled member besides you")
	}
	for i, sentence := range why[1:] {
		why[i+1] = upperFirst(sentence)
	}
	return strings.Join(append(why, "Ask the people who run this app."), ". ")
}

// whoApproves returns the emails of the people who can approve, by requirement: those whom
// the policy lists, and the other members of groups. It is nil for a requirement whose people
// are not looked up: there would be too many in all, or a group's members are not known.
func (h *Handler) whoApproves(ctx context.Context, all []access.Requirement, requester access.Person) [][]string {
	candidates := make([][]string, len(all))
	var inAll []string
	for i, q := range all {
		listed, groups := access.SplitApprovers(q.Approvers)
		emails, ok := append([]string{}, listed...), true
		for _, group := range groups {
			_, m := h.Catalog.ApproverGroup(ctx, group)
			ok = ok && m.Known && !m.More
			for _, u := range m.Users {
				// A member without an email can't approve anything.
				if u.Email != "" && u.UserID != requester.PrincipalID && !slices.Contains(emails, u.Email) {
					emails = append(emails, u.Email)
				}
			}
		}
		if together := inTurn([][]string{append(inAll[:len(inAll):len(inAll)], emails...)}); ok && len(together) <= mostReachLookups {
			candidates[i], inAll = emails, together
		}
	}
	return candidates
}
