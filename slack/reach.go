package slack

import (
	"fmt"
	"slices"
	"strings"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// maxReached is how many people each line about direct messages mentions.
const maxReached = 7

// RemindedApprovers returns the people whom a reminder mentions and whose approval may
// still help: those listed by email, the members of groups whom the request's message
// mentions, and the members whom the latest reminder asks first.
func RemindedApprovers(r access.Request) []access.Person {
	people, groups := remindedApprovers(r)
	for _, g := range groups {
		people = append(people, g.Mentioned...)
	}
	return people
}

// remindedApprovers returns the same people, and how a reminder names their groups.
func remindedApprovers(r access.Request) (people []access.Person, groups []access.ApproverGroup) {
	listed, all := awaitedApprovers(r)
	people = slices.Clone(listed)
	for _, g := range all {
		g.Mentioned = slices.Clone(g.Mentioned)
		for _, f := range r.FurtherApprovers {
			if f.Reminder != r.RemindersSent || f.Group != g.ID || approvalCounts(r, f.Person) {
				continue
			}
			g.Mentioned = append(g.Mentioned, f.Person)
			g.Others = max(g.Others-1, 0)
		}
		groups = append(groups, g)
	}
	return people, groups
}

func approvalCounts(r access.Request, p access.Person) bool {
	return slices.ContainsFunc(r.Approvals, func(a access.Approval) bool { return a.Lapse == "" && a.By.SlackID == p.SlackID })
}

// knownApprovers returns all approvers with a known Slack user who were asked so far.
func knownApprovers(r access.Request) []access.Person {
	people := slices.Clone(r.Approvers)
	for _, g := range r.ApproverGroups {
		people = append(people, g.Mentioned...)
	}
	for _, f := range r.FurtherApprovers {
		people = append(people, f.Person)
	}
	return people
}

// writeReached says which approvers got a direct message, because they are not in the
// channel, and which could not get one.
func writeReached(b *richText, r access.Request) {
	var told, lost []access.Person
	seen := map[string]bool{}
	for _, p := range knownApprovers(r) {
		post, asked := r.Posts[ApproverPurpose(p.SlackID)]
		switch {
		case !asked || seen[p.SlackID] || !isSlackID(p.SlackID):
		case post.TS != "":
			told = append(told, p)
		case post.Failed:
			lost = append(lost, p)
		}
		seen[p.SlackID] = true
	}
	for _, line := range []struct {
		label  string
		people []access.Person
	}{{"Notified by direct message", told}, {"Could not be notified", lost}} {
		if len(line.people) == 0 {
			continue
		}
		b.label(line.label).list(line.people[:min(len(line.people), maxReached)])
		if more := len(line.people) - maxReached; more > 0 {
			b.text(fmt.Sprintf(" and %d more", more))
		}
	}
}

// ApproverMessage returns the direct message to an approver who is not in the channel: the
// request's message, with the buttons that approvers may use. It doesn't say who else was
// told.
func ApproverMessage(r access.Request, slackID string) Message {
	r.Posts = nil
	why := notice("You can approve or deny this request. We sent it here because you aren't in the channel where it was posted.")
	m := requestMessageWithin(maxBlocksJSON-sizeOf(why), r)
	m.Purpose = ApproverPurpose(slackID)
	var blocks []slackgo.Block
	for i, block := range m.Blocks {
		if a, ok := block.(*slackgo.ActionBlock); ok {
			elements := slices.DeleteFunc(slices.Clone(a.Elements.ElementSet), isForRequester)
			if len(elements) == 0 {
				continue
			}
			block = slackgo.NewActionBlock(a.BlockID, elements...)
		}
		blocks = append(blocks, block)
		if i == 0 && stateOf(r) == statePending {
			blocks = append(blocks, why)
		}
	}
	m.Blocks = blocks
	return m
}

// isForRequester reports whether the element is a button that only the requester may use.
func isForRequester(e slackgo.BlockElement) bool {
	b, ok := e.(*slackgo.ButtonBlockElement)
	return ok && (b.ActionID == ActionWithdraw || b.ActionID == ActionAskAgain)
}

// ApproverReminder returns the latest reminder, for the thread below the direct message to
// an approver.
func ApproverReminder(r access.Request, p access.Person) Message {
	m := newMessage(ApproverReminderPurpose(r.RemindersSent, p.SlackID), r)
	m.Text = reminderText(r)
	b := new(richText).text("⏰ ").person(p).text(": ")
	writeReminder(b, r)
	m.Blocks = []slackgo.Block{b.block("message")}
	return m
}

// Shown is a post that shows the state of a request, and the message that it should show.
type Shown struct {
	Post    access.Post
	Message Message
}

// DirectPosts returns the request's direct messages that show its state: those to the
// requester and those to approvers, without the reminders. They are in a fixed order. A
// post without a timestamp may not have arrived.
func DirectPosts(r access.Request) []Shown {
	var all []Shown
	for purpose, post := range r.Posts {
		if post.Channel == "" {
			continue // it was never sent
		}
		if of, ok := strings.CutPrefix(purpose, directPrefix); ok {
			m := DirectMessage(of, r)
			m.Purpose = purpose
			all = append(all, Shown{post, m})
		} else if id, ok := strings.CutPrefix(purpose, approverPrefix); ok && isSlackID(id) {
			all = append(all, Shown{post, ApproverMessage(r, id)})
		}
	}
	slices.SortFunc(all, func(a, b Shown) int { return strings.Compare(a.Message.Purpose, b.Message.Purpose) })
	return all
}

// StatePurposes returns the purposes of all posts that show the state of a request.
func StatePurposes(r access.Request) []string {
	all := []string{PurposeAnnounce}
	for _, s := range DirectPosts(r) {
		all = append(all, s.Message.Purpose)
	}
	return all
}
