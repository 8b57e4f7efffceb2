package slack

import (
	"fmt"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

const (
	// maxCards is how many findings of a report have their own block, with buttons. Each
	// takes two of a message's 50 blocks.
	maxCards = 10
	// cardsPercent is the part of the room for findings that these may use. The others
	// are listed in the rest.
	cardsPercent = 80
	maxCreator   = 150 // characters of the creator's name
)

// cards makes the blocks of findings that people may decide about. The zero value makes
// none.
type cards struct {
	report access.DriftReport
	run    access.Run
	owners map[string]access.Person // in Slack, by user in Identity Center
	used   map[int]bool             // indexes of findings that have one
	room   int                      // in characters of JSON
}

// take returns the blocks of the findings that get their own, with their size in JSON,
// and the other findings.
func (c *cards) take(findings []access.Finding) (blocks []slackgo.Block, rest []access.Finding, size int) {
	for _, f := range findings {
		index, ok := c.report.Decidable[f.Key()]
		if !ok || len(c.used) == maxCards || c.used[index] {
			rest = append(rest, f)
			continue
		}
		card := c.card(f, index)
		n := jsonSize(card)
		if n > c.room {
			rest = append(rest, f)
			continue
		}
		c.room -= n
		if c.used == nil {
			c.used = map[int]bool{}
		}
		c.used[index] = true
		size += n
		blocks = append(blocks, card...)
	}
	return blocks, rest, size
}

// card shows one finding: whose access it is, who created it, since when this app knows
// it, and what happens next. It has the buttons until someone decides. Remove now stays
// while someone only left the access.
func (c *cards) card(f access.Finding, index int) []slackgo.Block {
	b := new(richText).strong(ownerName(f))
	if owner, ok := c.owners[f.PrincipalID]; ok {
		b.text(" (").person(owner).text(")")
	}
	// Few elements, because the room is limited.
	what := ": group " + nameWithID(f.GroupName, f.GroupID)
	if f.Kind != access.KindGroup {
		what = ": " + targetName(f.Target)
	}
	if by := f.Creation; by != nil {
		b.text(what + "\nAdded by " + cut(clean(by.By), maxCreator) + ", ").time(by.At)
		what = ", according to CloudTrail"
	}
	if !f.FirstSeen.IsZero() {
		b.text(what + "\nFirst seen ").time(f.FirstSeen)
		what = ""
	}
	b.text(what + "\n")
	press := c.run.PressAbout(index)
	c.next(b, f, index, press)
	blocks := []slackgo.Block{b.block(fmt.Sprintf("finding_%d", index))}
	value := access.FindingRef{Run: c.report.RunID, Index: index}.ButtonValue()
	var elements []slackgo.BlockElement
	if press == nil || !press.Remove || c.run.PressResultOf(index) == access.DriftFailed {
		elements = append(elements, slackgo.NewButtonBlockElement(ActionFindingRemove, value, plainText("Remove now")).
			WithStyle(slackgo.StyleDanger).WithConfirm(confirmFindingRemoval()))
	}
	if _, ok := f.LeaveUntil(c.report.At); ok && press == nil {
		elements = append(elements, button(ActionFindingLeave, "Leave for a day", slackgo.StyleDefault, value))
	}
	if len(elements) > 0 {
		blocks = append(blocks, slackgo.NewActionBlock(fmt.Sprintf("decide_%d", index), elements...))
	}
	return blocks
}

// next says what happens next with the finding, or what someone decided.
func (c *cards) next(b *richText, f access.Finding, index int, press *access.FindingPress) {
	switch {
	case press != nil && press.Remove:
		b.strong(pressLabel(c.run.PressResultOf(index))).text(": ").person(press.By).text(" pressed Remove now, ").time(press.At)
	case press != nil && c.report.NextRevocation.IsZero():
		b.strong("Not reported again until ").time(press.Until).text(", because ").person(press.By).text(" left it. " + untilRemoved)
	case press != nil:
		b.strong("Left until ").time(press.Until).text(" by ").person(press.By).text(". An approver can still remove it.")
	case f.Exemption != nil:
		b.exemption(*f.Exemption)
	case c.report.NextRevocation.IsZero():
		b.text("Next: nothing. " + untilRemoved)
		if _, ok := f.LeaveUntil(c.report.At); ok {
			b.text(" After Leave for a day, it isn't reported for up to a day.")
		}
	default:
		if f.ExemptionOver {
			b.text(exemptionOver + "\n")
		}
		b.text("Will be removed ").time(c.report.NextRevocation)
		if c.report.Guard != "" || c.report.Results[f.Key()] == access.DriftOverLimit {
			b.text(" or asked about again")
		}
		if _, ok := f.LeaveUntil(c.report.At); ok {
			b.text(", unless an approver leaves it for a day")
		}
	}
}

// pressLabel says how a removal ended that someone asked for. result is "" before the end.
func pressLabel(result access.RemovalResult) string {
	switch result {
	case "":
		return "Removing"
	case access.DriftRemoved:
		return "Removed"
	case access.DriftHeld:
		return labelHeld
	case access.DriftOutOfScope:
		return labelOutOfScope
	case access.DriftAlreadyGone:
		return labelAlreadyGone
	case access.DriftExempt:
		return labelExempt
	case access.DriftNotAllowed:
		return "Kept because removals are off, or this person may no longer decide"
	default:
		return labelFailed
	}
}

func confirmFindingRemoval() *slackgo.ConfirmationBlockObject {
	return slackgo.NewConfirmationBlockObject(
		plainText("Remove access?"), plainText("If the person still needs it, they must request it."), plainText("Remove"), plainText("Cancel"),
	)
}
