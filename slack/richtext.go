package slack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// richText builds one rich_text block. Slack shows its text elements unchanged. Markup,
// mentions, links and emoji codes in them have no effect.
type richText struct {
	done    []slackgo.RichTextElement
	current []slackgo.RichTextSectionElement
}

var bold = &slackgo.RichTextSectionTextStyle{Bold: true}

// text adds text. It skips an empty text, which Slack rejects.
func (b *richText) text(s string) *richText {
	if s != "" {
		b.current = append(b.current, slackgo.NewRichTextSectionTextElement(s, nil))
	}
	return b
}

// label starts a new line with a name in bold. The value follows.
func (b *richText) label(name string) *richText {
	b.newLine()
	b.current = append(b.current, slackgo.NewRichTextSectionTextElement(name+": ", bold))
	return b
}

// strong adds text in bold.
func (b *richText) strong(s string) *richText {
	b.current = append(b.current, slackgo.NewRichTextSectionTextElement(s, bold))
	return b
}

// newLine ends the current line, if any.
func (b *richText) newLine() *richText {
	if len(b.current) > 0 {
		b.text("\n")
	}
	return b
}

// person mentions a person. It writes the name of a person without a Slack id.
func (b *richText) person(p access.Person) *richText {
	if isSlackID(p.SlackID) {
		b.current = append(b.current, slackgo.NewRichTextSectionUserElement(p.SlackID, nil))
		return b
	}
	return b.text(firstNonEmpty(clean(p.Name), clean(p.Email), "someone"))
}

// people mentions several people.
func (b *richText) people(list []access.Person) *richText {
	for i, p := range list {
		if i > 0 {
			b.text(" ")
		}
		b.person(p)
	}
	return b
}

// list mentions several people, separated by commas.
func (b *richText) list(people []access.Person) *richText {
	for i, p := range people {
		if i > 0 {
			b.text(", ")
		}
		b.person(p)
	}
	return b
}

// approvers mentions the people who may approve a request, and says from which groups
// others may. For members of the first maxGroups groups, it mentions the Slack user group
// instead, if there is one.
func (b *richText) approvers(people []access.Person, groups []access.ApproverGroup) *richText {
	people = slices.Clone(people)
	for i, g := range groups {
		if i >= maxGroups || !isSlackGroupID(g.SlackGroup) {
			people = append(people, g.Mentioned...)
		}
	}
	b.people(people)
	isFirst := len(people) == 0
	for i, g := range groups {
		if i == maxGroups {
			return b.text(fmt.Sprintf(", and members of %d more groups", len(groups)-i))
		}
		b.group(g, isFirst)
		isFirst = false
	}
	return b
}

// slackGroup mentions a Slack user group.
func (b *richText) slackGroup(id string) *richText {
	b.current = append(b.current, slackgo.NewRichTextSectionUserGroupElement(id))
	return b
}

// group mentions a group's Slack user group, or says how many members it has besides
// those who are mentioned.
func (b *richText) group(g access.ApproverGroup, isFirst bool) *richText {
	name := cut(GroupName(g.Name, g.ID), maxApproverGroup)
	separator := ", "
	if isFirst {
		separator = ""
	}
	switch {
	case isSlackGroupID(g.SlackGroup):
		return b.text(strings.TrimPrefix(separator, ",")).slackGroup(g.SlackGroup).text(" (" + name + ")")
	case len(g.Mentioned) == 0:
		return b.text(separator + "members of " + name + noneFound(g))
	case g.More:
		return b.text(fmt.Sprintf("%sand more than %d others from %s", separator, g.Others, name))
	case g.Others > 0:
		return b.text(fmt.Sprintf("%sand %d more from %s", separator, g.Others, name))
	default:
		return b.text(" (" + name + ")")
	}
}

// time shows t in the reader's own time zone.
func (b *richText) time(t time.Time) *richText {
	fallback := fallbackTime(t)
	b.current = append(b.current,
		slackgo.NewRichTextSectionDateElement(t.Unix(), dateFormat, nil, &fallback))
	return b
}

const dateFormat = "{date_short_pretty} at {time}"

// fallbackTime returns t for clients that don't know the reader's time zone.
func fallbackTime(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }

// link adds a link. The address must come from this package.
func (b *richText) link(url, text string) *richText {
	b.current = append(b.current, slackgo.NewRichTextSectionLinkElement(url, text, nil))
	return b
}

// quote adds a text that a person wrote, as a quote, so that no line of it looks like
// the app's own text. It keeps line breaks.
func (b *richText) quote(s string) *richText {
	s = cleanLines(s)
	if s == "" {
		return b
	}
	return b.quoteElements([]slackgo.RichTextSectionElement{slackgo.NewRichTextSectionTextElement(s, nil)})
}

// quoteLinked is like quote. It makes links of the addresses in the text, which show where
// they lead.
func (b *richText) quoteLinked(s string) *richText {
	elements := linked(cleanLines(s))
	if len(elements) == 0 {
		return b
	}
	return b.quoteElements(elements)
}

func (b *richText) quoteElements(elements []slackgo.RichTextSectionElement) *richText {
	b.flush()
	b.done = append(b.done, &slackgo.RichTextQuote{Type: slackgo.RTEQuote, Elements: elements})
	return b
}

// code adds lines for a terminal. They must come from this package.
func (b *richText) code(lines string) *richText {
	b.flush()
	b.done = append(b.done, &slackgo.RichTextPreformatted{
		Type:     slackgo.RTEPreformatted,
		Elements: []slackgo.RichTextSectionElement{slackgo.NewRichTextSectionTextElement(lines, nil)},
	})
	return b
}

func (b *richText) flush() {
	if len(b.current) > 0 {
		b.done = append(b.done, slackgo.NewRichTextSection(b.current...))
		b.current = nil
	}
}

// block returns everything built so far, as a block with that id.
func (b *richText) block(id string) *slackgo.RichTextBlock {
	b.flush()
	return slackgo.NewRichTextBlock(id, b.done...)
}
