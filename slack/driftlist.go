package slack

import (
	"fmt"
	"slices"
	"strings"
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

// lineTime is the format of a time within a line of a list.
const lineTime = "2 Jan 2006 15:04 UTC"

// jsonSize returns the number of characters of v in JSON.
func jsonSize(v any) int { return utf8.RuneCount(encode(v)) }

// findingSection is a group of findings under one title. The title is the app's own
// text, or "" for none.
type findingSection struct {
	title    string
	findings []access.Finding
}

// findingBlocks lists the findings by account or group, one block per section, in at
// most room characters of JSON. omitted counts the findings that do not fit.
func findingBlocks(sections []findingSection, room int) (blocks []slackgo.Block, omitted int) {
	full := false
	for i, s := range sections {
		if len(s.findings) == 0 {
			continue
		}
		b := new(richText)
		if s.title != "" {
			b.strong(fmt.Sprintf("%s (%d)", s.title, len(s.findings)))
		}
		room -= sectionJSON + jsonSize(b.current)
		shown, target := 0, ""
		findings := slices.SortedStableFunc(slices.Values(s.findings), func(a, b access.Finding) int {
			return strings.Compare(placeOf(a.Target), placeOf(b.Target))
		})
		for _, f := range findings {
			var heading []slackgo.RichTextSectionElement
			line := findingLine(f)
			needs := jsonSize(line)
			if t := placeOf(f.Target); t != target || shown == 0 {
				heading = new(richText).strong(t).current
				needs += jsonSize(heading) + sectionJSON
				target = t
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
		omitted += len(s.findings) - shown
		if shown > 0 {
			blocks = append(blocks, b.block(fmt.Sprintf("findings_%d", i)))
		}
	}
	return blocks, omitted
}

// placeOf returns the name of a target's account or group.
func placeOf(t access.Target) string {
	if t.Kind == access.KindGroup {
		return "Group " + nameWithID(t.GroupName, t.GroupID)
	}
	return "Account " + nameWithID(t.AccountName, t.AccountID)
}

// findingLine returns one finding, for the list under its account or group. The user
// name has its own bold element, so that no part of it can look like the text that
// follows.
func findingLine(f access.Finding) []slackgo.RichTextSectionElement {
	user := cut(clean(f.UserName), maxName)
	if user == "" {
		user = "user " + cut(clean(f.PrincipalID), maxName)
	}
	rest := ""
	if f.Kind != access.KindGroup {
		rest += ": " + cut(firstNonEmpty(clean(f.PermissionSet), clean(f.PermissionSetARN)), maxName)
	}
	if !f.FirstSeen.IsZero() {
		rest += ", first seen " + f.FirstSeen.UTC().Format(lineTime)
	}
	if s := f.Exemption; s != nil {
		rest += ". Exempt until " + s.Until.UTC().Format(lineTime) + ": " + cut(clean(s.Reason), maxExplanation)
	}
	return new(richText).strong("\n• " + user).text(rest).current
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
func fitFindings(before []slackgo.Block, sections []findingSection, after []slackgo.Block, link bool) []slackgo.Block {
	blocks, omitted := findingBlocks(sections, maxMessageJSON-jsonSize(before)-jsonSize(after)-moreJSON)
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
