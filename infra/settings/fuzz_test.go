package settings

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"sso-elevator/functions/access"
	"sso-elevator/functions/schedule"
)

// Whatever elevator.yaml contains, even pasted JSON, accepted settings are within
// their limits. Every part of the policy can affect a decision, and the functions read
// the same policy. Each mistake is a line that begins with the file and the number of
// an existing line.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"everything.yaml", "mistakes.yaml", "reference-list.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, name := range []string{"reference.json", "reference-groups.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(required + "config:\n" + string(text)))
	}
	for _, s := range []string{
		"", "null", "---\n---\n", "config: &a [*a]", "a: &a [*a, *a]\nconfig: *a", "config: [&a {Resource: *a}]", "<<: {config: []}\n<<: [{}]", "{config: []",
		"config:\n[{\"Resource\": \"*\",\n\t\"PermissionSet\": \"*\", \"Approvers\": \"a@b.co\"}]",
		"config: [{Resource: \"*\", PermissionSet: Admin, ApprovalIsNotRequired: True}]", "config: [{Resource: 0123, PermissionSet: 1e309}]",
		"config: []\nmax_permissions_duration_time: 1e309", "config: []\nname_prefix: \"\\u202e\\e[31m\"", "\"\\e[2J\": 1", "config: []\nslack_bot_token: xoxb-1-2-3",
		"config: []\nschedule_expression: cron(0 0 31 2 ? *)", "config: !!binary aGk=", "config: []\npermission_duration_list_override: [\"999999h\"]", "? [a]\n: b",
	} {
		f.Add([]byte(required + s))
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 20_000 {
			return // the time grows with the square of the size
		}
		s, err := Parse("elevator.yaml", text)
		if err != nil {
			checkMistakes(t, text, err)
		} else {
			checkSettings(t, s)
		}
		policy, warnings, errPolicy := ParsePolicy("elevator.yaml", text)
		if errPolicy != nil {
			checkMistakes(t, text, errPolicy)
			if err == nil {
				t.Errorf("right as settings, and wrong as a policy: %v", errPolicy)
			}
			return
		}
		if err == nil && !reflect.DeepEqual(policy, s.Policy) {
			t.Errorf("the policy is %+v, and %+v", policy, s.Policy)
		}
		checkPolicyRead(t, policy)
		for _, w := range warnings {
			checkLine(t, text, w)
		}
	})
}

func checkMistakes(t *testing.T, text []byte, err error) {
	t.Helper()
	var mistakes *Mistakes
	if !errors.As(err, &mistakes) || len(mistakes.List) == 0 {
		t.Fatalf("%v is no list of mistakes", err)
	}
	all := strings.Split(err.Error(), "\n")
	if len(all) != len(mistakes.List) {
		t.Errorf("%d mistakes in %d lines: %q", len(mistakes.List), len(all), err)
	}
	for _, line := range all {
		checkLine(t, text, line)
	}
}

// checkLine checks that a line names an existing line of the file, and has only text
// that is harmless in a terminal.
func checkLine(t *testing.T, text []byte, line string) {
	t.Helper()
	rest, ok := strings.CutPrefix(line, "elevator.yaml:")
	number, rest, _ := strings.Cut(rest, ":")
	n := 0
	for _, c := range number {
		n = n*10 + int(c-'0')
	}
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" || n < 1 || n > lineBreaks(text)+1 || strings.TrimSpace(rest) == "" {
		t.Errorf("a line is %q, of a text of %d lines", line, lineBreaks(text)+1)
	}
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		t.Errorf("a line has control characters: %q", line)
	}
}

// lineBreaks counts the line breaks of YAML.
func lineBreaks(text []byte) int {
	s := strings.ReplaceAll(string(text), "\r\n", "\n")
	return strings.Count(s, "\n") + strings.Count(s, "\r") + strings.Count(s, "\u0085") + strings.Count(s, "\u2028") + strings.Count(s, "\u2029")
}

func checkSettings(t *testing.T, s *Settings) {
	t.Helper()
	if len(s.Durations) < 1 || len(s.Durations) > 100 || !slices.IsSorted(s.Durations) || s.Durations[0] < time.Second || s.Durations[len(s.Durations)-1] > maxAccessDuration {
		t.Errorf("the durations are %v", s.Durations)
	}
	for i, d := range s.Durations {
		if d%time.Second != 0 || i > 0 && d == s.Durations[i-1] {
			t.Errorf("the durations are %v", s.Durations)
		}
	}
	for _, d := range []time.Duration{s.RetryInterval, s.RevokeRetryWait, s.AnnounceRetryWait, s.QuestionWait, s.CatalogRefresh} {
		// States Language: TimeoutSeconds is at most 99,999,999.
		if d < time.Second || d%time.Second != 0 || d > 99_999_999*time.Second {
			t.Errorf("a wait is %s", d)
		}
	}
	for _, d := range []time.Duration{s.RequestExpiration, s.ReminderInitialWait} {
		if d < 0 || d%time.Second != 0 || d > 99_999_999*time.Second {
			t.Errorf("a wait is %s", d)
		}
	}
	if len(s.NamePrefix) > maxNamePrefix || s.NamePrefix == "" || len(s.SlackSigningSecrets) < 1 || len(s.SlackSigningSecrets) > 2 || s.ReminderMultiplier < 1 || s.MaxRemovals < 0 || s.MaxOpenRequests < 1 || s.MaxOpenRequests > maxOpenRequests {
		t.Errorf("the settings are %+v", s)
	}
	for _, expression := range []string{s.WarnSchedule, s.RevokeSchedule} {
		if expression == "" {
			continue
		}
		if _, err := schedule.Parse(expression); err != nil {
			t.Errorf("a schedule is %q: %v", expression, err)
		}
	}
	var again access.Policy
	if err := json.Unmarshal(s.PolicyJSON(), &again); err != nil {
		t.Fatalf("the functions can't read %s: %v", s.PolicyJSON(), err)
	}
	text, _ := json.Marshal(again)
	if string(text) != string(s.PolicyJSON()) {
		t.Errorf("the policy is %s, and the functions read %s", s.PolicyJSON(), text)
	}
}

func checkPolicyRead(t *testing.T, p access.Policy) {
	t.Helper()
	check := func(values []string, is func(string) bool, least int) {
		if len(values) < least {
			t.Errorf("a statement is about nothing: %+v", p)
		}
		for _, v := range values {
			if !is(v) {
				t.Errorf("%q is in the policy", v)
			}
		}
	}
	for _, s := range p.Accounts {
		check(s.Resources, validAccount, 1)
		check(s.PermissionSets, validPermissionSet, 1)
		check(s.Approvers, func(e string) bool { return ValidEmail(e) && e == access.NormalizeEmail(e) }, 0)
	}
	for _, s := range p.Groups {
		check(s.Resources, validGroup, 1)
		check(s.PermissionSets, func(string) bool { return false }, 0)
		check(s.Approvers, func(e string) bool { return ValidEmail(e) && e == access.NormalizeEmail(e) }, 0)
	}
}
