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
		"config: [{ResourceType: OU, Resource: [ou-abcd-12345678, r-abcd], PermissionSet: Admin, AllowedGroups: AAAAAAAA-8888-7777-6666-555555555555, AllowedUsers: Ann@example.com, Approvers: [\"group:bbbbbbbb-8888-7777-6666-555555555555\"], ApprovalsNeeded: 2, MaxDuration: 0.5, Ticket: {Required: true, Pattern: '[A-Z]+', Hint: x}, Warning: x, Channel: C0123456789, Confirm: true}]\nprotected_account_ids: [111111111111]",
		"group_config: [{Resource: AAAAAAAA-8888-7777-6666-555555555555, Approvers: group:aaaaaaaa-8888-7777-6666-555555555555}]\nallow_managed_decision_groups: true",
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
	isPerson := func(e string) bool {
		if id, ok := access.GroupOf(e); ok {
			return ValidGroupID(id) && id == strings.ToLower(id)
		}
		return ValidEmail(e) && e == access.NormalizeEmail(e)
	}
	checkBoth := func(s access.Statement) {
		check(s.Allowed, isPerson, 0)
		check(s.Approvers, isPerson, 0)
		if s.ApprovalsNeeded < 0 || s.ApprovalsNeeded > 5 || s.ApprovalsNeeded > 0 && len(s.Approvers) == 0 || s.MaxDuration < 0 || s.MaxDuration > int64(maxAccessDuration/time.Second) {
			t.Errorf("a statement is %+v", s)
		}
	}
	for _, s := range p.Accounts {
		is := validAccount
		if len(s.Resources) > 0 && validUnit(s.Resources[0]) {
			is = validUnit
		}
		check(s.Resources, is, 1)
		check(s.PermissionSets, validPermissionSet, 1)
		checkBoth(s)
	}
	for _, s := range p.Groups {
		check(s.Resources, validGroup, 1)
		check(s.PermissionSets, func(string) bool { return false }, 0)
		checkBoth(s)
	}
	for _, id := range p.DecisionGroups() {
		for _, s := range p.Groups {
			if !p.AllowManagedDecisionGroups && slices.ContainsFunc(s.Resources, func(r string) bool { return r == "*" || strings.EqualFold(r, id) }) {
				t.Errorf("group %s decides and is requestable: %+v", id, p)
			}
		}
	}
}
