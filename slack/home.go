package slack

import (
	"fmt"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Home is the content of a person's Home tab. It shows rows of the table and decides
// nothing: a press of a button is checked like a press in a message.
type Home struct {
	// User is the person's Slack user. Requests that another Slack user of the same person made
	// have no buttons, because only that user may press them.
	User string
	// Notice is a text above everything else, without markup; "" shows none.
	Notice string
	// Kinds are what the person can request, in the order of the buttons.
	Kinds []access.Kind
	// Access are the person's requests with access, Pending those that may still give it,
	// and Waiting those of other people that the person may approve.
	Access, Pending, Waiting HomeSection
	// Responder is set for incident responders only.
	Responder *HomeBlocks
}

// HomeSection is a list of requests. It shows the first maxHomeRows of them.
type HomeSection struct {
	Requests []access.Request
	// More reports whether there may be others, which were not read.
	More bool
	// Failed means that the requests couldn't be read. The section says so.
	Failed bool
}

// Limits of the Home tab. Slack accepts 100 blocks and 250 kB
// (https://docs.slack.dev/reference/views/home-tab-views).
const (
	maxHomeRows   = 20 // in each section
	maxHomeBlocks = 100
	maxHomeReason = 300 // characters of a reason; the dialog and the message show all of it
)

// HomeView returns the Home tab. Each request is a text with buttons below it. If the tab
// would have too many blocks for Slack, the buttons of the pending requests share one
// block.
func HomeView(h Home) slackgo.HomeTabViewRequest {
	blocks := h.blocks(false)
	if len(blocks) > maxHomeBlocks {
		blocks = h.blocks(true)
	}
	return slackgo.HomeTabViewRequest{Type: slackgo.VTHomeTab, Blocks: slackgo.Blocks{BlockSet: blocks}}
}

// HomeNoticeView returns a Home tab that shows only a text, without markup.
func HomeNoticeView(text string) slackgo.HomeTabViewRequest {
	return slackgo.HomeTabViewRequest{Type: slackgo.VTHomeTab, Blocks: slackgo.Blocks{BlockSet: []slackgo.Block{notice(text)}}}
}

func (h Home) blocks(compact bool) []slackgo.Block {
	var blocks []slackgo.Block
	if h.Notice != "" {
		blocks = append(blocks, notice("⚠️ "+h.Notice))
	}
	var request []slackgo.BlockElement
	for _, kind := range h.Kinds {
		text := "Request AWS access"
		if kind == access.KindGroup {
			text = "Request group membership"
		}
		request = append(request, slackgo.NewButtonBlockElement(callbackOf(kind), "", plainText(text)))
	}
	if len(request) > 0 {
		blocks = append(blocks, slackgo.NewActionBlock("request", request...))
	}
	blocks = append(blocks, h.Access.blocks("access", "Your access", "You have no access through this app right now.", h.own(accessRow))...)
	if compact {
		blocks = append(blocks, h.Pending.compactBlocks(h.own(pendingRow))...)
	} else {
		blocks = append(blocks, h.Pending.blocks("pending", pendingTitle, noPending, h.own(pendingRow))...)
	}
	blocks = append(blocks, h.Waiting.blocks("waiting", "Waiting for your approval", "No requests are waiting for your approval.", waitingRow)...)
	if h.Responder != nil {
		blocks = append(blocks, h.Responder.blocks()...)
	}
	return blocks
}

const (
	pendingTitle = "Your pending requests"
	noPending    = "You have no pending requests."
)

// row writes a request, and returns its buttons.
type row func(b *richText, r access.Request) []slackgo.BlockElement

// own returns write without the buttons of requests that another Slack user made.
func (h Home) own(write row) row {
	return func(b *richText, r access.Request) []slackgo.BlockElement {
		elements := write(b, r)
		if r.Requester.SlackID != h.User {
			return nil
		}
		return elements
	}
}

// blocks returns the section: a heading, and a text and buttons for each request. id
// begins the block ids.
func (s HomeSection) blocks(id, title, none string, write row) []slackgo.Block {
	blocks := []slackgo.Block{header(title)}
	for i, r := range s.shown() {
		b := new(richText)
		elements := write(b, r)
		block := fmt.Sprintf("%s-%d", id, i+1)
		blocks = append(blocks, b.block(block))
		if len(elements) > 0 {
			blocks = append(blocks, slackgo.NewActionBlock(block+"-actions", elements...))
		}
	}
	return s.end(blocks, id, none)
}

// compactBlocks returns the pending requests as one text, with numbered buttons below it.
func (s HomeSection) compactBlocks(write row) []slackgo.Block {
	blocks := []slackgo.Block{header(pendingTitle)}
	b := new(richText)
	var elements []slackgo.BlockElement
	for i, r := range s.shown() {
		b.newLine().strong(fmt.Sprintf("%d. ", i+1))
		if len(write(b, r)) > 0 {
			// Slack accepts an action id once in a block.
			elements = append(elements, button(fmt.Sprintf("%s%s%d", ActionWithdraw, numberMark, i+1), fmt.Sprintf("Withdraw %d", i+1), slackgo.StyleDefault, r.ID))
		}
	}
	if len(b.current) > 0 {
		blocks = append(blocks, b.block("pending"))
	}
	if len(elements) > 0 {
		blocks = append(blocks, slackgo.NewActionBlock("pending-actions", elements...))
	}
	return s.end(blocks, "pending", noPending)
}

// numberMark separates an action id from a number that makes it unique in its block.
const numberMark = "#"

// unnumbered returns an action id without its number.
func unnumbered(id string) string {
	id, _, _ = strings.Cut(id, numberMark)
	return id
}

func (s HomeSection) shown() []access.Request {
	return s.Requests[:min(len(s.Requests), maxHomeRows)]
}

// end adds what the section doesn't show.
func (s HomeSection) end(blocks []slackgo.Block, id, none string) []slackgo.Block {
	more := len(s.Requests) - len(s.shown())
	text := ""
	switch {
	case s.Failed:
		text = "⚠️ This list couldn't be read. Open this tab again in a moment."
	case more > 0 && s.More:
		text = fmt.Sprintf("and at least %d more", more)
	case more > 0:
		text = fmt.Sprintf("and %d more", more)
	case s.More && len(s.Requests) > 0:
		text = "There may be more."
	case s.More:
		text = none + " This list may be incomplete. Messages about requests have the same buttons."
	case len(s.Requests) == 0:
		text = none
	}
	if text == "" {
		return blocks
	}
	section := slackgo.NewSectionBlock(plainText(text), nil, nil)
	section.BlockID = id + "-end"
	return append(blocks, section)
}

// accessRow writes the access of a request, or what becomes of it.
func accessRow(b *richText, r access.Request) (elements []slackgo.BlockElement) {
	b.strong(targetName(r.Target))
	if s := stateOf(r); s == stateActive {
		b.label("Until").time(r.End)
		if r.IsExtension() {
			b.newLine().text("Extends access you have had since ").time(r.ChainSince)
		}
		elements = append(elements, button(ActionEnd, "End now", slackgo.StyleDanger, r.ID), button(ActionAskAgain, askForMoreTime, slackgo.StyleDefault, r.ID))
	} else {
		b.newLine().text(titles[s])
	}
	writeLink(b, RequesterLink(r))
	return elements
}

// pendingRow writes a request that waits for a decision, or whose access is being set up.
func pendingRow(b *richText, r access.Request) []slackgo.BlockElement {
	b.strong(targetName(r.Target))
	b.text(", " + access.FormatDuration(time.Duration(r.Duration)*time.Second))
	s := stateOf(r)
	if s != statePending {
		b.newLine().text(titles[s])
	} else {
		writeSince(b, r)
	}
	writeLink(b, RequesterLink(r))
	if s != statePending {
		return nil
	}
	return []slackgo.BlockElement{button(ActionWithdraw, "Withdraw", slackgo.StyleDefault, r.ID)}
}

// waitingRow writes a request that waits for the reader's approval.
func waitingRow(b *richText, r access.Request) []slackgo.BlockElement {
	b.person(r.Requester).text(" → ")
	b.strong(targetName(r.Target))
	b.text(", " + access.FormatDuration(time.Duration(r.Duration)*time.Second))
	if r.Requester.SecondaryDomain {
		b.newLine().strong("⚠️ Found under a fallback email domain. Check that this is the right person.")
	}
	writeSince(b, r)
	writeExtension(b, r, rowShowsChainOver(r))
	writeTicket(b, r)
	b.label("Reason").quoteLinked(cut(cleanLines(r.Reason), maxHomeReason))
	writeLink(b, r.MessageLink())
	if stateOf(r) != statePending {
		return nil
	}
	return []slackgo.BlockElement{
		button(ActionApprove, "Approve", slackgo.StylePrimary, r.ID),
		button(ActionDeny, "Deny", slackgo.StyleDanger, r.ID),
	}
}

func writeSince(b *richText, r access.Request) {
	b.label("Requested").time(r.CreatedAt)
	if !r.ExpiresAt.IsZero() {
		b.text(". Expires ").time(r.ExpiresAt)
	}
}

// writeLink links to a message about the request, in its own line.
func writeLink(b *richText, address string) {
	if address != "" {
		b.newLine().link(address, "Open the message")
	}
}
