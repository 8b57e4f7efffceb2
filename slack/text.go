package slack

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"
)

// Limits of Slack's, in characters or items: https://docs.slack.dev/reference/block-kit
const (
	maxTitle       = 24   // a modal's title, submit and close
	maxSection     = 3000 // a section's text
	maxOptionText  = 75
	maxOptionValue = 150
	maxOptions     = 100
)

// clean makes text that came from outside fit to be shown in one line: control
// characters, line breaks among them, become spaces, and the characters that
// turn the direction of the text around them are dropped, so that a name can
// neither start a line of its own nor reorder what stands beside it. Hebrew
// and Arabic letters stay. Invalid UTF-8 becomes U+FFFD.
func clean(s string) string {
	return strings.TrimSpace(cleanLine(s))
}

// cleanLines is clean for text of several lines: the line breaks stay.
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

// blank are letters and symbols that show nothing: the fillers of Hangul, and
// Braille without a dot.
const blankRunes = "\u115F\u1160\u3164\uFFA0\u2800"

// visible says whether anything of s can be seen: a letter, a digit, a mark of
// punctuation or a symbol, and not only spaces, joiners and fillers.
func isVisible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsOneOf([]*unicode.RangeTable{unicode.L, unicode.N, unicode.P, unicode.S}, r) && !strings.ContainsRune(blankRunes, r)
	})
}

// cut shortens s to at most n characters; what is cut ends in "…".
func cut(s string, n int) string {
	if !tooLong(s, n) {
		return s
	}
	return strings.TrimRight(head(s, n-1), " ") + "…"
}

// head is at most the first n characters of s.
func head(s string, n int) string {
	if !tooLong(s, n) {
		return s
	}
	return string([]rune(s)[:n])
}

func tooLong(s string, characters int) bool {
	return len(s) > characters && utf8.RuneCountInString(s) > characters
}

// plain is a plain_text object in which :codes: stay as they are typed. Slack
// refuses an empty one, so it shows a dash instead.
func plainText(s string) *slackgo.TextBlockObject {
	if s == "" {
		s = "–"
	}
	return slackgo.NewTextBlockObject(slackgo.PlainTextType, s, false, false)
}

// Some names the first ten, and counts the others.
func ListNames(names []string) string {
	const most = 10
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
