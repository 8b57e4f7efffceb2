package policydiff

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

func TestLoadOrganization(t *testing.T) {
	path := filepath.Join(t.TempDir(), "organization.json")
	for _, tt := range []struct{ name, content, want string }{
		{"nothing known", `{}`, ""},
		{"everything", `{"people":[{"email":"Ann@example.com","user_email":"ann@example.org","groups":["aaaaaaaa-0000-0000-0000-000000000000"]}],` +
			`"accounts":[{"id":"111111111111","name":"prod","ou_path":["r-abcd","ou-abcd-12345678"]}],"permission_sets":["Admin"],"groups":[{"id":"aaaaaaaa-0000-0000-0000-000000000000","name":"admins","more":true}]}`, ""},
		{"empty", ``, "the file is empty, or its JSON object is incomplete"},
		{"cut off", `{"people":[`, "the file is empty, or its JSON object is incomplete"},
		{"a list", `[]`, "the file must be a JSON object, not array. docs/reference/policy.md has an example"},
		{"null", `null`, "the file must be a JSON object, not null. docs/reference/policy.md has an example"},
		{"YAML", "people:\n- email: x", "invalid character 'p' looking for beginning of value. docs/reference/policy.md has an example"},
		{"an unknown key", `{"persons":[]}`, `unknown field "persons". docs/reference/policy.md has an example`},
		{"a number", `{"accounts":[{"id":111111111111}]}`, "accounts.id can't be a JSON number. docs/reference/policy.md has an example"},
		{"a name as a person", `{"people":["ann@example.com"]}`, "people can't be a JSON string. docs/reference/policy.md has an example"},
		{"more text", `{} {}`, "there is text after the JSON object"},
		{"mistakes", `{"people":[{"email":"ann"},{"email":"bob@example.com","user_email":"bob","groups":["admins","*"]},{"email":"BOB@example.com"}],` +
			`"accounts":[{"id":"1"},{"id":"111111111111","ou_path":["prod"]},{"id":"111111111111"}],"permission_sets":["*","Admin","Admin"],"groups":[{"id":"x"}]}`,
			`people[0].email: "ann" is not an email address` + "\n" +
				`people[1].user_email: "bob" is not an email address` + "\n" +
				`people[1].groups[0]: "admins" is not a group id like 99999999-8888-7777-6666-555555555555` + "\n" +
				`people[1].groups[1]: "*" is not a group id like 99999999-8888-7777-6666-555555555555` + "\n" +
				`people[2].email: "bob@example.com" is also in people[1].email` + "\n" +
				`accounts[0].id: "1" is not an account id (12 digits)` + "\n" +
				`accounts[1].ou_path[0]: "prod" is not the id of an organizational unit (ou-…) or of the root (r-…)` + "\n" +
				`accounts[2].id: "111111111111" is also in accounts[1].id` + "\n" +
				`permission_sets[0]: "*" is not the name of a permission set (up to 32 letters, digits and _+=,.@-)` + "\n" +
				`permission_sets[2]: "Admin" is also in permission_sets[1]` + "\n" +
				`groups[0].id: "x" is not a group id like 99999999-8888-7777-6666-555555555555`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := LoadOrganization(path)
			if tt.want == "" {
				if err != nil || o == nil {
					t.Fatal(err)
				}
				return
			}
			want := path + ": " + strings.ReplaceAll(tt.want, "\n", "\n"+path+": ")
			if err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
	if _, err := LoadOrganization(path + ".none"); err == nil || !strings.HasPrefix(err.Error(), "read the organization: open ") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := parseOrganization(make([]byte, maxOrganization+1)); err == nil || err.Error() != "the file is larger than 64 MB" {
		t.Errorf("a large file: %v", err)
	}
}

// Whatever the file contains, it is an error of valid lines, or an organization that stays
// the same when it is written and read again. Policies can be compared for it, and a policy
// is never different from itself.
func FuzzOrganization(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `[]`, ``, `{"people":null}`, `{"people":[{"email":"ann@example.com","groups":["aaaaaaaa-0000-0000-0000-000000000000"]},{"email":"eve@example.com","user_email":"BOB@example.com"}]}`,
		`{"accounts":[{"id":"111111111111","name":"\u001b[2J","ou_path":["r-abcd","ou-abcd-11111111"]}],"permission_sets":["Admin"],"groups":[{"id":"aaaaaaaa-0000-0000-0000-000000000000","more":true}]}`,
		`{"people":[{}]}`, `{"PEOPLE":[]}`, `{} x`, strings.Repeat(`{"people":`, 10_001), "{\"people\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	before := twoPolicies()
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := parseOrganization(text)
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if strings.TrimSpace(line) == "" {
					t.Errorf("an empty line: %q", err)
				}
			}
			return
		}
		again, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := parseOrganization(again); err != nil || !reflect.DeepEqual(same, o) {
			t.Errorf("%s is read again as %+v, %v", again, same, err)
		}
		if r := compared(before[0], before[0], o); len(r.Changes) > 0 || r.Wider {
			t.Errorf("a policy differs from itself: %+v", r.Changes)
		}
		r := compared(before[0], before[1], o)
		var out strings.Builder
		if err := r.WriteText(&out, Text{All: true}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\r\x00\u202e") {
			t.Errorf("the text can control the terminal: %q", out.String())
		}
	})
}

// twoPolicies returns two different policies.
func twoPolicies() [2]*access.Policy {
	r := rand.New(rand.NewPCG(19, 2))
	return [2]*access.Policy{randomPolicy(r), randomPolicy(r)}
}

// Policies from the audit bucket are not checked. Whatever two of them contain, they can be
// compared, a policy never differs from itself, and the text can't control the terminal.
func FuzzPolicies(f *testing.F) {
	for _, p := range twoPolicies() {
		text, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte(`{}`))
		f.Add([]byte(`{"accounts":[{"resources":["","*","ou-",null],"permission_sets":["","*"],"allowed":["","group:"],"approvers":["group:","\u001b"],"approvals_needed":-1}],"protected_accounts":["*"]}`), text)
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		var before, after access.Policy
		if json.Unmarshal(one, &before) != nil || json.Unmarshal(other, &after) != nil {
			return
		}
		for _, o := range []*Organization{{}, {People: []Person{{Email: "ann@example.com"}}, PermissionSets: []string{"Admin"}, Partial: true}} {
			if r := compared(&before, clone(&before), o); len(r.Changes) > 0 {
				t.Errorf("%s differs from itself: %+v", one, r.Changes)
			}
			r, back := compared(&before, &after, o), compared(&after, &before, o)
			if (len(r.Changes) > 0) != (len(back.Changes) > 0) {
				t.Errorf("%s and %s: %d changes, and back %d", one, other, len(r.Changes), len(back.Changes))
			}
			var text strings.Builder
			if err := r.WriteText(&text, Text{All: true}); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(text.String(), "\x1b\r\x00\u202e") {
				t.Errorf("the text can control the terminal: %q", text.String())
			}
		}
	})
}
