package command

import (
	"strings"
	"unicode"
)

// Printable replaces unprintable characters in text from outside, such as names, so
// that the text can't control the terminal or forge a line or a column.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}
