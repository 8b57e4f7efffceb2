package main

import (
	"os"
	"regexp"
	"testing"
)

// TestReleaseIsTheChangelogs checks that --version prints the newest version of
// CHANGELOG.md.
func TestReleaseIsTheChangelogs(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	entries := regexp.MustCompile(`(?m)^## (.*)$`).FindAllSubmatch(changelog, -1)
	if len(entries) < 2 || string(entries[0][1]) != "[Unreleased]" {
		t.Fatalf("the changelog does not begin with [Unreleased] and a version: %q", entries)
	}
	top := regexp.MustCompile(`^\[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$`).FindSubmatch(entries[1][1])
	if top == nil {
		t.Fatalf("%q is not a version and a date", entries[1][1])
	}
	if string(top[1]) != release {
		t.Errorf("the top entry of CHANGELOG.md is %s, and the program is %s: change release in version.go, or the entry", top[1], release)
	}
	if code, stdout, _ := play("--version"); code != 0 || !regexp.MustCompile(`^elevator `+regexp.QuoteMeta(release)+` \(.+\)\n$`).MatchString(stdout) {
		t.Errorf("--version prints %q, code %d", stdout, code)
	}
}
