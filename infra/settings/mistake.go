package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// Mistake is one thing that is wrong with a file.
type Mistake struct {
	Line int    // from 1
	Path string // like config[2].Approvers[0]; empty: the file as a whole
	Text string // what is wrong and what would be right
}

// Mistakes is everything that is wrong with a file, by line. As an error it
// reads one mistake a line: "file:line: path: text".
type Mistakes struct {
	File string
	List []Mistake // at least one
}

func newMistakes(file string, list []Mistake) *Mistakes {
	slices.SortStableFunc(list, compareLines)
	return &Mistakes{File: file, List: list}
}

func (m *Mistakes) Error() string {
	return strings.Join(formatLines(m.File, m.List), "\n")
}

// lines is each of a list as "file:line: path: text".
func formatLines(file string, list []Mistake) []string {
	var all []string
	for _, one := range list {
		path := ""
		if one.Path != "" {
			path = one.Path + ": "
		}
		all = append(all, fmt.Sprintf("%s:%d: %s", file, one.Line, escapeControls(path+one.Text)))
	}
	return all
}

// harmless is text in one line that does nothing to a terminal or a build log:
// keys and values of a file may have anything in them. What can't be shown is
// written as in Go.
func escapeControls(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func compareLines(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) }

// reader gathers mistakes and warnings while a document is read.
type reader struct {
	policyOnly bool            // what is required of a deployment may be missing
	keys       map[string]int  // path of every known key that has a value, to its line
	capitals   map[string]bool // addresses that were warned of
	mistakes   []Mistake
	warnings   []Mistake // right, but not what the reference would do, or worth a second look
}

func (r *reader) mistake(line int, path, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{Line: max(line, 1), Path: path, Text: fmt.Sprintf(format, args...)})
}

// isWrong says whether a mistake was entered for the path.
func (r *reader) hasMistake(path string) bool {
	return slices.ContainsFunc(r.mistakes, func(m Mistake) bool { return m.Path == path })
}

func (r *reader) warn(line int, path, format string, args ...any) {
	r.warnings = append(r.warnings, Mistake{Line: max(line, 1), Path: path, Text: fmt.Sprintf(format, args...)})
}

// describe says what stands in a file, for "…, not …".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return quote(n.Value)
	case "!!int", "!!float":
		return "the number " + shorten(n.Value)
	default:
		return shorten(n.Value)
	}
}

// quote shows a value. What looks like one of Slack's tokens is not shown:
// errors end up in build logs.
func quote(s string) string {
	if strings.Contains(s, "xox") || strings.Contains(s, "xapp-") {
		return "what looks like a Slack token"
	}
	return fmt.Sprintf("%q", shorten(s))
}

// short cuts what would make a message hard to read.
func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
