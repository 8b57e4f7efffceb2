package slack

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"
)

// Slack's limits, in characters or items: https://docs.slack.dev/reference/block-kit
const (
	maxTitle       = 24   // a modal's title, submit and close
	maxSection     = 3000 // a section's text
	maxOptionText  = 75
	maxOptionValue = 150
	maxOptions     = 100
)

// clean makes untrusted text safe to show in one line. It replaces control characters,
// including line breaks, with spaces. It drops characters that change the direction of
// text. A name can then neither start a new line nor reorder the text beside it. Hebrew
// and Arabic letters stay. Invalid UTF-8 becomes U+FFFD.
func clean(s string) string {
	return strings.TrimSpace(cleanLine(s))
}

// cleanLines is like clean, but keeps line breaks.
func cleanLines(s string) string {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(cleanLine(l), " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func cleanLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// blankRunes are letters and symbols that show nothing: the Hangul fillers and the blank
// Braille pattern.
const blankRunes = "\u115F\u1160\u3164\uFFA0\u2800"

// isVisible reports whether s has a visible character: a letter, a digit, a punctuation
// mark or a symbol. Spaces, joiners and fillers don't count.
func isVisible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsOneOf([]*unicode.RangeTable{unicode.L, unicode.N, unicode.P, unicode.S}, r) && !strings.ContainsRune(blankRunes, r)
	})
}

// cut shortens s to at most n characters. A shortened text ends in "…".
func cut(s string, n int) string {
	if !tooLong(s, n) {
		return s
	}
	return strings.TrimRight(head(s, n-1), " ") + "…"
}

// head returns at most the first n characters of s.
func head(s string, n int) string {
	if !tooLong(s, n) {
		return s
	}
	return string([]rune(s)[:n])
}

func tooLong(s string, characters int) bool {
	return len(s) > characters && utf8.RuneCountInString(s) > characters
}

// plainText returns a plain_text object that shows emoji codes (":code:") as typed. It
// shows a dash for an empty text, which Slack rejects.
func plainText(s string) *slackgo.TextBlockObject {
	if s == "" {
		s = "–"
	}
	return slackgo.NewTextBlockObject(slackgo.PlainTextType, s, false, false)
}

// GroupMembers returns how texts name the members of a group of Identity Center. name is
// "" if it is unknown.
func GroupMembers(name, id string) string { return "members of " + GroupName(name, id) }

// IsGroupMembers reports whether text begins as GroupMembers does.
func IsGroupMembers(text string) bool { return strings.HasPrefix(text, "members of ") }

// GroupName returns a group's name, or its id if it has none.
func GroupName(name, id string) string { return cut(firstNonEmpty(clean(name), clean(id)), maxName) }

// AnyOf joins the names of people, any one of whom will do: "A, B or C". After ten
// names, it gives the number of the others.
func AnyOf(names []string) string {
	const most = 10
	last := len(names) - 1
	switch {
	case last < 1:
		return strings.Join(names, "")
	case last >= most:
		return fmt.Sprintf("%s or %d more", strings.Join(names[:most], ", "), len(names)-most)
	default:
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
}

// ListNames returns the first ten names and the number of the others.
func ListNames(names []string) string {
	const most = 10
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
