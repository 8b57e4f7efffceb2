// Package docs has only tests, which compare the pages with the code.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testName matches a test as parity.md names it: its folder and its function.
var testName = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]+)`")

// TestParity checks that every test that parity.md names exists. Every row must say
// that the feature works, with a test, or what is missing.
func TestParity(t *testing.T) {
	text, err := os.ReadFile("internals/parity.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]map[string]bool{}
	rows := 0
	for n, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "|") || cells[1] == " part " || cells[1] == "---" {
			continue
		}
		rows++
		if len(cells) != 5 {
			t.Errorf("line %d has %d cells, want 3", n+1, len(cells)-2)
			continue
		}
		named := testName.FindAllStringSubmatch(cells[2], -1)
		if words := strings.Fields(cells[2]); len(words) != len(named) {
			t.Errorf("line %d: %q are not all names of tests", n+1, words)
		}
		state := strings.TrimSpace(cells[3])
		switch {
		case strings.HasPrefix(state, "works"):
			if len(named) == 0 {
				t.Errorf("line %d says works, but names no test", n+1)
			}
		case !strings.HasPrefix(state, "not yet: "):
			t.Errorf("line %d: the state %q is neither works nor not yet with what is missing", n+1, state)
		}
		for _, name := range named {
			folder, test := name[1], name[2]
			if tests[folder] == nil {
				tests[folder] = testsIn(t, folder)
			}
			if !tests[folder][test] {
				t.Errorf("line %d: %s doesn't exist in %s", n+1, test, folder)
			}
		}
	}
	if rows < 20 {
		t.Errorf("parity.md has only %d rows; is it parsed correctly?", rows)
	}
}

func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
	}
	return found
}
