package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile("^#{1,6} +(.*)$")
	address = regexp.MustCompile(`^[a-z]+:`)
	named   = regexp.MustCompile(`<a id="([^"]+)">`)

	// picture is a picture with a size. Its alternative text comes last.
	picture = regexp.MustCompile(`<img src="([^"]+)" width="\d+" alt="([^"]+)">`)
	drawn   = regexp.MustCompile(`!\[([^\]]*)\]\(([^)\s]+)\)`)
)

// pages returns the text of each Markdown file in the repository, by its path from
// the top.
func pages(t *testing.T) map[string]string {
	t.Helper()
	list, err := exec.Command("git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range strings.Split(string(bytes.TrimRight(list, "\x00")), "\x00") {
		text, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	if len(all) < 20 {
		t.Fatalf("%d pages found", len(all))
	}
	return all
}

// withoutCode returns the text with an empty line in place of each fenced block.
func withoutCode(text string) string {
	var kept []string
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			kept = append(kept, "")
			continue
		}
		if !fenced {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// anchors returns the anchors of a page: those that it names, and those that GitHub
// gives its headings.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	for _, line := range strings.Split(withoutCode(text), "\n") {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		title := link.ReplaceAllString(m[1], "]")
		var b strings.Builder
		for _, r := range strings.ToLower(title) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteRune('-')
			}
		}
		found[b.String()] = true
	}
	return found
}

// TestLinks checks that each relative link leads to a file, and each anchor
// exists.
func TestLinks(t *testing.T) {
	all := pages(t)
	links := 0
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(withoutCode(text), -1) {
			if address.MatchString(m[1]) {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
				continue
			}
			if anchor != "" && !anchors(all[target])[anchor] {
				t.Errorf("%s: %s has no anchor #%s", name, target, anchor)
			}
		}
	}
	if links < 100 {
		t.Errorf("%d links found", links)
	}
}

// TestPictures checks that each picture exists, has an alternative text, and is shown.
func TestPictures(t *testing.T) {
	shown := map[string]bool{}
	for name, text := range pages(t) {
		text = withoutCode(text)
		found := picture.FindAllStringSubmatch(text, -1)
		if n := strings.Count(text, "<img"); n != len(found) {
			t.Errorf("%s: %d of %d <img> are not of the form %s", name, n-len(found), n, picture)
		}
		for _, m := range drawn.FindAllStringSubmatch(text, -1) {
			found = append(found, []string{m[0], m[2], m[1]})
		}
		for _, m := range found {
			file := path.Join(path.Dir(name), m[1])
			shown[file] = true
			if _, err := os.Stat(filepath.Join("..", file)); err != nil {
				t.Errorf("%s: there is no picture %s", name, m[1])
			}
			if m[2] == "" {
				t.Errorf("%s: the picture %s has no alternative text", name, m[1])
			}
		}
	}
	files, err := filepath.Glob("pictures/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pictures: %v", len(files), err)
	}
	for _, f := range files {
		if !shown["docs/"+f] {
			t.Errorf("no page shows docs/%s", f)
		}
	}
}
