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
	Text string // what is wrong, and what would be right
}

// Mistakes is everything that is wrong with a file, by line. Its error text has one
// line for each mistake: "file:line: path: text".
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

// formatLines returns each item as "file:line: path: text".
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

// escapeControls makes a text safe for a terminal or a build log, on one line: keys
// and values in a file can contain anything. Other characters become Go escapes.
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

// reader collects mistakes and warnings while it reads a document.
type reader struct {
	policyOnly     bool            // settings that a deployment requires may be missing
	keys           map[string]int  // the path of each known key with a value, to its line
	capitals       map[string]bool // email addresses that already have a warning
	decisionGroups []namedGroup
	mistakes       []Mistake
	warnings       []Mistake // valid, but different from the Terraform module, or worth a second look
	notices        []Mistake // the same, if nothing in the file could confirm what is there
}

func (r *reader) mistake(line int, path, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{Line: max(line, 1), Path: path, Text: fmt.Sprintf(format, args...)})
}

// hasMistake reports whether there is a mistake at the path.
func (r *reader) hasMistake(path string) bool {
	return slices.ContainsFunc(r.mistakes, func(m Mistake) bool { return m.Path == path })
}

func (r *reader) warn(line int, path, format string, args ...any) {
	r.warnings = append(r.warnings, Mistake{Line: max(line, 1), Path: path, Text: fmt.Sprintf(format, args...)})
}

// describe names a value in the file, for the end of an error: "must be a list, not …".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!str":
		return quote(n.Value)
	case "!!int", "!!float":
		return "the number " + shorten(n.Value)
	default:
		return shorten(n.Value)
	}
}

// quote quotes a value. It hides anything that looks like a Slack token, because
// errors end up in build logs.
func quote(s string) string {
	if strings.Contains(s, "xox") || strings.Contains(s, "xapp-") {
		return "what looks like a Slack token"
	}
	return fmt.Sprintf("%q", shorten(s))
}

// shorten cuts text that would make a message hard to read.
func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
