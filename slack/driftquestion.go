package slack

import (
	"fmt"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// DriftQuestionMessage asks whether a waiting run may remove what it found. It lists
// the findings that nobody has answered yet. Once the question is closed, the message
// has no buttons and shows all answers. In that case, it uses only the run's row and
// ignores findings. owners are as for DriftReportMessage.
func DriftQuestionMessage(r access.Run, findings []access.Finding, owners map[string]access.Person) Message {
	if r.Guard == access.GuardGone {
		return goneQuestion(r, findings)
	}
	m := Message{EventType: EventType, RequestID: r.ID, Purpose: PurposeDriftQuestion, Since: r.StartedAt, Text: questionTitle(r)}
	n := r.Removals
	why := new(richText).label("Why we ask").text(guardReason(r.Guard, 0))
	link := executionLink(r.ExecutionARN)
	if r.Answer != nil {
		why.label("Asked about").text(countText(n))
		writeAnswers(why, r.Answers, r.Answer, len(r.InScope) > 0)
		m.Blocks = append([]slackgo.Block{header(m.Text), why.label("Checked").time(r.StartedAt).block("run")}, link...)
		return m
	}
	why.label("To remove").text(countText(n))
	writeRunApprovers(why, r)
	why.text(" If nobody answers for some access, it stays.")
	if other := countIn(r.InScope); other > 0 {
		why.text(fmt.Sprintf(" When the question ends, this app also removes %s that need no answer.", countText(other)))
	}
	writeAnswers(why, r.Answers, nil, false)
	before := []slackgo.Block{header(m.Text), why.label("Checked").time(r.StartedAt).block("run")}
	remove := slackgo.NewButtonBlockElement(ActionDriftRemove, r.ID, plainText("Remove")).
		WithStyle(slackgo.StyleDanger).WithConfirm(confirmRemoval(n))
	after := append(link, buttons(remove, button(ActionDriftLeave, "Keep", slackgo.StyleDefault, r.ID)))
	m.Blocks = fitFindings(before, []findingSection{{findings: unanswered(r, findings)}}, cards{owners: owners}, after, link != nil)
	return m
}

// QuestionsInOrder returns the findings whose people DriftQuestionMessage mentions, in the
// order in which it lists them.
func QuestionsInOrder(r access.Run, findings []access.Finding) []access.Finding {
	if r.Guard == access.GuardGone {
		return nil
	}
	return sortedByPlace(unanswered(r, findings))
}

func countIn(ranges [][2]int) int { return access.RunAnswer{Findings: ranges}.Count() }

// unanswered returns the findings that the run asks about and nobody has answered.
func unanswered(r access.Run, findings []access.Finding) (waiting []access.Finding) {
	for _, i := range r.Asked(findings) {
		if r.AnswerAbout(i) == nil {
			waiting = append(waiting, findings[i])
		}
	}
	return waiting
}

// writeRunApprovers lists the people who could answer when the run asked. The app
// checks again when someone presses a button.
func writeRunApprovers(b *richText, r access.Run) {
	b.label("Approvers")
	if len(r.Approvers) > 0 {
		b.text(clean(ListNames(r.Approvers)) + ". Each person's answer counts only for the accounts and groups that they approve.")
	} else {
		b.text("none.")
	}
	if n := r.Undecided; n > 0 {
		b.text(fmt.Sprintf(" Nobody can answer for %d of these, because the policy names no approver. Add one to the policy, or remove the access in IAM Identity Center.", n))
	}
}

// questionTitle returns the title of the question. An answer to remove a finding does
// not mean that it is removed yet, so the title claims no removal. The run's report
// covers removals.
func questionTitle(r access.Run) string {
	switch {
	case r.Answer == nil:
		return fmt.Sprintf("🟠 Remove access without a request (%d)?", r.Removals)
	case r.HasConsent():
		return "🔵 Removal approved: access without a request"
	case len(r.InScope) > 0:
		return "⚪ None of this will be removed: access without a request"
	default:
		return "⚪ Nothing will be removed: access without a request"
	}
}

func confirmRemoval(n int) *slackgo.ConfirmationBlockObject {
	return slackgo.NewConfirmationBlockObject(
		plainText("Remove access?"),
		plainText("This removes only access in accounts and groups for which you are an approver. The question covers "+countText(n)+". People who still need the access must request it."),
		plainText("Remove"), plainText("Cancel"),
	).WithStyle(slackgo.StyleDanger)
}

func countText(n int) string {
	if n == 1 {
		return "1 assignment or membership"
	}
	return fmt.Sprintf("%d assignments or memberships", n)
}

// guardReason explains in plain words why a run asks. limit is how many findings a
// run may remove without asking, or 0 if unknown.
func guardReason(g access.Guard, limit int) string {
	switch g {
	case access.GuardTooMany:
		if limit > 0 {
			return fmt.Sprintf("This app may remove only %d assignments or memberships within 24 hours without asking. This check found more access than that.", limit)
		}
		return "This check found more access than this app may remove within 24 hours without asking."
	case access.GuardNoRecord:
		return "This app has no record of an earlier check. This list may include access that someone added by hand and wants to keep. Check before you remove it."
	case access.GuardScopeGrew:
		return "The policy or an organizational unit covers more than at earlier checks, or this app doesn't know what they covered. This list may include access that someone wants to keep. Check before you remove it."
	case access.GuardLostRecord:
		return "The app's records are missing or old. This list may include access that was properly granted. Check before you remove it."
	default:
		return "Something unexpected happened."
	}
}

// writeAnswers lists the answers to a run's question. end is the answer that closed
// the question. If it is an expiry, writeAnswers adds that the time is over. othersRemoved
// means that the run removes other access without an answer.
func writeAnswers(b *richText, answers []access.RunAnswer, end *access.RunAnswer, othersRemoved bool) {
	if len(answers) > 0 || end != nil {
		b.label("Answers")
	}
	const most = 10
	for i, a := range answers {
		if i > 0 {
			b.newLine()
		}
		if i == most {
			b.text(fmt.Sprintf("and %d more", len(answers)-most))
			break
		}
		what := "keep"
		if a.Remove {
			what = "remove"
		}
		b.person(a.By).text(fmt.Sprintf(": %s %d, ", what, a.Count())).time(a.At)
	}
	if end == nil || !end.Expired() {
		return
	}
	text := "Nobody answered in time, so nothing was removed."
	switch {
	case othersRemoved && len(answers) == 0:
		text = "Nobody answered in time, so the access in this question stays."
	case len(answers) > 0:
		text = "Nobody answered for the rest in time, so it stays."
		b.newLine()
	}
	b.text(text)
	if !end.At.IsZero() {
		b.text(" Time ran out ").time(end.At)
	}
}
