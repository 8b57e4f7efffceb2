package docs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	commandSpan    = regexp.MustCompile("`+([^`]+)`+")
	commandBlock   = regexp.MustCompile("(?m)^[ \t]*```[^\n]*\n((?s:.*?))^[ \t]*```")
	makeLine       = regexp.MustCompile(`(?:^|[\s;&|(])make[ \t]+([^\n;|&)#>]*)`)
	targetLine     = regexp.MustCompile(`^([a-z]+):(?:[^=]|$)`)
	targetName     = regexp.MustCompile(`^[a-z]+$`)
	makeAssignment = regexp.MustCompile(`^([A-Z_]+)=`)
	makeVariable   = regexp.MustCompile(`\$[({]([A-Z_]+)`)
	quotedWord     = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// makeTargets returns the targets of a Makefile, each with the variables that its rule
// uses.
func makeTargets(makefile string) map[string][]string {
	targets := map[string][]string{}
	current := ""
	for _, line := range strings.Split(makefile, "\n") {
		if m := targetLine.FindStringSubmatch(line); m != nil {
			current = m[1]
			targets[current] = []string{}
		} else if !strings.HasPrefix(line, "\t") {
			current = ""
		}
		if current == "" {
			continue
		}
		for _, m := range makeVariable.FindAllStringSubmatch(line, -1) {
			targets[current] = append(targets[current], m[1])
		}
	}
	return targets
}

// makeLines returns what follows "make" in each command line in the code of a page.
func makeLines(page string) (lines []string) {
	var code []string
	for _, m := range commandBlock.FindAllStringSubmatch(page, -1) {
		code = append(code, strings.ReplaceAll(m[1], "\\\n", " "))
	}
	for _, m := range commandSpan.FindAllStringSubmatch(commandBlock.ReplaceAllString(page, ""), -1) {
		code = append(code, strings.ReplaceAll(m[1], "\n", " "))
	}
	for _, text := range code {
		text = quotedWord.ReplaceAllString(text, "VALUE")
		for _, m := range makeLine.FindAllStringSubmatch(text, -1) {
			lines = append(lines, m[1])
		}
	}
	return lines
}

// checkMake returns what is wrong with a command line of make, or "".
func checkMake(targets map[string][]string, line string) string {
	var named, given []string
	for _, word := range strings.Fields(line) {
		if m := makeAssignment.FindStringSubmatch(word); m != nil {
			given = append(given, m[1])
			continue
		}
		if !targetName.MatchString(word) || len(named) > 0 && targets[word] == nil {
			break // an option, a placeholder, or the end of the command
		}
		if targets[word] == nil {
			return fmt.Sprintf("the Makefile has no target %s", word)
		}
		named = append(named, word)
	}
	for _, name := range given {
		if len(named) > 0 && !slices.ContainsFunc(named, func(target string) bool { return slices.Contains(targets[target], name) }) {
			return fmt.Sprintf("make %s does not use %s", strings.Join(named, " "), name)
		}
	}
	return ""
}

// TestMakeTargets checks every command line of make in every Markdown page: the
// target exists and uses the variables that the line sets.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := makeTargets(string(makefile))
	found := 0
	for name, text := range pages(t) {
		for _, line := range makeLines(text) {
			found++
			if mistake := checkMake(targets, line); mistake != "" {
				t.Errorf("%s: make %s: %s", name, line, mistake)
			}
		}
	}
	if found < 40 || len(targets) < 20 {
		t.Errorf("%d command lines and %d targets found", found, len(targets))
	}
}

// TestCheckMake checks that a mistake in a page would be found.
func TestCheckMake(t *testing.T) {
	targets := makeTargets("demo: tools ## run\n\tgo run ./demo\nNAME := value\n\ndeploy:\n\t@go run . $(CDK)\n")
	for _, tt := range []struct{ page, want string }{
		{"`make demo` and `make`, then make nothing", ""},
		{"`make dmeo`", "no target dmeo"},
		{"`CDK=x make demo deploy CDK='--force -v'`", ""},
		{"```\nmake demo CDK=x\n```\n", "does not use CDK"},
		{"```\ncd x && make deploy CDK=x; make dploy\n```\n", "no target dploy"},
		{"`make TARGET`", ""},
	} {
		var got string
		for _, line := range makeLines(tt.page) {
			got += checkMake(targets, line)
		}
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.page, got, tt.want)
		}
	}
}
