package slack

import (
	"fmt"
	"slices"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// goneQuestion asks whether to remove the access of people who are gone from
// Identity Center. findings is that access. Once the question is closed,
// goneQuestion ignores findings.
func goneQuestion(r access.Run, findings []access.Finding) Message {
	m := Message{EventType: EventType, RequestID: r.ID, Purpose: PurposeDriftQuestion, Since: r.StartedAt, Text: goneTitle(r)}
	what := "To remove"
	if r.Answer != nil {
		what = "Asked about"
	}
	why := new(richText).
		label("What happened").text("More than 10 people were disabled or deleted in IAM Identity Center within an hour. A broken directory sync looks the same, so we kept the access in this question. Up to 10 people found earlier in that hour may have lost theirs without a question. Check the sync first.").
		label(what).text(countText(r.Removals) + " of " + peopleText(r.People)).
		label("Found").time(r.StartedAt)
	if r.Answer != nil {
		writeGoneAnswers(why, r)
		m.Blocks = []slackgo.Block{header(m.Text), why.block("run")}
		return m
	}
	writeRunApprovers(why, r)
	why.text(" If nobody answers, this access stays until its scheduled end, and we ask again after 24 hours.")
	writeAnswers(why, r.Answers, nil, false)
	remove := slackgo.NewButtonBlockElement(ActionDriftRemove, r.ID, plainText("Remove")).
		WithStyle(slackgo.StyleDanger).WithConfirm(slackgo.NewConfirmationBlockObject(
		plainText("Remove access?"),
		plainText("This ends only access in accounts and groups for which you are an approver. The question covers "+countText(r.Removals)+". We check first that each person is still gone. People who are back keep their access. People who come back later must request it again."),
		plainText("Remove"), plainText("Cancel"),
	).WithStyle(slackgo.StyleDanger))
	after := []slackgo.Block{buttons(remove, button(ActionDriftLeave, "Keep for 24 hours", slackgo.StyleDefault, r.ID))}
	m.Blocks = fitFindings([]slackgo.Block{header(m.Text), why.block("run")}, []findingSection{{findings: unanswered(r, findings)}}, cards{}, after, false)
	return m
}

func goneTitle(r access.Run) string {
	of := peopleText(r.People)
	switch {
	case r.Answer == nil:
		return "🔴 " + of + " gone from IAM Identity Center: remove their access?"
	case r.HasConsent() && !isPartlyLeft(r):
		return "🔵 Answered: access of " + of + " will be removed"
	case r.HasConsent():
		return "🔵 Answered: some access of " + of + " will be removed"
	case r.Answer.Expired() && len(r.Answers) == 0:
		return "⚪ No answer: access of " + of + " stays"
	default:
		return "⚪ Answered: access of " + of + " stays for 24 hours"
	}
}

// isPartlyLeft reports whether some of the access in question is left in place.
func isPartlyLeft(r access.Run) bool {
	return r.Answer.Expired() || slices.ContainsFunc(r.Answers, func(a access.RunAnswer) bool { return !a.Remove })
}

func writeGoneAnswers(b *richText, r access.Run) {
	writeAnswers(b, r.Answers, r.Answer, false)
	b.newLine()
	switch {
	case r.HasConsent() && isPartlyLeft(r):
		b.text("Access with the answer “remove” ends within minutes. People who are back keep theirs. We'll ask about the rest again within 24 hours.")
	case r.HasConsent():
		b.text("This access ends within minutes. People who are back keep theirs.")
	default:
		b.text("We'll ask again within 24 hours.")
	}
}

func peopleText(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
