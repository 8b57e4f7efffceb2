package slack

import (
	"fmt"
	"slices"
	"strconv"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// DriftQuestionMessage asks whether a run that stopped may remove what it
// found. Once that is answered, or the time for it is over, it says so, without
// buttons and from the run's row alone: findings are not looked at then.
func DriftQuestionMessage(r access.Run, findings []access.Finding) Message {
	if r.Guard == access.GuardGone {
		return goneQuestion(r, findings)
	}
	m := Message{EventType: EventType, RequestID: r.ID, Purpose: PurposeDriftQuestion, Text: questionTitle(r)}
	n := r.Removals
	why := new(richText).label("Why it stopped").text(guardReason(r.Guard, 0))
	why.label("Would be removed").text(countText(n))
	link := executionLink(r.ExecutionARN)
	if r.Answer != nil {
		why.newLine()
		answered(why, r.Answer)
		m.Blocks = append([]slackgo.Block{header(m.Text), why.label("Looked").time(r.StartedAt).block("run")}, link...)
		return m
	}
	why.label("Who can answer").text("whoever may approve requests. If nobody does, nothing is removed.")
	before := []slackgo.Block{header(m.Text), why.label("Looked").time(r.StartedAt).block("run")}
	remove := slackgo.NewButtonBlockElement(ActionDriftRemove, r.ID, plain("Remove "+strconv.Itoa(n))).
		WithStyle(slackgo.StyleDanger).WithConfirm(confirmRemoval(n))
	after := append(link, buttons(remove, button(ActionDriftLeave, "Leave them", slackgo.StyleDefault, r.ID)))
	asked := slices.DeleteFunc(slices.Clone(findings), func(f access.Finding) bool { return f.Exemption != nil })
	m.Blocks = frame(before, []findingSection{{findings: asked}}, after, link != nil)
	return m
}

// questionTitle says no more than is known: that somebody let the run go on does
// not mean yet that it removes anything; its report tells.
func questionTitle(r access.Run) string {
	switch {
	case r.Answer == nil:
		return "🟠 May access that no request granted be removed?"
	case r.Answer.Remove:
		return "🔵 Answered: access that no request granted may be removed"
	default:
		return "⚪ Access that no request granted is left as it is"
	}
}

func confirmRemoval(n int) *slackgo.ConfirmationBlockObject {
	return slackgo.NewConfirmationBlockObject(
		plain("Remove access?"),
		plain("This takes away "+countText(n)+", from everybody who has them now. Who needs the access has to ask for it."),
		plain("Remove "+strconv.Itoa(n)), plain("Go back"),
	).WithStyle(slackgo.StyleDanger)
}

func countText(n int) string {
	if n == 1 {
		return "1 assignment or membership"
	}
	return fmt.Sprintf("%d assignments or memberships", n)
}

// guardReason says in plain words why a run stopped. limit is how many findings
// are removed without a person; 0 where that is not at hand.
func guardReason(g access.Guard, limit int) string {
	switch g {
	case access.GuardTooMany:
		if limit > 0 {
			return fmt.Sprintf("There is more to remove than the %d that may be removed within 24 hours without asking a person.", limit)
		}
		return "There is more to remove than may be removed within 24 hours without asking a person."
	case access.GuardNoRecord:
		return "No run has looked before, so nothing is known about what was there earlier. Access that was given by hand, and is meant to stay, may be among it."
	case access.GuardLostRecord:
		return "The table has forgotten earlier runs: it was emptied, or restored from a backup. Access that requests hold may be among it."
	default:
		return "Something was not as this system expects it."
	}
}

// answered says what a person said to a run's question.
func answered(b *richText, a *access.RunAnswer) {
	switch {
	case a == nil || a.Expired():
		b.text("Nobody answered in time, so nothing is removed.")
		if a != nil {
			b.text(" The time was over ").time(a.At)
		}
	case a.Remove:
		b.text("Let go on by ").person(a.By).text(", ").time(a.At)
	default:
		b.text("Left as it is by ").person(a.By).text(", ").time(a.At)
	}
}
