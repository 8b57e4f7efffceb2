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

// MembersUnknown is a key in access.Request.Posts under which no message is sent. It is there
// to keep a mark in the row: while the app can't check who is in the channel, the entry is
// Failed, and afterwards it is empty. It never has a channel or a timestamp.
const MembersUnknown = "members"

// RemindedApprovers returns the people whom a reminder asks and whose approval may still
// help: those listed by email, the members of groups who were asked at once, and the members
// whom the latest reminder asks for the first time. It also returns the members whom an
// earlier reminder asked and who have no direct message. If a Slack user group is mentioned
// instead of members, they are returned, too.
func RemindedApprovers(r access.Request) []access.Person {
	people, groups := remindedApprovers(r)
	for _, g := range groups {
		people = append(people, g.Mentioned...)
		for _, f := range r.FurtherApprovers {
			if f.Group == g.ID && f.Reminder < r.RemindersSent && r.Posts[ApproverPurpose(f.SlackID)].TS == "" && !approvalCounts(r, f.Person) {
				people = append(people, f.Person)
			}
		}
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
// channel, and which got none. channel is how the message calls the request's channel.
func writeReached(b *richText, r access.Request, channel string) {
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
	}{{"Notified by direct message", told}, {"Not notified (weren't in " + channel + ")", lost}} {
		if len(line.people) == 0 {
			continue
		}
		b.label(line.label).list(line.people[:min(len(line.people), maxReached)])
		if more := len(line.people) - maxReached; more > 0 {
			b.text(fmt.Sprintf(" and %d more", more))
		}
	}
	if r.Posts[MembersUnknown].Failed {
		b.label("Notifications").text("the app couldn't check who is in " + channel + ". Approvers outside it may not know about this request.")
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

// DirectPosts returns all posts besides the request's message that show its state. Despite
// the name, not all are direct messages:
//
//   - the direct messages to the requester and to approvers
//   - the reply in the thread of the request's message that says how to use the access
//
// Reminders are not among them, because they show the moment when they were sent. The posts are
// in a fixed order. A post without a timestamp may not have arrived.
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
		} else if purpose == PurposeGranted {
			all = append(all, Shown{post, ThreadMessage(purpose, r)})
		}
	}
	slices.SortFunc(all, func(a, b Shown) int { return strings.Compare(a.Message.Purpose, b.Message.Purpose) })
	return all
}

// StatePosts returns all posts that show the state of a request, that in the channel first.
func StatePosts(r access.Request) []Shown {
	return append([]Shown{{r.Posts[PurposeAnnounce], RequestMessage(r)}}, DirectPosts(r)...)
}

// StatePurposes returns the purposes of these posts.
func StatePurposes(r access.Request) []string {
	var all []string
	for _, s := range StatePosts(r) {
		all = append(all, s.Message.Purpose)
	}
	return all
}
