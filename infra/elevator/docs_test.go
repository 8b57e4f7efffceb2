package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	// invocation is where a command line of the program begins. The group is what
	// follows the program's name.
	invocation = regexp.MustCompile(`(?:^|[\s;&|(])(?:go run \./infra/elevator|(?:\./)?elevator)[ \t]+([^\n]*)`)
	// viaMake is a make variable that passes flags to a command.
	viaMake  = regexp.MustCompile(`\b(ACCEPTANCE|DRAIN)=('[^']*'|"[^"]*"|\S+)`)
	codeSpan = regexp.MustCompile("`+([^`]+)`+")
	fenced   = regexp.MustCompile("(?m)^[ \t]*```[^\n]*\n((?s:.*?))^[ \t]*```")
	// placeholder stands for any command in a text about all of them.
	placeholder = regexp.MustCompile(`^([A-Z]+|…|\.\.\.|\d+\.\d+\.\d+)$`)
	endOfWords  = regexp.MustCompile(`^([|;>&#)(<]|&&|\|\||2>)`)
)

// TestDocumentedCommands checks every command line of the program in every Markdown
// page: the command, its flags and its arguments exist.
func TestDocumentedCommands(t *testing.T) {
	list, err := exec.Command("git", "-C", "../..", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	commands := map[string]bool{}
	for _, name := range strings.Split(string(bytes.TrimRight(list, "\x00")), "\x00") {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue // deleted, but not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandLines(string(text)) {
			found++
			command, mistake := checkLine(model(t), line)
			commands[command] = true
			if mistake != "" {
				t.Errorf("%s: elevator %s: %s", name, line, mistake)
			}
		}
	}
	if found < 40 {
		t.Errorf("the pages have %d command lines only", found)
	}
	for _, child := range model(t).Children {
		names := []string{child.Name}
		for _, further := range child.Children {
			if further != child.DefaultCmd {
				names = append(names, child.Name+" "+further.Name)
			}
		}
		for _, name := range names {
			if !commands[name] {
				t.Errorf("no page shows the command %s", name)
			}
		}
	}
}

func model(t *testing.T) *kong.Node {
	t.Helper()
	parser, err := kong.New(&elevator{}, options()...)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Node
}

// commandLines returns what follows the program's name in each command line in the
// code of a page.
func commandLines(page string) (lines []string) {
	var code []string
	for _, m := range fenced.FindAllStringSubmatch(page, -1) {
		code = append(code, strings.ReplaceAll(m[1], "\\\n", " "))
	}
	for _, m := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		code = append(code, strings.ReplaceAll(m[1], "\n", " "))
	}
	for _, text := range code {
		for _, m := range invocation.FindAllStringSubmatch(text, -1) {
			lines = append(lines, m[1])
		}
		for _, m := range viaMake.FindAllStringSubmatch(text, -1) {
			lines = append(lines, strings.ToLower(m[1])+" "+strings.Trim(m[2], `'"`))
		}
	}
	return lines
}

// checkLine returns the command of a command line, and what is wrong with the line, or
// "".
func checkLine(program *kong.Node, line string) (command, mistake string) {
	node := program
	arguments := 0
	words := split(line)
	for i := 0; i < len(words); i++ {
		word := strings.Trim(words[i], "[]")
		switch {
		case word == "" || word == "--":
		case endOfWords.MatchString(word):
			return command, ""
		case strings.HasPrefix(word, "-"):
			name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
			if !strings.HasPrefix(word, "--") && name != "h" {
				return command, fmt.Sprintf("%s: long flags have two dashes", word)
			}
			flag := findFlag(node, name)
			if flag == nil && node.DefaultCmd != nil {
				flag = findFlag(node.DefaultCmd, name)
			}
			switch {
			case flag == nil:
				return command, fmt.Sprintf("there is no flag %s", word)
			case flag.IsBool() && hasValue && value != "true" && value != "false":
				return command, fmt.Sprintf("%s has no value", word)
			case !flag.IsBool() && !hasValue:
				i++ // the value
			}
		case node == program:
			if placeholder.MatchString(word) {
				return "", ""
			}
			at := slices.IndexFunc(program.Children, func(n *kong.Node) bool { return n.Name == word || slices.Contains(n.Aliases, word) })
			if at < 0 {
				return "", fmt.Sprintf("there is no command %s", word)
			}
			node = program.Children[at]
			command = node.Name
		case slices.ContainsFunc(node.Children, func(n *kong.Node) bool { return n.Name == word }) && arguments == 0:
			node = node.Children[slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word })]
			command += " " + node.Name
		default:
			if arguments >= len(node.Positional) {
				return command, fmt.Sprintf("%s takes no argument %s", node.Name, word)
			}
			if enum := node.Positional[arguments].EnumSlice(); node.Positional[arguments].Enum != "" && !slices.Contains(enum, word) && !placeholder.MatchString(word) {
				return command, fmt.Sprintf("%s is none of %q", word, enum)
			}
			arguments++
		}
	}
	return command, ""
}

func findFlag(n *kong.Node, name string) *kong.Flag {
	for _, group := range n.AllFlags(false) {
		for _, f := range group {
			if f.Name == name || slices.Contains(f.Aliases, name) || f.Short != 0 && string(f.Short) == name {
				return f
			}
		}
	}
	return nil
}

// split splits a line into words as a shell does, for the quotes that the pages use.
// A ")" ends a word, because process substitutions end with it.
func split(line string) (words []string) {
	var b strings.Builder
	quote := rune(0)
	end := func() {
		if b.Len() > 0 {
			words = append(words, b.String())
			b.Reset()
		}
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '\'' || r == '"':
			quote = r
		case r == ' ' || r == '\t':
			end()
		case r == ')' || r == ';' || r == '|' || r == '>' || r == '<':
			end()
			words = append(words, string(r))
		default:
			b.WriteRune(r)
		}
	}
	end()
	return words
}

func TestCommandLines(t *testing.T) {
	page := "Run `elevator drain --yes`, or `go run ./infra/elevator\ndoctor`. Not elevator this, nor `elevator.yaml`.\n\n" +
		"```\nmake acceptance ACCEPTANCE='--target a:b'\nAWS_REGION=x elevator policy \\\n  --json\nsource <(elevator completion bash)\n```\n"
	want := []string{"acceptance --target a:b", "policy    --json", "completion bash)", "drain --yes", "doctor"}
	slices.Sort(want)
	got := commandLines(page)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCheckLine checks that a mistake in a page would be found.
func TestCheckLine(t *testing.T) {
	for _, tt := range []struct{ line, command, mistake string }{
		{"drain --yes --wait 1h", "drain", ""},
		{"drain --wait=1h", "drain", ""},
		{"drain --yess", "drain", "no flag --yess"},
		{"drain -yes", "drain", "two dashes"},
		{"drain now", "drain", "takes no argument now"},
		{"drain --yes > log now", "drain", ""},
		{"drian", "", "no command drian"},
		{"--version", "", ""},
		{"--yes", "", "no flag --yes"},
		{"COMMAND --help", "", ""},
		{"0.1.0 (abc1234)", "", ""},
		{"doctor [--config elevator.yaml] [--json]", "doctor", ""},
		{"doctor --json=elevator.yaml", "doctor", "has no value"},
		{"completion zsh)", "completion", ""},
		{"completion tcsh", "completion", "none of"},
		{"policy --requester 'a b' --json | jq", "policy", ""},
		{"reconcile --dry-run # lists", "reconcile", ""},
		{"policy diff old.yaml new.yaml --organization o.json", "policy diff", ""},
		{"policy diff old.yaml new.yaml --batch -", "policy diff", "no flag --batch"},
		{"policy diff old.yaml new.yaml third.yaml", "policy diff", "takes no argument third.yaml"},
		{"policy differ", "policy", "takes no argument differ"},
	} {
		command, mistake := checkLine(model(t), tt.line)
		if command != tt.command || (mistake == "") != (tt.mistake == "") || !strings.Contains(mistake, tt.mistake) {
			t.Errorf("%s: got %q and %q, want %q and %q", tt.line, command, mistake, tt.command, tt.mistake)
		}
	}
}
