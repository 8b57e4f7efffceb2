package slack

import (
	"fmt"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Words after a slash command that are commands of their own.
const (
	WordHelp = "help"
	WordList = "list"
)

// CommandHint is what Slack shows while someone types a slash command.
const CommandHint = "[name] or list or help"

// CommandHelp answers "/access help".
const CommandHelp = "• " + CommandAccount + ": opens the form to request access to an AWS account.\n" +
	"• " + CommandAccount + " prod shop: opens it with the account that matches these words, if only one does.\n" +
	"• " + CommandAccount + " prod shop admin: also chooses the permission set.\n" +
	"• " + CommandGroup + ": opens the form to request membership in a group. Add words of the group's name to choose it.\n" +
	"• " + CommandAccount + " " + WordList + ": shows your active access and your pending requests.\n" +
	"• " + CommandAccount + " " + WordHelp + ": shows this text.\n" +
	"This app's Home tab shows your access, and the requests that you can approve."

// AccessList is what a person has and waits for.
type AccessList struct {
	Active, Pending []access.Request
	More            int  // requests that are not in it
	Older           bool // whether there are older requests that may belong in it
}

// AccessListResponse answers a slash command with a list that only its user sees. If the
// list would be too long for Slack, it has no links.
func AccessListResponse(l AccessList) []byte {
	block := accessList(l, RequesterLink)
	if sizeOf(block) > maxBlocksJSON {
		block = accessList(l, func(access.Request) string { return "" })
	}
	return encode(struct {
		ResponseType string          `json:"response_type"`
		Text         string          `json:"text"`
		Blocks       []slackgo.Block `json:"blocks"`
	}{"ephemeral", "Your access and your requests", []slackgo.Block{block}})
}

// accessList returns the list. linkOf returns the address of a request's message, or "".
func accessList(l AccessList, linkOf func(access.Request) string) slackgo.Block {
	b := new(richText)
	if len(l.Active)+len(l.Pending) == 0 {
		b.text("You have no access through this app, and no pending requests. To request access, use " + CommandAccount + " or " + CommandGroup + ".")
	}
	if len(l.Active) > 0 {
		b.newLine().strong("Your access")
	}
	for _, r := range l.Active {
		b.newLine().text("• " + targetName(r.Target) + ": ")
		switch stateOf(r) {
		case stateActive:
			b.text("ends ").time(r.End)
			if r.IsExtension() {
				b.text(", extended")
			}
		default:
			b.text("is being removed")
		}
		writeMessageLink(b, linkOf(r))
	}
	if len(l.Pending) > 0 {
		b.newLine().strong("Your requests")
	}
	for _, r := range l.Pending {
		b.newLine().text("• " + targetName(r.Target) + " for " + access.FormatDuration(time.Duration(r.Duration)*time.Second) + ": ")
		switch {
		case r.IsApproved():
			b.text("approved, access is being set up")
		case !r.ExpiresAt.IsZero():
			b.text("waiting for approval, expires ").time(r.ExpiresAt)
		default:
			b.text("being checked since ").time(r.CreatedAt)
		}
		writeMessageLink(b, linkOf(r))
	}
	if l.More > 0 {
		b.newLine().text(fmt.Sprintf("Requests not in this list: %d.", l.More))
	}
	if l.Older {
		b.newLine().text("This list is made from your latest requests. Access from older ones may be missing.")
	}
	return b.block("list")
}

// writeMessageLink adds a link to a request's message, if its address is known.
func writeMessageLink(b *richText, address string) {
	if address != "" {
		b.text(" (").link(address, "message").text(")")
	}
}
