package slack

import (
	"fmt"
	"strconv"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// goneQuestion asks whether the access of people who are gone from Identity
// Center may be removed. findings are the access; once there is an answer they
// are not looked at.
func goneQuestion(r access.Run, findings []access.Finding) Message {
	m := Message{EventType: EventType, RequestID: r.ID, Purpose: PurposeDriftQuestion, Text: goneTitle(r)}
	why := new(richText).
		label("What happened").text("More than 10 people were disabled or deleted in IAM Identity Center within an hour. A broken directory sync looks the same, so this access was not removed.").
		label("Would be removed").text(countText(r.Removals) + " of " + peopleText(r.People)).
		label("Found").time(r.StartedAt)
	if r.Answer != nil {
		why.newLine()
		goneAnswer(why, *r.Answer)
		m.Blocks = []slackgo.Block{header(m.Text), why.block("run")}
		return m
	}
	why.label("Who can answer").text("Whoever approves one of the targets listed below. Until then, each access stays until its own end. After 24 hours we ask again.")
	remove := slackgo.NewButtonBlockElement(ActionDriftRemove, r.ID, plain("Remove "+strconv.Itoa(r.Removals))).
		WithStyle(slackgo.StyleDanger).WithConfirm(slackgo.NewConfirmationBlockObject(
		plain("Remove access?"),
		plain("This ends "+countText(r.Removals)+" of people who are still gone when we look them up once more. Anyone who comes back must request access again."),
		plain("Remove "+strconv.Itoa(r.Removals)), plain("Go back"),
	).WithStyle(slackgo.StyleDanger))
	after := []slackgo.Block{buttons(remove, button(ActionDriftLeave, "Leave for 24 hours", slackgo.StyleDefault, r.ID))}
	m.Blocks = frame([]slackgo.Block{header(m.Text), why.block("run")}, []findingSection{{findings: findings}}, after, false)
	return m
}

func goneTitle(r access.Run) string {
	of := peopleText(r.People)
	switch {
	case r.Answer == nil:
		return "🔴 " + of + " gone from IAM Identity Center: remove their access?"
	case r.Answer.Remove:
		return "🔵 Answered: access of " + of + " will be removed"
	case r.Answer.Expired():
		return "⚪ Not answered: access of " + of + " was left"
	default:
		return "⚪ Answered: access of " + of + " is left for 24 hours"
	}
}

func goneAnswer(b *richText, a access.RunAnswer) {
	switch {
	case a.Expired():
		b.text("Nobody answered in time, so nothing was removed. The time was over ").time(a.At)
	case a.Remove:
		b.text("Removal confirmed by ").person(a.By).text(", ").time(a.At).
			text(". The access ends within minutes, except for people who are back.")
	default:
		b.text("Left by ").person(a.By).text(", ").time(a.At).text(". After 24 hours we ask again.")
	}
}

func peopleText(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
