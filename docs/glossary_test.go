package docs

import (
	"regexp"
	"strings"
	"testing"
)

// terms are those of the glossary that newcomers can't know and that mean nothing
// else, by their anchors.
var terms = map[string]*regexp.Regexp{
	"lease":            regexp.MustCompile(`(?i)\bleases?\b`),
	"sweep":            regexp.MustCompile(`(?i)\bsweeps?\b`),
	"minute-check":     regexp.MustCompile(`(?i)\bminute checks?\b`),
	"reconciliation":   regexp.MustCompile(`(?i)\breconciliations?\b`),
	"unknown-access":   regexp.MustCompile(`(?i)\bunknown access\b`),
	"finding":          regexp.MustCompile(`(?i)\bfindings?\b`),
	"exemption":        regexp.MustCompile(`(?i)\bexemptions?\b`),
	"recheck":          regexp.MustCompile(`(?i)\brechecks?\b`),
	"fallback-domain":  regexp.MustCompile(`(?i)\bfallback domains?\b`),
	"removal-question": regexp.MustCompile(`(?i)\bremoval questions?\b`),
	"hand-over":        regexp.MustCompile(`(?i)\bhand-overs?\b`),
}

// TestTermsAreLinked checks that a page that uses a term links it to the glossary.
func TestTermsAreLinked(t *testing.T) {
	without := map[string]bool{
		"docs/README.md": true, "docs/reference/glossary.md": true,
		"docs/reference/settings.md": true, "docs/reference/cost.md": true, "docs/internals/matrix.md": true, // written by programs
		"docs/internals/decisions.md": true, "docs/internals/parity.md": true, // lists, which link the glossary at their top
	}
	used := 0
	for name, text := range pages(t) {
		if !strings.HasPrefix(name, "docs/") || without[name] {
			continue
		}
		prose := strings.Join(paragraphs(link.ReplaceAllString(text, "]")), "\n")
		for anchor, term := range terms {
			if !term.MatchString(prose) {
				continue
			}
			used++
			// The page operate/unknown-access.md begins with the same definition.
			linked := strings.Contains(text, "glossary.md#"+anchor+")") || anchor == "unknown-access" && strings.Contains(text, "unknown-access.md")
			if !linked {
				t.Errorf("%s uses %q and does not link it to glossary.md#%s", name, term.FindString(prose), anchor)
			}
		}
	}
	if used < 50 {
		t.Errorf("%d uses found", used)
	}
}
