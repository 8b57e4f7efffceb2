package policy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

// Each line of a batch gets one answer, in order, as a line of JSON: the policy's
// decision, or the mistake in the line. The answer to one line doesn't depend on the
// others.
func FuzzBatch(f *testing.F) {
	yes := true
	policy := access.Policy{
		Accounts: []access.Statement{
			{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, ApprovalIsNotRequired: &yes},
			{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com", "bob@example.com"}},
			{
				Resources: []string{"ou-abcd-12345678"}, PermissionSets: []string{"*"}, Allowed: []string{"group:aaaaaaaa-8888-7777-6666-555555555555"},
				Approvers: []string{"ann@example.com", "group:bbbbbbbb-8888-7777-6666-555555555555"}, ApprovalsNeeded: 2, MaxDuration: 3600,
			},
		},
		Groups: []access.Statement{
			{Resources: []string{"*"}, Approvers: []string{"ann@example.com"}, AllowSelfApproval: &yes},
			{Resources: []string{"99999999-8888-7777-6666-555555555555"}, Ticket: &access.Ticket{Required: true, Pattern: "[A-Z]+-[0-9]+"}, Warning: "<Careful>", Channel: "C1"},
		},
	}
	index := access.NewIndex(&policy)
	for _, s := range []string{
		`{"requester":"eve@example.com","account":"333333333333","permission_set":"ReadOnly"}` + "\n" + `{"requester":"Ann@Example.com","account":"111111111111","permission_set":"Admin","approver":"BOB@example.com"}`,
		`{"requester":"ann@example.com","group":"99999999-8888-7777-6666-555555555555"}` + "\r\n\n{}",
		`{"requester":"eve@example.com","requester_groups":["AAAAAAAA-8888-7777-6666-555555555555"],"account":"333333333333","ou_path":["r-abcd","ou-abcd-12345678"],"permission_set":"Admin","duration":"2h","approver":"bob@example.com","approver_groups":["bbbbbbbb-8888-7777-6666-555555555555"]}`,
		`{"requester":"eve@example.com","group":"99999999-8888-7777-6666-555555555555","ticket":"OPS-1\u0000"}`,
		`{"requester":"eve@example.com","requester_groups":[null],"ou_path":"r-abcd","duration":7}`,
		"", "\n", "null\n[]\n\"x\"\n7", `{"requester":"a","requester":"b"}`, `{"REQUESTER":"eve@example.com","account":"333333333333","permission_set":"ReadOnly"}`,
		`{"requester":"\u0000\u001b[31m\u2028"}`, "{}{}", "{\"a\":\xff}", strings.Repeat("[", 10_001), `{"requester":{"a":1}}`, `{"account":"*","permission_set":"*","requester":"eve@example.com"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, batch []byte) {
		var out bytes.Buffer
		if err := answerAll(index, bytes.NewReader(batch), &out); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(batch), "\n"), "\n")
		if len(batch) == 0 {
			lines = nil
		}
		answers := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if out.Len() == 0 {
			answers = nil
		}
		if len(answers) != len(lines) {
			t.Fatalf("%d lines have %d answers: %q, %q", len(lines), len(answers), batch, out.String())
		}
		for i, line := range lines {
			var a struct {
				answer
				Error string `json:"error"`
			}
			if err := json.Unmarshal([]byte(answers[i]), &a); err != nil || strings.ContainsFunc(answers[i], unicode.IsControl) {
				t.Fatalf("%q is answered with %q: %v", line, answers[i], err)
			}
			if (a.Error == "") == (a.Outcome == "") {
				t.Errorf("%q is answered with %q", line, answers[i])
			}
			if a.Error != "" {
				continue
			}
			// A second, lenient parser reads the line. The answer equals that of a new
			// index.
			var q query
			if err := json.Unmarshal([]byte(line), &q); err != nil || !settings.ValidEmail(access.NormalizeEmail(q.Requester)) {
				t.Fatalf("%q is decided: %v", line, err)
			}
			c := q.request()
			want := answerOf(access.NewIndex(&policy).Decide(c))
			if q.Approver != "" {
				permitted := access.NewIndex(&policy).Permits(c, access.Identity{Email: q.Approver, Groups: q.ApproverGroups})
				want.Permitted = &permitted
			}
			if !reflect.DeepEqual(a.answer, want) {
				t.Errorf("%q is decided as %+v, want %+v", line, a.answer, want)
			}
			if a.ApprovalsNeeded < 1 || a.Approvers == nil || a.Statements == nil || a.Requirements == nil {
				t.Errorf("%q: %s", line, answers[i])
			}
		}
	})
}
