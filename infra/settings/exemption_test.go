package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A mistake in an exemption is reported with its path and line.
func TestExemptionMistakes(t *testing.T) {
	const right = "account: 111111111111, permission_set: Admin, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x"
	with := func(old, new string) string {
		t.Helper()
		if !strings.Contains(right, old) {
			t.Fatalf("there is no %q", old)
		}
		return strings.Replace(right, old, new, 1)
	}
	at := func(offset time.Duration) string {
		return with("2026-03-03T09:00:00Z", today.Add(offset).Format(time.RFC3339))
	}
	const (
		group  = "99999999-8888-7777-6666-555555555555"
		known  = ": use one of account, permission_set, email, until, reason"
		either = "an exemption has either account and permission_set, or group; remove the other"
	)
	tests := []struct {
		name, exemption string
		want            []string // mistakes, without the file and the line
	}{
		{"right", right, nil},
		{"right, for a group", "group: " + group + ", email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x", nil},
		{"an unknown key", right + ", ticket: 7", []string{".ticket: unknown key" + known}},
		{"a key with a typing mistake", with("permission_set", "permision_set"), []string{".permision_set: unknown key; did you mean permission_set?", ".permission_set: is missing: must be the name of a permission set (up to 32 letters, digits and _+=,.@-)"}},
		{"an account's name", with("111111111111", "prod"), []string{`.account: "prod" is not valid: must be an account id (12 digits)`}},
		{"all accounts", with("111111111111", `"*"`), []string{`.account: "*" is not valid: must be an account id (12 digits)`}},
		{"a bad email", with("ann@example.com", "ann"), []string{`.email: "ann" is not valid: must be an email address like ann@example.com`}},
		{"an email with other letters", with("ann@example.com", "аnn@example.com"), []string{".email: \"\u0430nn@example.com\" is not valid: must be an email address like ann@example.com"}},
		{"it is over", at(-time.Second), []string{".until: 2026-03-02T08:59:59Z is in the past; remove the exemption, or choose a later time"}},
		{"it is just over", at(0), []string{".until: 2026-03-02T09:00:00Z is in the past; remove the exemption, or choose a later time"}},
		{"72 hours", at(72 * time.Hour), nil},
		{"more than 72 hours", at(72*time.Hour + time.Second), []string{".until: 2026-03-05T09:00:01Z is too late: an exemption lasts at most 72 hours. Choose a time up to 2026-03-05T09:00:00Z"}},
		{"a day without a time", with("2026-03-03T09:00:00Z", "2026-03-03"), []string{".until: must be a time with a time zone, like 2026-03-01T18:00:00Z, not 2026-03-03"}},
		{"a time without an offset", with("2026-03-03T09:00:00Z", `"2026-03-03T09:00:00"`), []string{".until: must be a time with a time zone, like 2026-03-01T18:00:00Z, not \"2026-03-03T09:00:00\""}},
		{"a duration", with("2026-03-03T09:00:00Z", "48h"), []string{".until: must be a time with a time zone, like 2026-03-01T18:00:00Z, not \"48h\""}},
		{"both", right + ", group: " + group, []string{".account: " + either, ".permission_set: " + either}},
		{"a group in an account", with("permission_set: Admin", "group: "+group), []string{".account: " + either}},
		{"neither", "email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x", []string{": must have account and permission_set, or group"}},
		{"an account alone", with(", permission_set: Admin", ""), []string{".permission_set: is missing: must be the name of a permission set (up to 32 letters, digits and _+=,.@-)"}},
		{"no reason", with(", reason: x", ""), []string{".reason: is missing: must be up to 300 characters on one line"}},
		{"an empty reason", with("reason: x", `reason: "  "`), []string{`.reason: "  " is not valid: must be up to 300 characters on one line`}},
		{"several mistakes", with("ann@example.com", "ann") + ", x: 1", []string{".x: unknown key" + known, `.email: "ann" is not valid: must be an email address like ann@example.com`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f", []byte(required+"config: []\nreconcile_exemptions:\n  - {"+test.exemption+"}\n"))
			var got []string
			var mistakes *Mistakes
			if errors.As(err, &mistakes) {
				for _, m := range mistakes.List {
					if m.Line != strings.Count(required, "\n")+3 {
						t.Errorf("line %d: %s", m.Line, m.Text)
					}
					path, ok := strings.CutPrefix(m.Path, "reconcile_exemptions[0]")
					if !ok {
						t.Errorf("the path is %s", m.Path)
					}
					got = append(got, fmt.Sprintf("%s: %s", path, m.Text))
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// The policy document contains the exemptions. Without any, it is the same as before.
func TestExemptionsAreInThePolicyDocument(t *testing.T) {
	for exemptions, want := range map[string]string{
		"": `{"accounts":[],"groups":[]}`, "reconcile_exemptions: []": `{"accounts":[],"groups":[]}`,
		"reconcile_exemptions: [{account: 111111111111, permission_set: Admin, email: Ann@example.com, until: 2026-03-03T10:00:00+01:00, reason: x}]": `{"accounts":[],"groups":[],"exemptions":[{"account_id":"111111111111","permission_set":"Admin","email":"ann@example.com","until":"2026-03-03T09:00:00Z","reason":"x"}]}`,
	} {
		s, err := Parse("f", []byte(required+"config: []\n"+exemptions))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(s.PolicyJSON()); got != want {
			t.Errorf("%s: policy %s, want %s", exemptions, got, want)
		}
	}
}

// With removals switched off, no access is in scope of a removal, and synth says so.
func TestRemovalsSwitchedOffAreSaid(t *testing.T) {
	const everyone = "config: [{Resource: \"*\", PermissionSet: ReadOnly, Approvers: [ann@example.com, bob@example.com]}]\n"
	for extra, want := range map[string][]string{
		"allow_reconcile_removals: false":                            {"f:7: allow_reconcile_removals: false: nothing is removed. Reconciliations on schedule_expression, cron(0 23 * * ? *), only report"},
		"allow_reconcile_removals: false\nschedule_expression: \"\"": nil,
	} {
		s, err := Parse("f", []byte(required+everyone+extra))
		if err != nil {
			t.Fatal(err)
		}
		if want = append([]string{withoutLock("f")}, want...); s.AllowRemovals || !reflect.DeepEqual(s.Warnings, want) {
			t.Errorf("%s: allowed %v, warnings %q, want %q", extra, s.AllowRemovals, s.Warnings, want)
		}
	}
}
