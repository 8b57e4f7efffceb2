package slack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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
	// maxEndings is how many lines each list after a block has.
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
	// Again reports that the person was blocked before, and NotSaved that the responder gave
	// another reason this time.
	Again, NotSaved bool
	// Refused are the requests that were refused, and Ending those whose access ends at At.
	Refused, Ending []access.Request
	At              time.Time
	// Earlier are requests whose access ended before, so that their sessions may still be
	// open. EarlierUnsure reports that some may be missing.
	Earlier       []access.Request
	EarlierUnsure bool
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
		if e.NotSaved {
			b.text(" The first reason stays. Yours wasn't saved.")
		}
	} else {
		b.text(" is blocked.")
	}
	b.text(" They can't request, approve or deny anything until an incident responder other than ").person(e.Block.By).text(" lifts the block.")
	var refused []endingLine
	for _, r := range e.Refused {
		refused = append(refused, endingLine{target: r.Target})
	}
	writeEndings(b, "Requests refused", refused)
	ending, earlier := e.sessions()
	writeEndings(b, "Access that ends now", ending)
	if len(earlier) > 0 {
		writeEndings(b, "Access that ended earlier, with sessions that may still be open", earlier)
	}
	if e.EarlierUnsure {
		b.newLine().text("⚠️ Some of this person's earlier requests couldn't be read. Other access that ended in the last " + access.FormatDuration(access.MaxSession) + " may have open sessions, too.")
	}
	if e.Unsure {
		b.newLine().text("⚠️ Not everything could be checked in time. This app keeps checking every minute, and ends what is left.")
	} else {
		b.newLine().text("This app checks again every minute, and ends what is left.")
	}
	b.newLine().strong("Open sessions stay active until they expire.").
		text(" To end them, apply your deny policy and end the person's access portal session. See docs/operate/compromised-account.md.")
	b.newLine().text("Access that this person approved for others stays active. That page has a query to list it.")
	v := modal("Blocked", b.block("blocked"))
	v.Close = plainText("Close")
	return v
}

// endingLine is one line of a list after a block.
type endingLine struct {
	target access.Target
	// For access that ended before, until is when the last session may end. For access that
	// ends now, longest is how long sessions may last after the removal.
	until   time.Time
	longest time.Duration
}

// sessions returns one line for each target, the longest sessions first: the access that
// ends now, and earlier access, if its sessions may outlast those of access to the same
// target that ends now. Several requests give the same access if one extends another.
func (e Ended) sessions() (ending, earlier []endingLine) {
	now := map[string]*endingLine{} // by target
	for _, r := range e.Ending {
		key := r.Target.Key()
		if now[key] == nil {
			now[key] = &endingLine{target: r.Target}
		}
		now[key].longest = max(now[key].longest, r.LongestSession())
	}
	before := map[string]*endingLine{}
	for _, r := range e.Earlier {
		key, until := r.Target.Key(), r.RevokedAt.Add(r.LongestSession())
		known := e.At
		if l := now[key]; l != nil {
			known = e.At.Add(l.longest)
		}
		if l := before[key]; l != nil {
			known = l.until
		}
		if until.After(known) {
			before[key] = &endingLine{target: r.Target, until: until}
		}
	}
	return sorted(now), sorted(before)
}

func sorted(lines map[string]*endingLine) (all []endingLine) {
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		all = append(all, *lines[key])
	}
	slices.SortStableFunc(all, func(a, b endingLine) int {
		return cmp.Or(b.until.Compare(a.until), cmp.Compare(b.longest, a.longest))
	})
	return all
}

// writeEndings writes the lines below a title with their number.
func writeEndings(b *richText, title string, all []endingLine) {
	b.newLine().strong(fmt.Sprintf("%s: %d", title, len(all)))
	for _, l := range all[:min(len(all), maxEndings)] {
		writeAccess(b.newLine().text("• "), l.target)
		switch {
		case !l.until.IsZero():
			b.text(", open sessions end by ").time(l.until)
		case l.longest > 0:
			b.text(", open sessions end up to " + access.FormatDuration(l.longest) + " after the removal")
		}
	}
	if more := len(all) - maxEndings; more > 0 {
		b.newLine().text(fmt.Sprintf("and %d more", more))
	}
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
	Unsure bool // it isn't known whether the person is an incident responder
}

// blocks returns the section: a button to block a person, and the people who are blocked,
// with numbered buttons to lift their blocks.
func (h *HomeBlocks) blocks() []slackgo.Block {
	all := []slackgo.Block{header("Incident response")}
	press := slackgo.NewButtonBlockElement(ActionBlock, "", plainText("Block a person")).WithStyle(slackgo.StyleDanger)
	b := new(richText)
	switch {
	case h.Failed, h.Unsure:
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
