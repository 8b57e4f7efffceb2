package slack

import (
	"fmt"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Callback ids of the dialogs that block a person, and that lift a block. The
// private_metadata of the first is empty, and that of the second is the block's id.
const (
	CallbackBlock = "block_person"
	CallbackLift  = "lift_block"
)

// Action ids of the buttons in the Home tab that open these dialogs. The value of
// ActionLift is the block's id.
const (
	ActionBlock = "block"
	ActionLift  = "lift"
)

// Ids of the fields in the dialog that blocks a person.
const (
	BlockBlockedPerson  = "blocked_person"
	ActionBlockedPerson = "blocked_person"
	BlockBlockReason    = "block_reason"
	ActionBlockReason   = "block_reason"
)

const (
	// maxEndings is how many requests the dialog lists after a block.
	maxEndings = 20
	// maxHomeBlockReason is how many characters of a block's reason the Home tab shows. The
	// dialog that lifts the block shows all of it.
	maxHomeBlockReason = 150
)

// BlockView returns the dialog in which an incident responder blocks a person.
func BlockView() slackgo.ModalViewRequest {
	person := slackgo.NewOptionsSelectBlockElement(slackgo.OptTypeUser, plainText("Choose a person"), ActionBlockedPerson)
	reason := slackgo.NewPlainTextInputBlockElement(plainText("Why are you blocking this person?"), ActionBlockReason)
	reason.Multiline = true
	reason.MaxLength = access.MaxBlockReasonLength
	hint := plainText("Other incident responders can read this, and the audit log keeps it. Don't include secrets.")
	v := modal("Block a person",
		slackgo.NewSectionBlock(plainText("This app removes the person's access and refuses their pending requests. Approvals that they gave no longer count. "+
			"They can't request, approve or deny anything until another incident responder lifts the block. You can't lift it yourself."), nil, nil),
		slackgo.NewInputBlock(BlockBlockedPerson, plainText("Person"), nil, person),
		slackgo.NewInputBlock(BlockBlockReason, plainText("Reason"), hint, reason))
	v.CallbackID = CallbackBlock
	v.Submit = plainText("Block")
	v.Close = plainText("Cancel")
	return v
}

// BlockSubmission reads the submitted dialog: the Slack id of a person, and the reason,
// trimmed, with 1 to access.MaxBlockReasonLength characters. mistakes are texts for the
// user by block id. With them, the caller must ignore the rest.
func (v *View) BlockSubmission() (slackID, reason string, mistakes map[string]string) {
	mistakes = map[string]string{}
	slackID = v.State[BlockBlockedPerson][ActionBlockedPerson].SelectedUser
	if !isSlackID(slackID) {
		mistakes[BlockBlockedPerson] = "Choose a person."
	}
	reason = cleanLines(v.State[BlockBlockReason][ActionBlockReason].Value)
	switch {
	case !isVisible(reason):
		mistakes[BlockBlockReason] = "Enter a reason."
	case tooLong(reason, access.MaxBlockReasonLength):
		mistakes[BlockBlockReason] = fmt.Sprintf("Use at most %d characters.", access.MaxBlockReasonLength)
	}
	if len(mistakes) == 0 {
		return slackID, reason, nil
	}
	return "", "", mistakes
}

// Ended is what a block did.
type Ended struct {
	Block access.Block
	// Again reports that the person was blocked before.
	Again bool
	// Refused are the requests that were refused, and Ending those whose access ends.
	Refused, Ending []access.Request
	// Unsure reports that some requests could not be read or changed in time. The minute
	// check ends them.
	Unsure bool
}

// BlockedView returns the view that replaces the dialog after a block. It says what was
// done, and what is left to do.
func BlockedView(e Ended) slackgo.ModalViewRequest {
	b := new(richText).person(e.Block.Person)
	if e.Again {
		b.text(" was already blocked, by ").person(e.Block.By).text(", ").time(e.Block.At).text(".")
	} else {
		b.text(" is blocked.")
	}
	b.text(" They can't request, approve or deny anything until an incident responder other than ").person(e.Block.By).text(" lifts the block.")
	writeEndings(b, fmt.Sprintf("Requests refused: %d", len(e.Refused)), e.Refused)
	ending := withoutRepeats(e.Ending)
	writeEndings(b, fmt.Sprintf("Access that ends now: %d", len(ending)), ending)
	if e.Unsure {
		b.newLine().text("⚠️ Not everything could be checked in time. This app keeps checking every minute, and ends what is left.")
	} else {
		b.newLine().text("This app checks again every minute, and ends what is left.")
	}
	b.newLine().strong("Open sessions stay active until they expire").text(", " + longestSession(e.Ending) +
		" after the access is removed. To cut them, use your deny policy, and end the person's access portal session: docs/operate/compromised-account.md.")
	b.newLine().text("Access that this person approved for others stays active. The same page has a query that lists it.")
	v := modal("Blocked", b.block("blocked"))
	v.Close = plainText("Close")
	return v
}

// withoutRepeats returns the first request for each target. Several give the same access if
// one extends another.
func withoutRepeats(all []access.Request) (first []access.Request) {
	seen := map[string]bool{} // by target
	for _, r := range all {
		if !seen[r.Target.Key()] {
			seen[r.Target.Key()] = true
			first = append(first, r)
		}
	}
	return first
}

// writeEndings writes the requests below a title.
func writeEndings(b *richText, title string, all []access.Request) {
	b.newLine().strong(title)
	for _, r := range all[:min(len(all), maxEndings)] {
		writeAccess(b.newLine().text("• "), r.Target)
	}
	if more := len(all) - maxEndings; more > 0 {
		b.newLine().text(fmt.Sprintf("and %d more", more))
	}
}

// longestSession says how long sessions of the requests may last. Identity Center allows
// twelve hours at most.
func longestSession(all []access.Request) string {
	longest := int64(0)
	for _, r := range all {
		if r.SessionSeconds <= 0 { // a group's permission sets are not known
			longest = 0
			break
		}
		longest = max(longest, r.SessionSeconds)
	}
	if longest == 0 {
		return "up to 12 hours"
	}
	return "up to " + access.FormatDuration(time.Duration(longest)*time.Second)
}

// LiftView returns the dialog in which an incident responder lifts a block.
func LiftView(block access.Block) slackgo.ModalViewRequest {
	b := new(richText).label("Blocked").person(block.Person)
	if email := cut(clean(block.Person.Email), maxName); email != "" && isSlackID(block.Person.SlackID) {
		b.text(" (" + email + ")")
	}
	b.label("By").person(block.By).text(", ").time(block.At)
	b.label("Reason").quote(cut(block.Reason, access.MaxBlockReasonLength))
	effect := "If you press Lift, this person can request and approve access again. Approvals that they gave before count again, if those requests are still waiting."
	v := modal("Lift this block?", b.block("block"), slackgo.NewSectionBlock(plainText(effect), nil, nil))
	v.CallbackID = CallbackLift
	v.Submit = plainText("Lift")
	v.Close = plainText("Cancel")
	v.PrivateMetadata = block.ID
	return v
}

// HomeBlocks is the part of the Home tab for incident responders.
type HomeBlocks struct {
	Blocks []access.Block
	Failed bool // the blocks couldn't be read
}

// blocks returns the section: a button to block a person, and the people who are blocked,
// with numbered buttons to lift their blocks.
func (h *HomeBlocks) blocks() []slackgo.Block {
	all := []slackgo.Block{header("Incident response")}
	press := slackgo.NewButtonBlockElement(ActionBlock, "", plainText("Block a person")).WithStyle(slackgo.StyleDanger)
	b := new(richText)
	switch {
	case h.Failed:
		b.text("⚠️ This list couldn't be read. Open this tab again in a moment.")
	case len(h.Blocks) == 0:
		b.text("Nobody is blocked.")
	}
	var lifts []slackgo.BlockElement
	for i, block := range h.Blocks[:min(len(h.Blocks), access.MaxBlocks)] {
		b.newLine().strong(fmt.Sprintf("%d. ", i+1)).text("Blocked: ").person(block.Person).text(" by ").person(block.By).text(" since ").time(block.At).
			text(": “" + cut(clean(block.Reason), maxHomeBlockReason) + "”")
		lifts = append(lifts, button(fmt.Sprintf("%s%s%d", ActionLift, numberMark, i+1), fmt.Sprintf("Lift %d", i+1), slackgo.StyleDefault, block.ID))
	}
	all = append(all, slackgo.NewActionBlock("block-person", press), b.block("blocked"))
	if len(lifts) > 0 {
		all = append(all, slackgo.NewActionBlock("blocked-actions", lifts...))
	}
	return all
}
