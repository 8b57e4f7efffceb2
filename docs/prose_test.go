package docs

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mostWords is how many words a sentence may have.
const mostWords = 35

// habits are what makes readers read a sentence twice. There are few, so that
// each finding deserves to be fixed.
var habits = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`^(Who|What|Whoever|Whatever|Where|Wherever) ([^t]|t[^o]|to[^ ]).*\.$`), "begins with a clause as its subject: name the person or the thing"},
	{regexp.MustCompile(`(?i)\b(mend|mends|mended)\b`), "say fix"},
	{regexp.MustCompile(`(?i)\btold of\b`), "say is reported"},
	{regexp.MustCompile(`(?i)\basked of\b`), "say who asks"},
	{regexp.MustCompile(`(?i)\bunasked[- ]for\b|\bnobody asked for\b`), "say unknown access"},
	{regexp.MustCompile(`(?i)\bdiscard(s|ed)? (the|this|a|your) request\b`), "say deny"},
}

// faults returns what is wrong with a text, as "what: the sentence".
func faults(text string) []string {
	var found []string
	for _, s := range sentences(text) {
		if n := len(words(s)); n > mostWords {
			found = append(found, fmt.Sprintf("%d words: %s", n, s))
		}
		for _, h := range habits {
			if h.pattern.MatchString(s) {
				found = append(found, h.why+": "+s)
			}
		}
	}
	return found
}

// sentenceEnd is a mark that ends a sentence, with what may close around it.
var sentenceEnd = regexp.MustCompile(`[.!?][)"”*_]*\s+`)

// sentences splits a text where a mark is followed by the beginning of another
// sentence.
func sentences(text string) []string {
	text = strings.Join(strings.Fields(text), " ")
	var all []string
	begin := 0
	for _, at := range sentenceEnd.FindAllStringIndex(text, -1) {
		if at[1] < len(text) && strings.ContainsRune("abcdefghijklmnopqrstuvwxyz", rune(text[at[1]])) {
			continue // an abbreviation, or a name such as elevator.yaml
		}
		all = append(all, strings.TrimSpace(text[begin:at[1]]))
		begin = at[1]
	}
	return append(all, strings.TrimSpace(text[begin:]))
}

var word = regexp.MustCompile(`[\p{L}\d][\p{L}\d'’.-]*`)

// aCode stands for a code span, which isn't counted.
const aCode = "ⓒ"

func words(sentence string) []string { return word.FindAllString(sentence, -1) }

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	listItem = regexp.MustCompile(`^\s*([-*]|\d+\.)\s`)
	comment  = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]+>`)
)

// paragraphs returns the texts of a Markdown page that are read by themselves:
// paragraphs, list items, and cells of tables. Headings and code are left out.
func paragraphs(page string) []string {
	page = comment.ReplaceAllString(withoutCode(page), "")
	page = link.ReplaceAllString(codeSpan.ReplaceAllString(page, aCode), "]")
	page = strings.NewReplacer("[", "", "]", "", "*", "").Replace(page)
	var all []string
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			all = append(all, b.String())
			b.Reset()
		}
	}
	for _, line := range strings.Split(page, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "> ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			end()
			continue
		case strings.HasPrefix(line, "|"):
			end()
			all = append(all, strings.Split(strings.Trim(line, "|"), "|")...)
			continue
		case listItem.MatchString(line):
			end()
			line = listItem.ReplaceAllString(line, "")
		}
		b.WriteString(line + " ")
	}
	end()
	return all
}

func check(t *testing.T, where, text string) {
	t.Helper()
	for _, f := range faults(text) {
		t.Errorf("%s: %s", where, f)
	}
}

// TestPagesReadWell looks for the habits in each page.
func TestPagesReadWell(t *testing.T) {
	for name, text := range pages(t) {
		for _, p := range paragraphs(text) {
			check(t, name, p)
		}
	}
}

// stringsIn calls f with each string of a JSON value and the key that it has.
func stringsIn(v any, key string, f func(key, text string)) {
	switch v := v.(type) {
	case string:
		f(key, v)
	case []any:
		for _, e := range v {
			stringsIn(e, key, f)
		}
	case map[string]any:
		if v["type"] == "rich_text_preformatted" {
			return // lines for a terminal
		}
		for k, e := range v {
			stringsIn(e, k, f)
		}
	}
}

// TestTextsReadWell looks for the habits in messages and forms as Slack shows
// them, alarms, and the comments of the state machines.
func TestTextsReadWell(t *testing.T) {
	for _, group := range []struct {
		files string
		keys  []string
		least int
	}{
		{"slack/testdata/*.json", []string{"text"}, 1000},
		{"infra/testdata/template.json", []string{"AlarmDescription"}, 20},
		{"statemachine/*.asl.json", []string{"Comment"}, 80},
	} {
		files, err := filepath.Glob(filepath.Join("..", group.files))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, file := range files {
			if strings.Contains(file, "hostile") || strings.Contains(file, "longest") {
				continue // the text in them is what people type
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			stringsIn(v, "", func(key, text string) {
				if slices.Contains(group.keys, key) {
					n++
					check(t, file, text)
				}
			})
		}
		if n < group.least {
			t.Errorf("%s: %d texts found, want at least %d", group.files, n, group.least)
		}
	}
}

// TestSettingsReadWell looks for the habits in the comments of the example file.
func TestSettingsReadWell(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "elevator.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, line := range strings.Split(string(text), "\n") {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "#"); ok {
			b.WriteString(c + " ")
		} else {
			b.WriteString("\n")
		}
	}
	for _, p := range strings.Split(b.String(), "\n") {
		check(t, "elevator.example.yaml", p)
	}
}

// TestErrorsReadWell looks for the habits in the strings of the programs: errors,
// log messages, and what the commands print.
func TestErrorsReadWell(t *testing.T) {
	list, err := exec.Command("git", "-C", "..", "ls-files", "functions/*.go", "slack/*.go", "infra/*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range strings.Fields(string(list)) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, filepath.Join("..", name), nil, parser.SkipObjectResolution)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			e, ok := node.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := literal(e)
			if !ok {
				return true
			}
			n++
			for _, p := range strings.Split(text, "\n") {
				check(t, fmt.Sprintf("%s:%d", name, files.Position(e.Pos()).Line), p)
			}
			return false
		})
	}
	if n < 3000 {
		t.Errorf("%d strings found", n)
	}
}

// literal returns the value of a string literal, or of a sum that has one.
func literal(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, leftOK := literal(e.X)
		right, rightOK := literal(e.Y)
		if !leftOK && !rightOK {
			return "", false
		}
		if !leftOK {
			left = "x"
		}
		if !rightOK {
			right = "x"
		}
		return left + right, true
	}
	return "", false
}

// TestHabitsAreFound shows what is a fault, and what is not.
func TestHabitsAreFound(t *testing.T) {
	long := "A" + strings.Repeat(" word", mostWords-1)
	for _, text := range []string{
		long + " more.",
		"Short. " + long + " more. Short.",
		"Who is outside the channel reads nothing.",
		"It works. What no lease holds is looked at twice.",
		"A person has to mend this.",
		"The approver is told of it.",
	} {
		if len(faults(text)) != 1 {
			t.Errorf("%q has the faults %q, want one", text, faults(text))
		}
	}
	for _, text := range []string{
		long + ". " + long + ".",
		"Who can approve this?",
		"What to do: wait.",
		"Recommend a commander.",
		"Edit elevator.yaml and deploy.",
		"The approver told the requester.",
	} {
		if found := faults(text); len(found) != 0 {
			t.Errorf("%q has the faults %q, want none", text, found)
		}
	}
}
