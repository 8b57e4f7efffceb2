package slack

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// maxMessageJSON limits the blocks of a message, in characters of JSON. Slack
// rejects blocks of about 13,200 characters or more (msg_blocks_too_long).
const maxMessageJSON = 11_800

// Shares of maxMessageJSON that the parts of a drift message may use, in characters
// of JSON. The findings get the rest.
const (
	maxUnreadJSON  = 2000
	maxNamesJSON   = 1000 // of accounts, or of groups
	moreJSON       = 400  // "and N more", with its block
	sectionJSON    = 160  // overhead of a block and of a group in it
	maxExplanation = 200  // characters of a reason why something was not read or is exempt
)

// jsonSize returns the number of characters of v in JSON.
func jsonSize(v any) int { return utf8.RuneCount(encode(v)) }

// findingSection is a group of findings under one title. The title is the app's own
// text, or "" for none. next says what happens next with the findings; "" if the title
// does, or the message says it elsewhere.
type findingSection struct {
	title    string
	next     string
	findings []access.Finding
}

// findingBlocks lists the findings by account or group, in at most room characters of
// JSON. Findings that people may decide about come first in their section, each in its
// own block, as far as cards allows. omitted counts the findings that do not fit.
func findingBlocks(sections []findingSection, c cards, room int) (blocks []slackgo.Block, omitted int) {
	c.room = min(room*cardsPercent/100, room)
	full := false
	for i, s := range sections {
		if len(s.findings) == 0 {
			continue
		}
		b := new(richText)
		if s.title != "" {
			b.strong(fmt.Sprintf("%s (%d)", s.title, len(s.findings)))
			if s.next != "" {
				b.text(". " + s.next)
			}
		}
		room -= sectionJSON + jsonSize(b.current)
		own, rest, size := c.take(sortedByPlace(s.findings))
		room -= size
		id := fmt.Sprintf("findings_%d", i)
		if len(own) > 0 {
			if len(b.current) > 0 {
				blocks = append(blocks, b.block(id+"_title"))
				b = new(richText)
			}
			blocks = append(blocks, own...)
		}
		times := sharedTimes(rest)
		shown, target := 0, ""
		for _, f := range rest {
			var heading []slackgo.RichTextSectionElement
			place := placeOf(f.Target)
			shared := times[place]
			line := findingLine(f, c.owners, !shared.IsZero())
			needs := jsonSize(line)
			if place != target || shown == 0 {
				title := new(richText).strong(place)
				if !shared.IsZero() {
					title.text(", first seen ").time(shared)
				}
				heading = title.current
				needs += jsonSize(heading) + sectionJSON
				target = place
			}
			if full = full || needs > room; full {
				break
			}
			room -= needs
			shown++
			if heading != nil {
				b.flush()
				b.current = heading
			}
			b.current = append(b.current, line...)
		}
		omitted += len(rest) - shown
		if shown > 0 {
			blocks = append(blocks, b.block(id))
		}
	}
	return blocks, omitted
}

// sortedByPlace sorts findings by account or group, and otherwise keeps their order.
func sortedByPlace(findings []access.Finding) []access.Finding {
	return slices.SortedStableFunc(slices.Values(findings), func(a, b access.Finding) int {
		return strings.Compare(placeOf(a.Target), placeOf(b.Target))
	})
}

// sharedTimes returns when findings were first seen, by their account or group, where it
// has several and they share that time. The time is then shown once.
func sharedTimes(findings []access.Finding) map[string]time.Time {
	shared, count := map[string]time.Time{}, map[string]int{}
	for _, f := range findings {
		place := placeOf(f.Target)
		if at, ok := shared[place]; ok && !at.Equal(f.FirstSeen) {
			shared[place] = time.Time{}
		} else if !ok {
			shared[place] = f.FirstSeen
		}
		count[place]++
	}
	for place, n := range count {
		if n < 2 {
			delete(shared, place)
		}
	}
	return shared
}

// placeOf returns the name of a target's account or group.
func placeOf(t access.Target) string {
	if t.Kind == access.KindGroup {
		return "Group " + nameWithID(t.GroupName, t.GroupID)
	}
	return "Account " + nameWithID(t.AccountName, t.AccountID)
}

// findingLine returns one finding, for the list under its account or group: whose access
// it is, who created it, and since when this app knows it. The user name has its own bold
// element, so that no part of it can look like the text that follows. owners are as in
// cards. isDated means that the heading says when the finding was first seen.
func findingLine(f access.Finding, owners map[string]access.Person, isDated bool) []slackgo.RichTextSectionElement {
	b := new(richText).strong("\n• " + ownerName(f))
	if owner, ok := owners[f.PrincipalID]; ok {
		b.text(" (").person(owner).text(")")
	}
	if f.Kind != access.KindGroup {
		b.text(": " + cut(firstNonEmpty(clean(f.PermissionSet), clean(f.PermissionSetARN)), maxName))
	}
	if by := f.Creation; by != nil {
		b.text(", added by " + cut(clean(by.By), maxCreator) + ", ").time(by.At).text(", according to CloudTrail")
	}
	if !f.FirstSeen.IsZero() && !isDated {
		b.text(", first seen ").time(f.FirstSeen)
	}
	if s := f.Exemption; s != nil {
		b.text(". ").exemption(*s)
	} else if f.ExemptionOver {
		b.text(". " + exemptionOver)
	}
	return b.current
}

// exemptionOver says why an exemption in the settings doesn't keep the access.
const exemptionOver = "Its exemption has ended: the access was first seen more than 72 hours ago."

// ownerName returns the name of the user who has the access.
func ownerName(f access.Finding) string {
	if user := cut(clean(f.UserName), maxName); user != "" {
		return user
	}
	return "user " + cut(clean(f.PrincipalID), maxName)
}

// exemption says until when access stays, and why or because of whom.
func (b *richText) exemption(s access.Spared) *richText {
	if s.By != nil {
		return b.text("Left by ").person(*s.By).text(" until ").time(s.Until)
	}
	return b.text("Exempt until ").time(s.Until).text(": " + cut(clean(s.Reason), maxExplanation))
}

// lines lists texts, one per line, in at most room characters of JSON, and counts
// the rest. The texts must be clean.
func (b *richText) lines(texts []string, room int) *richText {
	all := ""
	for i, t := range texts {
		if room -= jsonSize("\n• " + t); room < 0 {
			all += fmt.Sprintf("\nand %d more", len(texts)-i)
			break
		}
		all += "\n• " + t
	}
	return b.text(all)
}

// moreBlock says how many findings did not fit into the list.
func moreBlock(omitted int, link bool) slackgo.Block {
	text := fmt.Sprintf("and %d more", omitted)
	if link {
		text += ", in the AWS console"
	}
	return new(richText).strong(text).block("more")
}

// fitFindings puts as many findings as fit between the other blocks of a message.
func fitFindings(before []slackgo.Block, sections []findingSection, c cards, after []slackgo.Block, link bool) []slackgo.Block {
	blocks, omitted := findingBlocks(sections, c, maxMessageJSON-jsonSize(before)-jsonSize(after)-moreJSON)
	if omitted > 0 {
		blocks = append(blocks, moreBlock(omitted, link))
	}
	all := append([]slackgo.Block{}, before...)
	return append(append(all, blocks...), after...)
}

// executionLink returns a link to a run's execution, or nil if it has none.
func executionLink(arn string) []slackgo.Block {
	url := ConsoleURL(arn)
	if url == "" {
		return nil
	}
	return []slackgo.Block{new(richText).link(url, consoleLink).block("footer")}
}
