package docs

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
	"sso-elevator/infra/settings"
)

// fences returns the fenced blocks of a page that are in this language.
func fences(text, language string) []string {
	var found []string
	for {
		_, rest, ok := strings.Cut(text, "```"+language+"\n")
		if !ok {
			return found
		}
		block, after, _ := strings.Cut(rest, "```")
		found, text = append(found, block), after
	}
}

// TestPolicyInTheREADME checks that the README's policy has five lines, is valid
// without a warning, and decides what the README says.
func TestPolicyInTheREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fences(string(text), "yaml")
	if len(blocks) != 1 {
		t.Fatalf("the README has %d blocks of YAML, want 1", len(blocks))
	}
	if lines := strings.Count(blocks[0], "\n"); lines != 5 {
		t.Errorf("the policy has %d lines, want 5", lines)
	}
	policy, warnings, err := settings.ParsePolicy("README.md", []byte(blocks[0]))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %q", err, warnings)
	}
	got := accesstest.Decide(policy, "dev@example.com", access.Target{Kind: access.KindAccount, AccountID: "333333333333", PermissionSet: "AdministratorAccess"})
	if want := []string{"bob@example.com", "carol@example.com"}; got.Outcome != access.DecideApproval || strings.Join(got.Approvers, " ") != strings.Join(want, " ") {
		t.Errorf("got %+v, want approval by %v", got, want)
	}
}

// TestJSONInTheDocs checks that every block of JSON in the pages can be parsed.
func TestJSONInTheDocs(t *testing.T) {
	blocks := 0
	for name, text := range pages(t) {
		for _, block := range fences(text, "json") {
			blocks++
			var v any
			if err := json.Unmarshal([]byte(block), &v); err != nil {
				t.Errorf("%s: %v\n%s", name, err, block)
			}
		}
	}
	if blocks < 5 {
		t.Errorf("%d blocks of JSON found", blocks)
	}
}
