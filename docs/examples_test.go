package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
	"sso-elevator/infra/policydiff"
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

// example returns the YAML on the page about the policy that this comment marks.
func example(t *testing.T, page, name string) access.Policy {
	t.Helper()
	_, block, found := strings.Cut(page, "<!-- example: "+name+" -->\n```yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatalf("the page has no example %s", name)
	}
	policy, warnings, err := settings.ParsePolicy(name, []byte(block))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %q", err, warnings)
	}
	return policy
}

// TestExamplesOfPolicies decides each row below the page's examples.
func TestExamplesOfPolicies(t *testing.T) {
	text, err := os.ReadFile("reference/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	const (
		engineers, leads = "aaaaaaaa-8888-7777-6666-555555555555", "bbbbbbbb-8888-7777-6666-555555555555"
		managers         = leads
		security         = "cccccccc-8888-7777-6666-555555555555"
		development      = "ou-abcd-11111111"
		production       = "ou-abcd-22222222"
		elsewhere        = "777777777777" // an account that no statement names
	)
	person := func(name string, groups ...string) access.Identity {
		return access.Identity{Email: name + "@example.com", Groups: groups}
	}
	in := func(account, set string, ous ...string) access.Case {
		return access.Case{Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSet: set}, OUs: ous}
	}
	onCall := access.Case{Target: access.Target{Kind: access.KindGroup, GroupID: "99999999-8888-7777-6666-555555555555"}}
	for _, tt := range []struct {
		example   string
		requester access.Identity
		request   access.Case
		hours     int64
		reason    access.Reason
		approvers string // of the decision
		needed    []int  // by requirement
	}{
		{"startup", person("eve"), in("222222222222", "ReadOnlyAccess"), 12, access.ReasonApprovalNotRequired, "", nil},
		{"startup", person("ann"), in("111111111111", "AdministratorAccess"), 12, access.ReasonSelfApproval, "", nil},
		{"startup", person("ann"), in("222222222222", "AdministratorAccess"), 2, access.ReasonRequiresApproval, "bob@example.com", nil},
		{"startup", person("ann"), in("222222222222", "AdministratorAccess"), 4, access.ReasonDurationTooLong, "", nil},

		{"company", person("eve", engineers), in(elsewhere, "PowerUserAccess", "r-abcd", development), 12, access.ReasonApprovalNotRequired, "", nil},
		{"company", person("eve", engineers), in(elsewhere, "PowerUserAccess", "r-abcd", production), 4, access.ReasonRequiresApproval, "group:" + leads, nil},
		{"company", person("eve", engineers), in(elsewhere, "PowerUserAccess", "r-abcd", production), 5, access.ReasonDurationTooLong, "", nil},
		{"company", person("zoe"), in(elsewhere, "ReadOnlyAccess", "r-abcd", production), 1, access.ReasonNotAllowed, "", nil},
		{"company", person("fay"), in("666666666666", "Billing"), 1, access.ReasonApprovalNotRequired, "", nil},
		{"company", person("eve", engineers), onCall, 24, access.ReasonRequiresApproval, "group:" + leads, nil},

		{"bank", person("eve", engineers), in(elsewhere, "ReadOnlyAccess", "r-abcd", production), 8, access.ReasonRequiresApproval, "group:" + managers, nil},
		{"bank", person("eve", engineers), in(elsewhere, "AdministratorAccess", "r-abcd", production), 2, access.ReasonRequiresApproval, "group:" + managers + " group:" + security, []int{1, 2}},
		{"bank", person("max", managers), in(elsewhere, "AdministratorAccess", "r-abcd", production), 1, access.ReasonNotAllowed, "", nil},
		{"bank", person("ann"), in("444444444444", "AdministratorAccess"), 1, access.ReasonRequiresApproval, "bob@example.com cid@example.com", []int{2}},
		{"bank", person("eve", engineers), in("555555555555", "ReadOnlyAccess"), 1, access.ReasonNoStatements, "", nil},
		{"bank", person("eve", engineers), in("444444444444", "ReadOnlyAccess", "r-abcd", development), 1, access.ReasonProtectedAccount, "", nil},
	} {
		policy := example(t, string(text), tt.example)
		c := tt.request
		c.Requester, c.Duration = tt.requester, tt.hours*3600
		d := access.NewIndex(&policy).Decide(&c)
		var needed []int
		for _, q := range d.Requirements {
			needed = append(needed, q.Needed)
		}
		if d.Reason != tt.reason || strings.Join(d.Approvers, " ") != tt.approvers || !slices.Equal(needed, tt.needed) {
			t.Errorf("%s: %+v: got %+v, want %s by %q, %v", tt.example, c, d, tt.reason, tt.approvers, tt.needed)
		}
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

// TestPolicyDiffInTheDocs checks that the page about the policy shows what the command
// prints, and an organization file that it reads.
func TestPolicyDiffInTheDocs(t *testing.T) {
	page, err := os.ReadFile("reference/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(mark string) string {
		_, block, found := strings.Cut(string(page), mark)
		block, _, ended := strings.Cut(block, "```\n")
		if !found || !ended {
			t.Fatalf("the page has no block after %q", mark)
		}
		return block
	}
	golden, err := os.ReadFile("../infra/policy/testdata/diff/text.txt")
	if err != nil {
		t.Fatal(err)
	}
	line, printed, _ := strings.Cut(block("<!-- policy diff -->\n```\n"), "\n")
	if !strings.HasPrefix(line, "$ elevator policy diff ") || !strings.Contains(string(golden), "/organization.json\n"+printed+"\n$ ") {
		t.Errorf("the page shows, after %s:\n%s", line, printed)
	}
	path := filepath.Join(t.TempDir(), "organization.json")
	if err := os.WriteFile(path, []byte(block("<!-- organization -->\n```json\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := policydiff.LoadOrganization(path)
	if err != nil || len(o.People) == 0 || len(o.Accounts) == 0 || len(o.PermissionSets) == 0 || len(o.Groups) == 0 {
		t.Errorf("%v: %+v", err, o)
	}
}
