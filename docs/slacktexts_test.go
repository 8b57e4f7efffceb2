package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quoted  = regexp.MustCompile(`"([^"]+)"`)
	colored = regexp.MustCompile(`(?:🟡|🔵|🟢|🟠|⚪|🔴|⚫) [A-Z0-9][^|*"]+`)
	// invented is what pages put in place of what a message says: names, and words
	// left out. Sentences are looked up one by one.
	invented = regexp.MustCompile(`\. |\S+@example\.com|…|\b\d+\b|\([^)]*\)`)
)

// TestSlackTextsAreQuoted checks that the pages about what people see in Slack quote what
// the app says. Those are the texts in quotes, those with a color, and the first column of
// tables that list what the app says.
func TestSlackTextsAreQuoted(t *testing.T) {
	var all strings.Builder
	for _, pattern := range []string{"../slack/*.go", "../slack/testdata/*.json", "../functions/ingress/*.go", "../functions/adapters/people/people.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	said := all.String()
	n := 0
	for _, page := range []string{"guides/requester.md", "guides/approver.md", "start/first-request.md", "operate/troubleshooting.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		says := false
		for _, line := range strings.Split(string(text), "\n") {
			line = picture.ReplaceAllString(line, "")
			var texts []string
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				texts = append(texts, m[1])
			}
			texts = append(texts, colored.FindAllString(line, -1)...)
			if cells := strings.Split(line, "|"); len(cells) > 2 {
				says = says && cells[0] == "" || strings.HasSuffix(strings.TrimSpace(cells[1]), "says")
				if says && !strings.HasSuffix(strings.TrimSpace(cells[1]), "says") {
					texts = append(texts, cells[1])
				}
			} else {
				says = false
			}
			for _, quote := range texts {
				for _, piece := range invented.Split(quote, -1) {
					piece = strings.Trim(piece, " -:")
					if len(strings.Fields(piece)) < 3 {
						continue
					}
					n++
					if !strings.Contains(said, piece) {
						t.Errorf("%s: the app never says %q", page, piece)
					}
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("%d texts found", n)
	}
}
